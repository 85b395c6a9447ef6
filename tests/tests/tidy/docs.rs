//! Doc comments that stand alone.

use regex::Regex;

use crate::tree::Tree;

const WORDS_MIN: usize = 4;

/// Public items whose doc comment begins with less than a sentence.
pub(crate) fn empty_words(tree: &Tree) -> Vec<String> {
    let item = Regex::new(
        r"^\s*pub (?:(?:async|const|unsafe) )*(?:fn|struct|enum|trait|type|const|static|union) ([A-Za-z_0-9]+)",
    )
    .unwrap();
    let mut broken = Vec::new();
    for (_, path, text) in tree.product() {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (at, line) in text.lines().enumerate() {
            let Some(found) = item.captures(line) else { continue };
            let doc = doc_before(&lines[..at]);
            let sentence = first_sentence(&doc);
            let has_end = sentence.ends_with(['.', ':', '?', '!']);
            if !doc.is_empty() && (sentence.split_whitespace().count() < WORDS_MIN || !has_end) {
                broken.push(format!("{path}:{}: {}: {sentence}", at + 1, &found[1]));
            }
        }
    }
    broken
}

/// The doc comment that ends with these lines, whatever attributes stand between it and its item.
fn doc_before(lines: &[&str]) -> String {
    let mut end = lines.len();
    while end > 0 && !lines[end - 1].starts_with("///") {
        let line = lines[end - 1];
        let is_attribute =
            line.starts_with('#') || line.ends_with(")]") || line.ends_with(',') && !line.starts_with("pub");
        if !is_attribute {
            return String::new();
        }
        end -= 1;
    }
    let begin = lines[..end].iter().rposition(|line| !line.starts_with("///")).map_or(0, |at| at + 1);
    let said: Vec<_> = lines[begin..end].iter().map(|line| line.trim_start_matches('/').trim()).collect();
    said.join("\n")
}

fn first_sentence(doc: &str) -> String {
    let paragraph = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph.trim().to_owned(),
    }
}
