//! The settings of notifications.

use std::fmt;
use std::path::PathBuf;

use platform::secret::{Secret, ServerUrl};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// Who is notified of verdicts, and of runs that are missing.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySettings {
    /// The URL (`http://…` or `https://…`) that each verdict is posted to: outcome, figures, failed checks and the
    /// log's head, and no records.
    #[schemars(with = "String", extend("examples" = ["https://ops.example/hooks/crossfoot"]))]
    pub webhook: Option<ServerUrl>,
    /// What is posted: JSON (`crossfoot schema webhook`), a message for an incoming webhook of Slack, or a card for a
    /// webhook of a Teams workflow.
    #[schemars(with = "String", extend(
        "default" = "json", "enum" = ["json", "slack", "teams"], "examples" = ["slack"]
    ))]
    pub format: Option<String>,
    /// A file with what is posted instead: JSON of your own with placeholders such as `{{job}}` and `{{outcome}}`. It
    /// excludes `format`.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/alert.json"]))]
    pub template_file: Option<PathBuf>,
    /// A file with the secret that signs the posted body: the header `X-Crossfoot-Signature` is `sha256=` and the
    /// body's HMAC-SHA256.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/webhook.secret"]))]
    pub webhook_secret_file: Option<PathBuf>,
    /// For `https` and e-mail: a PEM file of the only certificate authorities to trust. Neither the system's nor those
    /// of `tls.ca_file` are then trusted.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ca.pem"]))]
    pub ca_file: Option<PathBuf>,
    /// A program and its arguments. It gets the JSON on standard input, and `CROSSFOOT_OUTCOME`, `CROSSFOOT_RUN` and
    /// `CROSSFOOT_JOB` as variables.
    #[schemars(extend("examples" = [["./told.sh", "--urgent"]]))]
    pub command: Vec<String>,
    /// The outcomes to notify of: `reconciled`, `not-reconciled`, `awaiting-approval`, `unfinished`, `cancelled`,
    /// `missing`: no run was opened in time (`[schedule]` in the job file), and `not-attested`: an attestation is
    /// overdue or failed (`[attest]`). Without this key, all of them.
    #[schemars(extend(
        "items" = { "enum": [
            "reconciled", "not-reconciled", "awaiting-approval", "unfinished", "cancelled", "missing",
            "not-attested"
        ] },
        "examples" = [["not-reconciled", "unfinished", "missing"]]
    ))]
    pub on: Vec<String>,
    /// How long one attempt to post or to send, or the program, may take, in seconds.
    #[schemars(with = "u64", extend("default" = 10, "examples" = [30]))]
    pub timeout_seconds: Option<u64>,
    /// Who gets e-mail, and by which server.
    #[schemars(with = "EmailSettings")]
    pub email: Option<EmailSettings>,
}

impl fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A webhook's path may be a secret.
        f.debug_struct("NotifySettings").field("on", &self.on).finish_non_exhaustive()
    }
}

/// Who gets e-mail, and by which server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmailSettings {
    /// The mail server: `smtp://HOST:PORT` (STARTTLS, port 587 unless another is named) or `smtps://HOST:PORT` (465).
    #[schemars(with = "String", extend("examples" = ["smtp://mail.example:587", "smtps://mail.example"]))]
    pub server: String,
    /// Whether the connection must be encrypted. Without this key it must, unless the server is on this machine
    /// (`localhost`, or a loopback address).
    #[schemars(with = "String", extend(
        "default" = "required", "enum" = ["required", "none"], "examples" = ["none"]
    ))]
    pub tls: Option<String>,
    /// The user at the mail server.
    #[schemars(with = "String", extend("examples" = ["crossfoot"]))]
    pub username: Option<String>,
    /// The user's password. Better given as `CROSSFOOT__NOTIFY__EMAIL__PASSWORD` or in a file.
    #[schemars(with = "String", extend("examples" = ["secret"]))]
    pub password: Option<Secret>,
    /// A file with the password.
    #[schemars(with = "String", extend("examples" = ["/run/secrets/smtp"]))]
    pub password_file: Option<PathBuf>,
    /// The sender's address.
    #[schemars(with = "String", extend("examples" = ["Crossfoot <crossfoot@ops.example>"]))]
    pub from: String,
    /// The recipients' addresses, at most 50.
    #[schemars(extend("examples" = [["on-call@ops.example", "Ledger team <ledger@ops.example>"]]))]
    pub to: Vec<String>,
}

impl EmailSettings {
    /// The password that was set, if one was.
    ///
    /// # Errors
    /// [`SettingsError`] when it cannot be read, or is set twice.
    pub fn password(&self) -> Result<Option<Secret>, SettingsError> {
        match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => Err(SettingsError(
                "notify.email.password and notify.email.password_file are both set; set only one".into(),
            )),
            (password, None) => Ok(password.clone()),
            (None, Some(path)) => Secret::from_file(path).map(Some).map_err(|error| {
                SettingsError(format!("notify.email.password_file {}: {error}", path.display()))
            }),
        }
    }
}
