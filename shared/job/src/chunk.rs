//! A chunk decoded: rows in canonical form, rejects with their reasons, control totals, and what the row rules say.
//!
//! Deterministic: the same bytes and job give the same result, byte for byte, wherever it runs. Processors, the
//! sender's `fingerprint` and the pinpointing of differences all come here.

use std::sync::Arc;

use domain::bytes::TooManyBytes;
use domain::constraint::{Reason, ReasonCode};
use domain::fingerprint::Hash;
use domain::footing::{FootingBuilder, FootingError};
use domain::ids::{ChunkNo, RecordNo};
use domain::totals::TotalsError;
use domain::value::Value;
use domain::words::counted;
use format::cobol::elements::CutShort;
use format::copybook::plan::Element;
use format::lines;
use format::{Frame, FrameError, Framer, frames};
use thiserror::Error;

use crate::Job;
use crate::account::{Account, Extent, Told};
use crate::decoding::Decoding;
pub use crate::decoding::{Breach, DecodedChunk, RejectedRecord};
use crate::elements::{Elements, Part, Parts, TooManyElements};
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
    /// A record has too many elements, although the splitter counted them.
    #[error("record {record_no}: {error}")]
    Elements {
        /// The record's number in its source, from 1.
        record_no: RecordNo,
        /// What is wrong with it.
        error: TooManyElements,
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
    /// How many records it has, elements of tables that are records of their own among them.
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
    elements: Option<Elements>,
    parts: Parts,
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
        if job.encodings.is_some() {
            return Err(
                "the job lists several encodings, and which one the source is in was not found".into()
            );
        }
        let (proofs, elements) = (Proofs::new(job)?, Elements::new(job)?);
        let framer = Framer::new(&job.format);
        Ok(Self { job: Arc::clone(job), framer, decoder, proofs, elements, parts: Parts::default() })
    }

    /// Decodes `bytes`, which are whole records.
    ///
    /// # Errors
    /// [`ChunkError`] when the chunk as such cannot be decoded.
    pub fn decode(&mut self, start: Start<'_>, bytes: &[u8]) -> Result<DecodedChunk, ChunkError> {
        let job = Arc::clone(&self.job);
        let Self { framer, decoder, proofs, elements, parts, .. } = self;
        let mut latest = start.parents.to_vec();
        latest.resize(job.records.len(), 0);
        let (mut record_no, offset) = (start.first_record_no, start.offset);
        let counts_lines = job.footing.as_ref().is_some_and(|plan| plan.counts_lines());
        let mut chunk = Chunk {
            job: &job,
            decoder: &mut **decoder,
            proofs,
            out: Decoding::new(&job, record_no, bytes.len()),
            footer: job.footing.as_ref().map(|plan| FootingBuilder::new(plan, record_no)),
            account: Account::new(job.records.len()),
        };
        let mut accepted = Vec::new();
        let mut all = frames(framer, bytes);
        while let Some(frame) = all.next() {
            let (at, content) = frame.map_err(|at| ChunkError::Frame {
                offset: offset + at.offset as u64,
                error: if job.is_sensitive() { at.error.without_contents() } else { at.error },
            })?;
            let frame = all.latest();
            let lines = if counts_lines { lines(content) } else { 1 };
            let standing = Standing {
                is_first: record_no == FIRST,
                is_last: start.ends_source && at + frame.total == bytes.len(),
            };
            let begin = offset + at as u64;
            let Some(place) = chunk.decoder.type_of(content, standing) else {
                let own = content.len();
                chunk.of_no_type(
                    Extent { record_no, offset: begin, frame, own, skipped: 0 },
                    content,
                    lines,
                )?;
                record_no.0 += 1;
                continue;
            };
            match elements {
                Some(elements) => elements
                    .of(place, content, parts)
                    .map_err(|error| ChunkError::Elements { record_no, error })?,
                None => parts.start(place, content.len()),
            }
            let parents = &job.records[place].parents;
            let parent = parents.iter().map(|of| (latest[*of], *of)).max();
            latest[place] = record_no.0;
            accepted.clear();
            for part in &parts.all {
                let content = &content[part.bytes.clone()];
                let (offset, frame, lines) = match part.is_element() {
                    false => (begin, frame, lines),
                    true => {
                        let length = content.len();
                        let own = Frame { start: 0, end: length, total: length };
                        (begin + (frame.start + part.bytes.start) as u64, own, 0)
                    }
                };
                let extent = Extent { record_no, offset, frame, own: part.own, skipped: part.skipped };
                let origin = match part.is_element() {
                    false => Origin::Record(parent),
                    true => Origin::Element {
                        record_no: RecordNo(record_no.0 - (accepted.len() - part.parent) as u64),
                        is_accepted: accepted.get(part.parent).copied().unwrap_or(false),
                    },
                };
                let elements = parts.elements.get(part.elements.clone()).unwrap_or_default();
                accepted.push(chunk.record(Record { part, extent, content, lines, origin, elements })?);
                record_no.0 += 1;
            }
        }
        let Chunk { out, footer, mut account, proofs, .. } = chunk;
        let footing = match (footer, &job.footing) {
            (Some(footer), Some(plan)) => footer.finish()?.to_bytes(plan),
            _ => Vec::new(),
        };
        account.0.round_trips.equivalences = proofs.take().equivalences;
        Ok(DecodedChunk { footing, bytes: account.0, ..out.finish()? })
    }
}

/// A chunk that is being decoded: what decodes its records, and what they come to.
struct Chunk<'a> {
    job: &'a Arc<Job>,
    decoder: &'a mut dyn RecordDecoder,
    proofs: &'a mut Proofs,
    out: Decoding<'a>,
    footer: Option<FootingBuilder>,
    account: Account,
}

/// A record of a known type, or an element of its tables.
struct Record<'a> {
    part: &'a Part,
    extent: Extent,
    content: &'a [u8],
    lines: u64,
    origin: Origin,
    /// The elements that it has, as its layout places them.
    elements: &'a [Element],
}

/// What a record is a part of.
#[derive(Clone, Copy)]
enum Origin {
    /// It is read by itself: the number of its parent, 0 if none precedes it, and the parent's type, if it needs one.
    Record(Option<(u64, usize)>),
    /// It is an element of this record.
    Element {
        /// The number of the record that holds its table.
        record_no: RecordNo,
        /// Whether that record was accepted.
        is_accepted: bool,
    },
}

impl Chunk<'_> {
    fn of_no_type(&mut self, extent: Extent, content: &[u8], lines: u64) -> Result<(), ChunkError> {
        if let Some(footer) = &mut self.footer {
            footer.record(None, extent.record_no, lines, &[], |_| false)?;
        }
        self.account.rejected(None, extent)?;
        let reason = self.decoder.of_no_type(self.job, content);
        self.out.keep((extent.record_no, extent.offset), content, &[reason]);
        Ok(())
    }

    /// Decodes a record, and says whether it is accepted.
    fn record(&mut self, record: Record<'_>) -> Result<bool, ChunkError> {
        let Self { job, decoder, proofs, out, footer, account } = self;
        let Record { part, extent, content, lines, origin, elements } = record;
        let (at, record_no, place) = (part.place, extent.record_no, (extent.record_no, extent.offset));
        let Some(mut decoded) = decoder.decode(at, content) else { return Ok(false) };
        if let Some(footer) = footer {
            // Rejects too: they were sent.
            let is_decoded = |field| decoded.is_decoded(field);
            footer.record(Some(at), record_no, lines, decoded.values(), is_decoded)?;
        }
        let refusal = match origin {
            Origin::Element { record_no, is_accepted: false } => Some(of_reject(job, part, record_no)),
            Origin::Record(Some((0, of))) if decoded.is_accepted() => Some(orphan(job, of)),
            _ => cut_short(part, content.len()),
        };
        if let Some(reason) = refusal {
            account.rejected(Some(at), extent)?;
            out.refuse(at, place, content, &decoded, reason)?;
            return Ok(false);
        }
        if !decoded.is_accepted() {
            account.rejected(Some(at), extent)?;
            out.reject(at, place, content, &decoded)?;
            return Ok(false);
        }
        let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        match origin {
            Origin::Record(None) => {}
            Origin::Record(Some((parent, _))) => decoded.push(number(parent)),
            Origin::Element { record_no, .. } => {
                decoded.push(number(part.number));
                decoded.push(number(record_no.0));
            }
        }
        let start = out.write(at, record_no, &decoded);
        let mut objection = proofs.objection(job, at, content, out.row(at, start));
        if objection.is_none() && job.has_rows() {
            objection = proofs.objection_to_elements(job, at, content, elements);
        }
        if let Some(reason) = objection {
            account.rejected(Some(at), extent)?;
            out.take_back(at, start, &decoded)?;
            out.keep(place, content, &[reason]);
            return Ok(false);
        }
        account.accepted(at, extent, Told::from(&decoded))?;
        account.encoded(proofs.is_on());
        out.accept(at, record_no, start, &decoded)?;
        Ok(true)
    }
}

/// Says against a record that it needs a parent of the type at `parent` and has none.
#[cold]
fn orphan(job: &Job, parent: usize) -> Reason {
    let parent = job.records.get(parent).map_or("", |record| record.layout.record.as_str());
    let detail = format!("no `{parent}` record precedes it");
    Reason { field: None, code: ReasonCode::RecordType, detail }
}

/// Says against an element that the record which holds its table was rejected.
#[cold]
fn of_reject(job: &Job, part: &Part, parent: RecordNo) -> Reason {
    let rows = job.records.get(part.place).and_then(|record| record.rows.as_ref());
    let table = rows.map_or("", |rows| rows.table.as_str());
    let detail = format!("element {} of `{table}` in record {parent}, which was rejected", part.number);
    Reason { field: None, code: ReasonCode::Parent, detail }
}

/// Says against a record that it ends before an element of its table does.
fn cut_short(part: &Part, have: usize) -> Option<Reason> {
    let CutShort { table, element } = part.cut_short.as_ref()?;
    let (number, want) = (element.number, element.end);
    let have = counted(have, "byte");
    let detail = format!("the record has {have}, but element {number} of {table} ends at {want}");
    Some(Reason { field: None, code: ReasonCode::FieldCount, detail })
}
