//! A chunk decoded: rows in canonical form, rejects with their reasons, control totals, and what the row rules say.
//!
//! Deterministic: the same bytes and job give the same result, byte for byte, wherever it runs. Processors, the
//! sender's `fingerprint` and the pinpointing of differences all come here.

use std::sync::Arc;

use domain::bytes::TooManyBytes;
use domain::fingerprint::Hash;
use domain::footing::{FootingBuilder, FootingError};
use domain::ids::{ChunkNo, RecordNo};
use domain::totals::TotalsError;
use domain::value::Value;
use format::lines;
use format::{FrameError, Framer, frames};
use thiserror::Error;

use crate::Job;
use crate::account::{Account, Extent, Told};
use crate::decoding::Decoding;
pub use crate::decoding::{Breach, DecodedChunk, RejectedRecord};
use crate::proof::Proofs;
use crate::select::{RecordDecoder, Selector, Standing};

/// The number of a source's first record.
const FIRST: RecordNo = RecordNo(1);

/// Why a chunk cannot be decoded at all. (A record that cannot is a reject, and no error.)
#[derive(Debug, Error)]
pub enum ChunkError {
    /// The end of a record cannot be found, although the splitter found it.
    #[error("cannot find the end of the record at byte {offset} of the source's content: {error}")]
    Frame {
        /// The record's offset in the source's content, in bytes.
        offset: u64,
        /// Why the record's end cannot be found.
        error: FrameError,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
    /// What the chunk's records declare could not be processed.
    #[error(transparent)]
    Footing(#[from] FootingError),
    /// The bytes of a class are more than can be counted.
    #[error(transparent)]
    Bytes(#[from] TooManyBytes),
}

/// A chunk as it was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkCut {
    /// The chunk's number in its source, from 0.
    pub chunk_no: ChunkNo,
    /// The chunk's offset in the source's content, in bytes.
    pub offset: u64,
    /// The chunk's length in the content, in bytes.
    pub bytes: u64,
    /// The number of the chunk's first record, from 1.
    pub first_record_no: RecordNo,
    /// How many records it has.
    pub records: u64,
    /// For each record type: the number of the latest record of it before the chunk, 0 if there is none. Empty in a job
    /// in which no record has a parent.
    pub parents: Vec<u64>,
    /// Whether the source ends with it; said only in a job in which a record type is told by being the last record.
    pub ends_source: bool,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// What the coordinator itself decoded its bytes to (the content of its batch), if it did: of a sample of the
    /// chunks, or of all.
    pub decoded: Option<Hash>,
}

impl ChunkCut {
    /// The state in which decoding of the chunk begins.
    #[must_use]
    pub fn start(&self) -> Start<'_> {
        Start {
            first_record_no: self.first_record_no,
            offset: self.offset,
            parents: &self.parents,
            ends_source: self.ends_source,
        }
    }
}

/// Where a chunk begins.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The number of the chunk's first record, from 1.
    pub first_record_no: RecordNo,
    /// Its place in the source's content, in bytes.
    pub offset: u64,
    /// For each record type the number of the latest record of it before the chunk, 0 if there is none; may be empty in
    /// a job in which no record has a parent.
    pub parents: &'a [u64],
    /// Whether the source ends with the chunk; see [`ChunkCut::ends_source`].
    pub ends_source: bool,
}

/// Decodes chunks of one job, one at a time.
#[derive(Debug)]
pub struct ChunkDecoder {
    job: Arc<Job>,
    framer: Framer,
    decoder: Box<dyn RecordDecoder>,
    proofs: Proofs,
}

impl ChunkDecoder {
    /// For the chunks of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Arc<Job>) -> Result<Self, String> {
        Self::with(job, Box::new(Selector::new(job)?))
    }

    /// The same with another decoder of records; the proof of what it decodes is the program's own.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be written.
    pub fn with(job: &Arc<Job>, decoder: Box<dyn RecordDecoder>) -> Result<Self, String> {
        let proofs = Proofs::new(job)?;
        Ok(Self { job: Arc::clone(job), framer: Framer::new(&job.format), decoder, proofs })
    }

    /// Decodes `bytes`, which are whole records.
    ///
    /// # Errors
    /// [`ChunkError`] when the chunk as such cannot be decoded.
    pub fn decode(&mut self, start: Start<'_>, bytes: &[u8]) -> Result<DecodedChunk, ChunkError> {
        let job = Arc::clone(&self.job);
        let mut out = Decoding::new(&job, start.first_record_no, bytes.len());
        let mut latest = start.parents.to_vec();
        latest.resize(job.records.len(), 0);
        let (mut record_no, offset) = (start.first_record_no, start.offset);
        let counts_lines = job.footing.as_ref().is_some_and(|plan| plan.counts_lines());
        let mut footer = job.footing.as_ref().map(|plan| FootingBuilder::new(plan, record_no));
        let mut account = Account::new(job.records.len());
        let mut all = frames(&self.framer, bytes);
        while let Some(frame) = all.next() {
            let (at, content) = frame.map_err(|at| ChunkError::Frame {
                offset: offset + at.offset as u64,
                error: if job.is_sensitive() { at.error.without_contents() } else { at.error },
            })?;
            let place = (record_no, offset + at as u64);
            let extent = Extent { record_no, offset: place.1, frame: all.latest() };
            let lines = if counts_lines { lines(content) } else { 1 };
            let standing = Standing {
                is_first: record_no == FIRST,
                is_last: start.ends_source && at + all.latest().total == bytes.len(),
            };
            match self.decoder.type_of(content, standing) {
                None => {
                    if let Some(footer) = &mut footer {
                        footer.record(None, record_no, lines, &[], |_| false)?;
                    }
                    account.rejected(None, extent)?;
                    out.keep(place, content, &[self.decoder.of_no_type(&job, content)]);
                }
                Some(at) => {
                    let parents = &job.records[at].parents;
                    let parent = parents.iter().map(|of| (latest[*of], *of)).max();
                    if let Some(mut decoded) = self.decoder.decode(at, content) {
                        if let Some(footer) = &mut footer {
                            // Rejects too: they were sent.
                            let is_decoded = |field| decoded.is_decoded(field);
                            footer.record(Some(at), record_no, lines, decoded.values(), is_decoded)?;
                        }
                        match (decoded.is_accepted(), parent) {
                            (true, Some((0, of))) => {
                                account.rejected(Some(at), extent)?;
                                out.orphan(at, of, place, content, &decoded)?;
                            }
                            (true, parent) => {
                                if let Some((number, _)) = parent {
                                    decoded.push(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
                                }
                                let start = out.write(at, record_no, &decoded);
                                let row = out.row(at, start);
                                if let Some(reason) = self.proofs.objection(&job, at, content, row) {
                                    account.rejected(Some(at), extent)?;
                                    out.take_back(at, start, &decoded)?;
                                    out.keep(place, content, &[reason]);
                                } else {
                                    account.accepted(at, extent, Told::from(&decoded))?;
                                    account.encoded(self.proofs.is_on());
                                    out.accept(at, record_no, start, &decoded)?;
                                }
                            }
                            (false, _) => {
                                account.rejected(Some(at), extent)?;
                                out.reject(at, place, content, &decoded)?;
                            }
                        }
                    }
                    latest[at] = record_no.0;
                }
            }
            record_no.0 += 1;
        }
        let footing = match (footer, &job.footing) {
            (Some(footer), Some(plan)) => footer.finish()?.to_bytes(plan),
            _ => Vec::new(),
        };
        account.0.round_trips.equivalences = self.proofs.take().equivalences;
        Ok(DecodedChunk { footing, bytes: account.0, ..out.finish()? })
    }
}
