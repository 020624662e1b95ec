//! The documents that are generated from the settings and the routes, and the map that must name every package.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::repository::{Metadata, Repository};

const ENV_EXAMPLE: &str = ".env.example";
const CONFIGURATION: &str = "docs/configuration.md";
const OPENAPI: &str = "frontend/openapi.json";
const MAP: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- settings -->";
const END: &str = "<!-- /settings -->";

/// What the generated documents should hold.
struct Generated {
    env_example: String,
    table: String,
    openapi: String,
}

impl Generated {
    /// Asks `mlsys` itself, built as `make build` builds it, so that nothing is compiled twice.
    fn now(repository: &Repository, metadata: &Metadata) -> Result<Self> {
        repository.cargo(&["build", "--quiet", "--workspace", "--bin", "mlsys"])?;
        let mlsys: PathBuf = metadata.target_directory.join("debug/mlsys");
        let mlsys = mlsys.to_str().context("the target directory has a name in UTF-8")?;
        let print = |format| repository.output(mlsys, &["settings", "--format", format]);
        let openapi = repository.output(mlsys, &["openapi"])?;
        Ok(Self { env_example: print("env")?, table: print("markdown")?, openapi })
    }
}

/// Every document that is stale, and every package that the map does not name.
pub fn findings(repository: &Repository, metadata: &Metadata) -> Result<Vec<String>> {
    let generated = Generated::now(repository, metadata)?;
    let stale = |path: &str| format!("docs: {path} is not what `cargo xtask docs` writes");
    let mut findings = Vec::new();
    for (path, text) in [(ENV_EXAMPLE, &generated.env_example), (OPENAPI, &generated.openapi)] {
        if repository.read(path).ok().as_ref() != Some(text) {
            findings.push(stale(path));
        }
    }
    let configuration = repository.read(CONFIGURATION).unwrap_or_default();
    if with_table(&configuration, &generated.table).as_ref() != Some(&configuration) {
        findings.push(stale(CONFIGURATION));
    }
    findings.extend(unnamed(&repository.read(MAP).unwrap_or_default(), metadata));
    Ok(findings)
}

/// Writes the generated documents.
pub fn write(repository: &Repository) -> Result<()> {
    let generated = Generated::now(repository, &repository.metadata()?)?;
    let configuration = with_table(&repository.read(CONFIGURATION)?, &generated.table);
    repository
        .write(CONFIGURATION, &configuration.with_context(|| format!("{CONFIGURATION} has no lines {BEGIN} and {END}"))?)?;
    repository.write(ENV_EXAMPLE, &generated.env_example)?;
    repository.write(OPENAPI, &generated.openapi)
}

/// The text with the table between the markers; nothing when there are no markers.
fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", table.trim()))
}

/// The packages whose names, as code, the map lacks.
fn unnamed(map: &str, metadata: &Metadata) -> Vec<String> {
    let missing = metadata.packages.iter().filter(|package| !map.contains(&format!("`{}`", package.name)));
    missing.map(|package| format!("docs: {MAP} does not name `{}`", package.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_what_is_between_the_markers_and_stays_as_it_is() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = with_table(&text, "| a |\n").expect("the markers are there");
        assert_eq!(once, format!("before\n{BEGIN}\n\n| a |\n\n{END}\nafter\n"));
        assert_eq!(with_table(&once, "| a |\n"), Some(once.clone()));
        assert_eq!(with_table("no markers", "| a |"), None);
    }

    #[test]
    fn the_map_names_every_package() {
        let json = serde_json::json!({
            "target_directory": "target",
            "packages": [{ "name": "store", "dependencies": [] }, { "name": "bus", "dependencies": [] }],
        });
        let metadata = serde_json::from_value(json).expect("metadata as cargo prints it");
        assert_eq!(unnamed("| `store` | its job |", &metadata), ["docs: ARCHITECTURE.md does not name `bus`"]);
    }
}
