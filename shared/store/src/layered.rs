//! A store on top of another, for tests and drills: what is not replaced goes through to the one below.

use std::sync::Arc;
use std::time::Duration;

use ambassador::Delegate;
use domain::check::CheckResult;
use domain::counts::{Role, WorkerShare};
use domain::event::{Entry as LogEntry, Event, Head};
use domain::event_kind::EventKind;
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, StoreId, WorkerId};
use domain::layout::Layout;
use domain::lease::Claim;
use domain::lifecycle::RunEvent;
use domain::mask::MaskKey;
use domain::permit::Permit;
use domain::report::RejectGroup;
use domain::retention::Parts;
use domain::seal::{KeyId, Keyring};
use domain::table::TableName;
use job::Job;
use wire::Batch;

use crate::chunks::{Chunks, HandedBack, ambassador_impl_Chunks};
use crate::evidence::{Evidence, ambassador_impl_Evidence};
use crate::fleet::{Fleet, ambassador_impl_Fleet};
use crate::identity::{Identity, ambassador_impl_Identity};
use crate::leases::{Leases, ambassador_impl_Leases};
use crate::log::{Log, ambassador_impl_Log};
use crate::model::{
    BegunChunk, ChunkCut, ChunkRange, ChunkRow, ChunkStanding, CommitOutcome, FindingPage, Heartbeat,
    KeptChecks, NewRun, NewWorker, PastRun, Readback, RejectRow, Reported, RulesApplied, Run, SplitTotals,
    Started, WorkerRow,
};
use crate::promotion::{Promotion, Promotions, Undo, ambassador_impl_Promotions};
use crate::readbacks::{Readbacks, ambassador_impl_Readbacks};
use crate::removals::{Removals, ambassador_impl_Removals};
use crate::resends::{Original, Resends, ambassador_impl_Resends};
use crate::rules::{Keys, Rules, ambassador_impl_Rules};
use crate::runs::{RunFilter, Runs, ambassador_impl_Runs};
use crate::staging::{Staging, ambassador_impl_Staging};
use crate::tokens::{TokenRow, Tokens, ambassador_impl_Tokens};
use crate::views::{
    ChunkPhase, ChunkStory, ChunkTimes, ChunkTotals, CountedRun, JobRow, JobTotals, NewestRun, PromotedJob,
    RejectCounts, RejectPage, RunDuration, RunLease, RunPage, Views, ambassador_impl_Views,
};
use crate::{Blocks, Fence, Lease, Progress, Store, StoreError};

/// A store of which several parts may be replaced, each by what is written over the same part of the store below.
#[derive(Delegate)]
#[delegate(Identity, target = "below", automatic_where_clause = "false")]
#[delegate(Runs, target = "runs", automatic_where_clause = "false")]
#[delegate(Leases, target = "leases", automatic_where_clause = "false")]
#[delegate(Chunks, target = "chunks", automatic_where_clause = "false")]
#[delegate(Fleet, target = "fleet", automatic_where_clause = "false")]
#[delegate(Readbacks, target = "readbacks", automatic_where_clause = "false")]
#[delegate(Staging, target = "staging", automatic_where_clause = "false")]
#[delegate(Rules, target = "below", automatic_where_clause = "false")]
#[delegate(Evidence, target = "below", automatic_where_clause = "false")]
#[delegate(Log, target = "log", automatic_where_clause = "false")]
#[delegate(Views, target = "below", automatic_where_clause = "false")]
#[delegate(Tokens, target = "below", automatic_where_clause = "false")]
#[delegate(Resends, target = "below", automatic_where_clause = "false")]
#[delegate(Removals, target = "below", automatic_where_clause = "false")]
#[delegate(Promotions, target = "promotions", automatic_where_clause = "false")]
#[expect(clippy::duplicated_attributes, reason = "the options of each trait that goes through are the same")]
pub struct Layered {
    below: Arc<dyn Store>,
    /// The runs.
    pub runs: Arc<dyn Runs>,
    /// The leases.
    pub leases: Arc<dyn Leases>,
    /// The chunks.
    pub chunks: Arc<dyn Chunks>,
    /// The workers and what they report.
    pub fleet: Arc<dyn Fleet>,
    /// What was read back.
    pub readbacks: Arc<dyn Readbacks>,
    /// The staging tables.
    pub staging: Arc<dyn Staging>,
    /// The evidence log.
    pub log: Arc<dyn Log>,
    /// The promotions.
    pub promotions: Arc<dyn Promotions>,
}

impl Layered {
    /// The store `below`, nothing of it replaced yet.
    #[must_use]
    pub fn on(below: Arc<dyn Store>) -> Self {
        Self {
            runs: Arc::<dyn Store>::clone(&below),
            leases: Arc::<dyn Store>::clone(&below),
            chunks: Arc::<dyn Store>::clone(&below),
            fleet: Arc::<dyn Store>::clone(&below),
            readbacks: Arc::<dyn Store>::clone(&below),
            staging: Arc::<dyn Store>::clone(&below),
            log: Arc::<dyn Store>::clone(&below),
            promotions: Arc::<dyn Store>::clone(&below),
            below,
        }
    }
}

/// A store with replaced promotions. `ambassador` derives the forwarding of every other trait.
#[derive(Delegate)]
#[delegate(Identity, target = "below", automatic_where_clause = "false")]
#[delegate(Runs, target = "below", automatic_where_clause = "false")]
#[delegate(Leases, target = "below", automatic_where_clause = "false")]
#[delegate(Chunks, target = "below", automatic_where_clause = "false")]
#[delegate(Fleet, target = "below", automatic_where_clause = "false")]
#[delegate(Readbacks, target = "below", automatic_where_clause = "false")]
#[delegate(Staging, target = "below", automatic_where_clause = "false")]
#[delegate(Rules, target = "below", automatic_where_clause = "false")]
#[delegate(Evidence, target = "below", automatic_where_clause = "false")]
#[delegate(Log, target = "below", automatic_where_clause = "false")]
#[delegate(Views, target = "below", automatic_where_clause = "false")]
#[delegate(Tokens, target = "below", automatic_where_clause = "false")]
#[delegate(Resends, target = "below", automatic_where_clause = "false")]
#[delegate(Removals, target = "below", automatic_where_clause = "false")]
#[delegate(Promotions, target = "promotions")]
#[expect(clippy::duplicated_attributes, reason = "the options of each trait that goes through are the same")]
pub struct WithPromotions<P: Promotions> {
    below: Arc<dyn Store>,
    promotions: P,
}

impl<P: Promotions> WithPromotions<P> {
    /// The store `below`, but for its promotions.
    pub fn new(below: Arc<dyn Store>, promotions: P) -> Self {
        Self { below, promotions }
    }
}
