//! Lookup tables: files beside the job file, whose texts become a part of the job's.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use domain::words::counted;
use format::spec::{Delimited, Skips};
use format::stage::Lookup;
use platform::files::{LOOKUP_BYTES_MAX, read_small_text};

use super::super::{Checked, fault};
use super::Tables;
use crate::file::{FieldSection, JobFile, LookupSection};

/// The text of a file, after the name by which the job names it.
pub(in crate::meaning) type Named = (String, String);

/// The texts of the lookup tables that the job names and does not hold yet, by their files' names.
///
/// # Errors
/// In words: a table that cannot be read, with the field that names it.
pub(in crate::meaning) fn read(
    raw: &JobFile,
    beside: Option<&Path>,
) -> Result<Vec<Named>, (Range<usize>, String)> {
    let mut texts: Vec<Named> = Vec::new();
    for field in raw.record.iter().flat_map(|record| &record.field) {
        let Some(lookup) = &field.lookup else { continue };
        let file = &lookup.get_ref().file;
        if raw.lookups.contains_key(file) || texts.iter().any(|(name, _)| name == file) {
            continue;
        }
        if !raw.lookups.is_empty() {
            return Err((lookup.span(), format!("[lookups] does not contain `{file}`")));
        }
        let path = beside.map_or_else(|| file.into(), |beside| beside.join(file));
        let text = read_small_text(&path, LOOKUP_BYTES_MAX).map_err(|error| {
            (lookup.span(), format!("cannot read the lookup table {}: {error}", path.display()))
        })?;
        texts.push((file.clone(), text));
    }
    Ok(texts)
}

/// The lookup of a field, out of the job's own text.
pub(super) fn of(section: &FieldSection, tables: &Tables) -> Checked<Option<Lookup>> {
    let Some(spanned) = &section.lookup else { return Ok(None) };
    let (span, lookup) = (spanned.span(), spanned.get_ref());
    let Some(text) = tables.get(&lookup.file) else {
        return fault(span, format!("cannot find the lookup table `{}`", lookup.file));
    };
    let all: usize = tables.values().map(|text| text.get_ref().len()).sum();
    if all as u64 > LOOKUP_BYTES_MAX {
        return fault(
            span,
            format!("the job's lookup tables have {all} bytes; at most {LOOKUP_BYTES_MAX} are allowed"),
        );
    }
    let wrong = |line: usize, what: &str| format!("`{}`, line {line}: {what}", lookup.file);
    let table = text.get_ref().strip_prefix('\u{feff}').unwrap_or(text.get_ref());
    let rows = rows(table, lookup).or_else(|(line, what)| fault(span.clone(), wrong(line, &what)))?;
    match Lookup::new(rows, lookup.otherwise.clone()) {
        Ok(lookup) => Ok(Some(lookup)),
        Err(code) => fault(span, format!("`{}`: the code `{code}` is there twice", lookup.file)),
    }
}

/// The codes of a table and what each stands for, or which line is wrong, and why.
fn rows(table: &str, lookup: &LookupSection) -> Result<Vec<(String, String)>, (usize, String)> {
    let form = form();
    let mut lines = table.lines().enumerate().map(|(at, line)| (at + 1, line));
    let cells = |line: &str| {
        let cells = format::cells(&form, line)?;
        let is_clear = cells.iter().all(|cell| !cell.misquoted);
        is_clear.then(|| cells.into_iter().map(|cell| cell.text.into_owned()).collect::<Vec<_>>())
    };
    let Some(header) = lines.next().and_then(|(_, line)| cells(line)) else {
        return Err((1, "it has no header row".into()));
    };
    let place = |name: &str| {
        let mut places = header.iter().enumerate().filter(|(_, of)| of.trim() == name);
        match (places.next(), places.next()) {
            (Some((at, _)), None) => Ok(at),
            (Some(_), Some(_)) => Err((1, format!("two columns are named `{name}`"))),
            (None, _) => Err((1, format!("there is no column `{name}`"))),
        }
    };
    let (key, value) = (place(&lookup.key)?, place(&lookup.value)?);
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut seen = BTreeMap::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let Some(row) = cells(line) else {
            return Err((number, "its quotes do not close on the line".into()));
        };
        if row.len() != header.len() {
            let (has, wants) = (counted(row.len(), "column"), header.len());
            return Err((number, format!("it has {has}, but the header row has {wants}")));
        }
        let (code, text) = (row[key].clone(), row[value].clone());
        if code.is_empty() {
            return Err((number, "it has no code".into()));
        }
        if let Some(first) = seen.insert(code.clone(), number) {
            return Err((number, format!("the code `{code}` is there twice, first in line {first}")));
        }
        rows.push((code, text));
    }
    Ok(rows)
}

/// Comma-separated, with quotes, and no text for NULL.
fn form() -> Delimited {
    Delimited {
        separator: b',',
        quote: Some(b'"'),
        escape: None,
        lead_lines: 0,
        skips: Skips::default(),
        header: true,
        null: String::new(),
        trailing_separator: false,
        terminator: None,
        continuation: None,
        missing_is_null: false,
        columns: None,
    }
}
