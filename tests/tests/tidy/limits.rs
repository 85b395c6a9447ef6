//! `docs/limits.md` against the program: each row names a constant and a test that are there, and has its value.

use std::fs;

use regex::Regex;

use crate::tree::{Tree, root};

/// Files whose every constant is a limit of what comes from outside: each has its row.
const ALL_OF: [&str; 4] = [
    "domain/src/limits.rs",
    "shared/source/src/bounds.rs",
    "shared/format/src/copybook/limits.rs",
    "shared/platform/src/files.rs",
];

/// The page.
pub(crate) fn page() -> String {
    fs::read_to_string(root().join("docs/limits.md")).unwrap()
}

/// What of the page is not as the program has it.
pub(crate) fn untrue(page: &str, tree: &Tree, tests: &str) -> Vec<String> {
    let place = Regex::new("^`([A-Z_]+)` in `([^`]+)`$").unwrap();
    let (mut broken, mut named) = (Vec::new(), Vec::new());
    let rows = page.lines().filter(|line| line.starts_with('|'));
    for row in rows.filter(|row| !row.starts_with("| what |") && !row.starts_with("|---")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [what, at_most, _, _, bound, test] = cells[..] else {
            broken.push(format!("{row}: it has {} cells", cells.len()));
            continue;
        };
        let Some(found) = place.captures(bound) else {
            broken.push(format!("{what}: `{bound}` names no constant"));
            continue;
        };
        let value = text_of(tree, &found[2]).and_then(|text| constant(text, &found[1]));
        if value.is_none() || value != stated(at_most) {
            broken.push(format!("{what}: {at_most} is stated, and {bound} is {value:?}"));
        }
        let test = test.trim_matches('`');
        if !tests.contains(&format!("fn {test}(")) {
            broken.push(format!("{what}: there is no test {test}"));
        }
        named.push((found[1].to_owned(), found[2].to_owned()));
    }
    let constants =
        Regex::new("(?m)^(?:pub(?:\\([a-z]+\\))? )?const ([A-Z_]+): (?:u8|u32|u64|usize)").unwrap();
    for path in ALL_OF {
        let all = text_of(tree, path).unwrap_or_default();
        let text = all.split("#[cfg(test)]").next().unwrap_or_default();
        let unnamed = constants
            .captures_iter(text)
            .map(|found| found[1].to_owned())
            .filter(|name| name != "PRIVATE" && !named.iter().any(|(of, at)| of == name && at == path));
        broken.extend(unnamed.map(|name| format!("{path}: {name} has no row in docs/limits.md")));
    }
    broken
}

/// All sources, in which tests are looked for.
pub(crate) fn all_texts(tree: &Tree) -> String {
    tree.files.iter().map(|(_, text)| text.as_str()).collect()
}

fn text_of<'t>(tree: &'t Tree, path: &str) -> Option<&'t str> {
    tree.files.iter().find(|(of, _)| of == path).map(|(_, text)| text.as_str())
}

/// The value of a constant that is a number, a product or a shift of numbers.
fn constant(text: &str, name: &str) -> Option<u64> {
    let defined = Regex::new(&format!("const {name}: [a-z0-9]+ = ([0-9_ *<]+);")).unwrap();
    let whole = defined.captures(text)?[1].to_owned();
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match (whole.split_once("<<"), whole.split_once('*')) {
        (Some((left, right)), _) => Some(number(left)? << number(right)?),
        (None, Some((left, right))) => Some(number(left)? * number(right)?),
        (None, None) => number(&whole),
    }
}

/// The number that a cell begins with: `1,000`, `16 MiB`.
fn stated(cell: &str) -> Option<u64> {
    let mut words = cell.split_whitespace();
    let number: u64 = words.next()?.replace(',', "").parse().ok()?;
    let shift = match words.next() {
        Some("KiB") => 10,
        Some("MiB") => 20,
        _ => 0,
    };
    Some(number << shift)
}
