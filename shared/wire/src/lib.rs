//! The messages between coordinator, processors and writers, and of comparisons ([`comparison`]). Read these before the
//! code that sends them.
//!
//! | version | since | what changed |
//! |---|---|---|
//! | 1 | 0.1.0 | first |
//! | 2 | 0.1.0 | as 1, with the body compressed by LZ4 |
//! | 3 | 0.1.0 | as 1; chunks, batches and ranges leave out what the ledger says of them |
//! | 4 | 0.1.0 | as 3, with the body compressed by LZ4 |
//! | 9 | 0.2.0 | as 3; a batch says where its chunk's bytes went, and what its proof is; a chunk may travel by reference |
//! | 10 | 0.2.0 | as 9, with the body compressed by LZ4 |
//!
//! Versions 5 to 8 were never released.
//!
//! On a broker every message travels sealed ([`seal`]).

mod bytes;
pub mod codec;
pub mod comparison;
mod content;
mod report;
pub mod seal;

use bincode::{Decode, Encode};
use domain::amount::{Amount, AmountError};
use domain::fingerprint::RangeError;
use domain::forest::Forest;
use domain::rule::RuleOutcome;
use domain::totals::{ControlTotals, Sums};
use thiserror::Error;

pub use bytes::WireShares;
pub use codec::{BodyCompression, CodecError, Implausible, Message};
pub use report::{ChunkCounts, Work, WorkerReport};
pub use seal::{OpenError, Opened, Sealing, Travels};

/// A 16-byte run id.
pub type RunBytes = [u8; 16];

/// Coordinator to processor: the bytes of a contiguous range of whole records, or that they are to be read.
///
/// Everything else about the chunk (its source, where it begins in it, how many records it has, the SHA-256 of its
/// bytes, its job) is in the ledger, and a processor reads it there: the message decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Chunk {
    /// The run that the chunk belongs to.
    pub run_id: RunBytes,
    /// The chunk's number in its run, from 0.
    pub chunk_no: u64,
    /// Whether the chunk is already committed and is decoded again only because its workers' counts were lost.
    pub recount: bool,
    /// The records, framing included, or that the processor reads them itself.
    pub bytes: ChunkBytes,
}

/// The bytes of a chunk as a message has them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ChunkBytes {
    /// The message holds the bytes.
    Inline(Vec<u8>),
    /// The message holds none: the bytes are at the chunk's place in the run's source, and the ledger names both.
    ByReference,
}

impl ChunkBytes {
    /// The bytes that the message holds; none if the chunk travels by reference.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::ByReference => &[],
        }
    }

    /// The bytes that the message holds, to be changed; `None` if the chunk travels by reference.
    #[must_use]
    pub fn held_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Inline(bytes) => Some(bytes),
            Self::ByReference => None,
        }
    }
}

impl From<Vec<u8>> for ChunkBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Inline(bytes)
    }
}

/// Processor to writer: a chunk decoded.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Batch {
    /// The run that the chunk belongs to.
    pub run_id: RunBytes,
    /// The chunk's number in its run, from 0.
    pub chunk_no: u64,
    /// SHA-256 of the bytes that were decoded. A batch of other bytes than the ledger's is not committed.
    pub sha256: [u8; 32],
    /// The number of the chunk's first record, from 1.
    pub first_record_no: u64,
    /// The number of the processor that decoded the chunk.
    pub processor: u32,
    /// The length of the chunk, in bytes.
    pub bytes_in: u64,
    /// How many records the chunk has: accepted and rejected.
    pub records_in: u64,
    /// How many records were accepted.
    pub accepted: u64,
    /// Of these, those of each record type.
    pub by_type: Vec<u64>,
    /// Exact sums over the accepted records, type by type.
    pub sums: Vec<WireAmount>,
    /// Exact sums over the rejects, as far as their amounts could be read.
    pub rejected_sums: Vec<WireAmount>,
    /// The chunk's part of the fingerprint (`Forest::to_bytes`).
    pub tree: Vec<u8>,
    /// For each record type: its accepted records in canonical form, one after the other.
    pub rows: Vec<Vec<u8>>,
    /// The rejects, in record order.
    pub rejects: Vec<Reject>,
    /// The outcome of each row rule, in the job's order.
    pub rules: Vec<RuleCounts>,
    /// What the chunk adds to the declared totals (`domain::footing`); empty in a job whose records declare none.
    pub footing: Vec<u8>,
    /// Records that broke a row rule.
    pub breaches: Vec<Breach>,
    /// Where the chunk's bytes went (INV-13).
    pub shares: WireShares,
}

/// The outcome of a row rule in one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RuleCounts {
    /// Records it was applied to.
    pub examined: u64,
    /// Of these, how many broke it.
    pub breached: u64,
}

impl From<RuleOutcome> for RuleCounts {
    fn from(outcome: RuleOutcome) -> Self {
        Self { examined: outcome.examined, breached: outcome.breached }
    }
}

impl From<RuleCounts> for RuleOutcome {
    fn from(counts: RuleCounts) -> Self {
        Self { examined: counts.examined, breached: counts.breached }
    }
}

/// A record that broke a row rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Breach {
    /// The record's number in its source, from 1.
    pub record_no: u64,
    /// The rule's place among the job's rules.
    pub rule: u32,
}

/// A record that could not be accepted: kept whole, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reject {
    /// The record's number in its source, from 1.
    pub record_no: u64,
    /// Where it begins in the source's content, in bytes.
    pub offset: u64,
    /// Its bytes, without framing.
    pub raw: Vec<u8>,
    /// Every reason that was found against the record.
    pub reasons: Vec<RejectReason>,
}

/// One reason why a record was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RejectReason {
    /// The name of the field at fault; `None` if the fault is not one field's.
    pub field: Option<String>,
    /// The name of the reason's code, such as `too-long`; see [`domain::constraint::ReasonCode`].
    pub code: String,
    /// What is wrong, in words.
    pub detail: String,
}

/// Coordinator to workers: a range of committed chunks to read back from staging.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Range {
    /// The run that the chunks belong to.
    pub run_id: RunBytes,
    /// The pass of verification that asks for the range; the result is stored under it.
    pub pass: u64,
    /// The number of the range's first chunk.
    pub first: u64,
    /// The number of the first chunk after the range.
    pub end: u64,
}

/// What a worker found in a [`Range`]. It is kept in the store, where the coordinator fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RangeFound {
    /// What was found of each chunk in the ledger, in order.
    pub chunks: Vec<FoundChunk>,
    /// Rows that belong to no committed chunk.
    pub stray_rows: u64,
    /// The sums over the stray rows, type by type.
    pub stray_sums: Vec<WireAmount>,
    /// Why the range could not be read back, and the rest is empty; `None` if it was read back.
    pub failure: Option<String>,
}

/// What was found of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FoundChunk {
    /// The chunk's number in its run, from 0.
    pub chunk_no: u64,
    /// Count, sums and fingerprint of the chunk's staging rows.
    pub totals: FoundTotals,
    /// Totals of the rows that will be promoted; `None` if all of them will.
    pub promoted: Option<FoundTotals>,
    /// How many rejects of the chunk are in the store.
    pub rejects: u64,
    /// Whether a record is missing, comes twice, is out of place or recorded under another worker.
    pub is_irregular: bool,
}

/// Count, sums and content.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FoundTotals {
    /// Rows of each record type.
    pub by_type: Vec<u64>,
    /// The sum of each amount, type by type.
    pub sums: Vec<WireAmount>,
    /// The rows' part of the fingerprint (`Forest::to_bytes`).
    pub tree: Vec<u8>,
}

/// An amount in a message: mantissa and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct WireAmount(pub i128, pub u8);

impl From<Amount> for WireAmount {
    fn from(amount: Amount) -> Self {
        Self(amount.mantissa(), amount.scale())
    }
}

impl TryFrom<WireAmount> for Amount {
    type Error = AmountError;

    fn try_from(amount: WireAmount) -> Result<Self, AmountError> {
        Self::new(amount.0, amount.1)
    }
}

/// Sums as they travel.
#[must_use]
pub fn wire_sums(sums: &Sums) -> Vec<WireAmount> {
    sums.0.iter().map(|sum| (*sum).into()).collect()
}

/// Sums as amounts again.
///
/// # Errors
/// [`BadFound`] when one of them is no amount.
pub fn sums(wire: Vec<WireAmount>) -> Result<Sums, BadFound> {
    let amounts: Result<Vec<_>, _> = wire.into_iter().map(Amount::try_from).collect();
    amounts.map(Sums).map_err(|error| BadFound(error.to_string()))
}

impl From<&ControlTotals> for FoundTotals {
    fn from(totals: &ControlTotals) -> Self {
        Self { by_type: totals.by_type.clone(), sums: wire_sums(&totals.sums), tree: totals.tree.to_bytes() }
    }
}

/// A read-back result from a worker is invalid, for this reason.
#[derive(Debug, Error)]
#[error("invalid read-back result from a worker: {0}")]
pub struct BadFound(pub String);

impl TryFrom<FoundTotals> for ControlTotals {
    type Error = BadFound;

    fn try_from(wire: FoundTotals) -> Result<Self, BadFound> {
        let tree = Forest::from_bytes(&wire.tree).map_err(|error: RangeError| BadFound(error.to_string()))?;
        let records = wire.by_type.iter().try_fold(0_u64, |sum, of_type| sum.checked_add(*of_type));
        let records = records.ok_or_else(|| BadFound("more records than are possible".into()))?;
        Ok(Self { records, by_type: wire.by_type, sums: sums(wire.sums)?, tree })
    }
}
