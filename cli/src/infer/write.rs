//! Writes the job file: TOML with reasons in comments, and without values of the sample.

use std::fmt::Write;

use domain::words::plural;

use super::columns::{Column, Columns};
use super::dialect::Found;
use super::keys::Key;
use super::names;
use super::rows::Quoting;
use super::sample::Encoding;
use super::types::Type;

/// Words in a name that mean that a sum of its values is meaningless.
const NO_AMOUNT_WORDS: [&str; 14] = [
    "rate",
    "pct",
    "percent",
    "percentage",
    "ratio",
    "factor",
    "discount",
    "tax_rate",
    "lat",
    "latitude",
    "lon",
    "lng",
    "longitude",
    "score",
];

/// Words in a name that mean that its integers are an amount.
const AMOUNT_WORDS: [&str; 10] =
    ["amount", "amt", "total", "sum", "balance", "price", "cents", "quantity", "qty", "cost"];

pub(super) fn job_file(
    name: &str,
    encoding: Encoding,
    found: &Found<'_>,
    columns: &Columns<'_>,
    key: &Option<Key>,
) -> String {
    let mut out = String::new();
    let table = names::table(name);
    out.push_str(
        "# Generated from a sample, which says nothing about the rest of the file: check every line.\n\n",
    );
    section(&mut out, "[job]", &[("name", quoted(&names::job(name)))]);
    let mut source = vec![
        ("format", quoted("delimited")),
        ("separator", quoted(&char::from(found.separator).to_string())),
    ];
    match found.quoting {
        Quoting::Doubled => {}
        Quoting::Backslash => source.push(("escape", quoted("\\"))),
        Quoting::Off => source.push(("quote", quoted(""))),
    }
    source.push(("header", columns.has_header.to_string()));
    if found.trailing_separator {
        source.push(("trailing_separator", "true".into()));
    }
    match encoding {
        Encoding::Utf8 => {}
        Encoding::Latin1 => source.push(("encoding", quoted("latin-1"))),
        Encoding::Windows1252 => source.push(("encoding", quoted("windows-1252"))),
    }
    if !columns.null.is_empty() {
        source.push(("null", quoted(columns.null)));
    }
    section(&mut out, "[source]", &source);
    record(&mut out, &table, columns, key);
    for column in &columns.columns {
        field(&mut out, column, key);
    }
    out.push_str(
        "# Totals that the sender declares, checked against the counts of the run:\n# [declared]\n# records = 0\n\n\
         # A condition on its fields, as SQL, that every record must meet:\n# [[rule]]\n# name = \"...\"\n\
         # holds = \"...\"\n\n[limits]\nrejects = 0   # a number, or a share such as \"0.1%\"\n",
    );
    out
}

fn section(out: &mut String, heading: &str, entries: &[(&str, String)]) {
    out.push_str(heading);
    for (key, value) in entries {
        let _ = write!(out, "\n{key} = {value}");
    }
    out.push_str("\n\n");
}

fn record(out: &mut String, table: &str, columns: &Columns<'_>, key: &Option<Key>) {
    let _ = writeln!(out, "[[record]]\nname = {}", quoted(table));
    match key {
        Some(key) => {
            let mark = if key.sure { "" } else { "# " };
            let _ = writeln!(
                out,
                "{mark}key = {}   # unique in the sample ({})",
                list(key.columns.iter().map(String::as_str)),
                plural(columns.records.len() as u64, "record")
            );
        }
        None => out.push_str("# key = [\"...\"]   # the fields that identify a record\n"),
    }
    let amounts: Vec<&str> = columns
        .columns
        .iter()
        .filter(|column| is_amount(column))
        .map(|column| column.name.as_str())
        .collect();
    if amounts.is_empty() {
        out.push_str("# amounts = [\"...\"]   # the numeric fields to total and prove\n");
    } else {
        let _ = writeln!(out, "amounts = {}", list(amounts.into_iter()));
    }
    let _ = writeln!(out, "staging = {}\nfinal = {}", quoted(&format!("stg_{table}")), quoted(table));
    out.push_str("mode = \"append\"   # or upsert, by the key\n\n");
}

fn is_amount(column: &Column) -> bool {
    let has = |words: &[&str]| column.name.split('_').any(|word| words.contains(&word));
    match column.typed.ty {
        Type::Decimal { scale, .. } => scale > 0 && !has(&NO_AMOUNT_WORDS),
        Type::Integer => has(&AMOUNT_WORDS),
        _ => false,
    }
}

fn field(out: &mut String, column: &Column, key: &Option<Key>) {
    out.push_str("[[record.field]]\n");
    let _ = writeln!(out, "name = {}", quoted(&column.name));
    if let Some(written) = &column.written
        && !written.trim().eq_ignore_ascii_case(&column.name)
    {
        let _ = writeln!(out, "from = {}   # as the header has it", quoted(written.trim()));
    }
    let _ = write!(out, "type = {}", quoted(&column.typed.ty.to_string()));
    match &column.typed.remark {
        Some(remark) => {
            let _ = writeln!(out, "   # {remark}");
        }
        None => out.push('\n'),
    }
    if column.padded {
        out.push_str("trim = \"both\"   # surrounding spaces are padding\n");
    }
    let in_key = key.as_ref().is_some_and(|key| key.sure && key.columns.contains(&column.name));
    if column.always && !in_key {
        out.push_str("# required = true   # never empty in the sample\n");
    }
    out.push('\n');
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.map(quoted).collect::<Vec<_>>().join(", "))
}

/// Quotes a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
