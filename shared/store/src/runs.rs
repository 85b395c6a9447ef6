//! Runs in the ledger: opened, found, taken from step to step.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::event::Entry as LogEntry;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::{IllegalStep, RunEvent, RunState};

use crate::absent::no_such_run;
use crate::database::{Change, Connection, Database, Lock};
use crate::model::{NewRun, PastRun, Run, SplitTotals};
use crate::opening::insert_run;
use crate::param::Param;
use crate::run_row::run_from;
use crate::{Fence, StoreError, damaged, log, params};

/// Which runs a list shows; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// The name of the runs' job; `None` for any.
    pub job: Option<String>,
    /// The states that runs may be in; empty for any.
    pub states: Vec<RunState>,
    /// When the oldest run was opened: milliseconds since 1970, UTC; 0 for any.
    pub opened_since_ms: i64,
}

/// Runs, and the jobs they are of.
#[async_trait]
#[delegatable_trait]
pub trait Runs: Send + Sync {
    /// Opens a run.
    ///
    /// # Errors
    /// [`StoreError::TakenMeanwhile`]; [`StoreError`] of the database.
    async fn open_run(&self, new: &NewRun) -> Result<Run, StoreError>;
    /// One run.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`]; [`StoreError::RunRemoved`].
    async fn run(&self, run_id: RunId) -> Result<Run, StoreError>;
    /// The latest runs that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, StoreError>;
    /// The runs of `job` on bytes with this SHA-256, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn runs_with_source(&self, job: &str, sha256: &Hash) -> Result<Vec<Run>, StoreError>;
    /// The latest promoted run of the same job, on a source of its own, that was opened before this one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError>;
    /// The latest runs of `job` on sources of their own, the newest first, `limit` at most, each with the summary that
    /// its last reconciliation left. `before`: only those opened before this run; `promoted`: only those in final.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<PastRun>, StoreError>;
    /// Keeps why the run stands where it stands, or that there is nothing to say; a parked run keeps its reason.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn note(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError>;
    /// The text of the job file with this digest.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not there.
    async fn job_text(&self, digest: &Hash) -> Result<String, StoreError>;
    /// Records that the splitter reached the source's end, with its totals.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn finish_split(&self, fence: Fence, totals: &SplitTotals) -> Result<(), StoreError>;
    /// Takes the run a step further in its life, with the log's entry for it. The step to *promoted* is not taken
    /// here: only [`crate::Promotion::commit`] takes it.
    ///
    /// # Errors
    /// [`StoreError::Step`] when the table has no such step, [`StoreError::Fenced`].
    async fn step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<&str>,
        log: LogEntry,
    ) -> Result<Run, StoreError>;
    /// Leaves a run to an operator, with the reason (`Some`), or to whoever drives it again (`None`).
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::Over`].
    async fn park(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError>;
    /// Changes how many chunks of a run may be in flight, with the log's entry for it; `None` for its share of the
    /// coordinator's window. Whoever drives the run learns it when it renews its lease.
    ///
    /// # Errors
    /// [`StoreError::Over`]; [`StoreError::NoSuchRun`].
    async fn set_window(&self, run_id: RunId, chunks: Option<u64>, log: LogEntry) -> Result<(), StoreError>;
}

/// Fails unless `fence` is the run's newest; it stays so until the transaction ends. This waits only for a coordinator
/// that acquires the run, and makes it wait; renewals of the lease and other changes continue.
///
/// # Errors
/// [`StoreError::Fenced`].
pub async fn hold_fence(connection: &mut dyn Connection, fence: Fence) -> Result<(), StoreError> {
    let share_key = connection.syntax().share_key;
    let sql = format!("SELECT epoch FROM crossfoot_run WHERE run_id = $1 {share_key}");
    match connection.fetch_first(&sql, params![fence.run_id]).await? {
        Some(row) if row.get::<u64>("epoch")? == fence.epoch => Ok(()),
        _ => Err(StoreError::Fenced { run_id: fence.run_id }),
    }
}

/// The run's state, which no other session changes until the transaction ends.
async fn locked_state(connection: &mut dyn Connection, run_id: RunId) -> Result<RunState, StoreError> {
    let lock_row = connection.syntax().lock_row;
    let sql = format!("SELECT state FROM crossfoot_run WHERE run_id = $1 {lock_row}");
    connection.fetch_one(&sql, params![run_id]).await?.parsed("state")
}

/// Takes the run one legal step further, once the batches that are being committed are.
///
/// # Errors
/// [`StoreError::Step`], [`StoreError::Fenced`].
pub async fn step_run(
    connection: &mut dyn Connection,
    fence: Fence,
    event: RunEvent,
    note: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection.lock(Lock::State(fence.run_id)).await?;
    hold_fence(connection, fence).await?;
    let to = locked_state(connection, fence.run_id).await?.after(event)?;
    let sql = "UPDATE crossfoot_run SET state = $2, note = $3, ended_at_ms = coalesce(ended_at_ms, $4)
               WHERE run_id = $1";
    let ended_at_ms = to.is_over().then_some(at_ms);
    connection.execute(sql, params![fence.run_id, to.name(), Param::words(note), ended_at_ms]).await?;
    Ok(())
}

/// Fails when another run on the same bytes is in final. Two runs may be reconciled at the same time; promotions of
/// a job come one after the other, so the second one sees the first.
///
/// # Errors
/// [`StoreError::LoadedMeanwhile`].
pub async fn loaded_once(connection: &mut dyn Connection, run_id: RunId) -> Result<(), StoreError> {
    let sql = "SELECT o.run_id FROM crossfoot_run r JOIN crossfoot_run o
                 ON o.job = r.job AND o.split_sha256 = r.split_sha256 AND o.run_id <> r.run_id AND o.state = 'promoted'
               WHERE r.run_id = $1 AND NOT r.again AND r.split_records > 0 LIMIT 1";
    match connection.fetch_first(sql, params![run_id]).await? {
        None => Ok(()),
        Some(row) => Err(StoreError::LoadedMeanwhile { run_id: row.parsed("run_id")? }),
    }
}

async fn set_parked(
    connection: &mut dyn Connection,
    fence: Fence,
    why: Option<String>,
) -> Result<(), StoreError> {
    hold_fence(connection, fence).await?;
    let state = locked_state(connection, fence.run_id).await?;
    if state.is_over() {
        return Err(StoreError::Over { run_id: fence.run_id, state });
    }
    let sql = "UPDATE crossfoot_run SET parked = $2, note = $3 WHERE run_id = $1";
    connection.execute(sql, params![fence.run_id, why.is_some(), Param::words(why.as_deref())]).await?;
    Ok(())
}

#[async_trait]
impl<D: Database> Runs for D {
    async fn open_run(&self, new: &NewRun) -> Result<Run, StoreError> {
        let (run_id, new) = (new.run_id, new.clone());
        self.write(Change::LEDGER, move |connection| Box::pin(insert_run(connection, new))).await?;
        self.run(run_id).await
    }

    async fn run(&self, run_id: RunId) -> Result<Run, StoreError> {
        match self.fetch_first("SELECT * FROM crossfoot_run WHERE run_id = $1", params![run_id]).await? {
            Some(row) => run_from(&row),
            None => Err(no_such_run(self, run_id).await),
        }
    }

    async fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT * FROM crossfoot_run
                   WHERE ($1 IS NULL OR job = $1) AND opened_at_ms >= $2
                   AND ($3 = '' OR $3 LIKE '%,' || state || ',%')
                   ORDER BY run_id DESC LIMIT $4";
        let states: String = filter.states.iter().map(|state| format!(",{},", state.name())).collect();
        let params = params![&filter.job, filter.opened_since_ms, states, limit];
        self.fetch(sql, params).await?.iter().map(run_from).collect()
    }

    async fn runs_with_source(&self, job: &str, sha256: &Hash) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT * FROM crossfoot_run WHERE job = $1 AND (split_sha256 = $2 OR source_sha256 = $2)
                   ORDER BY run_id DESC";
        self.fetch(sql, params![job, sha256.to_string()]).await?.iter().map(run_from).collect()
    }

    async fn promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        // Run ids rise with the time at which runs are opened.
        let sql = "SELECT o.* FROM crossfoot_run r
                   JOIN crossfoot_run o ON o.job = r.job AND o.run_id < r.run_id AND o.state = 'promoted'
                   WHERE r.run_id = $1 AND o.resends IS NULL ORDER BY o.run_id DESC LIMIT 1";
        self.fetch_first(sql, params![run_id]).await?.as_ref().map(run_from).transpose()
    }

    async fn history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<PastRun>, StoreError> {
        let sql = "SELECT * FROM crossfoot_run WHERE job = $1 AND ($2 IS NULL OR run_id < $2)
                   AND (NOT $3 OR state = 'promoted') AND resends IS NULL ORDER BY run_id DESC LIMIT $4";
        let rows = self.fetch(sql, params![job, before, promoted, limit]).await?;
        rows.iter().map(|row| Ok(PastRun { run: run_from(row)?, summary: row.get("summary")? })).collect()
    }

    async fn job_text(&self, digest: &Hash) -> Result<String, StoreError> {
        let sql = "SELECT body FROM crossfoot_job WHERE digest = $1";
        let Some(row) = self.fetch_first(sql, params![digest.to_string()]).await? else {
            return Err(damaged(format!("job {digest} is not in the store")));
        };
        let text: String = row.get("body")?;
        // Its rules and limits decide: a text that was altered must not.
        if Hash::of(text.as_bytes()) != *digest {
            return Err(damaged(format!(
                "the text of job {digest} was altered: it does not match its digest"
            )));
        }
        Ok(text)
    }

    async fn finish_split(&self, fence: Fence, totals: &SplitTotals) -> Result<(), StoreError> {
        let totals = *totals;
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql = "UPDATE crossfoot_run SET split_chunks = $2, split_records = $3, split_bytes = $4,
                           split_header_bytes = $5, split_disk_bytes = $6, split_sha256 = $7 WHERE run_id = $1";
                let values = params![
                    fence.run_id,
                    totals.chunks,
                    totals.records,
                    totals.bytes,
                    totals.header_bytes,
                    totals.bytes_on_disk,
                    totals.sha256.to_string(),
                ];
                connection.execute(sql, values).await?;
                Ok(())
            })
        })
        .await
    }

    async fn step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<&str>,
        log: LogEntry,
    ) -> Result<Run, StoreError> {
        if event == RunEvent::Promoted {
            // Only a promotion takes this step, and a promotion takes a permit (INV-09).
            let from = self.run(fence.run_id).await?.state;
            return Err(IllegalStep { from, event }.into());
        }
        let what = "a step of the run";
        let change = if event == RunEvent::Cancelled { Change::prompt(what) } else { Change::named(what) };
        let note = note.map(str::to_owned);
        self.write(change, move |connection| {
            Box::pin(async move {
                step_run(connection, fence, event, note.as_deref(), log.at_ms).await?;
                log::append(connection, log).await?;
                Ok(())
            })
        })
        .await?;
        self.run(fence.run_id).await
    }

    async fn note(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError> {
        let why = why.map(str::to_owned);
        let sql = "UPDATE crossfoot_run SET note = $2 WHERE run_id = $1 AND NOT parked";
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                connection.execute(sql, params![fence.run_id, why]).await.map(drop)
            })
        })
        .await
    }

    async fn set_window(&self, run_id: RunId, chunks: Option<u64>, log: LogEntry) -> Result<(), StoreError> {
        self.run(run_id).await?;
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let state = locked_state(connection, run_id).await?;
                if state.is_over() {
                    return Err(StoreError::Over { run_id, state });
                }
                let sql = "UPDATE crossfoot_run SET window_chunks = $2 WHERE run_id = $1";
                connection.execute(sql, params![run_id, chunks]).await?;
                log::append(connection, log).await?;
                Ok(())
            })
        })
        .await
    }

    async fn park(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError> {
        let why = why.map(str::to_owned);
        self.write(Change::LEDGER, move |connection| Box::pin(set_parked(connection, fence, why))).await
    }
}
