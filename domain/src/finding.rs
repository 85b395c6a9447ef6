//! Pinpointing: two levels' versions of the same records, compared down to the field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Stage;
use crate::ids::{ChunkNo, RecordNo, WorkerId};
use crate::layout::Layout;
use crate::record::RawRecord;

crate::named! {
    /// What is wrong with a record.
    #[derive(Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Difference {
        /// The record is in the source and not at this level.
        Missing = "missing",
        /// The record is at this level and not in the source, or more than once at this level.
        Extra = "extra",
        /// A field's value differs from the source's.
        Field = "field differs",
        /// The row is recorded under a worker that did not write it.
        Worker = "wrong worker",
        /// A reject's kept bytes are not the source's.
        RawBytes = "reject altered",
        /// A duplicate of another record's key.
        DuplicateKey = "duplicate key",
        /// It breaks a rule of the job.
        Rule = "breaks a rule",
        /// What it declares is not what was counted.
        DoesNotFoot = "does not foot",
    }
}

/// One record that is not as it should be: where it is, and both values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The level where it was seen.
    pub stage: Stage,
    /// What is wrong with the record.
    pub difference: Difference,
    /// The chunk that the record is in.
    pub chunk_no: ChunkNo,
    /// The record's place in its source, from 1.
    pub record_no: RecordNo,
    /// Where the record begins in the source (after decompression), if it is in the source.
    pub byte_offset: Option<u64>,
    /// The field, if one differs; otherwise the rule or key.
    pub field: Option<String>,
    /// What the source says.
    pub expected: Option<String>,
    /// What was found instead, masked if the field is sensitive; nothing if there is no such value.
    pub actual: Option<String>,
    /// Who wrote the row.
    pub worker_id: Option<WorkerId>,
}

/// The names of the fields in which two versions of a record differ, with both values as [`Layout::shown`] has them.
pub fn field_differences<'a>(
    layout: &'a Layout,
    expected: &RawRecord<'a>,
    actual: &RawRecord<'a>,
) -> impl Iterator<Item = (&'a str, String, String)> {
    let sides = expected.fields().zip(actual.fields());
    layout.fields.iter().zip(sides).enumerate().filter(|(_, (_, (expected, actual)))| expected != actual).map(
        |(at, (field, (expected, actual)))| {
            (field.name.as_str(), layout.shown(at, &expected), layout.shown(at, &actual))
        },
    )
}
