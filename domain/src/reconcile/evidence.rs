//! What the coordinator gathers for a reconciliation.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::balance::Balance;
use crate::bytes::ByteEvidence;
use crate::counts::WorkerShare;
use crate::declared::Declared;
use crate::fingerprint::Hash;
use crate::footing::{FootingError, Outcome};
use crate::ids::RunId;
use crate::keys::KeyEvidence;
use crate::rule::{OnBreach, RuleOutcome};
use crate::totals::{ControlTotals, Sums};
use crate::trend::TrendEvidence;

/// How many rejects a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectLimit {
    /// A fixed number of records.
    Count(u64),
    /// A share of all records, in parts in a million, rounded down.
    PerMillion(u32),
}

impl RejectLimit {
    /// How many of `records` may be rejects.
    #[must_use]
    pub fn of(self, records: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::PerMillion(share) => {
                u64::try_from(u128::from(records) * u128::from(share) / 1_000_000).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What the coordinator saw of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEvidence {
    /// Chunks that the splitter cut the source into.
    pub chunks: u64,
    /// Records framed by the splitter.
    pub records: u64,
    /// Bytes of content (after decompression) that the splitter read, header row and framing included.
    pub bytes: u64,
    /// Bytes that the chunks, the header and the footer cover, from the chunks' offsets and lengths in the ledger.
    pub bytes_tiled: u64,
    /// Of these, the bytes before the first chunk and after the last: a header row, a file header or footer.
    pub header_bytes: u64,
    /// The first place where a chunk does not begin where the one before it ends.
    pub first_gap: Option<u64>,
    /// SHA-256 of the source as it lies on disk, taken before the run; `None` for a stream.
    pub sha256_before: Option<Hash>,
    /// The same, taken of the bytes that were split.
    pub sha256_split: Hash,
    /// Whether the source is a stream that was interrupted before its end was read.
    pub stream_interrupted: bool,
    /// What changed about the file between opening it and now, in words; `None` if nothing did.
    pub changed: Option<String>,
    /// The length of the source on disk, in bytes.
    pub bytes_on_disk: u64,
}

/// What the ledger says was decoded and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEvidence {
    /// Chunks whose batches are committed.
    pub chunks: u64,
    /// Bytes the processors were handed and hashed.
    pub bytes: u64,
    /// Chunks whose decoded records are not all accounted for as accepted or rejected.
    pub chunks_unbalanced: u64,
    /// Records that were decoded, over all committed chunks: accepted and rejected.
    pub records: u64,
    /// Records that were rejected, over all committed chunks.
    pub rejected: u64,
    /// Accepted, summed and hashed by the processors from the source's bytes.
    pub accepted: ControlTotals,
    /// Sums over the rejects, as far as their amounts could be read.
    pub rejected_sums: Sums,
}

/// What was read back from staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Rows, sums and content.
    pub totals: ControlTotals,
    /// Rejects that are kept in the store, as read back.
    pub rejects: u64,
    /// Rows that belong to no committed chunk.
    pub stray_rows: u64,
    /// Chunks whose rows differ from what the ledger says.
    pub chunks_differing: u64,
}

crate::named! {
    /// Of how many chunks the coordinator decodes the source's bytes itself, beside the processors.
    ///
    /// Everything that the source's level says beyond bytes, SHA-256 and the number of records is what processors
    /// decoded.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum VerifySource {
        /// Of one chunk in [`VerifySource::ONE_IN`], drawn by chance, and of the first.
        #[default]
        Sample = "sample",
        /// Of every chunk: each record is decoded by two processes.
        Full = "full",
    }
}

impl VerifySource {
    /// A sample holds about one chunk in this number.
    pub const ONE_IN: u64 = 32;
}

/// A word that says of no chunks that they are decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid value `{0}`: expected `sample` or `full`")]
pub struct UnknownVerifySource(String);

impl FromStr for VerifySource {
    type Err = UnknownVerifySource;

    fn from_str(text: &str) -> Result<Self, UnknownVerifySource> {
        Self::ALL
            .iter()
            .copied()
            .find(|one| one.name() == text)
            .ok_or_else(|| UnknownVerifySource(text.into()))
    }
}

/// Chunks that the coordinator decoded from the source's bytes as it split them, compared with what was committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodedBeside {
    /// How many chunks the coordinator decoded itself.
    pub chunks: u64,
    /// How many records those chunks have.
    pub records: u64,
    /// How many of those chunks were committed with other content.
    pub differing: u64,
}

/// What the source's bytes said when they were decoded a second time, after loading.
///
/// The ledger's figures come from the source too, but they have lain in the database since. A run that was
/// interrupted or paused does not rely on them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodedTwice {
    /// The run was neither interrupted nor paused.
    NotNeeded,
    /// The source is a stream and cannot be read again.
    Gone,
    /// It could not be decoded again, for this reason.
    Failed(String),
    /// The source was decoded a second time, to its end.
    Decoded {
        /// The fingerprint of the second decoding; `None` if their tree does not begin at the first record.
        fingerprint: Option<Hash>,
        /// Chunks of which the ledger has other counts, sums or content.
        chunks_differing: u64,
        /// Row rules of which other records are kept as breaches than break them.
        rules_differing: u64,
    },
}

/// A rule with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEvidence {
    /// The rule's name in the job file.
    pub name: String,
    /// What the rule requires, in the job's words.
    pub demands: String,
    /// What follows a breach.
    pub on_breach: OnBreach,
    /// What came of it.
    pub outcome: RuleOutcome,
}

/// All that is known once staging has been read back.
#[derive(Debug, Clone)]
pub struct StagingEvidence {
    /// The run that is reconciled.
    pub run_id: RunId,
    /// The record types' names.
    pub types: Vec<String>,
    /// The names of the summed fields, type by type.
    pub amount_names: Vec<String>,
    /// The digest of the layout.
    pub layout: Hash,
    /// What the coordinator saw of the source.
    pub source: SourceEvidence,
    /// The source, decoded a second time.
    pub source_again: DecodedTwice,
    /// What the coordinator decoded itself while the source was split.
    pub decoded_beside: DecodedBeside,
    /// Messages that claimed to be of this run and were refused, by the evidence log.
    pub refused_messages: u64,
    /// What the ledger says was decoded and committed.
    pub ledger: LedgerEvidence,
    /// Where the source's bytes went, by the ledger's chunks.
    pub bytes: ByteEvidence,
    /// For each record type, whether its FILLER may hold anything.
    pub filler_any: Vec<bool>,
    /// Whether the job does without encoding its records again.
    pub decode_proof_off: bool,
    /// What was read back from the staging tables.
    pub staging: ReadBack,
    /// The share of every worker that took part in the run.
    pub workers: Vec<WorkerShare>,
    /// What the sender declared.
    pub declared: Option<Declared>,
    /// What came of the totals that the source's own records declare; why not, if the ledger does not hold them whole.
    pub footing: Option<Result<Outcome, FootingError>>,
    /// The outcome of each rule, in the job's order.
    pub rules: Vec<RuleEvidence>,
    /// The key of each record type.
    pub keys: Vec<KeyEvidence>,
    /// How many rejects are allowed.
    pub reject_limit: RejectLimit,
    /// Rules of which more or fewer breaches are kept than the processors counted.
    pub rules_differing: u64,
    /// Earlier runs of the job that promoted the same bytes.
    pub loaded_before: Vec<RunId>,
    /// Whether the operator insisted on loading them again.
    pub again: bool,
    /// The figures of the job's earlier runs, and what they are held to.
    pub trends: Option<TrendEvidence>,
    /// Records kept out of final by a rule.
    pub held: u64,
    /// Records replaced by a later one with the same key.
    pub merged: u64,
    /// What final must turn out to hold: staging as read back, without the held and the merged.
    pub to_promote: ControlTotals,
}

/// What is known of the source alone: what was seen of it, and what its bytes were decoded to.
#[derive(Debug, Clone, Copy)]
pub struct SourceLevel<'a> {
    /// The record types' names.
    pub types: &'a [String],
    /// The names of the summed fields, type by type.
    pub amount_names: &'a [String],
    /// The digest of the layout.
    pub layout: Hash,
    /// What was seen of the source when it was split.
    pub source: &'a SourceEvidence,
    /// What its chunks were decoded to.
    pub ledger: &'a LedgerEvidence,
    /// Where its bytes went.
    pub bytes: &'a ByteEvidence,
    /// For each record type, whether its FILLER may hold anything.
    pub filler_any: &'a [bool],
    /// Whether the job does without encoding its records again.
    pub decode_proof_off: bool,
    /// Whether one version of the program worked on it from beginning to end.
    pub went_through: bool,
    /// What the sender declared.
    pub declared: Option<&'a Declared>,
    /// How many rejects are allowed.
    pub reject_limit: RejectLimit,
}

impl StagingEvidence {
    /// What is known of the source alone.
    #[must_use]
    pub fn source_level(&self) -> SourceLevel<'_> {
        SourceLevel {
            types: &self.types,
            amount_names: &self.amount_names,
            layout: self.layout,
            source: &self.source,
            ledger: &self.ledger,
            bytes: &self.bytes,
            filler_any: &self.filler_any,
            decode_proof_off: self.decode_proof_off,
            went_through: self.source_again == DecodedTwice::NotNeeded,
            declared: self.declared.as_ref(),
            reject_limit: self.reject_limit,
        }
    }

    /// Where the records went.
    #[must_use]
    pub const fn balance(&self) -> Balance {
        Balance {
            records: self.source.records,
            staged: self.staging.totals.records,
            rejected: self.staging.rejects,
            held: self.held,
            merged: self.merged,
        }
    }
}

/// What was read back from final, while the promoting transaction keeps others from changing it.
#[derive(Debug, Clone)]
pub struct FinalEvidence {
    /// Rows, sums and content.
    pub totals: ControlTotals,
    /// Rows that the promotion inserted, changed or deleted in any table, triggers included.
    pub rows_changed: u64,
    /// Chunks that differ from what was committed, where the workers read final back chunk by chunk; `None` where it
    /// was read record by record.
    pub chunks_differing: Option<u64>,
}
