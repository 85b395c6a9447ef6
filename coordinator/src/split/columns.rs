//! The job with the columns of a source.

use std::sync::Arc;

use job::Job;
use source::SourceFile;

use super::splitter::{SplitError, with_columns};

/// The job for `source`: its columns are found by their names in the header row, if it has one. A stream can be read
/// once only, so the columns of one must be in the order of the job's fields, which splitting checks.
///
/// # Errors
/// [`SplitError::Header`] when a column is missing or unknown; [`SplitError::Source`] when the source cannot be read.
pub fn of_source(job: &Arc<Job>, source: &SourceFile) -> Result<Arc<Job>, SplitError> {
    if !job.has_header() || source.bytes_on_disk().is_none() {
        return Ok(Arc::clone(job));
    }
    with_columns(source.reader()?, job)
}
