//! A chunk decoded: rows in canonical form, rejects with their reasons, control totals, and what the row rules say.
//!
//! Deterministic: the same bytes and job give the same result, byte for byte, wherever it runs. Processors, the
//! sender's `fingerprint` and the pinpointing of differences all come here.

use std::sync::Arc;

use domain::constraint::Reason;
use domain::ids::RecordNo;
use domain::record;
use domain::rule::{Condition, Truth};
use domain::totals::{ControlTotals, Sums, TotalsError};
use thiserror::Error;

use super::{Decoder, FrameError, Framer, frames};
use crate::job::Job;

/// Why a chunk cannot be decoded at all. (A record that cannot is a reject, and no error.)
#[derive(Debug, Error)]
pub enum ChunkError {
    /// Its records cannot be told apart, though the splitter could.
    #[error("the record at byte {offset} of the source's content cannot be framed: {error}")]
    Frame {
        /// Where.
        offset: u64,
        /// Why.
        error: FrameError,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
}

/// What became of a chunk.
#[derive(Debug)]
pub struct DecodedChunk {
    /// The accepted records in canonical form, one after the other.
    pub rows: Vec<u8>,
    /// Their count and sums, and the content of all records, rejects included.
    pub accepted: ControlTotals,
    /// Sums over the rejects, as far as their amounts could be read.
    pub rejected_sums: Sums,
    /// The rejects, in record order.
    pub rejects: Vec<RejectedRecord>,
    /// For each row rule, in the job's order: records examined and records that broke it.
    pub rules: Vec<(u64, u64)>,
    /// Records that broke a row rule, with the rule's place among all rules.
    pub breaches: Vec<(RecordNo, usize)>,
}

impl DecodedChunk {
    /// Accepted and rejected records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.accepted.records + self.rejects.len() as u64
    }
}

/// A record that was not accepted.
#[derive(Debug)]
pub struct RejectedRecord {
    /// Its number.
    pub record_no: RecordNo,
    /// Where it begins in the source's content.
    pub offset: u64,
    /// Its bytes, without framing.
    pub raw: Vec<u8>,
    /// Every reason found.
    pub reasons: Vec<Reason>,
}

/// Decodes chunks of one job, one at a time.
#[derive(Debug, Clone)]
pub struct ChunkDecoder {
    job: Arc<Job>,
    framer: Framer,
    decoder: Decoder,
}

impl ChunkDecoder {
    /// For the chunks of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Arc<Job>) -> Result<Self, String> {
        let decoder = Decoder::new(&job.format, Arc::clone(&job.layout))?;
        Ok(Self { job: Arc::clone(job), framer: Framer::new(&job.format), decoder })
    }

    /// Decodes `bytes`, which are whole records, the first of them `first_record_no`, at `offset` in the source.
    ///
    /// # Errors
    /// [`ChunkError`] when the chunk as such cannot be decoded.
    pub fn decode(
        &mut self,
        first_record_no: RecordNo,
        offset: u64,
        bytes: &[u8],
    ) -> Result<DecodedChunk, ChunkError> {
        let layout = Arc::clone(&self.job.layout);
        let job = Arc::clone(&self.job);
        let row_rules: Vec<_> = job
            .row_rules()
            .filter_map(|(place, rule)| match &rule.condition {
                Condition::Row(predicate) => Some((place, predicate)),
                _ => None,
            })
            .collect();
        let mut out = DecodedChunk {
            // Canonical records are a little longer than their source: five bytes a field.
            rows: Vec::with_capacity(bytes.len() + bytes.len() / 2),
            accepted: ControlTotals::starting_at(first_record_no.leaf(), &layout),
            rejected_sums: Sums::zero(&layout.amount_scales()),
            rejects: Vec::new(),
            rules: vec![(0, 0); row_rules.len()],
            breaches: Vec::new(),
        };
        let mut record_no = first_record_no;
        let mut reason_bytes = 0;
        for frame in frames(&self.framer, bytes) {
            let (at, content) = frame
                .map_err(|at| ChunkError::Frame { offset: offset + at.offset as u64, error: at.error })?;
            let decoded = self.decoder.decode(content);
            if decoded.is_accepted() {
                let start = out.rows.len();
                record::begin(&mut out.rows, record_no);
                for value in decoded.values() {
                    record::put(&mut out.rows, value);
                }
                out.accepted.accept_decoded(&layout, decoded.values(), &out.rows[start..])?;
                for ((place, predicate), counts) in row_rules.iter().zip(&mut out.rules) {
                    counts.0 += 1;
                    // Neither NULL nor a value too large to compute with is a pass.
                    if predicate.evaluate(decoded.values()) != Ok(Truth::True) {
                        counts.1 += 1;
                        out.breaches.push((record_no, *place));
                    }
                }
            } else {
                for (place, field) in layout.amounts.iter().enumerate() {
                    let amount = decoded.values().get(*field).filter(|_| decoded.is_decoded(*field));
                    if let Some(amount) = amount.and_then(domain::value::Value::as_amount) {
                        out.rejected_sums.add(place, amount)?;
                    }
                }
                out.accepted.reject(record_no, content);
                let reasons = bounded(decoded.reasons(), &mut reason_bytes);
                out.rejects.push(RejectedRecord {
                    record_no,
                    offset: offset + at as u64,
                    raw: content.to_vec(),
                    reasons,
                });
            }
            record_no.0 += 1;
        }
        Ok(out)
    }
}

/// Reasons of one chunk's rejects are kept in full up to so many bytes: 4 MiB. A chunk travels in one message.
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
