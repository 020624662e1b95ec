//! Who may depend on whom: the map in `ARCHITECTURE.md`.

use crate::repository::{Dependency, Metadata};

/// Only what crosses a process boundary.
const CONTRACT: &[&str] = &["contract"];
/// Levels 0 to 2.
const BELOW_PROCESSES: &[&str] = &[
    "allocator",
    "contract",
    "pipeline",
    "service",
    "store",
    "bus",
    "forge",
    "sandbox",
    "kernel",
    "python",
    "mlflow",
    "objects",
    "artifacts",
    "warehouse",
    "fleet",
    "provenance",
    "native",
    "scoring",
    "rollout",
    "tables",
    "registry",
    "declared",
    "assembly",
];

/// What each package may depend on, level by level. A package that is not here is not on the map.
const MAP: &[(&str, &[&[&str]])] = &[
    ("allocator", &[]),
    ("contract", &[]),
    ("pipeline", &[CONTRACT]),
    ("service", &[CONTRACT]),
    ("store", &[CONTRACT]),
    ("bus", &[CONTRACT]),
    ("forge", &[CONTRACT]),
    ("sandbox", &[]),
    ("kernel", &[CONTRACT, &["pipeline", "sandbox"]]),
    ("python", &[CONTRACT, &["sandbox"]]),
    ("mlflow", &[CONTRACT, &["sandbox"]]),
    ("objects", &[]),
    ("artifacts", &[CONTRACT, &["objects", "sandbox"]]),
    ("warehouse", &[&["objects"]]),
    ("fleet", &[CONTRACT]),
    ("provenance", &[CONTRACT]),
    ("rollout", &[CONTRACT, &["pipeline", "service", "store", "mlflow", "artifacts", "fleet"]]),
    ("tables", &[CONTRACT, &["store", "objects", "artifacts", "warehouse", "scoring"]]),
    ("registry", &[CONTRACT, &["store", "artifacts", "warehouse"]]),
    ("declared", &[CONTRACT, &["pipeline", "store", "tables", "warehouse"]]),
    ("assembly", &[CONTRACT, &["service", "store", "bus", "forge", "mlflow", "artifacts", "warehouse"]]),
    ("native", &[&["allocator"]]),
    ("scoring", &[CONTRACT, &["native", "sandbox"]]),
    ("backend", &[BELOW_PROCESSES]),
    ("worker", &[BELOW_PROCESSES]),
    (
        "model-server",
        &[CONTRACT, &["allocator", "pipeline", "service", "artifacts", "provenance", "sandbox", "scoring", "python"]],
    ),
    ("mlsys", &[BELOW_PROCESSES, &["backend", "worker", "model-server"]]),
    ("testkit", &[CONTRACT]),
    ("load", &[]),
    ("xtask", &[]),
];

/// Every package that is not on the map, and every arrow that is not allowed there.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some((_, allowed)) = MAP.iter().find(|(name, _)| *name == package.name) else {
            findings.push(format!("arrows: {} is not on the map in crates/xtask/src/arrows.rs", package.name));
            continue;
        };
        let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        for dependency in ours.filter(|dependency| !may_depend(&package.name, allowed, dependency)) {
            let kind = dependency.kind.as_deref().map(|kind| format!(" for {kind}")).unwrap_or_default();
            findings.push(format!("arrows: {} may not depend on {}{kind}", package.name, dependency.name));
        }
    }
    findings
}

fn may_depend(package: &str, allowed: &[&[&str]], on: &Dependency) -> bool {
    let for_tests = on.name == "testkit" && on.kind.as_deref() == Some("dev") && package != "xtask";
    for_tests || allowed.concat().contains(&&*on.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(package: &str, dependency: &str, kind: Option<&str>, path: Option<&str>) -> Metadata {
        let json = serde_json::json!({ "target_directory": "target", "packages": [
            { "name": package, "dependencies": [{ "name": dependency, "kind": kind, "path": path, "req": "*" }] },
        ]});
        serde_json::from_value(json).expect("metadata as cargo prints it")
    }

    #[test]
    fn arrows_go_down_and_never_sideways() {
        for (from, to) in [
            ("mlsys", "worker"),
            ("worker", "kernel"),
            ("backend", "pipeline"),
            ("store", "contract"),
            ("model-server", "artifacts"),
            ("model-server", "scoring"),
        ] {
            assert_eq!(findings(&metadata(from, to, None, Some("x"))), [""; 0], "{from} -> {to}");
        }
        for (from, to) in [
            ("contract", "pipeline"),
            ("store", "bus"),
            ("forge", "service"),
            ("scoring", "artifacts"),
            ("worker", "backend"),
            ("backend", "mlsys"),
            ("model-server", "store"),
            ("model-server", "rollout"),
            ("xtask", "contract"),
            ("testkit", "store"),
        ] {
            assert_eq!(findings(&metadata(from, to, None, Some("x"))), [format!("arrows: {from} may not depend on {to}")]);
            assert_eq!(findings(&metadata(from, to, Some("dev"), Some("x"))).len(), 1, "{from} -> {to}, for tests");
        }
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert_eq!(findings(&metadata("store", "testkit", Some("dev"), Some("x"))), [""; 0]);
        assert_eq!(findings(&metadata("store", "testkit", None, Some("x"))).len(), 1);
        assert_eq!(
            findings(&metadata("xtask", "testkit", Some("dev"), Some("x"))),
            ["arrows: xtask may not depend on testkit for dev"]
        );
    }

    #[test]
    fn packages_from_outside_are_no_arrows_of_ours() {
        assert_eq!(findings(&metadata("contract", "serde", None, None)), [""; 0]);
    }

    #[test]
    fn a_package_must_be_on_the_map() {
        assert_eq!(findings(&metadata("newcomer", "serde", None, None)).len(), 1);
    }
}
