//! Paths of the project that documents name.

use std::fs;

use regex::Regex;

use crate::tree::root;

/// `DOCUMENT: PATH`, for each path in backticks that is not there. `{a,b}` stands for each of them.
pub(crate) fn missing() -> Vec<String> {
    let named = Regex::new(
        r"`((?:domain|shared|coordinator|worker|drill|console|cli|tests|bench|docs|examples|fuzz)/[A-Za-z0-9_./{},-]*)`",
    )
    .unwrap();
    let mut missing = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for path in named.captures_iter(&text).flat_map(|found| each(&found[1])) {
            if !root().join(&path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    missing
}

fn documents() -> Vec<String> {
    let mut documents = vec!["ARCHITECTURE.md".into(), "README.md".into(), "SECURITY.md".into()];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    documents.extend(
        docs.map(|name| format!("docs/{}", name.to_string_lossy())).filter(|name| name.ends_with(".md")),
    );
    documents
}

/// `DOCUMENT: LINK`, for each link to a file or heading that is not there, and from `docs/`, which is a book of its
/// own, to anything outside of it.
pub(crate) fn broken_links() -> Vec<String> {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        broken
            .extend(broken_links_of(&document, &text).into_iter().map(|link| format!("{document}: {link}")));
    }
    broken
}

pub(crate) fn broken_links_of(document: &str, text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let folder = root().join(document).parent().unwrap().to_owned();
    let is_there = |link: &str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { root().join(document) } else { folder.join(path) };
        let is_inside = !document.starts_with("docs/") || !path.starts_with("../");
        let has_heading = || {
            let text =
                if path.is_empty() { text.into() } else { fs::read_to_string(&target).unwrap_or_default() };
            text.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
        };
        is_inside && (path.is_empty() || target.exists()) && (heading.is_empty() || has_heading())
    };
    let links = link.captures_iter(text).map(|found| found[1].to_owned());
    links.filter(|link| !link.contains("://") && !is_there(link)).collect()
}

/// What a heading is called in links to it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The paths that a path with alternatives in braces stands for.
pub(crate) fn each(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((inner, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    inner.split(',').flat_map(|one| each(&format!("{before}{one}{after}"))).collect()
}
