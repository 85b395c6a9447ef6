//! What the tests have in common: a job, its batches, and runs at every point of their life.

use std::sync::Arc;

use domain::amount::Amount;
use domain::bytes::ByteEvidence;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::lifecycle::RunEvent;
use domain::permit::Permit;
use domain::reconcile::{
    DecodedBeside, DecodedTwice, LedgerEvidence, ReadBack, RejectLimit, SourceEvidence, StagingEvidence,
    VerifySource, reconcile_staging,
};
use domain::record;
use domain::totals::{ControlTotals, Sums};
use domain::value::Value;
use job::Job;
use store::model::{
    ChunkCut, ChunkRange, CommitOutcome, EntryKind, Exclusion, KeptChecks, NewRun, NewWorker, SplitTotals,
};
use store::{Blocks, Claim, Fence, Store, StoreError};
use wire::{Batch, Reject, RejectReason, WireAmount};

use super::NOW_MS;
use super::account::{all_in_fields, shares};

/// Each record is a new row, known by its `id`.
pub const APPEND: &str = "key = [\"id\"]";
/// A record replaces the row with its `id`.
pub const UPSERT: &str = "key = [\"id\"]\nmode = \"upsert\"";
/// Nothing identifies a record.
pub const KEYLESS: &str = "";

/// In place of a text or an amount: no value.
pub(crate) const NULL: &str = "NULL";

/// A job with the fields `id`, `account` and `amt`, from `stg_entries` to `entries`.
pub fn job(key: &str, rules: &str) -> Arc<Job> {
    let text = format!(
        r#"[job]
name = "entries"

[source]
format = "delimited"
header = true

[[record]]
name = "entry"
{key}
amounts = ["amt"]
staging = "stg_entries"
final = "entries"

[[record.field]]
name = "id"
type = "integer"

[[record.field]]
name = "account"
type = "text(100000)"

[[record.field]]
name = "amt"
type = "decimal(38,2)"

{rules}
"#
    );
    Arc::new(Job::parse("entries.toml", &text).unwrap())
}

/// A record of a chunk.
#[derive(Debug, Clone)]
pub enum Record<'a> {
    /// An accepted record, with its row's values in column order.
    Row(Vec<Value<'a>>),
    /// A rejected record, with its bytes as in the source.
    Reject(&'a [u8]),
}

/// An accepted record of [`job`].
pub fn row<'a>(id: i64, account: &'a str, amt: &str) -> Record<'a> {
    let account = if account == NULL { Value::Null } else { Value::Text(account) };
    let amt = if amt == NULL {
        Value::Null
    } else {
        Value::Decimal(amt.parse::<Amount>().unwrap().rescale(2).unwrap())
    };
    Record::Row(vec![Value::Integer(id), account, amt])
}

/// The canonical form of record `record_no`.
pub fn canonical(record_no: u64, values: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    record::begin(&mut out, RecordNo(record_no));
    values.iter().for_each(|value| record::put(&mut out, value));
    out
}

/// A chunk of `records` records, 10 bytes each, of which the first has number `first`.
pub fn cut(chunk_no: u64, first: u64, records: u64) -> ChunkCut {
    ChunkCut {
        chunk_no: ChunkNo(chunk_no),
        offset: (first - 1) * 10,
        bytes: records * 10,
        first_record_no: RecordNo(first),
        records,
        parents: Vec::new(),
        ends_source: false,
        sha256: Hash::of(&chunk_no.to_be_bytes()),
        decoded: None,
    }
}

/// The chunks of a source that holds `chunks` one after the other.
pub(crate) fn cuts(chunks: &[Vec<Record<'_>>]) -> Vec<ChunkCut> {
    let mut first = 1;
    (0..)
        .zip(chunks)
        .map(|(chunk_no, records)| {
            let cut = cut(chunk_no, first, records.len() as u64);
            first += cut.records;
            cut
        })
        .collect()
}

/// An event for the log.
pub fn entry(run_id: Option<RunId>, kind: &str) -> LogEntry {
    LogEntry {
        run_id: run_id.map(|run_id| run_id.to_string()),
        at_ms: NOW_MS,
        kind: kind.into(),
        actor: "tester@host pid 1".into(),
        detail: "{\"said\":\"„ä“ \\u0000\"}".into(),
    }
}

/// The `number`th run; a higher number is a later run.
pub(crate) fn run_id(number: u8) -> RunId {
    RunId::from_bytes([number; 16])
}

/// A run of `job` about to be opened.
pub(crate) fn new_run(job: &Job, number: u8) -> NewRun {
    NewRun {
        run_id: run_id(number),
        job: job.name.clone(),
        job_text: job.text.clone(),
        job_digest: job.digest,
        source: "/data/entries.csv".into(),
        source_bytes: Some(1000),
        source_sha256: Some(Hash::of(&[number])),
        declared: Some("{\"records\":3}".into()),
        chunk_bytes: 1 << 20,
        chunk_records: 0,
        again: false,
        pause_after_staged: true,
        verify_source: VerifySource::Sample,
        submitted: false,
        resends: None,
        actor: "tester@host".into(),
        detail: serde_json::Map::new(),
        now_ms: NOW_MS,
    }
}

pub(crate) fn new_worker(role: domain::counts::Role, name: &str) -> NewWorker {
    NewWorker {
        name: name.into(),
        role,
        host: "host".into(),
        pid: 7,
        version: "0.1.0".into(),
        now_ms: NOW_MS,
    }
}

/// How long leases last: no test takes as long.
pub const LASTS: std::time::Duration = std::time::Duration::from_secs(60);

/// What the splitter of `chunks` found.
pub(crate) fn split_totals(chunks: &[ChunkCut]) -> SplitTotals {
    let bytes = chunks.iter().map(|cut| cut.bytes).sum();
    SplitTotals {
        chunks: chunks.len() as u64,
        records: chunks.iter().map(|cut| cut.records).sum(),
        bytes,
        header_bytes: 0,
        bytes_on_disk: bytes,
        sha256: Hash::of(b"the whole source"),
    }
}

/// One entry of a read-back, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: EntryKind,
    pub chunk_no: u64,
    pub record_no: u64,
    pub worker_id: u32,
    pub excluded: Option<Exclusion>,
    pub bytes: Vec<u8>,
}

/// Everything that `blocks` yield.
pub async fn collect(mut blocks: Blocks) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    while let Some(block) = blocks.recv().await {
        found.extend(block?.iter().map(|(entry, bytes)| Found {
            kind: entry.kind,
            chunk_no: entry.chunk_no,
            record_no: entry.record_no,
            worker_id: entry.worker_id,
            excluded: entry.excluded,
            bytes: bytes.to_vec(),
        }));
    }
    Ok(found)
}

/// A run that was acquired, and the workers that work on it.
#[derive(Clone)]
pub struct Loading {
    pub store: Arc<dyn Store>,
    pub job: Arc<Job>,
    pub run_id: RunId,
    pub fence: Fence,
    pub processor: WorkerId,
    pub writer: WorkerId,
}

impl Loading {
    /// Opens run `number` of `job`, its tables made.
    pub async fn begin(store: &Arc<dyn Store>, job: &Arc<Job>, number: u8) -> Self {
        use domain::counts::Role;
        store.prepare(job).await.unwrap();
        let run = store.open_run(&new_run(job, number)).await.unwrap();
        let fence = store.acquire_lease(run.run_id, "coordinator", LASTS, Claim::IfFree).await.unwrap();
        let processor = store.register_worker(&new_worker(Role::Processor, "p")).await.unwrap();
        let writer = store.register_worker(&new_worker(Role::Writer, "w")).await.unwrap();
        Self { store: Arc::clone(store), job: Arc::clone(job), run_id: run.run_id, fence, processor, writer }
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.job.records[0].layout
    }

    /// What the processor makes of the records of `cut`.
    pub fn batch(&self, cut: &ChunkCut, records: &[Record<'_>]) -> Batch {
        let layout = self.layout();
        let mut totals = ControlTotals::starting_at(cut.first_record_no.leaf(), layout);
        let (mut rows, mut rejects) = (Vec::new(), Vec::new());
        for (record_no, record) in (cut.first_record_no.0..).zip(records) {
            match record {
                Record::Row(values) => {
                    let row = canonical(record_no, values);
                    totals.accept_decoded(layout, values, &row).unwrap();
                    rows.extend(row);
                }
                Record::Reject(raw) => {
                    totals.reject(RecordNo(record_no), raw);
                    let reason = |field: Option<&str>, code: &str, detail: &str| RejectReason {
                        field: field.map(Into::into),
                        code: code.into(),
                        detail: detail.into(),
                    };
                    let reasons = vec![
                        reason(Some("amt"), "type", "'x' is not a decimal"),
                        reason(None, "field-count", "4 fields instead of 3"),
                    ];
                    rejects.push(Reject {
                        record_no,
                        offset: (record_no - 1) * 10,
                        raw: raw.to_vec(),
                        reasons,
                    });
                }
            }
        }
        Batch {
            run_id: self.run_id.to_bytes(),
            chunk_no: cut.chunk_no.0,
            sha256: cut.sha256.0,
            first_record_no: cut.first_record_no.0,
            processor: self.processor.0,
            bytes_in: cut.bytes,
            records_in: cut.records,
            accepted: totals.records,
            by_type: totals.by_type.clone(),
            sums: wire::wire_sums(&totals.sums),
            rejected_sums: vec![WireAmount(0, 2); layout.amounts.len()],
            tree: totals.tree.to_bytes(),
            rows: vec![rows],
            rejects,
            footing: Vec::new(),
            rules: Vec::new(),
            breaches: Vec::new(),
            shares: (&shares(cut)).into(),
        }
    }

    pub async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        self.store.commit(&self.job, batch, self.writer).await
    }

    /// Splits `chunks`, and commits every one of them.
    pub async fn load(&self, chunks: &[Vec<Record<'_>>]) -> Vec<ChunkCut> {
        let cuts = cuts(chunks);
        self.store.add_chunks(self.fence, &cuts).await.unwrap();
        for (cut, records) in cuts.iter().zip(chunks) {
            let outcome = self.commit(self.batch(cut, records)).await.unwrap();
            assert_eq!(outcome, CommitOutcome::Committed);
        }
        // No two runs are on the same bytes, unless a test says so.
        let sha256 = Hash::of(&self.run_id.to_bytes());
        let totals = SplitTotals { sha256, ..split_totals(&cuts) };
        self.store.finish_split(self.fence, &totals).await.unwrap();
        cuts
    }

    /// Staging as it is.
    pub async fn staging(&self) -> Vec<Found> {
        self.staging_in(ChunkRange::ALL).await
    }

    /// The chunks of `range` as they are in staging.
    pub async fn staging_in(&self, range: ChunkRange) -> Vec<Found> {
        collect(self.store.read_staging(self.run_id, self.layout(), range).await).await.unwrap()
    }

    /// Takes one legal step.
    pub async fn step(&self, event: RunEvent) {
        self.store.step(self.fence, event, None, entry(Some(self.run_id), event.name())).await.unwrap();
    }

    /// A permit, from the reconciliation of what is in staging.
    pub async fn permit(&self) -> Permit {
        permit(self.run_id, self.layout(), &self.staging().await)
    }

    /// Loads `chunks` and applies the rules: all that comes before a promotion.
    pub async fn stage(&self, chunks: &[Vec<Record<'_>>]) -> Permit {
        self.load(chunks).await;
        self.step(RunEvent::AllCommitted).await;
        self.store.apply_rules(self.fence, &self.job, store::rules::Keys::Count).await.unwrap();
        self.permit().await
    }

    /// Stages and promotes `chunks`, and says how many rows were changed.
    pub async fn promote(&self, chunks: &[Vec<Record<'_>>]) -> u64 {
        self.stage(chunks).await;
        self.promote_staged().await
    }

    /// Promotes what is staged, and says how many rows were changed.
    pub async fn promote_staged(&self) -> u64 {
        let permit = self.permit().await;
        let mut promotion = self.store.begin_promotion(self.fence, &permit, &self.job).await.unwrap();
        let changed = promotion.insert().await.unwrap();
        promotion.commit(&[], "{}", entry(Some(self.run_id), "promoted")).await.unwrap();
        changed
    }
}

/// The permit of a run whose staging holds `found`, and whose every other count agrees with that.
fn permit(run_id: RunId, layout: &Layout, found: &[Found]) -> Permit {
    let mut staged = ControlTotals::starting_at(0, layout);
    let mut to_promote = staged.clone();
    let mut rejects = 0;
    for one in found {
        let record_no = RecordNo(one.record_no);
        if one.kind == EntryKind::Reject {
            staged.reject(record_no, &one.bytes);
            to_promote.absent(record_no);
            rejects += 1;
            continue;
        }
        let record = record::records(&one.bytes, layout.fields.len()).next().unwrap().unwrap();
        staged.accept(layout, &record).unwrap();
        match one.excluded {
            Some(_) => to_promote.absent(record_no),
            None => to_promote.accept(layout, &record).unwrap(),
        }
    }
    let excluded = |kind| found.iter().filter(|one| one.excluded == Some(kind)).count() as u64;
    let (records, bytes, sha256) = (found.len() as u64, found.len() as u64 * 10, Hash::of(b"source"));
    let mut accounted = ByteEvidence::none(1);
    accounted.chunk(0, bytes, Some(&all_in_fields(bytes)));
    accounted.shares.round_trips.proved = staged.records;
    let evidence = StagingEvidence {
        run_id,
        types: vec![layout.record.clone()],
        amount_names: layout.amount_names(),
        layout: layout.digest(),
        source: SourceEvidence {
            chunks: 1,
            records,
            bytes,
            bytes_tiled: bytes,
            header_bytes: 0,
            first_gap: None,
            sha256_before: Some(sha256),
            sha256_split: sha256,
            changed: None,
            stream_interrupted: false,
            bytes_on_disk: bytes,
        },
        ledger: LedgerEvidence {
            chunks: 1,
            bytes,
            chunks_unbalanced: 0,
            records,
            rejected: rejects,
            accepted: staged.clone(),
            rejected_sums: Sums::zero(&layout.amount_scales()),
        },
        bytes: accounted,
        decode_proof_off: false,
        filler_any: vec![false],
        staging: ReadBack { totals: staged, rejects, stray_rows: 0, chunks_differing: 0 },
        source_again: DecodedTwice::NotNeeded,
        decoded_beside: DecodedBeside::default(),
        refused_messages: 0,
        workers: Vec::new(),
        declared: None,
        footing: None,
        rules: Vec::new(),
        keys: Vec::new(),
        reject_limit: RejectLimit::PerMillion(1_000_000),
        rules_differing: 0,
        loaded_before: Vec::new(),
        again: false,
        trends: None,
        held: excluded(Exclusion::Held),
        merged: excluded(Exclusion::Merged),
        to_promote,
    };
    let reconciliation = reconcile_staging(&evidence, NOW_MS);
    reconciliation.permit().unwrap_or_else(|error| panic!("{error}: {:#?}", reconciliation.checks()))
}

/// What a store keeps of checks, and the summary.
pub(crate) fn kept_checks(checks: Vec<CheckResult>, summary: &str) -> KeptChecks {
    KeptChecks { checks, summary: Some(summary.into()) }
}
