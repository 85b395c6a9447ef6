//! What becomes of a chunk: its rows, sums, rejects and breaches, record by record.

use domain::bytes::ByteShares;
use domain::constraint::Reason;
use domain::ids::RecordNo;
use domain::layout::Layout;
use domain::record;
use domain::rule::{Condition, Predicate, RuleOutcome, Truth};
use domain::totals::{ControlTotals, Sums, TotalsError};
use domain::value::Value;
use format::Decoded;

use crate::Job;

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
pub(crate) struct Decoding<'a> {
    shares: Vec<Share<'a>>,
    rejects: Vec<RejectedRecord>,
    reason_bytes: usize,
    rules: Vec<RuleOutcome>,
    breaches: Vec<Breach>,
}

impl<'a> Decoding<'a> {
    pub(crate) fn new(job: &'a Job, first_record_no: RecordNo, bytes: usize) -> Self {
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
    pub(crate) fn write(&mut self, at: usize, record_no: RecordNo, decoded: &Decoded<'_>) -> usize {
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
    pub(crate) fn row(&self, at: usize, start: usize) -> &[u8] {
        self.shares.get(at).and_then(|share| share.rows.get(start..)).unwrap_or_default()
    }

    /// Takes back the row that begins at `start`: its record is a reject.
    pub(crate) fn take_back(
        &mut self,
        at: usize,
        start: usize,
        decoded: &Decoded<'_>,
    ) -> Result<(), TotalsError> {
        if let Some(share) = self.shares.get_mut(at) {
            share.rows.truncate(start);
        }
        self.add_rejected(at, decoded)
    }

    /// Counts the row that begins at `start`, and evaluates the row rules.
    pub(crate) fn accept(
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

    pub(crate) fn reject(
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

    /// A record against which there is a reason besides those that decoding found.
    pub(crate) fn refuse(
        &mut self,
        at: usize,
        place: (RecordNo, u64),
        content: &[u8],
        decoded: &Decoded<'_>,
        reason: Reason,
    ) -> Result<(), TotalsError> {
        self.add_rejected(at, decoded)?;
        let reasons: Vec<_> = std::iter::once(reason).chain(decoded.reasons().iter().cloned()).collect();
        self.keep(place, content, &reasons);
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
    pub(crate) fn keep(&mut self, (record_no, offset): (RecordNo, u64), content: &[u8], reasons: &[Reason]) {
        self.others(0);
        if let Some(first) = self.shares.first_mut() {
            first.totals.reject(record_no, content);
        }
        let reasons = bounded(reasons, &mut self.reason_bytes);
        self.rejects.push(RejectedRecord { record_no, offset, raw: content.to_vec(), reasons });
    }

    pub(crate) fn finish(self) -> Result<DecodedChunk, TotalsError> {
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
