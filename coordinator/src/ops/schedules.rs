//! Runs that are missing: which jobs have a schedule, where they stand with it, and telling that no run was opened.

use domain::event_kind::EventKind;
use domain::report::CheckCounts;
use domain::schedule::{Expected, Schedule, Standing};
use serde_json::{Value, json};
use store::views::NewestRun;
use store::{Store, StoreError};

use crate::context::coordinator::Coordinator;
use crate::notice::{Notification, Told};

/// The key of an event's detail that holds the expected time.
const EXPECTED: &str = "expected_at_ms";

/// The schedule of the job that a run ran; `None` if it has none.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn schedule_of(store: &dyn Store, run: &NewestRun) -> Result<Option<Schedule>, StoreError> {
    let text = store.job_text(&run.job_digest).await?;
    // Most jobs have none, and need not be understood for that.
    if !text.contains("schedule") {
        return Ok(None);
    }
    let job = job::Job::parse("(from the store)", &text);
    Ok(job.map_err(|error| StoreError::Damaged { what: error.to_string() })?.schedule)
}

/// The jobs whose newest run has a schedule, by name, and where each stands at `now_ms`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn standings(store: &dyn Store, now_ms: i64) -> Result<Vec<(NewestRun, Standing)>, StoreError> {
    let mut all = Vec::new();
    for run in store.newest_runs().await? {
        match schedule_of(store, &run).await {
            Ok(None) => {}
            Ok(Some(schedule)) => {
                let standing = schedule.standing(run.opened_at_ms, now_ms);
                all.push((run, standing));
            }
            // One job's text does not keep the others from being shown.
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(job = run.job, %error, "cannot read the schedule of a job");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

impl Coordinator {
    /// Looks whether runs are missing, and tells of each expected time that was missed, once: the event under the
    /// job's newest run is the memory, whichever coordinator looks. Returns how many were told.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn tell_missing(&self) -> Result<usize, StoreError> {
        let store = &*self.store;
        let mut told = 0;
        for run in store.newest_runs().await? {
            let schedule = match schedule_of(store, &run).await {
                Ok(Some(schedule)) => schedule,
                Ok(None) => continue,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::warn!(job = run.job, %error, "cannot look whether a run of a job is missing");
                    continue;
                }
            };
            let noted = store.last_event(run.run_id, EventKind::RunMissing).await?;
            let noted = noted.and_then(|event| {
                serde_json::from_str::<Value>(&event.entry.detail).ok()?.get(EXPECTED)?.as_i64()
            });
            for missed in schedule.missed(run.opened_at_ms, noted, self.clock.now_ms()) {
                told += usize::from(self.tell_missed(&run, &schedule, missed).await?);
            }
        }
        Ok(told)
    }

    /// Logs and tells that no run was opened for an expected time, unless that was logged before.
    async fn tell_missed(
        &self,
        run: &NewestRun,
        schedule: &Schedule,
        missed: Expected,
    ) -> Result<bool, StoreError> {
        let expected = schedule.shown(missed.at_ms);
        let until = schedule.shown(missed.closes_at_ms);
        let why = format!("a run was expected at {expected}, and none was opened until {until}");
        let detail = json!({
            "job": run.job, EXPECTED: missed.at_ms, "missed_at_ms": missed.closes_at_ms, "expected": expected,
        });
        let mark = format!("\"{EXPECTED}\":{}", missed.at_ms);
        let entry = self.entry(run.run_id, EventKind::RunMissing, &detail);
        // Noted before it is told: a coordinator that dies in between tells once too few, never twice.
        let Some(event) = self.store.log_once(entry, &mark).await? else { return Ok(false) };
        tracing::warn!(run_id = %run.run_id, job = run.job, expected, "no run was opened in time");
        let run_id = run.run_id.to_string();
        let next = "find out why nothing submitted it (scheduler, file that did not arrive, refusal with exit code 2), \
                    then load the file";
        let notification = Notification {
            crossfoot: env!("CARGO_PKG_VERSION"),
            run_id: &run_id,
            job: &run.job,
            outcome: Told::Missing,
            records: None,
            rejected: None,
            fingerprint: None,
            checks: CheckCounts::default(),
            failed: Vec::new(),
            why: Some(&why),
            expected_at_ms: Some(missed.at_ms),
            next_step: Some(next.to_owned()),
            opened_at_ms: run.opened_at_ms,
            elapsed_ms: 0,
            log_head: Some(format!("{}:{}", event.seq, event.hash)),
            consequence: "no run of the job was opened in time",
        };
        self.tell(run.run_id, &notification).await;
        Ok(true)
    }
}
