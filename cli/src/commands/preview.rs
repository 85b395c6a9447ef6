//! The first records of a source as the job reads them: where each field is, its bytes, its value, or why it has none.

use std::fmt::Write;
use std::sync::Arc;

use comfy_table::Table;
use coordinator::split::{ChunkLimits, SplitError, split};
use domain::constraint::Reason;
use serde_json::json;
use shared::format::chunk::of_no_type;
use shared::format::{Framer, Selector, frames};
use shared::job::Job;
use shared::source::SourceFile;

use super::check::new_table;
use crate::outcome::{Failure, chain};

/// Longer values and hexadecimal digits are cut to so many characters.
const CHARS_MAX: usize = 34;

/// One field of a record.
pub(super) struct ShownField {
    name: String,
    /// Where it begins in the record and how long it is, in formats in which it has a place.
    place: Option<(usize, usize)>,
    /// Hexadecimal digits; `None`: they are withheld.
    raw: Option<String>,
    value: String,
}

/// One record.
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
    pub(super) fn json(&self) -> serde_json::Value {
        let fields = self.fields.iter().map(|field| {
            let (offset, length) = field.place.unzip();
            json!({ "name": field.name, "offset": offset, "bytes": length, "hex": field.raw, "value": field.value })
        });
        json!({
            "record_no": self.record_no,
            "offset": self.offset,
            "bytes": self.bytes,
            "record": self.record,
            "fields": fields.collect::<Vec<_>>(),
            "rejected": self.reasons,
        })
    }
}

/// The first `records` records of `source`.
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
    for (record_no, frame) in (chunk.cut.first_record_no.0..).zip(frames(&framer, &chunk.bytes)) {
        let (at, content) = frame.map_err(|error| failed(&error))?;
        shown.push(record(job, &mut selector, (record_no, chunk.cut.offset + at as u64), content));
    }
    Ok(shown)
}

fn record(job: &Job, selector: &mut Selector, (record_no, offset): (u64, u64), content: &[u8]) -> Shown {
    let mut shown = Shown {
        record_no,
        offset,
        bytes: content.len(),
        record: None,
        fields: Vec::new(),
        reasons: Vec::new(),
    };
    let Some(place) = selector.type_of(content) else {
        shown.reasons.push(of_no_type());
        return shown;
    };
    let layout = &job.records[place].own;
    shown.record = Some(layout.record.clone());
    let masks = &layout.masks;
    let places: Vec<_> =
        (0..layout.fields.len()).map(|index| selector.field_place(place, content, index)).collect();
    let Some(decoded) = selector.decode(place, content) else { return shown };
    // Of a record that is rejected nobody knows whether its fields are where they should be.
    let hides_all = masks.are_needed() && !decoded.is_accepted();
    for (index, field) in layout.fields.iter().enumerate() {
        let is_hidden = field.sensitive || hides_all;
        let place = places[index];
