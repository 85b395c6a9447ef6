//! Attestations that are overdue or failed: what the log knows of them, which jobs ask for them, and telling it.

use std::collections::{HashMap, HashSet};

use domain::attested::{AttestedJob, Due};
use domain::comparison::LoadOutcome;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::CheckCounts;
use domain::schedule::Span;
use platform::clock::iso;
use serde_json::{Value, json};
use store::views::PromotedJob;
use store::{Store, StoreError};

use super::views::attestations::{ListedAttestation, listed};
use crate::context::coordinator::Coordinator;
use crate::notice::{Notification, Told};

/// Events that are fetched at a time.
const PAGE: u32 = 1000;

/// The key of an event's detail that holds the moment from which an attestation was waited for.
const SINCE: &str = "since_ms";

/// The key of an event's detail that holds the number of the event of an attestation that failed.
const FAILED: &str = "attestation";

/// What the evidence log says of attestations, as far as it was read.
#[derive(Debug, Default)]
pub struct Attestations {
    /// The number of the last event of an attestation that was read.
    attested: u64,
    /// The number of the last event of a lapse that was read.
    lapsed: u64,
    runs: HashMap<RunId, OfRun>,
    /// The lapses that were noted: job, and since when the attestation was waited for.
    noted: HashSet<(String, i64)>,
}

/// The newest attestation of a run, and when it was attested last.
#[derive(Debug)]
struct OfRun {
    job: String,
    seq: u64,
    at_ms: i64,
    is_reconciled: bool,
    reconciled_at_ms: Option<i64>,
}

/// An attestation that found final to be other than what the run promoted, and was followed by no other of that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttestation {
    /// The run that was attested.
    pub run_id: RunId,
    /// The number of its event in the evidence log.
    pub seq: u64,
    /// When it was made: milliseconds since 1970.
    pub at_ms: i64,
    /// When the run was opened: milliseconds since 1970.
    pub opened_at_ms: i64,
}

/// Where a job whose job file asks for attestations stands with them.
#[derive(Debug)]
pub struct AttestedStanding {
    /// The job, and its newest promoted run.
    pub of: PromotedJob,
    /// Within which time it must be attested.
    pub within: Span,
    /// Until when the next attestation is due.
    pub due: Due,
    /// The attestations of its runs that failed.
    pub failed: Vec<FailedAttestation>,
}

impl Attestations {
    /// Reads what was appended to the log since.
    async fn catch_up(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        loop {
            let events = store.events_of(EventKind::Attested, self.attested, PAGE).await?;
            let Some(last) = events.last() else { break };
            for event in &events {
                match listed(event) {
                    Ok((Some(run_id), one)) => self.note(store, run_id, &one).await?,
                    Ok((None, _)) => {}
                    // It counts as no attestation, so that one is asked for.
                    Err(error) => tracing::warn!(%error, "cannot read an attestation"),
                }
            }
            self.attested = last.seq;
        }
        loop {
            let events = store.events_of(EventKind::AttestationLapsed, self.lapsed, PAGE).await?;
            let Some(last) = events.last() else { return Ok(()) };
            let details = events.iter().map(|event| serde_json::from_str::<Value>(&event.entry.detail));
            self.noted.extend(
                details
                    .flatten()
                    .filter_map(|detail| Some((detail["job"].as_str()?.to_owned(), detail[SINCE].as_i64()?))),
            );
            self.lapsed = last.seq;
        }
    }

    async fn note(
        &mut self,
        store: &dyn Store,
        run_id: RunId,
        one: &ListedAttestation,
    ) -> Result<(), StoreError> {
        let is_reconciled = one.outcome == LoadOutcome::Reconciled;
        let of = match self.runs.entry(run_id) {
            std::collections::hash_map::Entry::Occupied(of) => of.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => match store.run(run_id).await {
                Ok(run) => place.insert(OfRun {
                    job: run.job,
                    seq: 0,
                    at_ms: 0,
                    is_reconciled,
                    reconciled_at_ms: None,
                }),
                // A pack can be of another store's run, whatever its job is called.
                Err(StoreError::NoSuchRun { .. } | StoreError::RunRemoved { .. }) => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        (of.seq, of.at_ms, of.is_reconciled) = (one.seq, one.at_ms, is_reconciled);
        if is_reconciled {
            of.reconciled_at_ms = of.reconciled_at_ms.max(Some(one.at_ms));
        }
        Ok(())
    }

    /// The job's attestations that failed, of runs that are still promoted.
    async fn failed(&self, store: &dyn Store, job: &str) -> Result<Vec<FailedAttestation>, StoreError> {
        let mut all = Vec::new();
        for (run_id, of) in self.runs.iter().filter(|(_, of)| of.job == job && !of.is_reconciled) {
            let run = store.run(*run_id).await?;
            if run.state == RunState::Promoted {
                all.push(FailedAttestation {
                    run_id: *run_id,
                    seq: of.seq,
                    at_ms: of.at_ms,
                    opened_at_ms: run.opened_at_ms,
                });
            }
        }
        all.sort_by_key(|one| one.seq);
        Ok(all)
    }
}

/// Within which time the job file asks for attestations; `None` if it does not.
async fn within_of(store: &dyn Store, job_digest: &Hash) -> Result<Option<Span>, StoreError> {
    let text = store.job_text(job_digest).await?;
    // Most jobs do not, and need not be understood for that.
    if !text.contains("attest") {
        return Ok(None);
    }
    let job = job::Job::parse("(from the store)", &text);
    Ok(job.map_err(|error| StoreError::Damaged { what: error.to_string() })?.attest_within)
}

/// The jobs whose newest promoted run asks for attestations, by name, and where each stands. `known` is what was read
/// of the log before.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn standings(
    store: &dyn Store,
    known: &mut Attestations,
) -> Result<Vec<AttestedStanding>, StoreError> {
    let mut asking = Vec::new();
    for of in store.promoted_jobs().await? {
        match within_of(store, &of.job_digest).await {
            Ok(None) => {}
            Ok(Some(within)) => asking.push((of, within)),
            // One job's text does not keep the others from being looked at.
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(job = of.job, %error, "cannot read whether a job must be attested");
            }
            Err(error) => return Err(error),
        }
    }
    if asking.is_empty() {
        return Ok(Vec::new());
    }
    known.catch_up(store).await?;
    let mut all = Vec::new();
    for (of, within) in asking {
        let runs = known.runs.iter().filter(|(_, one)| one.job == of.job);
        let job = AttestedJob {
            first_promoted_at_ms: of.first_promoted_at_ms,
            newest_promoted_at_ms: of.promoted_at_ms,
            attested_at_ms: runs.filter_map(|(_, one)| one.reconciled_at_ms).max(),
            newest_attested_at_ms: known.runs.get(&of.run_id).and_then(|one| one.reconciled_at_ms),
        };
        let failed = known.failed(store, &of.job).await?;
        all.push(AttestedStanding { due: job.due(within), of, within, failed });
    }
    Ok(all)
}

impl Coordinator {
    /// Looks whether attestations are overdue or failed, and tells of each once: an event is the memory, whichever
    /// coordinator looks. Returns how many were told.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn tell_lapsed(&self, known: &mut Attestations) -> Result<usize, StoreError> {
        let mut told = 0;
        for AttestedStanding { of, within, due, failed } in standings(&*self.store, known).await? {
            for one in failed {
                let why = format!(
                    "the attestation of {} (event {}) is not reconciled: final does not hold what the run promoted",
                    iso(one.at_ms),
                    one.seq
                );
                let detail = json!({ "job": of.job, FAILED: one.seq, "attested_at_ms": one.at_ms });
                let mark = format!("\"{FAILED}\":{},", one.seq);
                let run = (one.run_id, one.opened_at_ms);
                let next = format!("crossfoot attest {} --history", one.run_id);
                told +=
                    usize::from(self.tell_lapse(&of.job, run, (&detail, &mark), (&why, None), next).await?);
            }
            let lapse = (of.job.clone(), due.since_ms);
            if !due.is_over(self.clock.now_ms()) || known.noted.contains(&lapse) {
                continue;
            }
            let why = format!(
                "no attestation of the job reconciled since {}, and one was due within {within}",
                iso(due.since_ms)
            );
            let detail = json!({ "job": of.job, SINCE: due.since_ms, "due_ms": due.due_ms });
            let mark = format!("\"{SINCE}\":{}", due.since_ms);
            let run = (of.run_id, of.opened_at_ms);
            let next = format!("crossfoot attest {}", of.run_id);
            let why = (&*why, Some(due.due_ms));
            told += usize::from(self.tell_lapse(&of.job, run, (&detail, &mark), why, next).await?);
            known.noted.insert(lapse);
        }
        Ok(told)
    }

    /// Logs and tells that an attestation is overdue or failed, unless that was logged before.
    async fn tell_lapse(
        &self,
        job: &str,
        (run_id, opened_at_ms): (RunId, i64),
        (detail, mark): (&Value, &str),
        (why, due_ms): (&str, Option<i64>),
        next: String,
    ) -> Result<bool, StoreError> {
        let entry = self.entry(run_id, EventKind::AttestationLapsed, detail);
        // Noted before it is told: a coordinator that dies in between tells once too few, never twice.
        let Some(event) = self.store.log_once(entry, mark).await? else { return Ok(false) };
        tracing::warn!(%run_id, job, why, "a job is not attested");
        let id = run_id.to_string();
        let notification = Notification {
            crossfoot: env!("CARGO_PKG_VERSION"),
            run_id: &id,
            job,
            outcome: Told::NotAttested,
            records: None,
            rejected: None,
            fingerprint: None,
            checks: CheckCounts::default(),
            failed: Vec::new(),
            why: Some(why),
            expected_at_ms: due_ms,
            next_step: Some(next),
            opened_at_ms,
            elapsed_ms: 0,
            log_head: Some(format!("{}:{}", event.seq, event.hash)),
            consequence: "what the job promoted is not known to be in final any more",
        };
        self.tell(run_id, &notification).await;
        Ok(true)
    }
}
