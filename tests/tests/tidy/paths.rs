//! Paths of the project that documents name.

use std::fs;

use regex::Regex;

use crate::tree::root;

/// `DOCUMENT: PATH`, for each path in backticks that is not there. `{a,b}` stands for each of them.
pub(crate) fn missing() -> Vec<String> {
    let named = Regex::new(
        r"`((?:domain|shared|coordinator|worker|drill|cli|tests|bench|docs|examples|fuzz)/[A-Za-z0-9_./{},-]*)`",
    )
    .unwrap();
    let mut documents = vec!["ARCHITECTURE.md".into(), "README.md".into(), "SECURITY.md".into()];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    documents.extend(
        docs.map(|name| format!("docs/{}", name.to_string_lossy())).filter(|name| name.ends_with(".md")),
    );
    let mut missing = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for path in named.captures_iter(&text).flat_map(|found| each(&found[1])) {
            if !root().join(&path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    missing
}

/// The paths that a path with alternatives in braces stands for.
pub(crate) fn each(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((inner, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    inner.split(',').flat_map(|one| each(&format!("{before}{one}{after}"))).collect()
}
