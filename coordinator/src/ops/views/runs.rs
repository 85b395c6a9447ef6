//! Runs in a list, and one run with its progress.

use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::{Outcome, Report};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::Run;
use store::views::{CountedRun, RunDuration};
use store::{Progress, Store, StoreError};

use super::attestations::{self, ListedAttestation};
use super::flow::{Flow, flow};
use crate::ops::acts::{ActView, acts, driven_by};
use crate::report::summary;

/// One run in the list of `runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedRun {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The name of the run's job.
    pub job: String,
    /// Where the run is in its life.
    pub state: RunState,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// Where the source is.
    pub source: String,
    /// Records in the source, once it is split.
    pub records: Option<u64>,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub opened_at_ms: i64,
    /// When the run ended, if it has: milliseconds since 1970, UTC.
    pub ended_at_ms: Option<i64>,
    /// Time spent by coordinators, in milliseconds.
    pub elapsed_ms: u64,
    /// Who opened the run: `operator@host`.
    pub actor: String,
    /// Whether the run's staging rows and rejects were removed.
    pub purged: bool,
    /// Why the run is in this state, if that needs saying.
    pub note: Option<String>,
    /// The run whose corrected rejects it loads; absent if its source is its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resends: Option<RunId>,
}

/// One run as `show` prints it: its report and its progress.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownRun {
    /// The run's report.
    #[serde(flatten)]
    pub report: Report,
    /// How far the run is.
    pub progress: RunProgress,
    /// When what the run promoted was compared with its source again, the oldest first; absent if it never was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<ListedAttestation>,
}

/// How far a run is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunProgress {
    /// Chunks that the source was cut into so far.
    pub chunks_split: u64,
    /// Chunks that are committed to staging.
    pub chunks_committed: u64,
    /// Chunks that were set aside because they kept failing.
    pub chunks_set_aside: u64,
    /// Records of the committed chunks.
    pub records: u64,
}

impl ListedRun {
    /// The run as a list has it.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id,
            job: run.job.clone(),
            state: run.state,
            outcome: Outcome::of(run.state),
            source: run.source.clone(),
            records: run.split.map(|split| split.records),
            opened_at_ms: run.opened_at_ms,
            ended_at_ms: run.ended_at_ms,
            elapsed_ms: run.elapsed_ms,
            actor: run.actor.clone(),
            purged: run.purged,
            note: run.note.clone(),
            resends: run.resends,
        }
    }
}

impl From<Progress> for RunProgress {
    fn from(progress: Progress) -> Self {
        Self {
            chunks_split: progress.split,
            chunks_committed: progress.committed,
            chunks_set_aside: progress.set_aside,
            records: progress.records,
        }
    }
}

/// One run: its report, its progress and its attestations.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn shown(store: &dyn Store, run_id: RunId) -> Result<ShownRun, StoreError> {
    let report = summary::report(store, run_id).await?;
    let progress = store.progress(run_id).await?.into();
    Ok(ShownRun { report, progress, attestations: attestations::of_run(store, run_id).await? })
}

/// A run in the list of a console: as `runs --json` has it, with its counts so far.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchedRun {
    /// The run as `runs --json` has it.
    #[serde(flatten)]
    pub run: ListedRun,
    /// Chunks that the source was cut into so far.
    pub chunks_split: u64,
    /// Chunks that are committed to staging.
    pub chunks_committed: u64,
    /// Chunks that were set aside because they kept failing.
    pub chunks_set_aside: u64,
    /// Records of the chunks that the source was cut into so far.
    pub records_split: u64,
    /// Records of the committed chunks: accepted and rejected.
    pub records_processed: u64,
    /// Records of the committed chunks that were rejected.
    pub records_rejected: u64,
    /// Records of the committed chunks that were written to staging.
    pub records_written: u64,
    /// The length of the source in bytes, if it is known.
    pub bytes_total: Option<u64>,
    /// Bytes of the committed chunks.
    pub bytes_committed: u64,
    /// The process that drives the run at this moment, in words; null if none does.
    pub driven_by: Option<String>,
    /// Whether it waits for an operator to resume it: one paused it, or it cannot go on by itself; `note` says why.
    pub waits_for_operator: bool,
    /// How many of its chunks may be in flight, as an operator said; null for its share of the coordinator's window.
    pub window_chunks: Option<u64>,
    /// Records that are committed in a second, at the moment; null unless the run loads and is watched.
    pub rate: Option<u64>,
    /// An estimate of the seconds until the last record is committed, at that rate; null if there is none.
    pub seconds_left: Option<u64>,
    /// The median time of up to ten promoted runs of the job before this one, in seconds; null if there are none.
    pub usual_seconds: Option<f64>,
}

impl WatchedRun {
    /// The run with its counts.
    #[must_use]
    pub fn of(counted: &CountedRun) -> Self {
        let CountedRun { run, totals, .. } = counted;
        Self {
            chunks_split: totals.chunks,
            chunks_committed: totals.committed,
            chunks_set_aside: totals.set_aside,
            records_split: totals.records,
            records_processed: totals.read,
            records_rejected: totals.rejected,
            records_written: totals.accepted,
            bytes_total: run.split.map(|split| split.bytes),
            bytes_committed: totals.bytes_committed,
            driven_by: driven_by(counted),
            waits_for_operator: waits_for_operator(run),
            window_chunks: run.window_chunks,
            rate: None,
            seconds_left: None,
            usual_seconds: None,
            run: ListedRun::of(run),
        }
    }

    /// The run with its rate, and what follows from that. The length of a source that is not cut to its end is
    /// estimated by its bytes, unless it seems to be compressed.
    #[must_use]
    pub fn at_rate(self, rate: Option<u64>, CountedRun { run, totals, .. }: &CountedRun) -> Self {
        let rate = rate.filter(|_| run.state == RunState::Loading);
        let expected = match (run.split, run.source_bytes) {
            (Some(split), _) => Some(split.records),
            (None, Some(bytes))
                if totals.bytes > 0 && totals.bytes <= bytes && !is_compressed(&run.source) =>
            {
                let records = u128::from(totals.records) * u128::from(bytes) / u128::from(totals.bytes);
                u64::try_from(records).ok()
            }
            _ => None,
        };
        let left = expected.map(|expected| expected.saturating_sub(totals.read));
        let seconds_left = left.zip(rate.filter(|rate| *rate > 0)).map(|(left, rate)| left.div_ceil(rate));
        Self { rate, seconds_left, ..self }
    }

    /// The run with what is usual: the median of the job's promoted runs before it, ten at most. `past` are all of
    /// those, newest first.
    fn beside(self, past: &[RunDuration]) -> Self {
        let before = past.iter().filter(|one| one.job == self.run.job && one.run_id < self.run.run_id);
        let mut times: Vec<_> = before.take(COMPARED).map(|one| one.elapsed_ms).collect();
        times.sort_unstable();
        let usual = times.get(times.len().saturating_sub(1) / 2).copied();
        #[expect(clippy::cast_precision_loss, reason = "seconds for a person to read")]
        let usual_seconds = usual.map(|ms| ms as f64 / 1000.0);
        Self { usual_seconds, ..self }
    }
}

/// How many runs tell what is usual.
const COMPARED: usize = 10;

/// Whether a source is compressed, by its name.
fn is_compressed(source: &str) -> bool {
    [".gz", ".zst", ".zstd", ".bz2", ".xz"].iter().any(|end| source.to_lowercase().ends_with(end))
}

/// Adds to each of `runs`, newest first, what is usual for its job.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn beside_the_past(
    store: &dyn Store,
    runs: Vec<WatchedRun>,
) -> Result<Vec<WatchedRun>, StoreError> {
    let Some(newest) = runs.iter().map(|run| run.run.run_id).max() else { return Ok(runs) };
    let each = u32::try_from(runs.len() + COMPARED).unwrap_or(u32::MAX);
    let past = store.durations(newest, each).await?;
    Ok(runs.into_iter().map(|run| run.beside(&past)).collect())
}

/// One run as a console shows it: as `show --json` has it, with its flow, and what can be done with it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunView {
    /// The run, as `show --json` has it.
    #[serde(flatten)]
    pub shown: ShownRun,
    /// Whether the run's staging rows and rejects were removed.
    pub purged: bool,
    /// Who opened the run: `operator@host`.
    pub actor: String,
    /// Whether it waits for an operator to resume it: one paused it, or it cannot go on by itself; `note` says why.
    pub waits_for_operator: bool,
    /// How many of its chunks may be in flight, as an operator said; null for its share of the coordinator's window.
    pub window_chunks: Option<u64>,
    /// How many records are where, and whether that adds up.
    pub flow: Flow,
    /// What an operator may do with the run.
    pub acts: Vec<ActView>,
}

fn waits_for_operator(run: &Run) -> bool {
    run.parked && !run.state.is_over()
}

/// One run as a console shows it. `actor` is who would act; `drives` says why this process cannot drive a run, if it
/// cannot.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn view(
    store: &dyn Store,
    run_id: RunId,
    actor: &str,
    drives: Result<(), &str>,
) -> Result<RunView, StoreError> {
    let shown = shown(store, run_id).await?;
    let counted = store.counted(run_id).await?;
    let ahead = store.read_ahead(run_id).await?;
    let flow = flow(&counted, &ahead, &shown.report);
    let acts = acts(store, &counted, shown.report.driven_by.as_deref(), actor, drives).await?;
    let run = counted.run;
    Ok(RunView {
        shown,
        purged: run.purged,
        waits_for_operator: waits_for_operator(&run),
        window_chunks: run.window_chunks,
        actor: run.actor,
        flow,
        acts,
    })
}
