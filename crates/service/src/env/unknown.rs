//! Variables that look like settings and are none.

use std::collections::HashSet;

use crate::Settings;

/// How many letters may be wrong in a name that is taken for a misspelt one.
const MISSPELT: usize = 2;
/// What Kubernetes and Docker name the addresses of other containers with.
const LINKS: [&str; 5] = ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP_ADDR", "_TCP_PORT", "_TCP_PROTO"];

impl Settings {
    /// What is set and is no setting, in words that say what may be meant: every such name in `.env`, and those of the
    /// environment that begin with one of `prefixes` or are nearly the name of a setting. A value is never shown.
    pub fn unknown(&self, known: &[&str], prefixes: &[&str]) -> Vec<String> {
        let names: HashSet<_> = known.iter().copied().collect();
        let unknown = self.values.keys().map(String::as_str).filter(|name| !names.contains(name));
        let told = unknown.filter_map(|name| {
            // Read by the library that exports traces, which knows of no file.
            if name.starts_with("OTEL_") {
                return self
                    .in_file
                    .contains(name)
                    .then(|| format!("{name} has no effect in .env: set it in the environment"));
            }
            let meant = nearest(name, known);
            let ours =
                prefixes.iter().any(|prefix| name.starts_with(prefix)) && !LINKS.iter().any(|link| name.contains(link));
            let hint = meant.map(|meant| format!(": is {meant} meant?")).unwrap_or_default();
            (self.in_file.contains(name) || ours || meant.is_some())
                .then(|| format!("{name} is not a setting of mlsys{hint}"))
        });
        told.collect()
    }
}

/// The known name that differs least, if that is little. A short name differs little from anything.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = known.iter().map(|known| (strsim::osa_distance(name, known), *known));
    let (distance, nearest) = close.min_by_key(|(distance, _)| *distance)?;
    (distance <= MISSPELT && nearest.len() > 4 * MISSPELT).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["DATABASE_URL", "MLSYS_PORT", "LEASE_SECONDS", "RUST_LOG"];

    fn told(settings: &Settings) -> Vec<String> {
        settings.unknown(&KNOWN, &["MLSYS_"])
    }

    #[test]
    fn what_is_no_setting_is_named_with_what_may_be_meant() {
        let pairs = [
            ("MLSYS_PROT", "1"),
            ("MLSYS_COLOUR", "hunter2"),
            ("LEASE_SECOND", "9"),
            ("DATABASE_URL", "x"),
            ("PATH", "/bin"),
            ("HOME", "/"),
            ("MLSYS_SERVICE_HOST", "10.0.0.1"),
        ];
        let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let expected = [
            "LEASE_SECOND is not a setting of mlsys: is LEASE_SECONDS meant?",
            "MLSYS_COLOUR is not a setting of mlsys",
            "MLSYS_PROT is not a setting of mlsys: is MLSYS_PORT meant?",
        ];
        assert_eq!(told(&settings), expected);
    }

    #[test]
    fn every_name_in_a_file_is_meant_for_mlsys() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".env");
        std::fs::write(&path, "RUST_LOG=debug\nPOSTGRES_USER_OF_MINE=me\nOTEL_SERVICE_NAME=me\n").expect("written");
        let told = told(&Settings::load(&path).expect("read"));
        assert!(told.iter().any(|text| text == "POSTGRES_USER_OF_MINE is not a setting of mlsys"), "{told:?}");
        assert!(told.iter().any(|text| text.starts_with("OTEL_SERVICE_NAME has no effect in .env")), "{told:?}");
        assert!(!told.iter().any(|text| text.starts_with("PATH ")), "{told:?}");
    }
}
