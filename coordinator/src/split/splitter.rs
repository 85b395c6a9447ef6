//! The splitter: cuts the source into chunks of whole records. Blocking; runs on a thread of its own.
//!
//! Where it cuts depends on the bytes and the limits alone, not on how the bytes arrived, so that cutting again
//! after an interruption gives the same chunks.

use std::io::Read;
use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo};
use domain::words::plural;
use format::{FrameError, Framer, header_names};
use job::elements::TooManyElements;
use job::records::{Records, RecordsError};
use job::{EncodingError, Job};
use source::{Reader, SourceError};
use store::model::{ChunkCut, SplitTotals};
use thiserror::Error;

use super::units::Units;

/// No chunk has more records than this, so that even a chunk of nothing but rejects fits a message.
pub(crate) const RECORDS_MAX: u64 = domain::limits::CHUNK_RECORDS_MAX;

/// How large a chunk becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// The size in bytes to cut at; a chunk has at least one record, whatever its length.
    pub bytes: usize,
    /// The most records of a chunk; 0: as many as a chunk may have (50,000).
    pub records: u64,
}

/// A chunk with its bytes.
#[derive(Debug)]
pub struct CutChunk {
    /// Where it is and what it hashes to.
    pub cut: ChunkCut,
    /// The chunk's bytes, whole records with their framing; empty once they are not needed any more.
    pub bytes: Vec<u8>,
    /// Where on disk the chunk ends, for progress: estimated by the share of the bytes read, if it is compressed.
    pub disk_position: u64,
}

/// Why the source could not be cut.
#[derive(Debug, Error)]
pub enum SplitError {
    /// It could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its records could not be separated.
    #[error("record {record_no}, at byte {offset} of the source's content: {error}{}", known(*record_no, error))]
    Frame {
        /// The number of the record that cannot be framed; 0 for the source's header.
        record_no: RecordNo,
        /// Where the record begins in the source's content, in bytes from 0.
        offset: u64,
        /// What is wrong with it.
        error: FrameError,
    },
    /// The elements of its tables are more than a chunk has room for.
    #[error(
        "record {record_no}, at byte {offset} of the source's content: {error}; leave `rows` off the table"
    )]
    Elements {
        /// The number of the record.
        record_no: RecordNo,
        /// Where the record begins in the source's content, in bytes from 0.
        offset: u64,
        /// What is wrong with it.
        error: TooManyElements,
    },
    /// The header row does not name the job's fields.
    #[error("the header row does not match the job: {0}")]
    Header(String),
    /// The source is in none of the encodings that the job lists, or in more than one.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The job's formats cannot be used.
    #[error("{0}")]
    Job(String),
    /// The random numbers that choose chunks to decode are not available.
    #[error("cannot draw a random sample: {0}")]
    Sample(getrandom::Error),
    /// The receiver of the chunks is gone.
    #[error("splitting was stopped")]
    Stopped,
}

/// Cuts everything that `reader` yields and hands it to `take`, which says whether to go on.
///
/// # Errors
/// [`SplitError`]; chunks handed over before it are sound.
pub fn split(
    reader: Reader,
    job: &Job,
    limits: ChunkLimits,
    take: impl FnMut(CutChunk) -> bool,
) -> Result<SplitTotals, SplitError> {
    Splitter::new(reader, job, limits)?.run(take)
}

/// The job for the source that `reader` reads: its columns are found by their names in the header row, if it has one.
/// What else may be wrong with the source is for splitting to say.
///
/// # Errors
/// [`SplitError::Header`].
pub(super) fn with_columns(reader: Reader, job: &Arc<Job>) -> Result<Arc<Job>, SplitError> {
    let limits = ChunkLimits { bytes: 0, records: 0 };
    let bound = Splitter::new(reader, job, limits).and_then(|mut splitter| {
        let header = splitter.preamble()?;
        found(job, &splitter.buffer.at_hand()[..header])
    });
    match bound {
        Ok(Some(bound)) => Ok(Arc::new(bound)),
        Err(error @ SplitError::Header(_)) => Err(error),
        Ok(None) | Err(_) => Ok(Arc::clone(job)),
    }
}

struct Splitter<'a> {
    job: &'a Job,
    framer: Framer,
    lookahead: usize,
    /// How many bytes at the source's end are no records. Where the end is, is only known when it is reached: as many
    /// are always held back.
    footer_bytes: usize,
    limits: ChunkLimits,
    buffer: Buffer,
    offset: u64,
    chunk_no: u64,
    record_no: u64,
    /// Finds the numbers of records, where some have parents or elements that are records.
    records: Option<Records>,
    /// Of each record type the latest record so far.
    parents: Vec<u64>,
}

impl<'a> Splitter<'a> {
    fn new(reader: Reader, job: &'a Job, limits: ChunkLimits) -> Result<Self, SplitError> {
        let spec = &job.format;
        let needs = job.has_parents() || job.has_rows();
        let records = needs.then(|| Records::new(job)).transpose().map_err(SplitError::Job)?;
        let framer = Framer::new(spec);
        Ok(Self {
            job,
            // With this much at hand, where a chunk ends does not depend on what has not been read yet.
            lookahead: limits.bytes + framer.unit_bytes_max(),
            framer,
            footer_bytes: spec.outside.footer_bytes,
            limits,
            buffer: Buffer { reader, bytes: Vec::new(), start: 0, read: 0, at_end: false },
            offset: 0,
            chunk_no: 0,
            record_no: 1,
            parents: if job.has_parents() { vec![0; job.records.len()] } else { Vec::new() },
            records,
        })
    }

    fn run(mut self, mut take: impl FnMut(CutChunk) -> bool) -> Result<SplitTotals, SplitError> {
        let header_bytes = self.skip_preamble()?;
        loop {
            // One byte more than a chunk can have: with that, where the source ends is known.
            self.buffer.fill(self.lookahead + self.footer_bytes + 1)?;
            let at_hand = self.buffer.at_hand();
            let at_hand = &at_hand[..at_hand.len().saturating_sub(self.footer_bytes)];
            if at_hand.is_empty() {
                break;
            }
            let asked = if self.limits.records == 0 { RECORDS_MAX } else { self.limits.records };
            let records_max = asked.min(RECORDS_MAX);
            let taken = match &mut self.records {
                Some(records) if self.job.has_rows() => Units {
                    job: self.job,
                    framer: &self.framer,
                    records,
                    at_end: self.buffer.at_end,
                    first: self.record_no,
                }
                .take(at_hand, records_max, self.limits.bytes),
                _ => self
                    .framer
                    .take(at_hand, self.buffer.at_end, records_max, self.limits.bytes)
                    .map_err(RecordsError::Frame),
            };
            let taken = taken.map_err(|error| self.fault(error))?;
            let bytes = self.buffer.at_hand()[..taken.bytes].to_vec();
            self.buffer.start += taken.bytes;
            let ends_source = self.job.tells_the_last() && self.is_at_end()?;
            let cut = ChunkCut {
                chunk_no: ChunkNo(self.chunk_no),
                offset: self.offset,
                bytes: taken.bytes as u64,
                first_record_no: RecordNo(self.record_no),
                records: taken.records,
                parents: self.parents.clone(),
                ends_source,
                sha256: Hash::of(&bytes),
                // Splitting decodes nothing.
                decoded: None,
            };
            self.follow_parents(&bytes, ends_source);
            self.offset += taken.bytes as u64;
            self.chunk_no += 1;
            self.record_no += taken.records;
            if !take(CutChunk { cut, bytes, disk_position: self.disk_position() }) {
                return Err(SplitError::Stopped);
            }
        }
        let raw = self.buffer.reader.finish()?;
        Ok(SplitTotals {
            chunks: self.chunk_no,
            records: self.record_no - 1,
            // As counted when they were read: that chunks, header and footer make up all of them is for a check to say.
            bytes: self.buffer.read,
            header_bytes,
            bytes_on_disk: raw.bytes,
            sha256: raw.sha256,
        })
    }

    /// Whether no record follows what was cut so far, which is known only when more is read.
    fn is_at_end(&mut self) -> Result<bool, SplitError> {
        self.buffer.fill(self.lookahead + self.footer_bytes)?;
        Ok(self.buffer.at_end && self.buffer.at_hand().len() <= self.footer_bytes)
    }

    /// Where on disk the content ends that was cut so far. More than that is read: the buffer is ahead.
    fn disk_position(&self) -> u64 {
        let (raw, read) = (self.buffer.reader.raw_position(), self.buffer.reader.content_position());
        let share = (u128::from(raw) * u128::from(self.offset)).checked_div(u128::from(read));
        share.and_then(|position| u64::try_from(position).ok()).unwrap_or(raw)
    }

    /// Where records have parents, a chunk must know which records precede it.
    fn follow_parents(&mut self, bytes: &[u8], ends_source: bool) {
        let Some(records) = self.records.as_mut().filter(|_| self.job.has_parents()) else { return };
        for found in records.find(RecordNo(self.record_no), ends_source, bytes).unwrap_or_default() {
            if let Some(latest) = found.place.and_then(|at| self.parents.get_mut(at)) {
                *latest = found.record_no.0;
            }
        }
    }

    /// What is said of a record that cannot be cut; its place is counted from where the chunk would begin.
    #[cold]
    fn fault(&self, error: RecordsError) -> SplitError {
        let place =
            |records: u64, offset: usize| (RecordNo(self.record_no + records), self.offset + offset as u64);
        match error {
            RecordsError::Frame(at) => {
                let (record_no, offset) = place(at.records, at.offset);
                SplitError::Frame { record_no, offset, error: shown(self.job, at.error) }
            }
            RecordsError::TooMany { offset, records, error } => {
                let (record_no, offset) = place(records, offset);
                SplitError::Elements { record_no, offset, error }
            }
        }
    }

    fn skip_preamble(&mut self) -> Result<u64, SplitError> {
        let header = self.preamble()?;
        if found(self.job, &self.buffer.at_hand()[..header])?.is_some() {
            return Err(SplitError::Header(
                "its columns are in another order than the job's fields, which cannot be found out from standard \
                 input; pass the source as a file"
                    .into(),
            ));
        }
        self.buffer.start += header;
        self.offset += header as u64;
        Ok(header as u64)
    }

    /// How many bytes precede the first record.
    fn preamble(&mut self) -> Result<usize, SplitError> {
        let outside = self.job.format.outside;
        let lead = self.framer.lead_bytes_max();
        self.buffer.fill(self.lookahead + lead + outside.header_bytes + outside.footer_bytes)?;
        let found = self.framer.preamble(self.buffer.at_hand(), self.buffer.at_end);
        let header = found.map_err(|error| {
            let error = shown(self.job, error);
            SplitError::Frame { record_no: RecordNo(0), offset: 0, error }
        })?;
        Ok(header.unwrap_or(0))
    }
}

/// What is known besides: where records have one length, a byte too few or too many anywhere moves all that follow
/// it, so that nothing is said of those before; where each tells its own end, the one before ended where this begins.
fn known(at_fault: RecordNo, error: &FrameError) -> String {
    match (error, at_fault.0) {
        (_, 0) => String::new(),
        (FrameError::TruncatedRecord { have, want }, number) => {
            let bytes = (number - 1).saturating_mul(*want as u64).saturating_add(*have as u64);
            format!(
                "; {} of records are not a multiple of the record length {want}: there are missing or extra bytes here or \
                 earlier",
                plural(bytes, "byte")
            )
        }
        (_, 1) => "; no record precedes it".into(),
        (_, number) => format!("; record {} ends there", number - 1),
    }
}

fn shown(job: &Job, error: FrameError) -> FrameError {
    if job.is_sensitive() { error.without_contents() } else { error }
}

/// The job for a source that begins so; `None` where that is the job as it stands. A column that moved would otherwise
/// be seen only when its values do not fit, if at all.
fn found(job: &Job, preamble: &[u8]) -> Result<Option<Job>, SplitError> {
    if !job.has_header() || preamble.is_empty() {
        return Ok(None);
    }
    let names = header_names(&job.format, preamble).map_err(|error| SplitError::Header(error.to_string()))?;
    job.with_columns(&names).map_err(|error| SplitError::Header(error.to_string()))
}

/// Bytes read and not yet cut.
struct Buffer {
    reader: Reader,
    bytes: Vec<u8>,
    start: usize,
    /// How many bytes have come from the reader.
    read: u64,
    at_end: bool,
}

impl Buffer {
    fn at_hand(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Reads until `want` bytes are buffered, or the source ends.
    fn fill(&mut self, want: usize) -> Result<(), SplitError> {
        if self.at_end || self.at_hand().len() >= want {
            return Ok(());
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        let had = self.bytes.len();
        // A little more than is wanted, so that the rest is not moved for every chunk.
        let room = want + (1 << 20) - had;
        self.bytes.reserve(room);
        let filled = self.reader.by_ref().take(room as u64).read_to_end(&mut self.bytes);
        let read = self.bytes.len() - had;
        self.read += read as u64;
        filled.map_err(|error| self.reader.explain(error))?;
        self.at_end = read < room;
        Ok(())
    }
}
