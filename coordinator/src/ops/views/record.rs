//! One record as the job reads it.

use domain::constraint::Reason;
use schemars::JsonSchema;
use serde::Serialize;

/// One record of a source as the job reads it.
#[derive(Debug, Serialize, JsonSchema)]
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
#[derive(Debug, Serialize, JsonSchema)]
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
