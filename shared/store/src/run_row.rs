//! A run as a row of the ledger holds it.

use domain::retention::Parts;

use crate::model::{Run, SplitTotals};
use crate::row::Row;
use crate::{StoreError, damaged};

pub(crate) fn run_from(row: &Row) -> Result<Run, StoreError> {
    let split = match row.get("split_chunks")? {
        None => None,
        Some(chunks) => Some(SplitTotals {
            chunks,
            records: row.get("split_records")?,
            bytes: row.get("split_bytes")?,
            header_bytes: row.get("split_header_bytes")?,
            bytes_on_disk: row.get("split_disk_bytes")?,
            sha256: row.parsed("split_sha256")?,
        }),
    };
    Ok(Run {
        run_id: row.parsed("run_id")?,
        job: row.get("job")?,
        job_digest: row.parsed("job_digest")?,
        state: row.parsed("state")?,
        source: row.get("source")?,
        source_bytes: row.get("source_bytes")?,
        source_sha256: row.optional_parsed("source_sha256")?,
        split_sha256: split.map(|split| split.sha256),
        declared: row.get("declared")?,
        chunk_bytes: row.get("chunk_bytes")?,
        chunk_records: row.get("chunk_records")?,
        again: row.get("again")?,
        pause_after_staged: row.get("pause_after_staged")?,
        verify_source: row.parsed("verify_source")?,
        submitted: row.get("submitted")?,
        parked: row.get("parked")?,
        window_chunks: row.get("window_chunks")?,
        resends: row.optional_parsed("resends")?,
        actor: row.get("actor")?,
        opened_at_ms: row.get("opened_at_ms")?,
        ended_at_ms: row.get("ended_at_ms")?,
        elapsed_ms: row.get("elapsed_ms")?,
        epoch: row.get("epoch")?,
        interrupted: row.get("interrupted")?,
        purged: row.get("purged")?,
        removed: parts_of(&row.get::<String>("removed")?)?,
        note: row.get("note")?,
        split,
    })
}

/// The parts that the ledger says were removed.
pub(crate) fn parts_of(text: &str) -> Result<Parts, StoreError> {
    Parts::of(text).ok_or_else(|| damaged(format!("parts of a run that were removed: `{text}`")))
}
