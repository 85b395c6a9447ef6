//! Rejects: the records that were not accepted.

use domain::constraint::Reason;
use domain::ids::{ChunkNo, RecordNo, WorkerId};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::RejectRow;

/// One reject, with every reason.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedReject {
    /// The record's place in its source, from 1.
    pub record_no: RecordNo,
    /// The chunk that the record is in.
    pub chunk_no: ChunkNo,
    /// Where the record begins in the source (after decompression).
    pub byte_offset: u64,
    /// The worker that rejected the record.
    pub worker_id: WorkerId,
    /// The record's bytes in hexadecimal digits; null in a job with sensitive fields.
    pub raw_hex: Option<String>,
    /// Every reason that was found.
    pub reasons: Vec<Reason>,
}

impl ListedReject {
    /// The reject as a list has it. In a job with sensitive fields its bytes are withheld: where such a field lies in a
    /// reject is not known.
    #[must_use]
    pub fn of(row: RejectRow, is_sensitive: bool) -> Self {
        Self {
            record_no: row.record_no,
            chunk_no: row.chunk_no,
            byte_offset: row.offset,
            worker_id: row.worker_id,
            raw_hex: (!is_sensitive).then(|| domain::hex::encode(&row.raw)),
            reasons: row.reasons,
        }
    }
}
