//! The rejects of a run byte for byte, framed like their source, so that they can be corrected and sent again.

use std::sync::Arc;

use coordinator::ops::resend::{ElementsError, can_be_written, preamble};
use domain::ids::{ChunkNo, RecordNo, RunId};
use format::{Framer, UnframeableError};
use job::Job;
use store::views::RejectPage;
use store::{Store, StoreError};
use thiserror::Error;

/// The most rejects that are read at a time.
const PAGE: u32 = 500;

/// About how many bytes of records are read at a time.
const PAGE_BYTES: usize = 4 << 20;

/// How many rejects are read first, when nothing is known of their length.
const FIRST: u32 = 16;

/// The rejects of a run, piece by piece: a few megabytes are in memory at a time, or a few records if they are larger.
pub struct RawRejects {
    store: Arc<dyn Store>,
    run_id: RunId,
    framer: Framer,
    can_be_written: Result<(), ElementsError>,
    /// What precedes the next piece: at first what precedes the source's records.
    begun: Vec<u8>,
    after: Option<(ChunkNo, u64)>,
    limit: u32,
}

/// Some rejects, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Their bytes, each record as its source frames it.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub records: u64,
}

/// Why rejects cannot be written.
#[derive(Debug, Error)]
pub enum RawError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Elements of tables are among them.
    #[error("{0}")]
    Elements(#[from] ElementsError),
    /// A record cannot be framed.
    #[error("record {record_no}: {error}")]
    Unframeable {
        /// The record's place in its source.
        record_no: RecordNo,
        /// Why it cannot.
        error: UnframeableError,
    },
}

impl RawRejects {
    /// The rejects of `run_id`, which is a run of `job`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, run_id: RunId, job: &Job) -> Self {
        Self {
            store,
            run_id,
            framer: Framer::new(&job.format),
            can_be_written: can_be_written(job),
            begun: preamble(job),
            after: None,
            limit: FIRST,
        }
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// [`RawError`]: what was written so far is not all.
    pub async fn next(&mut self) -> Result<Option<Piece>, RawError> {
        self.can_be_written.clone()?;
        // By chunk and record, as the rows lie: to find a place by its record alone takes longer with each page.
        let page = RejectPage { code: None, field: None, worker: None, after: self.after };
        let rows = self.store.reject_page(self.run_id, &page, self.limit).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.begun);
        for row in &rows {
            self.framer
                .write(&row.raw, &mut bytes)
                .map_err(|error| RawError::Unframeable { record_no: row.record_no, error })?;
            self.after = Some((row.chunk_no, row.record_no.0));
        }
        let mean = rows.iter().map(|row| row.raw.len()).sum::<usize>() / rows.len();
        self.limit = u32::try_from(PAGE_BYTES / mean.max(1)).unwrap_or(PAGE).clamp(1, PAGE);
        Ok(Some(Piece { bytes, records: rows.len() as u64 }))
    }
}
