//! Whether the available source is the one that the run was opened on: before anything is done with it, and again
//! before a verdict.
//!
//! A file that is not there, or another one that was named by mistake, proves nothing about what was loaded: the run
//! waits for the right one. A file that is there under its name with other bytes than it had has changed under the
//! run: that is a failed check.

use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::travel::Travel;
use job::Job;
use source::{Location, SourceError, SourceFile};
use store::model::Run;

use crate::context::coordinator::Coordinator;
use crate::load::LoadError;
use crate::run::ending::Drive;
use crate::run::error::RunError;
use crate::split::wanted::{OpenSourceError, SourceWanted};

/// The command that goes on with a run in this state.
fn command(run_id: RunId, state: RunState) -> String {
    let verb = if state == RunState::AwaitingApproval { "approve" } else { "resume" };
    format!("crossfoot {verb} {run_id}")
}

fn length(bytes: Option<u64>) -> String {
    match bytes {
        None => "no length (a stream)".to_owned(),
        Some(1) => "1 byte".to_owned(),
        Some(bytes) => format!("{bytes} bytes"),
    }
}

impl Coordinator {
    /// Opens the run's source: where the run was begun from, or where `how` says that it is now.
    ///
    /// # Errors
    /// [`OpenSourceError`] when it cannot be read, or was a stream and is not handed in again.
    pub(crate) fn open_source(
        &self,
        run: &Run,
        job: &Job,
        how: &Drive,
    ) -> Result<SourceFile, OpenSourceError> {
        let location = match &how.source {
            Some(location) => location.clone(),
            None => Location::parse(&run.source),
        };
        if location.is_stream() && run.epoch > 1 && how.source.is_none() {
            return Err(OpenSourceError::StreamGone);
        }
        Ok(SourceFile::open(location, job.compression)?)
    }

    /// How the chunks of the run travel. A source that was named anew has another place than the ledger knows, where
    /// workers would read: its chunks go out with their bytes.
    ///
    /// # Errors
    /// [`LoadError::NotByReference`] when they are to travel by reference and cannot; [`LoadError::Source`] when that
    /// cannot be told.
    pub(crate) fn travel_of(&self, run: &Run, source: &SourceFile, how: &Drive) -> Result<Travel, LoadError> {
        if self.travel == Travel::Inline {
            return Ok(Travel::Inline);
        }
        if how.source.as_ref().is_some_and(|named| named.to_argument() != run.source) {
            tracing::warn!(
                source = %source.location(),
                "the source is at another place than the run was opened on; its chunks travel with their bytes"
            );
            return Ok(Travel::Inline);
        }
        let not = |error| LoadError::NotByReference { location: source.location().clone(), error };
        self.travel.of(source.shape()?).map_err(not)
    }

    /// Refuses to continue if the source is missing, or if another one was named than the run was opened on.
    ///
    /// # Errors
    /// [`RunError::SourceWanted`]: nothing of the run has changed.
    pub(crate) async fn source_is_at_hand(&self, run: &Run, job: &Job, how: &Drive) -> Result<(), RunError> {
        // A stream's bytes are known only once they were split, and then they are gone.
        let Some(expected) = run.source_sha256 else { return Ok(()) };
        let source = self.source_or_wait(run, job, how)?;
        if how.source.is_none() {
            return Ok(());
        }
        let other = |found: String, expected: String| {
            RunError::SourceWanted(SourceWanted::Other {
                given: source.location().to_string(),
                found,
                expected,
                command: command(run.run_id, run.state),
            })
        };
        let bytes = source.bytes_on_disk();
        if bytes != run.source_bytes {
            return Err(other(length(bytes), length(run.source_bytes)));
        }
        match self.sha256_of(self.source_or_wait(run, job, how)?).await {
            Ok(found) if found == expected => Ok(()),
            Ok(found) => {
                let of = |hash: Hash| format!("{} and SHA-256 {hash}", length(bytes));
                Err(other(of(found), of(expected)))
            }
            Err(error) => Err(away(run, error)),
        }
    }

    /// What changed about the file since the run was opened; its length and SHA-256 were noted then.
    ///
    /// # Errors
    /// [`RunError::SourceWanted`] when it cannot be read: that says nothing about what was loaded.
    pub(crate) async fn source_changed(
        &self,
        run: &Run,
        job: &Job,
        how: &Drive,
    ) -> Result<Option<String>, RunError> {
        let Some(before) = run.source_sha256 else { return Ok(None) };
        let source = self.source_or_wait(run, job, how)?;
        let bytes = source.bytes_on_disk();
        if bytes != run.source_bytes {
            return Ok(Some(format!("it had {} and now has {}", length(run.source_bytes), length(bytes))));
        }
        match self.sha256_of(source).await {
            Ok(now) if now == before => Ok(None),
            Ok(_) => Ok(Some("its content changed".into())),
            Err(error) => Err(away(run, error)),
        }
    }

    fn source_or_wait(&self, run: &Run, job: &Job, how: &Drive) -> Result<SourceFile, RunError> {
        self.open_source(run, job, how).map_err(|error| match error {
            OpenSourceError::Source(error) => away(run, error),
            OpenSourceError::StreamGone => RunError::StreamGone,
        })
    }

    async fn sha256_of(&self, source: SourceFile) -> Result<Hash, SourceError> {
        let (stop, location) = (self.stop.clone(), source.location().clone());
        let hashed = platform::inline::run(move || source.sha256(&|| stop.is_cancelled(), &|_| {})).await;
        hashed.unwrap_or(Err(SourceError::Stopped { location }))
    }
}

fn away(run: &Run, error: SourceError) -> RunError {
    match error {
        SourceError::Stopped { .. } => LoadError::Stopped.into(),
        error => {
            RunError::SourceWanted(SourceWanted::Away { error, command: command(run.run_id, run.state) })
        }
    }
}
