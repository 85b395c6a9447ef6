//! The report on a load that another program made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::equality::Equality;
use crate::amount::Amount;
use crate::bytes::ByteBalance;
use crate::cause::RejectGroup;
use crate::check::CheckResult;
use crate::fingerprint::Hash;
use crate::report::{CheckCounts, LogHead, SourceSummary};
use crate::round_trip::DecodeProofReport;

crate::named! {
    /// What comparing a source with a target came to.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum LoadOutcome {
        /// Every accepted record has exactly one equal row in the target, and every row a record.
        Reconciled = "reconciled",
        /// A check failed.
        NotReconciled = "not reconciled",
    }
}

crate::named! {
    /// What is wrong with a record or a row.
    #[derive(Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum DifferenceKind {
        /// The record has no row in the target.
        Missing = "missing",
        /// The record's row has other values.
        Differs = "differs",
        /// The row has the key of a record that has a row already.
        Doubled = "doubled",
        /// The row has a key that no record has.
        Extra = "extra",
        /// At a second look the key's rows were others: nothing can be said of them.
        Unstable = "unstable",
        /// The record has its equal row, but repeats the key of a record before it.
        Repeated = "repeated",
    }
}

/// One record or row that is not as it should be. Sensitive fields are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// The record type.
    pub record: String,
    /// The record's number in the source, from 1; of a doubled row, that of the first record with its key. Absent for
    /// a row without a record, and if the source is a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_no: Option<u64>,
    /// Where the record begins in the source's content (after decompression), in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_offset: Option<u64>,
    /// The key: field, and its value as the side has it that has the record or row.
    pub key: Vec<(String, String)>,
    /// The fields that differ; of a row or record without another, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDifference>,
}

/// One field of a record, and what the target has instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldDifference {
    /// The field's name.
    pub field: String,
    /// What the source says.
    pub source: String,
    /// What the target holds.
    pub target: String,
}

/// Where the records and rows of one record type went.
///
/// `accepted = merged + replaced + equal + differing + missing + unstable_records`, and
/// `rows = equal + differing + doubled + extra + allowed + unstable_rows`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadBalance {
    /// Accepted records of the type in the source.
    pub accepted: u64,
    /// Of these, replaced by a later record with the same key (`mode = "upsert"`).
    pub merged: u64,
    /// Records whose row a later run has replaced (`attest`).
    #[serde(default)]
    pub replaced: u64,
    /// Records whose row is equal, exactly or under declared equalities.
    pub equal: u64,
    /// Records whose row has other values.
    pub differing: u64,
    /// Records without a row.
    pub missing: u64,
    /// Rows in the target that were compared.
    pub rows: u64,
    /// Rows with the key of a record that has a row already.
    pub doubled: u64,
    /// Rows whose key no record has.
    pub extra: u64,
    /// Rows that are not compared: of later runs (`attest`), or whose key no record has, and which the job allows
    /// (`extra = "allowed"`).
    pub allowed: u64,
    /// Records that are neither equal nor different, because their key's rows changed while they were read.
    #[serde(default)]
    pub unstable_records: u64,
    /// Rows that are not settled either.
    #[serde(default)]
    pub unstable_rows: u64,
}

impl LoadBalance {
    /// Whether the terms add up, on both sides.
    #[must_use]
    pub const fn holds(&self) -> bool {
        let Self { accepted, merged, replaced, equal, differing, missing, .. } = *self;
        let Self { rows, doubled, extra, allowed, .. } = *self;
        accepted == merged + replaced + equal + differing + missing + self.unstable_records
            && rows == equal + differing + doubled + extra + allowed + self.unstable_rows
    }
}

/// How many values of a field are equal only under an equality, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EqualityUse {
    /// The field's name.
    pub field: String,
    /// The equalities, all of which are needed.
    pub equalities: Vec<Equality>,
    /// How many values.
    pub values: u64,
}

/// One amount on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadAmount {
    /// The name of the amount field.
    pub field: String,
    /// The sum over the records that should have a row.
    pub source: Amount,
    /// The sum over the rows of the target; null if the field is not compared.
    pub target: Option<Amount>,
    /// Values of the target that are no exact number, such as binary floating point numbers, and are in no sum.
    pub not_summed: u64,
}

/// One record type and the table that it was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedTable {
    /// The record type.
    pub record: String,
    /// The table or query that was read.
    pub table: String,
    /// The condition that its rows met, if there is one.
    pub filter: Option<String>,
    /// The key by which records and rows were brought together; empty: compared as a whole.
    pub key: Vec<String>,
    /// Fields that were not compared.
    pub left_out: Vec<String>,
    /// The equalities that the job declares, field by field.
    pub declared: Vec<EqualityUse>,
    /// Where the records and rows went.
    pub balance: LoadBalance,
    /// The later runs that replaced rows, each with how many (`attest`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced_by: Vec<(String, u64)>,
    /// The sums on both sides.
    pub amounts: Vec<LoadAmount>,
    /// Values that differ, by field.
    pub differing: Vec<(String, u64)>,
    /// Values that differ and would be equal under equalities that are not declared.
    pub would_be_equal: Vec<EqualityUse>,
}

/// The target, and how it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetSummary {
    /// Where it is, without secrets.
    pub location: String,
    /// What it is and of which version.
    pub kind: String,
    /// Whether all of it was read as of one moment, in words.
    pub snapshot: String,
}

/// What one worker did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadWorker {
    /// Its name, such as `decoder 1`; of a worker of the fleet, `decoder NAME@HOST`.
    pub name: String,
    /// Chunks of the source, parts of the target, or parts of the comparison that it finished.
    pub parts: u64,
    /// Records that it decoded; rows that it read; records and rows that it compared.
    pub records: u64,
    /// Of the records that it decoded, those it rejected.
    pub rejected: u64,
    /// How long it worked, in milliseconds.
    pub busy_ms: u64,
}

/// What comparing a source with a load that another program made came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// The version of the shape of this report.
    pub report_version: u32,
    /// The version of the program that made the report.
    pub crossfoot_version: String,
    /// The name of the job.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// What it came to.
    pub outcome: LoadOutcome,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at_ms: i64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// The source as it was read.
    pub source: SourceSummary,
    /// Records in the source, accepted and rejected; rows, if the source is a database.
    pub records: u64,
    /// Records that do not match the job file. They are compared with nothing.
    pub rejected: u64,
    /// The fingerprint of the source's records, as a load by Crossfoot would have it.
    pub fingerprint: Option<Hash>,
    /// The target, and how it was read.
    pub target: TargetSummary,
    /// Every check.
    pub checks: Vec<CheckResult>,
    /// How many checks came out how.
    pub counts: CheckCounts,
    /// The record types and their tables.
    pub tables: Vec<ComparedTable>,
    /// Record types that were compared with nothing, each with its number of accepted records.
    pub not_compared: Vec<(String, u64)>,
    /// Rejects by cause.
    pub rejects: Vec<RejectGroup>,
    /// Where the source's bytes went.
    pub bytes: Option<ByteBalance>,
    /// What encoding the accepted records again came to.
    pub decode_proof: Option<DecodeProofReport>,
    /// The workers' shares.
    pub workers: Vec<LoadWorker>,
    /// How many records and rows are not as they should be.
    pub differences: u64,
    /// The first of them, in the source's order; rows without a record come last.
    pub first_differences: Vec<Difference>,
    /// The event of the evidence log that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_head: Option<LogHead>,
    /// The phases of a comparison that was stopped and resumed, in the order in which they ended; otherwise absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<ReadPhase>,
}

/// A phase of a comparison that was stopped and resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadPhase {
    /// What was read: the source, or one side of a record type.
    pub what: String,
    /// When reading it began: milliseconds since 1970, UTC.
    pub began_at_ms: i64,
    /// When it was read: milliseconds since 1970, UTC.
    pub ended_at_ms: i64,
    /// Whether an earlier process read it, before the comparison was resumed.
    pub earlier: bool,
}
