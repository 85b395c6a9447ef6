//! Telling others of a verdict: a webhook, a command. Neither ever changes it: a hook that fails is a warning and an
//! event in the log.

use std::fmt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::hex;
use domain::ids::RunId;
use domain::report::Outcome;
use domain::words::plural;
use hmac::{Hmac, KeyInit, Mac};
use platform::secret::ServerUrl;
use platform::tls;
use sha2::Sha256;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How often a webhook is tried before it is given up.
const TRIES: u32 = 3;

/// The pause before the second try; before the third it is twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one try, or the command, may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The header that signs the body: `sha256=` and the HMAC-SHA256 of it, in hexadecimal digits.
const SIGNATURE: &str = "X-Crossfoot-Signature";

/// Who is notified, and of which outcomes.
#[derive(Clone, Default)]
pub struct Notify {
    /// Where the verdict is posted to as JSON.
    pub webhook: Option<ServerUrl>,
    /// What the body is signed with.
    pub secret: Option<Vec<u8>>,
    /// A PEM file of the only authorities that the webhook's certificate may be signed by.
    pub only_ca_file: Option<PathBuf>,
    /// A PEM file of authorities to trust besides the system's, unless there are `only` others.
    pub ca_file: Option<PathBuf>,
    /// A program and its arguments; it gets the JSON on standard input.
    pub command: Vec<String>,
    /// The outcomes to notify of; empty for all.
    pub on: Vec<Outcome>,
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
    /// No try reached the webhook.
    #[error("{reason}, after {}", plural(u64::from(*attempts), "attempt"))]
    Webhook {
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
    /// Whether the settings ask for a notification of `outcome`.
    pub(crate) fn is_asked_for(&self, outcome: Outcome) -> bool {
        self.on.is_empty() || self.on.contains(&outcome)
    }

    fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// The value of the header that signs `body`.
    #[must_use]
    pub fn signature(secret: &[u8], body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(body);
        Some(format!("sha256={}", hex::encode(&mac.finalize().into_bytes())))
    }

    /// Whose certificates are trusted.
    fn trusted(&self) -> Result<Vec<Certificate<'static>>, Failed> {
        let mut trusted = if self.only_ca_file.is_some() { Vec::new() } else { tls::of_system() };
        if let Some(path) = self.only_ca_file.as_ref().or(self.ca_file.as_ref()) {
            trusted.extend(tls::of_file(path).map_err(|error| Failed {
                reason: format!("ca_file {}: {error}", path.display()),
                is_final: true,
            })?);
        }
        Ok(trusted.iter().map(|one| Certificate::from_der(one).to_owned()).collect())
    }

    /// Sends `body` to `url` once; retries are up to the caller.
    fn post(&self, url: &str, body: &str) -> Result<(), Failed> {
        tls::install();
        let trusted = TlsConfig::builder().root_certs(RootCerts::from(self.trusted()?)).build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout()))
            .http_status_as_error(false)
            // A body that is signed for one place is not sent to another.
            .max_redirects(0)
            .tls_config(trusted)
            .user_agent(concat!("crossfoot/", env!("CARGO_PKG_VERSION")))
            .build();
        let mut request =
            ureq::Agent::new_with_config(config).post(url).header("Content-Type", "application/json");
        if let Some(signature) =
            self.secret.as_ref().and_then(|secret| Self::signature(secret, body.as_bytes()))
        {
            request = request.header(SIGNATURE, signature);
        }
        let answer =
            // A library that quotes the URL quotes the token in its path.
            request.send(body).map_err(|error| Failed {
                reason: error.to_string().replace(url, "the webhook's URL"),
                is_final: false,
            })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        // What is wrong with the request stays wrong; being busy passes.
        let is_final = status.is_client_error() && status != 408 && status != 429;
        Err(Failed { reason: format!("it responded with {status}"), is_final })
    }

    /// Posts `body` to `url`, and tries again while that may help.
    pub(crate) async fn webhook(self: Arc<Self>, url: ServerUrl, body: String) -> Result<(), NotifyError> {
        for attempt in 1.. {
            let (notify, url, body) = (Arc::clone(&self), url.clone(), body.clone());
            let tried = platform::inline::run(move || notify.post(url.reveal(), &body)).await;
            match tried? {
                Ok(()) => return Ok(()),
                Err(failed) if failed.is_final || attempt == TRIES => {
                    return Err(NotifyError::Webhook { reason: failed.reason, attempts: attempt });
                }
                Err(_) => tokio::time::sleep(PAUSE * attempt).await,
            }
        }
        Ok(())
    }

    /// Starts the command, if there is one, and hands it `body`.
    pub(crate) async fn command(
        &self,
        run_id: RunId,
        outcome: &str,
        job: &str,
        body: &str,
    ) -> Result<(), NotifyError> {
        let Some((program, arguments)) = self.command.split_first() else { return Ok(()) };
        let name = || program.clone();
        let mut child = Command::new(program)
            .args(arguments)
            .env("CROSSFOOT_RUN", run_id.to_string())
            .env("CROSSFOOT_OUTCOME", outcome)
            .env("CROSSFOOT_JOB", job)
            .stdin(Stdio::piped())
            // Standard output is the report's.
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| NotifyError::Start { program: name(), error })?;
        let done = async {
            if let Some(mut stdin) = child.stdin.take() {
                // A program that does not read it is free not to.
                drop(stdin.write_all(body.as_bytes()).await);
            }
            child.wait().await
        };
        match tokio::time::timeout(self.timeout(), done).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(NotifyError::Exit { program: name(), status }),
            Ok(Err(error)) => Err(NotifyError::Wait { program: name(), error }),
            Err(_) => Err(NotifyError::Late { program: name(), limit_s: self.timeout().as_secs() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_others_compute_it() {
        // RFC 4231, test case 2.
        let signature = Notify::signature(b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(signature, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let all = Notify::default();
        assert!(all.is_asked_for(Outcome::Reconciled));
        let some = Notify { on: vec![Outcome::NotReconciled], ..Notify::default() };
        assert!(some.is_asked_for(Outcome::NotReconciled) && !some.is_asked_for(Outcome::Reconciled));
    }

    #[test]
    fn a_webhook_is_not_shown_in_debug_output() {
        let notify = Notify { webhook: Some("https://hooks.example/T0/secret".into()), ..Notify::default() };
        assert!(!format!("{notify:?}").contains("secret"));
    }
}
