//! How a command ends: the exit codes, and the errors that lead to each.

use std::io::Write;
use std::process::ExitCode;

use broker::BrokerError;
use coordinator::evidence::pack::PackError;
use coordinator::load::LoadError;
use coordinator::open::OpenError;
use coordinator::ops::OpsError;
use coordinator::ops::resend::ResendError;
use coordinator::run::{Ending, RunError};
use coordinator::verify::VerifyError;
use domain::ids::RunId;
use domain::report::Outcome;
use domain::visible::{visible_json, visible_lines};
use job::JobError;
use platform::causes::{chain, without_system_words};
use settings::SettingsError;
use source::SourceError;
use store::StoreError;

use crate::args::VerdictExit;
use crate::printed::failed::{ErrorKind, ErrorPlace, FailedCommand, FailedError, hint};

/// The result of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// 0: reconciled and promoted, or success for other commands.
    Well,
    /// 1: not reconciled; a check failed.
    NotReconciled,
    /// 3: not finished; the run can be resumed.
    Unfinished,
}

impl Done {
    /// How a command ends that shows a run with this outcome.
    pub(crate) const fn of(outcome: Outcome, VerdictExit { exit_code }: VerdictExit) -> Self {
        match outcome {
            _ if !exit_code => Self::Well,
            Outcome::Reconciled => Self::Well,
            Outcome::NotReconciled => Self::NotReconciled,
            Outcome::AwaitingApproval | Outcome::Unfinished | Outcome::Cancelled | Outcome::BackedOut => {
                Self::Unfinished
            }
        }
    }
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> Self {
        Self::from(match done {
            Done::Well => 0,
            Done::NotReconciled => 1,
            Done::Unfinished => 3,
        })
    }
}

impl From<Ending> for Done {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Promoted => Self::Well,
            Ending::NotReconciled | Ending::Cancelled => Self::NotReconciled,
            Ending::Paused => Self::Unfinished,
        }
    }
}

/// The error of a command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    kind: ErrorKind,
    message: String,
    /// What to do next, in lines of their own.
    advice: Vec<String>,
    /// What to do next, where the message says it already and a machine wants it apart.
    hint: Option<String>,
    place: Box<ErrorPlace>,
}

impl Failure {
    fn new(code: u8, kind: ErrorKind, message: String) -> Self {
        let message = without_system_words(&message);
        Self { code, kind, message, advice: Vec::new(), hint: None, place: Box::default() }
    }

    /// Creates a failure with exit code 2: the command, job file or configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(2, ErrorKind::Command, message.into())
    }

    /// Creates a failure with exit code 3: the broker, store, source or system prevented it.
    pub(crate) fn unfinished(message: impl Into<String>) -> Self {
        Self::new(3, ErrorKind::Unfinished, message.into())
    }

    /// Adds what to do next.
    pub(crate) fn advise(mut self, advice: &str) -> Self {
        self.advice.push(advice.to_owned());
        self
    }

    /// Sets what kind of failure it is, for machines.
    pub(crate) const fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the run that failed, unless a closer place is known.
    pub(crate) fn of_run(mut self, run_id: RunId) -> Self {
        self.place.run_id.get_or_insert_with(|| run_id.to_string());
        self
    }

    fn at(mut self, place: ErrorPlace) -> Self {
        *self.place = place;
        self
    }

    fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Returns the message, with the advice that was added.
    pub(crate) fn message(self) -> String {
        self.advice.iter().fold(self.message, |message, advice| format!("{message}\n  {advice}"))
    }

    /// Prints it to standard error: as text, or with `--json` as one line of JSON.
    pub(crate) fn report(self, is_json: bool) -> ExitCode {
        let code = self.code.into();
        let line = if is_json { self.json() } else { None };
        let line = line.unwrap_or_else(|| format!("crossfoot: {}", visible_lines(&self.message())));
        // If standard error is closed too, no output is possible.
        drop(writeln!(std::io::stderr(), "{line}"));
        code
    }
}

impl Failure {
    fn json(&self) -> Option<String> {
        let next = if self.advice.is_empty() { self.hint.clone() } else { Some(self.advice.join("\n")) };
        let error = FailedError {
            code: self.code,
            kind: self.kind,
            message: self.message.clone(),
            place: (*self.place).clone(),
            next,
        };
        serde_json::to_string(&FailedCommand { error }).ok().map(|line| visible_json(&line))
    }
}

/// Reports a command line that cannot be parsed, as JSON.
pub(crate) fn report_usage(text: &str) -> ExitCode {
    // The first paragraph says what is wrong; usage and tips follow.
    let (what, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let message = what.strip_prefix("error: ").unwrap_or(what).trim();
    let failure = Failure::usage(message);
    let rest = rest.trim();
    let failure = if rest.is_empty() { failure } else { failure.advise(rest) };
    failure.report(true)
}

fn classed(is_usage: bool, kind: ErrorKind, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(if is_usage { 2 } else { 3 }, kind, chain(error)).at(ErrorPlace::of(error)).hint(hint(error))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        classed(error.is_usage(), of_store(&error), &error)
    }
}

/// Runs are in the store: an error about one is not of the store.
const fn of_store(error: &StoreError) -> ErrorKind {
    match error {
        StoreError::NoSuchRun { .. }
        | StoreError::RunRemoved { .. }
        | StoreError::Kept { .. }
        | StoreError::TakenMeanwhile { .. }
        | StoreError::Fenced { .. }
        | StoreError::Over { .. }
        | StoreError::LeaseHeld { .. }
        | StoreError::Step(_)
        | StoreError::CannotResend(_)
        | StoreError::LoadedMeanwhile { .. } => ErrorKind::Run,
        _ => ErrorKind::Store,
    }
}

impl From<ResendError> for Failure {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::Store(error) => error.into(),
            ResendError::Write(_) => Self::unfinished(error.to_string()),
            ResendError::Csv(_)
            | ResendError::Job { .. }
            | ResendError::Row { .. }
            | ResendError::Nothing => Self::usage(error.to_string()),
        }
    }
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        classed(error.is_usage(), ErrorKind::Broker, &error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let kind = match &error {
            OpenError::Source(_) | OpenError::NotAsDescribed(_) | OpenError::NotByReference { .. } => {
                ErrorKind::Source
            }
            OpenError::Store(error) => of_store(error),
            OpenError::Declared(_) => ErrorKind::Command,
            OpenError::LoadedBefore { .. }
            | OpenError::InHand { .. }
            | OpenError::Refused(_)
            | OpenError::Stopped => ErrorKind::Run,
        };
        classed(error.is_usage(), kind, &error)
    }
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        let kind = if let OpsError::Store(error) = &error { of_store(error) } else { ErrorKind::Run };
        classed(error.is_usage(), kind, &error)
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        // A missing file is a usage error; a file that cannot be written is a system error.
        let is_missing =
            matches!(&error, PackError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound);
        classed(error.is_usage() || is_missing, ErrorKind::Evidence, &error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let is_usage = match &error {
            RunError::Store(store) => store.is_usage(),
            RunError::StreamGone => true,
            _ => false,
        };
        let kind = match &error {
            RunError::Load(
                LoadError::Split(_)
                | LoadError::SplitterLost(_)
                | LoadError::NotByReference { .. }
                | LoadError::Source(_)
                | LoadError::Unread { .. },
            )
            | RunError::Source(_)
            | RunError::StreamGone
            | RunError::SourceWanted(_) => ErrorKind::Source,
            RunError::Load(LoadError::Broker(_)) | RunError::Verify(VerifyError::Broker(_)) => {
                ErrorKind::Broker
            }
            RunError::Job(_) => ErrorKind::Job,
            other => other.store().map_or(ErrorKind::Run, of_store),
        };
        classed(is_usage, kind, &error)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        classed(true, ErrorKind::Job, &error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        classed(true, ErrorKind::Settings, &error)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        classed(true, ErrorKind::Source, &error)
    }
}
