//! Cutting where elements of tables are records of their own: a chunk's records are counted with their elements.

use domain::ids::RecordNo;
use format::{FrameErrorAt, Framer, Taken};
use job::Job;
use job::elements::TooManyElements;
use job::records::{Records, RecordsError};

/// Takes whole records, or whole blocks of them, together with their elements.
pub(super) struct Units<'a> {
    pub(super) job: &'a Job,
    pub(super) framer: &'a Framer,
    pub(super) records: &'a mut Records,
    /// No more bytes will follow.
    pub(super) at_end: bool,
    /// The number of the first record.
    pub(super) first: u64,
}

impl Units<'_> {
    /// As [`Framer::take`]; `records_max` bounds records and elements together, unless the very first record, or block
    /// of them, has more.
    ///
    /// # Errors
    /// [`RecordsError`], counted from the beginning of `bytes`.
    pub(super) fn take(
        self,
        bytes: &[u8],
        records_max: u64,
        bytes_max: usize,
    ) -> Result<Taken, RecordsError> {
        let Self { job, framer, records, at_end, first } = self;
        let mut taken = Taken::default();
        while taken.records < records_max && (taken.bytes < bytes_max || taken.records == 0) {
            let rest = &bytes[taken.bytes..];
            let (before, begin) = (taken.records, taken.bytes);
            let unit = framer.take(rest, at_end, u64::MAX, 1).map_err(|at| {
                let (offset, records) = (begin + at.offset, before + at.records);
                RecordsError::Frame(FrameErrorAt { offset, records, error: at.error })
            })?;
            let ends_source = job.tells_the_last() && at_end && unit.bytes == rest.len();
            let found = records.find(RecordNo(first + before), ends_source, &rest[..unit.bytes]);
            let count = match found {
                Ok(found) => found.len() as u64,
                Err(RecordsError::TooMany { offset, records, error }) => {
                    return Err(RecordsError::TooMany {
                        offset: begin + offset,
                        records: before + records,
                        error,
                    });
                }
                Err(error) => return Err(error),
            };
            if count > domain::limits::CHUNK_RECORDS_MAX {
                return Err(RecordsError::TooMany { offset: begin, records: before, error: TooManyElements });
            }
            let fits =
                unit.bytes <= bytes_max.saturating_sub(taken.bytes) && count <= records_max - taken.records;
            if count == 0 || (taken.records > 0 && !fits) {
                break;
            }
            taken.records += count;
            taken.bytes += unit.bytes;
        }
        Ok(taken)
    }
}
