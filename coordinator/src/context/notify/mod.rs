//! Telling others of a verdict: a webhook, a command, e-mail. None of them ever changes it: a hook that fails is a
//! warning and an event in the log.

mod command;
pub mod email;
mod webhook;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use domain::words::plural;
use platform::secret::ServerUrl;
use platform::tls::{self, CertificateDer};
use thiserror::Error;

use crate::notice::{Shape, Told};

/// How often a webhook or a mail server is tried before it is given up.
const TRIES: u32 = 3;

/// The pause before the second try; before the third it is twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one try, or the command, may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is notified, and of which outcomes.
#[derive(Clone, Default)]
pub struct Notify {
    /// Where the verdict is posted to.
    pub webhook: Option<ServerUrl>,
    /// What the body is signed with.
    pub secret: Option<Vec<u8>>,
    /// What the body is.
    pub shape: Shape,
    /// A PEM file of the only authorities that the certificates of webhook and mail server may be signed by.
    pub only_ca_file: Option<PathBuf>,
    /// A PEM file of authorities to trust besides the system's, unless there are `only` others.
    pub ca_file: Option<PathBuf>,
    /// A program and its arguments; it gets the JSON on standard input.
    pub command: Vec<String>,
    /// Who gets e-mail, and by which server.
    pub email: Option<email::Mailing>,
    /// The outcomes to notify of; empty for all.
    pub on: Vec<Told>,
    /// How long one try may take; 10 s when it is not said.
    pub timeout: Option<Duration>,
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A webhook's URL is a secret where its path holds a token, as those of chat services do.
        f.debug_struct("Notify").field("on", &self.on).finish_non_exhaustive()
    }
}

/// Why a notification was not delivered.
#[derive(Debug, Error)]
pub(crate) enum NotifyError {
    /// No try reached the receiver.
    #[error("{reason}, after {}", plural(u64::from(*attempts), "attempt"))]
    Unreached {
        /// Why the last one failed.
        reason: String,
        /// How many there were.
        attempts: u32,
    },
    /// A try panicked or was cancelled, which is a bug.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// The command did not start.
    #[error("cannot start {program}: {error}")]
    Start {
        /// The command that could not be started.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The command says that it failed.
    #[error("{program} exited with {status}")]
    Exit {
        /// The command that ran and failed.
        program: String,
        /// What it ended with.
        status: ExitStatus,
    },
    /// The command could not be waited for.
    #[error("{program}: {error}")]
    Wait {
        /// The command that was being waited for.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The command took too long.
    #[error("{program} did not exit within {limit_s} s")]
    Late {
        /// The command that ran into its time limit.
        program: String,
        /// How long it may take.
        limit_s: u64,
    },
}

/// Why a try failed, and whether another may succeed.
struct Failed {
    reason: String,
    is_final: bool,
}

impl Notify {
    /// Whether no one is notified of anything.
    pub(crate) fn is_off(&self) -> bool {
        self.webhook.is_none() && self.command.is_empty() && self.email.is_none()
    }

    /// Whether the settings ask for a notification of `outcome`.
    pub(crate) fn is_asked_for(&self, outcome: Told) -> bool {
        self.on.is_empty() || self.on.contains(&outcome)
    }

    fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Whose certificates are trusted.
    fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, Failed> {
        let mut trusted = if self.only_ca_file.is_some() { Vec::new() } else { tls::of_system() };
        if let Some(path) = self.only_ca_file.as_ref().or(self.ca_file.as_ref()) {
            trusted.extend(tls::of_file(path).map_err(|error| Failed {
                reason: format!("ca_file {}: {error}", path.display()),
                is_final: true,
            })?);
        }
        Ok(trusted)
    }
}

/// Tries until it succeeds, cannot, or has been tried often enough.
async fn retried<F>(mut attempt: impl FnMut() -> F) -> Result<(), NotifyError>
where
    F: Future<Output = Result<Result<(), Failed>, NotifyError>>,
{
    for attempts in 1.. {
        match attempt().await? {
            Ok(()) => return Ok(()),
            Err(failed) if failed.is_final || attempts == TRIES => {
                return Err(NotifyError::Unreached { reason: failed.reason, attempts });
            }
            Err(_) => tokio::time::sleep(PAUSE * attempts).await,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let all = Notify::default();
        assert!(all.is_asked_for(Told::Reconciled));
        let some = Notify { on: vec![Told::NotReconciled], ..Notify::default() };
        assert!(some.is_asked_for(Told::NotReconciled) && !some.is_asked_for(Told::Reconciled));
    }

    #[test]
    fn a_webhook_is_not_shown_in_debug_output() {
        let notify = Notify { webhook: Some("https://hooks.example/T0/secret".into()), ..Notify::default() };
        assert!(!format!("{notify:?}").contains("secret"));
    }
}
