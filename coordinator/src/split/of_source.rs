//! The job with what only a source says: its columns, and which of several encodings it is in.

use std::sync::Arc;

use job::{EncodingError, Job, JobError, Told};
use source::SourceFile;

use super::splitter::{ChunkLimits, SplitError, split, with_columns};

/// How much of a source is looked at to find its encoding.
const LOOKED_AT: ChunkLimits = ChunkLimits { bytes: 64 << 10, records: 100 };

/// The job for `source`: its columns are found by their names in the header row, if it has one, and its encoding by its
/// first records, if the job lists several. A stream can be read once only, so the columns of one must be in the order
/// of the job's fields, which splitting checks, and its encoding must be named.
///
/// # Errors
/// [`SplitError::Header`] when a column is missing or unknown; [`SplitError::Encoding`] when the source is in none of
/// the encodings, or in more than one; [`SplitError::Source`] when it cannot be read.
pub fn of_source(job: &Arc<Job>, source: &SourceFile) -> Result<Arc<Job>, SplitError> {
    let is_stream = source.bytes_on_disk().is_none();
    if job.encodings.is_some() {
        return match is_stream {
            true => Err(EncodingError("a stream can be read only once".into()).into()),
            false => in_its_encoding(job, source),
        };
    }
    if !job.has_header() || is_stream {
        return Ok(Arc::clone(job));
    }
    with_columns(source.reader()?, job)
}

fn in_its_encoding(job: &Arc<Job>, source: &SourceFile) -> Result<Arc<Job>, SplitError> {
    let Some(listed) = &job.encodings else { return Ok(Arc::clone(job)) };
    let named = |name: &str| job.in_encoding(name).map_err(|error: JobError| SplitError::Job(error.message));
    let mut tried = Vec::with_capacity(listed.names.len());
    for name in &listed.names {
        let one = named(name)?;
        let mut first = Vec::new();
        let looked = split(source.reader()?, &one, LOOKED_AT, |chunk| {
            first = chunk.bytes;
            false
        });
        tried.push(match looked {
            Ok(_) | Err(SplitError::Stopped) => one.told_in(&first).map_err(SplitError::Job)?,
            Err(error @ SplitError::Source(_)) => return Err(error),
            // Where records begin may depend on the encoding. What is wrong in the one that fits, splitting says.
            Err(_) => Told { told: 0, of: 1 },
        });
    }
    Ok(Arc::new(named(listed.found(&tried)?)?))
}
