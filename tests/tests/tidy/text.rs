//! How long files and lines are, and which words are not used.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::tree::{Tree, root};

const LINES_MAX: usize = 450;
const COLUMNS_MAX: usize = 120;

/// Files that are longer than a reader holds in the head.
pub(crate) fn long_files(tree: &Tree) -> Vec<String> {
    let long = tree.files.iter().map(|(path, text)| (path, text.lines().count()));
    long.filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect()
}

/// Lines of the product that do not fit a page. A literal and a row of a table are as long as they are.
pub(crate) fn long_lines(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, path, text) in tree.product() {
        for (at, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            let holds_literal = line.contains('"') || line.contains("'\\") || line.contains("//! |");
            let is_comment = line.trim_start().starts_with("//") && !line.contains("//! |");
            if columns > COLUMNS_MAX && (is_comment || !holds_literal) {
                broken.push(format!("{path}:{}: {columns} columns", at + 1));
            }
        }
    }
    broken
}

/// Words that sound translated or dated, in what a user of the program reads.
pub(crate) fn banned_words() -> Vec<String> {
    let list = fs::read_to_string(root().join("tests/banned-words.txt")).unwrap();
    let rules: Vec<_> = list
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (pattern, instead) = line.split_once('#').unwrap_or((line, ""));
            (Regex::new(&format!("(?i){}", pattern.trim())).unwrap(), instead.trim().to_owned())
        })
        .collect();
    assert!(rules.len() > 5, "the list of banned words is nearly empty");
    let mut files = Vec::new();
    for place in ["README.md", "SECURITY.md", "docs", "cli/src"] {
        texts(&root().join(place), &mut files);
    }
    let mut broken = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            for (pattern, instead) in &rules {
                // A name in the code is what it is.
                if let Some(found) = pattern.find(line).filter(|found| !line[..found.start()].ends_with("::"))
                {
                    let path = path.strip_prefix(root()).unwrap().display();
                    broken.push(format!("{path}:{}: `{}`, write {instead}", at + 1, found.as_str()));
                }
            }
        }
    }
    broken
}

fn texts(place: &Path, files: &mut Vec<std::path::PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            texts(&entry.unwrap().path(), files);
        }
    } else if place.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
        files.push(place.to_owned());
    }
}
