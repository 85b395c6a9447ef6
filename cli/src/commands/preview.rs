//! A preview of a source's first records: the position, bytes and value of each field, or why it has no value.

use std::fmt::Write;
use std::sync::Arc;

use comfy_table::Table;
use coordinator::ops::views::record::{PreviewedRecord, read, read_as};
use coordinator::split::{ChunkLimits, SplitError, split};
use format::Form;
use job::Job;
use job::advice::remark_for;
use job::records::Records;
use job::select::Selector;
use platform::causes::chain;
use source::SourceFile;

use super::check::new_table;
use crate::outcome::Failure;

/// The length in characters to which values and hexadecimal digits are shortened.
const CHARS_MAX: usize = 34;

/// Decodes the first `records` records of `source`.
pub(super) fn preview(
    job: &Arc<Job>,
    source: &SourceFile,
    records: u64,
) -> Result<Vec<PreviewedRecord>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::unfinished(chain(error));
    // A record whose elements are records is cut with all of them, or not at all.
    let most = if job.has_rows() { 0 } else { records.max(1) };
    let limits = ChunkLimits { bytes: 1 << 20, records: most };
    let mut first = None;
    match split(source.reader()?, job, limits, |chunk| {
        first = Some(chunk);
        false
    }) {
        Ok(_) | Err(SplitError::Stopped) => {}
        Err(error) => return Err(failed(&error)),
    }
    let Some(chunk) = first else { return Ok(Vec::new()) };
    let mut selector = Selector::new(job).map_err(Failure::usage)?;
    // The decoder returns whole blocks of records, so this may be more than requested.
    let asked = usize::try_from(records.max(1)).unwrap_or(usize::MAX);
    let (cut, mut all) = (&chunk.cut, Records::new(job).map_err(Failure::usage)?);
    let found = all.find(cut.first_record_no, cut.ends_source, &chunk.bytes);
    let found = found.map_err(|error| failed(&error))?;
    let shown = found.iter().take(asked).map(|found| {
        let (record_no, offset) = (found.record_no.0, cut.offset + found.at as u64);
        let content = &chunk.bytes[found.start..found.end];
        match found.place {
            Some(place) => read_as(job, &mut selector, place, (record_no, offset), content),
            None => read(job, &mut selector, (record_no, offset, found.standing), content),
        }
    });
    Ok(shown.collect())
}

/// Formats the preview as text.
pub(super) fn table(job: &Job, records: &[PreviewedRecord]) -> String {
    if records.is_empty() {
        return "the source has no records".into();
    }
    let has_places = records.iter().any(|record| record.fields.iter().any(|field| field.offset.is_some()));
    let form = &job.format.form;
    let mut out = String::new();
    if has_places {
        for record in records {
            let _ = writeln!(
                out,
                "{}\n{}{}",
                heading(job, record),
                fields(record).trim_fmt(),
                verdict(form, record)
            );
        }
    } else {
        let name = |record: &PreviewedRecord| record.record.clone();
        for of in job.types() {
            let of_type: Vec<_> =
                records.iter().filter(|record| name(record).as_deref() == Some(&of)).collect();
            if !of_type.is_empty() {
                let _ = writeln!(out, "{}", side_by_side(job, &of, &of_type));
            }
        }
        for record in records.iter().filter(|record| !record.rejected.is_empty()) {
            let _ = writeln!(out, "{}{}", heading(job, record), verdict(form, record));
        }
    }
    out.trim_end().to_owned()
}

fn heading(job: &Job, record: &PreviewedRecord) -> String {
    let of = match &record.record {
        Some(of) if job.has_types() => format!(" ({of})"),
        _ => String::new(),
    };
    format!("record {}{of}, byte {}, {} bytes", record.record_no, record.offset, record.bytes)
}

fn verdict(form: &Form, record: &PreviewedRecord) -> String {
    let mut out = String::new();
    if !record.rejected.is_empty() {
        out.push_str("\nwould be rejected:");
    }
    for reason in &record.rejected {
        let field = reason.field.as_deref().unwrap_or("(the record)");
        let keys = remark_for(reason.code, form);
        let _ = write!(out, "\n    {field}: {}: {}{keys}", reason.code, reason.detail);
    }
    out.push('\n');
    out
}

/// Formats one record with a row per field, including its position and bytes.
fn fields(record: &PreviewedRecord) -> Table {
    let mut table = new_table(["field", "at", "bytes", "hex", "value"].map(String::from).to_vec());
    for field in &record.fields {
        let (at, length) = match field.offset.zip(field.bytes) {
            // Positions count from 1, as in a copybook listing and in the job file.
            Some((start, length)) => ((start + 1).to_string(), length.to_string()),
            None => (String::new(), String::new()),
        };
        table.add_row([
            field.name.clone(),
            at,
            length,
            shorten(field.hex.as_deref().unwrap_or("masked")),
            shorten(&field.value),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table
}

/// Formats records with a row per field and a column per record, so that any number of fields fits a terminal.
fn side_by_side(job: &Job, of: &str, records: &[&PreviewedRecord]) -> String {
    let shown: Vec<_> = records.iter().filter(|record| record.rejected.is_empty()).take(3).collect();
    let Some(first) = shown.first() else { return String::new() };
    let mut header = vec![if job.has_types() { of.to_owned() } else { "field".into() }];
    header.extend(shown.iter().map(|record| format!("record {}", record.record_no)));
    let mut table = new_table(header);
    for (at, field) in first.fields.iter().enumerate() {
        let mut row = vec![field.name.clone()];
        row.extend(
            shown.iter().map(|record| record.fields.get(at).map_or_else(String::new, |f| shorten(&f.value))),
        );
        table.add_row(row);
    }
    table.trim_fmt()
}

fn shorten(value: &str) -> String {
    if value.chars().count() <= CHARS_MAX {
        return value.to_owned();
    }
    value.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}
