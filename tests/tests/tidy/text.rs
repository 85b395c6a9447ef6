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

/// Lines of the console's page that do not fit a page.
pub(crate) fn long_lines_of_scripts() -> Vec<String> {
    let (mut files, mut broken) = (Vec::new(), Vec::new());
    texts(&root().join("console/page/assets"), &["js"], &mut files);
    assert!(files.len() > 10, "the page's scripts are not there");
    for path in files {
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                broken.push(format!("{}:{}: {columns} columns", path.display(), at + 1));
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
        texts(&root().join(place), &["rs", "md"], &mut files);
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

fn texts(place: &Path, extensions: &[&str], files: &mut Vec<std::path::PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            texts(&entry.unwrap().path(), extensions, files);
        }
    } else if place.extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension)) {
        files.push(place.to_owned());
    }
}
