//! A preview of a source's first records: the position, bytes and value of each field, or why it has no value.

use std::fmt::Write;
use std::sync::Arc;

use comfy_table::Table;
use coordinator::ops::views::record::{PreviewedField, PreviewedRecord};
use coordinator::split::{ChunkLimits, SplitError, split};
use domain::constraint::Reason;
use format::{Form, Framer, frames};
use job::Job;
use job::advice::remark_for;
use job::select::{Selector, Standing};
use platform::causes::chain;
use source::SourceFile;

use super::check::new_table;
use crate::outcome::Failure;

/// The length in characters to which values and hexadecimal digits are shortened.
const CHARS_MAX: usize = 34;

/// One field of a record.
pub(super) struct ShownField {
    name: String,
    /// Its start and length in the record, for formats with fixed positions.
    place: Option<(usize, usize)>,
    /// Its bytes in hexadecimal; `None` if they are withheld.
    raw: Option<String>,
    value: String,
}

/// One record of the preview, with its fields.
pub(super) struct Shown {
    record_no: u64,
    /// In the source's content.
    offset: u64,
    bytes: usize,
    record: Option<String>,
    fields: Vec<ShownField>,
    reasons: Vec<Reason>,
}

impl Shown {
    /// The record as JSON has it.
    pub(super) fn printed(self) -> PreviewedRecord {
        let fields = self.fields.into_iter().map(|field| {
            let (offset, bytes) = field.place.unzip();
            PreviewedField { name: field.name, offset, bytes, hex: field.raw, value: field.value }
        });
        PreviewedRecord {
            record_no: self.record_no,
            offset: self.offset,
            bytes: self.bytes,
            record: self.record,
            fields: fields.collect(),
            rejected: self.reasons,
        }
    }
}

/// Decodes the first `records` records of `source`.
pub(super) fn preview(job: &Arc<Job>, source: &SourceFile, records: u64) -> Result<Vec<Shown>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::unfinished(chain(error));
    let limits = ChunkLimits { bytes: 1 << 20, records: records.max(1) };
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
    let framer = Framer::new(&job.format);
    let mut shown = Vec::new();
    // The decoder returns whole blocks of records, so this may be more than requested.
    let asked = usize::try_from(records.max(1)).unwrap_or(usize::MAX);
    let mut all = frames(&framer, &chunk.bytes);
    for record_no in (chunk.cut.first_record_no.0..).take(asked) {
        let Some(frame) = all.next() else { break };
        let (at, content) = frame.map_err(|error| failed(&error))?;
        let standing = Standing {
            is_first: record_no == 1,
            is_last: chunk.cut.ends_source && at + all.latest().total == chunk.bytes.len(),
        };
        shown.push(record(job, &mut selector, (record_no, chunk.cut.offset + at as u64, standing), content));
    }
    Ok(shown)
}

fn record(
    job: &Job,
    selector: &mut Selector,
    (record_no, offset, standing): (u64, u64, Standing),
    content: &[u8],
) -> Shown {
    let mut shown = Shown {
        record_no,
        offset,
        bytes: content.len(),
        record: None,
        fields: Vec::new(),
        reasons: Vec::new(),
    };
    let Some(place) = selector.type_of(content, standing) else {
        shown.reasons.push(selector.of_no_type(job, content));
        return shown;
    };
    let layout = &job.records[place].own;
    shown.record = Some(layout.record.clone());
    let masks = &layout.masks;
    let places: Vec<_> =
        (0..layout.fields.len()).map(|index| selector.field_place(place, content, index)).collect();
    let Some(decoded) = selector.decode(place, content) else { return shown };
    // The fields of a rejected record may be misaligned.
    let hides_all = masks.are_needed() && !decoded.is_accepted();
    for (index, field) in layout.fields.iter().enumerate() {
        let is_hidden = field.sensitive || hides_all;
        let place = places[index];
        let raw = place.map_or(&[][..], |(start, length)| &content[start..start + length]);
        let value = match decoded.values().get(index).filter(|_| decoded.is_decoded(index)) {
            Some(value) if is_hidden => masks.value(&field.name, value),
            Some(value) => value.to_string(),
            None => "?".into(),
        };
        shown.fields.push(ShownField {
            name: field.name.clone(),
            place,
            raw: (!is_hidden).then(|| domain::hex::encode(raw)),
            value,
        });
    }
    shown.reasons = decoded.reasons().to_vec();
    shown
}

/// Formats the preview as text.
pub(super) fn table(job: &Job, records: &[Shown]) -> String {
    if records.is_empty() {
        return "the source has no records".into();
    }
    let has_places = records.iter().any(|record| record.fields.iter().any(|field| field.place.is_some()));
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
        let name = |record: &Shown| record.record.clone();
        for of in job.types() {
            let of_type: Vec<_> =
                records.iter().filter(|record| name(record).as_deref() == Some(&of)).collect();
            if !of_type.is_empty() {
                let _ = writeln!(out, "{}", side_by_side(job, &of, &of_type));
            }
        }
        for record in records.iter().filter(|record| !record.reasons.is_empty()) {
            let _ = writeln!(out, "{}{}", heading(job, record), verdict(form, record));
        }
    }
    out.trim_end().to_owned()
}

fn heading(job: &Job, record: &Shown) -> String {
    let of = match &record.record {
        Some(of) if job.has_types() => format!(" ({of})"),
        _ => String::new(),
    };
    format!("record {}{of}, byte {}, {} bytes", record.record_no, record.offset, record.bytes)
}

fn verdict(form: &Form, record: &Shown) -> String {
    let mut out = String::new();
    if !record.reasons.is_empty() {
        out.push_str("\nwould be rejected:");
    }
    for reason in &record.reasons {
        let field = reason.field.as_deref().unwrap_or("(the record)");
        let keys = remark_for(reason.code, form);
        let _ = write!(out, "\n    {field}: {}: {}{keys}", reason.code, reason.detail);
    }
    out.push('\n');
    out
}

/// Formats one record with a row per field, including its position and bytes.
fn fields(record: &Shown) -> Table {
    let mut table = new_table(["field", "at", "bytes", "hex", "value"].map(String::from).to_vec());
    for field in &record.fields {
        let (at, length) = match field.place {
            // Positions count from 1, as in a copybook listing and in the job file.
            Some((start, length)) => ((start + 1).to_string(), length.to_string()),
            None => (String::new(), String::new()),
        };
        table.add_row([
            field.name.clone(),
            at,
            length,
            shorten(field.raw.as_deref().unwrap_or("masked")),
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
fn side_by_side(job: &Job, of: &str, records: &[&Shown]) -> String {
    let shown: Vec<_> = records.iter().filter(|record| record.reasons.is_empty()).take(3).collect();
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
