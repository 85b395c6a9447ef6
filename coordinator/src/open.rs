//! Opening a run: the tables are the job's, the source is there, and its bytes were not loaded before.

use std::sync::Arc;

use domain::approval::Refusal;
use domain::declared::Declared;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lease::Holder;
use domain::lifecycle::RunState;
use domain::reconcile::VerifySource;
use domain::travel::{NotByReference, Travel};
use job::Job;
use serde_json::json;
use source::{Location, SourceError, SourceFile};
use store::StoreError;
use store::model::NewRun;
use store::resends::{NewResend, Original};
use thiserror::Error;

use crate::context::coordinator::Coordinator;
use crate::context::lease::driver;
use crate::progress::Phase;
use crate::split::splitter::ChunkLimits;
use crate::split::{SplitError, of_source};

/// What is to be run.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The job that the run executes.
    pub job: Arc<Job>,
    /// Where the source is.
    pub source: Location,
    /// What the sender declared beside the job file; it takes the place of the job's own declaration.
    pub declared: Option<Declared>,
    /// Whether to load bytes that were loaded before.
    pub again: bool,
    /// Why it is run, if that was said.
    pub reason: Option<String>,
    /// Whether to wait for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Of how many chunks the coordinator decodes the source's bytes itself.
    pub verify_source: VerifySource,
    /// Whether the run is left to the coordinator service.
    pub submitted: bool,
    /// How the source is cut.
    pub chunks: ChunkLimits,
}

/// Rejects of another run that a run loads again, corrected.
#[derive(Debug, Clone)]
pub struct Resend {
    /// The run that rejected them.
    pub first: RunId,
    /// What each record of the source was in that run, in the order of the source.
    pub records: Vec<Original>,
    /// Rejects of that run that had a row without a change: they stay rejects.
    pub unchanged: u64,
    /// Rejects of that run that had no row: they stay rejects.
    pub missing: u64,
}

/// Why no run was opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed, or its tables are not the job's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A declaration that does not fit the job.
    #[error("invalid declared totals: {0}")]
    Declared(String),
    /// The same bytes are in final already.
    #[error(
        "run {run_id} loaded the same bytes (SHA-256 {sha256}) on {when}; nothing was loaded. Pass `--again` to load them again"
    )]
    LoadedBefore {
        /// The run that loaded the same bytes.
        run_id: RunId,
        /// SHA-256 of the source, the same in both runs.
        sha256: domain::fingerprint::Hash,
        /// When it was opened.
        when: String,
    },
    /// The same bytes are being loaded by a run that is not over.
    #[error("{}", in_hand_text(*run_id, *state, driven_by.as_deref()))]
    InHand {
        /// The unfinished run that has the same bytes.
        run_id: RunId,
        /// The state that the unfinished run is in.
        state: RunState,
        /// The signature of the process that drives the run, if one does.
        driven_by: Option<String>,
    },
    /// The source's header row, or its encoding, is not what the job says.
    #[error("{0}; no run was opened")]
    NotAsDescribed(SplitError),
    /// Chunks are to travel by reference, and the source cannot be read in parts.
    #[error("{location}: {error}; no run was opened")]
    NotByReference {
        /// The source.
        location: Location,
        /// Why it cannot.
        error: NotByReference,
    },
    /// The job asks for more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Stopped before anything began.
    #[error("stopped on request; no run was opened")]
    Stopped,
}

impl OpenError {
    /// Whether it is the command, job or configuration that has to change, rather than the world.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Source(_)
            | Self::Declared(_)
            | Self::LoadedBefore { .. }
            | Self::InHand { .. }
            | Self::NotAsDescribed(_)
            | Self::NotByReference { .. }
            | Self::Refused(_) => true,
            Self::Store(error) => error.is_usage(),
            Self::Stopped => false,
        }
    }
}

impl Coordinator {
    /// Opens a run; [`Coordinator::drive`] then takes it to its verdict.
    ///
    /// # Errors
    /// [`OpenError`]; no run was opened then.
    pub async fn open(&self, request: &RunRequest) -> Result<RunId, OpenError> {
        self.open_as(request, None).await
    }

    /// Opens a run on corrected rejects of another one. As [`Coordinator::open`] otherwise; the log says of both runs
    /// that the one resends rejects of the other.
    ///
    /// # Errors
    /// [`OpenError`]; [`StoreError::CannotResend`] unless that run is promoted, and none of the records is in final or
    /// on its way there. No run was opened then.
    pub async fn open_resend(&self, request: &RunRequest, resend: Resend) -> Result<RunId, OpenError> {
        let first = resend.first;
        let run_id = self.open_as(request, Some(resend)).await?;
        self.checkpoint(first, EventKind::Resent.name()).await;
        Ok(run_id)
    }

    async fn open_as(&self, request: &RunRequest, resend: Option<Resend>) -> Result<RunId, OpenError> {
        let job = &request.job;
        if request.again || resend.is_some() {
            job.approval.reasoned(request.reason.as_deref())?;
        }
        let declared = request.declared.as_ref().map(|declared| declared_text(declared, job)).transpose()?;
        self.store.prepare(job).await?;
        let source = SourceFile::open(request.source.clone(), job.compression)?;
        let sealed = self.seal(source, Arc::clone(job)).await?;
        // The records of a resend are looked for one by one, in the transaction that opens it.
        if let (Some(sha256), false, None) = (&sealed.sha256, request.again, &resend) {
            for run in self.store.runs_with_source(&job.name, sha256).await? {
                match run.state {
                    // An empty source, or one of a header row alone, has nothing to load twice.
                    RunState::Promoted if run.split.is_none_or(|split| split.records > 0) => {
                        let when = platform::clock::iso(run.opened_at_ms);
                        return Err(OpenError::LoadedBefore { run_id: run.run_id, sha256: *sha256, when });
                    }
                    state @ (RunState::Loading | RunState::Staged | RunState::AwaitingApproval) => {
                        let driven_by = driver(&*self.store, &run).await?;
                        return Err(OpenError::InHand { run_id: run.run_id, state, driven_by });
                    }
                    _ => {}
                }
            }
        }
        let run_id = self.new_run_id();
        let mut detail = self.actor_context.detail();
        if let Some(reason) = &request.reason {
            detail.insert("reason".into(), reason.clone().into());
        }
        let resends = resend.map(|resend| {
            let detail = json!({
                "by": run_id.to_string(),
                "records": resend.records.len(),
                "unchanged": resend.unchanged,
                "without_row": resend.missing,
                "reason": request.reason,
            });
            let log = self.entry(resend.first, EventKind::Resent, &detail);
            NewResend { first: resend.first, records: resend.records, log }
        });
        let new = NewRun {
            run_id,
            job: job.name.clone(),
            job_text: sealed.job.text.clone(),
            job_digest: sealed.job.digest,
            source: sealed.location,
            source_bytes: sealed.bytes,
            source_sha256: sealed.sha256,
            declared,
            chunk_bytes: request.chunks.bytes as u64,
            chunk_records: request.chunks.records,
            again: request.again,
            pause_after_staged: request.pause_after_staged || job.approval.four_eyes,
            verify_source: request.verify_source,
            submitted: request.submitted,
            resends,
            actor: self.actor.clone(),
            detail,
            now_ms: self.clock.now_ms(),
        };
        fault::around!("open", self.store.open_run(&new).await)?;
        if request.again {
            self.checkpoint(run_id, "opened again").await;
        }
        Ok(run_id)
    }

    /// Hashes the source's bytes, so that a change under the run is seen, and a second load of them refused.
    async fn seal(&self, source: SourceFile, job: Arc<Job>) -> Result<Sealed, OpenError> {
        let bytes = source.bytes_on_disk();
        self.watch.send_modify(|now| {
            now.phase = Phase::Sealing;
            now.of = bytes.unwrap_or(0);
        });
        let (watch, stop, travel) = (self.watch.clone(), self.stop.clone(), self.travel);
        let hashed = platform::inline::run(move || {
            let location = source.location().to_argument();
            if travel == Travel::ByReference {
                let not = |error| OpenError::NotByReference { location: source.location().clone(), error };
                travel.of(source.shape()?).map_err(not)?;
            }
            // A stream can be read once only: its header is checked, and its bytes are hashed, as they are split.
            let job = of_source(&job, &source).map_err(|error| match error {
                SplitError::Source(error) => OpenError::Source(error),
                error => OpenError::NotAsDescribed(error),
            })?;
            let sha256 = match bytes {
                None => None,
                Some(_) => Some(
                    source
                        .sha256(&|| stop.is_cancelled(), &|done| watch.send_modify(|now| now.done = done))?,
                ),
            };
            Ok::<_, OpenError>(Sealed { job, location, bytes, sha256 })
        });
        let sealed = hashed.await.map_err(|_| OpenError::Stopped)?;
        if self.stop.is_cancelled() {
            return Err(OpenError::Stopped);
        }
        sealed
    }
}

/// What is said of an unfinished run that has the same bytes. One that a process drives cannot be resumed.
fn in_hand_text(run_id: RunId, state: RunState, driven_by: Option<&str>) -> String {
    let what = format!("run {run_id} is loading the same bytes and is {state}");
    match driven_by.map(Holder::of) {
        Some(holder) => format!(
            "{what}, driven by {holder}; wait for that process (`crossfoot show {run_id}` shows its progress), cancel \
             the run, or pass `--again`"
        ),
        None => format!("{what}; `crossfoot resume`, `approve` or `cancel` it first, or pass `--again`"),
    }
}

struct Sealed {
    /// The job, with the source's columns.
    job: Arc<Job>,
    location: String,
    bytes: Option<u64>,
    sha256: Option<domain::fingerprint::Hash>,
}

fn declared_text(declared: &Declared, job: &Job) -> Result<String, OpenError> {
    if declared.is_empty() {
        return Err(OpenError::Declared(
            "they declare nothing; add records, bytes, amounts, sha256 or fingerprint".into(),
        ));
    }
    let names = job.amount_names();
    if let Some(unknown) = declared.amounts.keys().find(|name| !names.contains(name)) {
        return Err(OpenError::Declared(format!(
            "`{unknown}` is not one of the job's amounts ({})",
            names.join(", ")
        )));
    }
    if let Some(unknown) =
        declared.values.keys().find(|name| !job.footing.as_ref().is_some_and(|plan| plan.asks_for(name)))
    {
        return Err(OpenError::Declared(format!("no control of the job compares a value with `{unknown}`")));
    }
    serde_json::to_string(declared).map_err(|error| OpenError::Declared(error.to_string()))
}
