//! How a command ends: the exit codes, and the errors that lead to each.

use std::io::Write;
use std::process::ExitCode;

use broker::BrokerError;
use coordinator::evidence::pack::PackError;
use coordinator::open::OpenError;
use coordinator::ops::OpsError;
use coordinator::run::{Ending, RunError};
use domain::report::Outcome;
use domain::visible::visible_lines;
use job::JobError;
use platform::causes::chain;
use settings::SettingsError;
use source::SourceError;
use store::StoreError;

use crate::args::VerdictExit;

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
            Outcome::AwaitingApproval | Outcome::Unfinished | Outcome::Cancelled => Self::Unfinished,
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
    message: String,
}

impl Failure {
    /// Creates a failure with exit code 2: the command, job file or configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Creates a failure with exit code 3: the broker, store, source or system prevented it.
    pub(crate) fn unfinished(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into() }
    }

    /// Adds what to do next.
    pub(crate) fn advise(mut self, advice: &str) -> Self {
        self.message.push_str("\n  ");
        self.message.push_str(advice);
        self
    }

    /// Returns the message, with the advice that was added.
    pub(crate) fn message(self) -> String {
        self.message
    }

    /// Prints it to standard error.
    pub(crate) fn report(self) -> ExitCode {
        // If standard error is closed too, no output is possible.
        drop(writeln!(std::io::stderr(), "crossfoot: {}", visible_lines(&self.message)));
        self.code.into()
    }
}

fn classed(is_usage: bool, message: String) -> Failure {
    if is_usage { Failure::usage(message) } else { Failure::unfinished(message) }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        classed(error.is_usage(), chain(&error))
    }
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        classed(error.is_usage(), chain(&error))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        classed(error.is_usage(), chain(&error))
    }
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        classed(error.is_usage(), chain(&error))
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        // A missing file is a usage error; a file that cannot be written is a system error.
        let is_missing =
            matches!(&error, PackError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound);
        classed(error.is_usage() || is_missing, chain(&error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let is_usage = match &error {
            RunError::Store(store) => store.is_usage(),
            RunError::StreamGone => true,
            _ => false,
        };
        classed(is_usage, chain(&error))
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::usage(chain(&error))
    }
}
