//! Metrics as they are scraped and as docs/observability.md lists them.

use std::collections::{BTreeMap, BTreeSet};

/// Name, type and labels of each metric.
pub(crate) type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// Labels that the form itself has: the bound of a bucket.
const OF_FORM: [&str; 1] = ["le"];

/// The value of a series, by its name with its labels as they are served.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.split(' ').next() == Some(series));
    let line = line.unwrap_or_else(|| panic!("{series} is not in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// What was scraped.
pub(crate) fn served(text: &str) -> Metrics {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut metrics = Metrics::new();
    let mut kind = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            rest.split_once(' ').unwrap().1.clone_into(&mut kind);
        }
        if line.starts_with('#') {
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap();
        let name = match kind.as_str() {
            "histogram" => {
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap()
            }
            _ => name,
        };
        let inner = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
        let labels =
            inner.split(',').filter_map(|one| one.split_once('=')).map(|(label, _)| label.to_owned());
        let entry = metrics.entry(name.to_owned()).or_insert_with(|| (kind.clone(), BTreeSet::new()));
        entry.1.extend(labels.filter(|label| !OF_FORM.contains(&label.as_str())));
    }
    metrics
}

/// The table below `heading` of docs/observability.md: name, type, labels, meaning.
pub(crate) fn documented(heading: &str) -> Metrics {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observability.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    let names =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 4 && !cells[3].is_empty(), "{row}");
        (names(cells[0]).remove(0), (cells[1].to_owned(), names(cells[2]).into_iter().collect()))
    })
    .collect()
}
