//! One record as the job reads it.

use domain::constraint::Reason;
use job::Job;
use job::select::{Selector, Standing};
use schemars::JsonSchema;
use serde::Serialize;

/// One record of a source as the job reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PreviewedRecord {
    /// The record's place in its source, from 1.
    pub record_no: u64,
    /// Where the record begins in the source (after decompression).
    pub offset: u64,
    /// The record's length in bytes.
    pub bytes: usize,
    /// The record type; null if the record is of none.
    pub record: Option<String>,
    /// The record's fields, in the order of the layout.
    pub fields: Vec<PreviewedField>,
    /// Why the record would be rejected; empty if it would not.
    pub rejected: Vec<Reason>,
}

/// One field of a record as the job reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PreviewedField {
    /// The field's name, which is its column's too.
    pub name: String,
    /// Where the field begins in the record, from 0, in formats in which it has a place.
    pub offset: Option<usize>,
    /// The field's length in bytes, in formats in which it has a place.
    pub bytes: Option<usize>,
    /// The field's bytes in hexadecimal digits; null if they are withheld.
    pub hex: Option<String>,
    /// The field's value; `?` if it has none.
    pub value: String,
}

/// Reads a record as the job does: its type, its fields with their places and values, and why it would be rejected. The
/// content of sensitive fields is a mask; of a reject in a job with sensitive fields, all is.
#[must_use]
pub fn read(
    job: &Job,
    selector: &mut Selector,
    (record_no, offset, standing): (u64, u64, Standing),
    content: &[u8],
) -> PreviewedRecord {
    match selector.type_of(content, standing) {
        Some(place) => read_as(job, selector, place, (record_no, offset), content),
        None => {
            let mut shown = of_no_type(record_no, offset, content);
            shown.rejected.push(selector.of_no_type(job, content));
            shown
        }
    }
}

/// A record of which only its place is known.
#[must_use]
pub fn of_no_type(record_no: u64, offset: u64, content: &[u8]) -> PreviewedRecord {
    let (bytes, record, fields, rejected) = (content.len(), None, Vec::new(), Vec::new());
    PreviewedRecord { record_no, offset, bytes, record, fields, rejected }
}

/// Reads a record of the type at `place`, which may be an element of another record's table, as [`read`] does.
#[must_use]
pub fn read_as(
    job: &Job,
    selector: &mut Selector,
    place: usize,
    (record_no, offset): (u64, u64),
    content: &[u8],
) -> PreviewedRecord {
    let mut shown = of_no_type(record_no, offset, content);
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
        // A record may be too short for a field's place.
        let found = places[index].filter(|(start, length)| start + length <= content.len());
        let raw = found.map_or(&[][..], |(start, length)| &content[start..start + length]);
        let value = match decoded.values().get(index).filter(|_| decoded.is_decoded(index)) {
            Some(value) if is_hidden => masks.value(&field.name, value),
            Some(value) => value.to_string(),
            None => "?".into(),
        };
        let (offset, bytes) = found.unzip();
        let hex = (!is_hidden).then(|| domain::hex::encode(raw));
        shown.fields.push(PreviewedField { name: field.name.clone(), offset, bytes, hex, value });
    }
    shown.rejected = decoded.reasons().to_vec();
    shown
}
