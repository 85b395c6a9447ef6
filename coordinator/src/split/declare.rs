//! What a sender declares of a source: its control totals and fingerprint, loading nothing.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use domain::declared::Declared;
use domain::totals::TotalsError;
use job::Job;
use job::chunk::{ChunkDecoder, ChunkError, DecodedChunk};
use source::{SourceError, SourceFile};
use store::model::SplitTotals;
use thiserror::Error;

use crate::split::of_source;
use crate::split::splitter::{ChunkLimits, CutChunk, SplitError, split};

/// How the source is cut does not matter to the result; this is a size that keeps two threads busy.
const LIMITS: ChunkLimits = ChunkLimits { bytes: 1 << 20, records: 0 };

/// Why nothing can be declared.
#[derive(Debug, Error)]
pub enum DeclareError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The job's formats cannot be used.
    #[error("{0}")]
    Job(String),
    /// The source's records cannot be separated.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A chunk cannot be decoded.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// A total does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
}

/// Reads the whole source once, and says what the splitter found beside; one thread cuts it, this one decodes. `see`
/// is shown each chunk in order, as it was cut and as it decodes.
///
/// # Errors
/// [`DeclareError`].
pub fn declare(
    job: &Arc<Job>,
    source: &SourceFile,
    mut see: impl FnMut(&CutChunk, &DecodedChunk),
) -> Result<(Declared, SplitTotals), DeclareError> {
    let job = &of_source(job, source)?;
    let reader = source.reader()?;
    let mut decoder = ChunkDecoder::new(job).map_err(DeclareError::Job)?;
    let (sender, cuts) = sync_channel(4);
    thread::scope(|scope| {
        let splitter = scope.spawn(|| split(reader, job, LIMITS, move |chunk| sender.send(chunk).is_ok()));
        let (mut totals, mut rejected_sums, mut rejected) = (job.no_totals(0), job.no_sums(), 0);
        for chunk in cuts {
            let decoded = decoder.decode(chunk.cut.start(), &chunk.bytes)?;
            totals.merge(&decoded.accepted)?;
            rejected_sums.merge(&decoded.rejected_sums)?;
            rejected += decoded.rejects.len() as u64;
            see(&chunk, &decoded);
        }
        let split = splitter.join().unwrap_or(Err(SplitError::Stopped))?;
        totals.sums.merge(&rejected_sums)?;
        let declared = Declared {
            job: Some(job.name.clone()),
            records: Some(split.records),
            rejected: Some(rejected),
            amounts: job.amount_names().into_iter().zip(totals.sums.0.iter().copied()).collect(),
            values: Default::default(),
            sha256: Some(split.sha256),
            bytes: Some(split.bytes_on_disk),
            layout: Some(job.layout_digest()),
            fingerprint: totals.fingerprint(),
        };
        Ok((declared, split))
    })
}
