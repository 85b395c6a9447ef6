//! Fault points: none in what is shipped, and none that no test strikes.

use std::fs;

use regex::Regex;

use crate::tree::{Tree, root};

const FEATURE: &str = "fault-points";

/// Where the feature is on unless it is asked for, and what else would let it into a released binary.
pub(crate) fn shipped(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (package, manifest) in &tree.manifests {
        let manifest: toml::Table = manifest.parse().unwrap();
        let is_on = |value: &toml::Value| value.to_string().contains(FEATURE);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            if manifest.get(table).is_some_and(is_on) {
                broken.push(format!("{package}: [{table}] turns {FEATURE} on"));
            }
        }
        let default = manifest.get("features").and_then(|features| features.get("default"));
        if default.is_some_and(is_on) {
            broken.push(format!("{package}: {FEATURE} is on by default"));
        }
    }
    broken
}

/// The guard that makes a build without debug assertions refuse the feature.
pub(crate) fn unguarded(text: &str) -> bool {
    let guard = Regex::new(
        r#"#\[cfg\(all\(feature = "fault-points", not\(debug_assertions\)\)\)\]\s*compile_error!"#,
    );
    !guard.unwrap().is_match(text)
}

/// The library of fault points.
pub(crate) fn library() -> String {
    fs::read_to_string(root().join("shared/fault/src/lib.rs")).unwrap()
}

/// `PATH: NAME`, for each fault point in the product that the matrix has no pair for. Of a name that is put together,
/// its beginning counts.
pub(crate) fn untried(tree: &Tree, matrix: &str) -> Vec<String> {
    let point = Regex::new(r#"fault::(?:point|around)!\(\s*(?:format!\(\s*)?"([^"{]+)"#).unwrap();
    let mut untried = Vec::new();
    for (_, path, text) in tree.product().filter(|(package, ..)| *package != "shared/fault") {
        for name in point.captures_iter(text).map(|found| found[1].to_owned()) {
            if !matrix.contains(&format!("\"{name}")) {
                untried.push(format!("{path}: {name}"));
            }
        }
    }
    untried
}

/// The tables of points that the matrix strikes, and those that the tests of a command strike that loads nothing.
pub(crate) fn matrix() -> String {
    let tables = ["cli/tests/matrix/points.rs", "cli/tests/cli/resumed.rs"];
    tables.map(|path| fs::read_to_string(root().join(path)).unwrap()).concat()
}
