//! A chunk decoded: rows in canonical form, rejects with their reasons, control totals, and what the row rules say.
//!
//! Deterministic: the same bytes and job give the same result, byte for byte, wherever it runs. Processors, the
//! sender's `fingerprint` and the pinpointing of differences all come here.

use std::sync::Arc;

use domain::bytes::{ByteShares, TooManyBytes};
use domain::constraint::{Reason, ReasonCode};
use domain::fingerprint::Hash;
use domain::footing::{FootingBuilder, FootingError};
use domain::ids::{ChunkNo, RecordNo};
use domain::layout::Layout;
use domain::record;
use domain::rule::{Condition, Predicate, RuleOutcome, Truth};
use domain::totals::{ControlTotals, Sums, TotalsError};
use domain::value::Value;
use format::lines;
use format::{Decoded, FrameError, Framer, frames};
use thiserror::Error;

use crate::Job;
use crate::account::{Account, Extent, Told};
use crate::decoders::RecordDecoder;
use crate::proof::Proofs;
use crate::select::{Selector, Standing};

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

/// What became of a chunk.
#[derive(Debug)]
pub struct DecodedChunk {
    /// For each record type: its accepted records in canonical form, one after the other.
    pub rows: Vec<Vec<u8>>,
    /// Their count and sums, and the content of all records, rejects included.
    pub accepted: ControlTotals,
    /// Sums over the rejects, as far as their type and amounts could be read, type by type.
    pub rejected_sums: Sums,
    /// The rejects, in record order.
    pub rejects: Vec<RejectedRecord>,
    /// What came of each row rule, in the job's order.
    pub rules: Vec<RuleOutcome>,
    /// Records that broke a row rule.
    pub breaches: Vec<Breach>,
    /// What it adds to the declared totals, as it is stored; empty if the source's records declare none.
    pub footing: Vec<u8>,
    /// Where its bytes went.
    pub bytes: ByteShares,
}

impl DecodedChunk {
    /// Accepted and rejected records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.accepted.records + self.rejects.len() as u64
    }
}

/// A record that broke a row rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    /// The rule's place among all rules of the job.
    pub rule: usize,
}

/// A record that was not accepted.
#[derive(Debug)]
pub struct RejectedRecord {
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    /// Where it begins in the source's content.
    pub offset: u64,
    /// Its bytes, without framing.
    pub raw: Vec<u8>,
    /// Every reason that was found against the record.
    pub reasons: Vec<Reason>,
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

/// A row rule: its place among all rules, and what must hold.
type RowRule<'a> = (usize, &'a Predicate);

/// One record type's share of a chunk that is being decoded.
struct Share<'a> {
    layout: &'a Layout,
    /// How many fields come from a record's own bytes.
    own: usize,
    rows: Vec<u8>,
    totals: ControlTotals,
    rejected_sums: Sums,
    /// The row rules about this type, each with its place among the row rules.
    rules: Vec<(usize, RowRule<'a>)>,
}

/// A chunk that is being decoded.
struct Decoding<'a> {
    shares: Vec<Share<'a>>,
    rejects: Vec<RejectedRecord>,
    reason_bytes: usize,
    rules: Vec<RuleOutcome>,
    breaches: Vec<Breach>,
}

impl<'a> Decoding<'a> {
    fn new(job: &'a Job, first_record_no: RecordNo, bytes: usize) -> Self {
        let row_rules: Vec<(usize, RowRule<'a>)> = job
            .row_rules()
            .filter_map(|(place, rule)| match &rule.condition {
                Condition::Row(predicate) => Some((rule.record, (place, predicate))),
                _ => None,
            })
            .collect();
        let shares = job.records.iter().enumerate().map(|(at, record)| {
            let layout = &*record.layout;
            let rules = row_rules.iter().enumerate().filter(|(_, (of, _))| *of == at);
            Share {
                layout,
                own: record.own.fields.len(),
                // Canonical records are a little longer than their source: five bytes a field.
                rows: Vec::with_capacity((bytes + bytes / 2) / job.records.len()),
                totals: ControlTotals::starting_at(first_record_no.leaf(), layout),
                rejected_sums: Sums::zero(&layout.amount_scales()),
                rules: rules.map(|(number, (_, rule))| (number, *rule)).collect(),
            }
        });
        Self {
            shares: shares.collect(),
            rejects: Vec::new(),
            reason_bytes: 0,
            rules: vec![RuleOutcome::default(); row_rules.len()],
            breaches: Vec::new(),
        }
    }

    fn others(&mut self, but: usize) {
        for (at, share) in self.shares.iter_mut().enumerate() {
            if at != but {
                share.totals.other();
            }
        }
    }

    /// Writes a record's row; returns where it begins.
    fn write(&mut self, at: usize, record_no: RecordNo, decoded: &Decoded<'_>) -> usize {
        let Some(share) = self.shares.get_mut(at) else { return 0 };
        let start = share.rows.len();
        record::begin(&mut share.rows, record_no);
        let own = match decoded.canonical() {
            None => 0,
            Some(fields) => {
                share.rows.extend_from_slice(fields);
                share.own
            }
        };
        for value in decoded.values().iter().skip(own) {
            record::put(&mut share.rows, value);
        }
        start
    }

    /// The row that begins at `start`, the last that was written.
    fn row(&self, at: usize, start: usize) -> &[u8] {
        self.shares.get(at).and_then(|share| share.rows.get(start..)).unwrap_or_default()
    }

    /// Takes back the row that begins at `start`: its record is a reject.
    fn take_back(&mut self, at: usize, start: usize, decoded: &Decoded<'_>) -> Result<(), TotalsError> {
        if let Some(share) = self.shares.get_mut(at) {
            share.rows.truncate(start);
        }
        self.add_rejected(at, decoded)
    }

    /// Counts the row that begins at `start`, and evaluates the row rules.
    fn accept(
        &mut self,
        at: usize,
        record_no: RecordNo,
        start: usize,
        decoded: &Decoded<'_>,
    ) -> Result<(), TotalsError> {
        self.others(at);
        let Some(share) = self.shares.get_mut(at) else { return Ok(()) };
        share.totals.accept_decoded(share.layout, decoded.values(), &share.rows[start..])?;
        for (number, (place, predicate)) in &share.rules {
            let outcome = &mut self.rules[*number];
            outcome.examined += 1;
            // Neither NULL nor a value too large to compute with is a pass.
            if predicate.evaluate(decoded.values()) != Ok(Truth::True) {
                outcome.breached += 1;
                self.breaches.push(Breach { record_no, rule: *place });
            }
        }
        Ok(())
    }

    fn reject(
        &mut self,
        at: usize,
        place: (RecordNo, u64),
        content: &[u8],
        decoded: &Decoded<'_>,
    ) -> Result<(), TotalsError> {
        self.add_rejected(at, decoded)?;
        self.keep(place, content, decoded.reasons());
        Ok(())
    }

    /// A record that needs a parent and has none.
    fn orphan(
        &mut self,
        at: usize,
        parent: usize,
        place: (RecordNo, u64),
        content: &[u8],
        decoded: &Decoded<'_>,
    ) -> Result<(), TotalsError> {
        self.add_rejected(at, decoded)?;
        let parent = self.shares.get(parent).map_or("", |share| share.layout.record.as_str());
        let detail = format!("no `{parent}` record precedes it");
        self.keep(place, content, &[Reason { field: None, code: ReasonCode::RecordType, detail }]);
        Ok(())
    }

    fn add_rejected(&mut self, at: usize, decoded: &Decoded<'_>) -> Result<(), TotalsError> {
        if let Some(share) = self.shares.get_mut(at) {
            for (amount_place, field) in share.layout.amounts.iter().enumerate() {
                let amount = decoded.values().get(*field).filter(|_| decoded.is_decoded(*field));
                if let Some(amount) = amount.and_then(Value::as_amount) {
                    share.rejected_sums.add(amount_place, amount)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a reject: a leaf of the first type's tree, whatever its type.
    fn keep(&mut self, (record_no, offset): (RecordNo, u64), content: &[u8], reasons: &[Reason]) {
        self.others(0);
        if let Some(first) = self.shares.first_mut() {
            first.totals.reject(record_no, content);
        }
        let reasons = bounded(reasons, &mut self.reason_bytes);
        self.rejects.push(RejectedRecord { record_no, offset, raw: content.to_vec(), reasons });
    }

    fn finish(self) -> Result<DecodedChunk, TotalsError> {
        let (mut rows, mut rejected_sums) = (Vec::new(), Sums(Vec::new()));
        let mut accepted: Option<ControlTotals> = None;
        for share in self.shares {
            rows.push(share.rows);
            rejected_sums.0.extend(share.rejected_sums.0);
            accepted = Some(match accepted {
                None => share.totals,
                Some(before) => before.beside(share.totals)?,
            });
        }
        Ok(DecodedChunk {
            rows,
            accepted: accepted.unwrap_or_else(|| ControlTotals::of_types(0, [])),
            rejected_sums,
            rejects: self.rejects,
            rules: self.rules,
            breaches: self.breaches,
            footing: Vec::new(),
            bytes: ByteShares::default(),
        })
    }
}

/// The size up to which the reasons of one chunk's rejects are kept in full: 4 MiB. A chunk travels in one message.
const REASON_BYTES_MAX: usize = 4 << 20;

/// Every reason, as long as there is room; then the first of each record, and how many more it has.
fn bounded(reasons: &[Reason], used: &mut usize) -> Vec<Reason> {
    let size = |reason: &Reason| reason.detail.len() + reason.field.as_ref().map_or(0, String::len) + 32;
    let all: usize = reasons.iter().map(size).sum();
    if *used + all <= REASON_BYTES_MAX {
        *used += all;
        return reasons.to_vec();
    }
    let mut first: Vec<_> = reasons.iter().take(1).cloned().collect();
    if let (Some(reason), 2..) = (first.first_mut(), reasons.len()) {
        reason.detail.push_str(&format!(" (and {} more reasons)", reasons.len() - 1));
    }
    first
}
