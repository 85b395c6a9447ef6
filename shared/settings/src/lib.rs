//! Settings: defaults, then `crossfoot.toml`, then `CROSSFOOT__SECTION__KEY` variables, then the command line.

mod broker;
mod console;
mod metrics;
mod notify;
mod reconcile;
mod retention;
mod worker;

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use domain::limits::CHUNK_BYTES_MAX;
use domain::mask::MaskKey;
use domain::table::TableName;
use domain::travel::Travel;
use platform::files::{KEY_BYTES_MAX, TEXT_BYTES_MAX, read_small_file, read_small_text};
use platform::secret::{Secret, ServerUrl, without_secrets};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use thiserror::Error;

pub use broker::{BrokerSettings, Compress};
pub use console::{ConsoleSettings, OidcSettings, ProxySettings};
pub use metrics::MetricsSettings;
pub use notify::{EmailSettings, NotifySettings};
pub use reconcile::ReconcileSettings;
pub use retention::RetentionSettings;
pub use worker::WorkerSettings;

/// The settings are not usable.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("invalid configuration: {0}")]
pub struct SettingsError(String);

/// The settings of one process, as `crossfoot.toml` has them. A key that is not in this list is an error. The variable
/// `CROSSFOOT__SECTION__KEY` (such as `CROSSFOOT__STORE__URL`) replaces a key, and a flag of the command line replaces
/// both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The store: the database that holds the ledger, the evidence, and the staging and final tables.
    pub store: StoreSettings,
    /// The broker: what carries chunks and batches between coordinator and workers.
    pub broker: BrokerSettings,
    /// The embedded fleet, the size of chunks, and how much work is in flight.
    pub fleet: FleetSettings,
    /// What the workers of this process may read of sources themselves.
    pub worker: WorkerSettings,
    /// The key of the masks that replace sensitive fields. Without one, the store makes and keeps a key.
    pub masking: MaskingSettings,
    /// The key that signs evidence, and where the head of the evidence log is noted outside of the store.
    pub audit: AuditSettings,
    /// Who is notified of verdicts, and of runs that are missing. A receiver that cannot be reached is a warning and an
    /// event; the verdict stays.
    pub notify: NotifySettings,
    /// Whose certificates are trusted: of the broker, the database, the webhook and the mail server.
    pub tls: TlsSettings,
    /// What is kept of runs that are over. The evidence log, and runs whose rows are in final, always stay.
    pub retention: RetentionSettings,
    /// The database that the fleet's writers read for comparisons.
    pub reconcile: ReconcileSettings,
    /// Who signs in to the operations console besides those who have a token.
    pub console: ConsoleSettings,
    /// Who may read the metrics of coordinators and workers (`--metrics`).
    pub metrics: MetricsSettings,
}

/// Whose certificates are trusted: of the broker, the database, the webhook and the mail server. Without this section
/// these are the authorities that the system trusts; the variable `SSL_CERT_FILE` names others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// A PEM file of certificate authorities to trust besides the system's: for `amqps`, for PostgreSQL whose URL says
    /// `sslmode=verify-full` (or `verify-ca`), for a webhook with `https`, and for a mail server. `broker.ca_file`,
    /// `notify.ca_file`, and `sslrootcert` in the store's URL replace it.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ca.pem"]))]
    pub ca_file: Option<PathBuf>,
}

/// The key of the masks that replace sensitive fields. Without one, the store makes and keeps a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaskingSettings {
    /// A file with the key: 32 bytes or more, without the line end after them. Every process needs the same key.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/masking.key"]))]
    pub key_file: Option<PathBuf>,
    /// The key itself, 32 bytes or more. Better given as `CROSSFOOT__MASKING__KEY` than written down. It excludes
    /// `key_file`.
    #[schemars(with = "String", extend("examples" = ["a long text that no one can guess and no one else has"]))]
    pub key: Option<Secret>,
}

impl MaskingSettings {
    /// The key that was set, if one was.
    ///
    /// # Errors
    /// [`SettingsError`] when it cannot be read or is too short.
    pub fn key(&self) -> Result<Option<MaskKey>, SettingsError> {
        let (bytes, from) = match (&self.key, &self.key_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(SettingsError(
                    "masking.key and masking.key_file are both set; set only one".into(),
                ));
            }
            (Some(key), None) => (key.reveal().as_bytes().to_vec(), "masking.key".to_owned()),
            (None, Some(path)) => {
                let unread = |error: std::io::Error| {
                    SettingsError(format!("masking.key_file {}: {error}", path.display()))
                };
                (
                    read_small_file(path, KEY_BYTES_MAX).map_err(unread)?,
                    format!("masking.key_file {}", path.display()),
                )
            }
        };
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let key = MaskKey::new(bytes).map_err(|error| SettingsError(format!("{from}: {error}")))?;
        Ok(Some(key))
    }
}

/// The key that signs evidence, and where the head of the evidence log is noted outside of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// The private key that signs evidence packs and proofs (Ed25519, PKCS#8, PEM), as `crossfoot audit keygen` makes
    /// it. `--key` replaces it.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ops.key"]))]
    pub signing_key: Option<PathBuf>,
    /// A file outside of the store. Each verdict and each act of an operator appends the log's head to it. Keep it
    /// where those who may write to the database may not. `crossfoot audit verify --checkpoints FILE` checks the log
    /// against it.
    #[schemars(with = "String", extend("examples" = ["/var/log/crossfoot/checkpoints.jsonl"]))]
    pub checkpoint_file: Option<PathBuf>,
    /// Whether the log's head is also sent to the system's log (RFC 5424).
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub syslog: bool,
    /// The socket of the system's log.
    #[schemars(with = "String", extend("default" = "/dev/log", "examples" = ["/run/systemd/journal/dev-log"]))]
    pub syslog_socket: Option<PathBuf>,
}

/// The store: the database that holds the ledger, the evidence, and the staging and final tables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// The store's URL: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose parameters may say `sslmode`.
    /// `--store` replaces it.
    #[schemars(
        with = "String",
        extend(
            "default" = "sqlite:crossfoot.db",
            "examples" = ["postgres://crossfoot@db.example/ledger?sslmode=verify-full"]
        )
    )]
    pub url: ServerUrl,
    /// PostgreSQL: the user. It replaces the URL's.
    #[schemars(with = "String", extend("examples" = ["crossfoot"]))]
    pub username: Option<String>,
    /// PostgreSQL: the password. It replaces the URL's. Better given as `CROSSFOOT__STORE__PASSWORD` or in a file.
    #[schemars(with = "String", extend("examples" = ["secret"]))]
    pub password: Option<Secret>,
    /// PostgreSQL: a file with the password.
    #[schemars(with = "String", extend("examples" = ["/run/secrets/postgres"]))]
    pub password_file: Option<PathBuf>,
    /// PostgreSQL: the most connections of one process. It opens one more, which watches statements that take long.
    #[schemars(with = "u32", extend("default" = 16, "examples" = [32]))]
    pub max_connections: Option<u32>,
    /// PostgreSQL: the schema of Crossfoot's own tables: small letters, digits and `_`. The default is `crossfoot` in a
    /// new store; a store that is there keeps its tables where they are. SQLite has no schemas.
    #[schemars(with = "String", extend("default" = "crossfoot", "examples" = ["audit_control"]))]
    pub schema: Option<String>,
}

impl StoreSettings {
    /// What the store is called outside of it: its URL without user, password and options, an SQLite file by its whole
    /// path.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(path) = self.url.reveal().strip_prefix("sqlite:") {
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            let whole = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
            return format!("sqlite:{}", whole.as_deref().unwrap_or(path).display());
        }
        let place = self.url.place();
        match place.split_once("://") {
            Some((_, place)) => format!("postgres://{place}"),
            None => place,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: "sqlite:crossfoot.db".into(),
            username: None,
            password: None,
            password_file: None,
            max_connections: None,
            schema: None,
        }
    }
}
/// The embedded fleet, the size of chunks, and how much work is in flight.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FleetSettings {
    /// The number of processors of the embedded fleet. 0 means one for each core.
    #[schemars(range(max = 256), extend("default" = 0, "examples" = [4]))]
    pub processors: usize,
    /// The number of writers of the embedded fleet. 0 means two.
    #[schemars(range(max = 64), extend("default" = 0, "examples" = [2]))]
    pub writers: usize,
    /// The size of a chunk in bytes, about: a chunk holds whole records, and one at least. At most 2 MiB, so that the
    /// rows of a chunk fit into a message.
    #[schemars(range(min = 1, max = 2_097_152), extend("default" = 1_048_576, "examples" = [524_288]))]
    pub chunk_bytes: usize,
    /// The most records of a chunk. 0 means as many as `chunk_bytes` allows (50,000 at most).
    #[schemars(extend("default" = 0, "examples" = [1000]))]
    pub chunk_records: u64,
    /// How chunks reach the workers: `inline`, as bytes in messages, or `by-reference`: the worker reads them where the
    /// source is, below a place that its `worker.sources` allows. Sources that cannot be read in parts (standard input,
    /// compressed ones) are refused then. A setting of the process that drives a run.
    #[schemars(with = "String", extend(
        "default" = "inline", "enum" = ["inline", "by-reference"], "examples" = ["by-reference"]
    ))]
    pub chunks: Travel,
    /// Maximum chunks in flight.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 64, "examples" = [128]))]
    pub window_chunks: usize,
    /// Maximum bytes of chunks in flight.
    #[schemars(range(min = 1_048_576, max = 1_073_741_824), extend("default" = 16_777_216, "examples" = [33_554_432]))]
    pub window_bytes: usize,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            processors: 0,
            writers: 0,
            chunk_bytes: 1 << 20,
            chunk_records: 0,
            chunks: Travel::default(),
            window_chunks: 64,
            window_bytes: 16 << 20,
        }
    }
}

/// The JSON Schema of `crossfoot.toml`, made from the types that read it.
#[must_use]
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Settings>()
}

impl Settings {
    /// Reads the settings; `file` must exist if it is named, `crossfoot.toml` is read if it is there.
    ///
    /// # Errors
    /// [`SettingsError`] for an unknown key, a value of the wrong type or out of range.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let path = file.unwrap_or(Path::new("crossfoot.toml"));
        let text = match read_small_text(path, TEXT_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(SettingsError(format!("{}: {error}", path.display()))),
        };
        // A parser's error quotes the line, and with it the password that stands there.
        if let Err(error) = text.parse::<toml::Table>() {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            return Err(SettingsError(format!("{}, line {line}: {}", path.display(), error.message())));
        }
        let source = File::from_str(&text, FileFormat::Toml);
        let environment =
            Environment::with_prefix("CROSSFOOT").prefix_separator("__").separator("__").try_parsing(true);
        let settings: Self = Config::builder()
            .add_source(source)
            .add_source(environment)
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| SettingsError(without_secrets(&error.to_string())))?;
        settings.checked()
    }

    /// The settings, if each is within its bounds.
    ///
    /// # Errors
    /// [`SettingsError`] naming the one that is not.
    pub fn checked(self) -> Result<Self, SettingsError> {
        let fleet = &self.fleet;
        let bounds = [
            ("fleet.chunk_bytes", fleet.chunk_bytes, 1, CHUNK_BYTES_MAX),
            ("fleet.processors", fleet.processors, 0, 256),
            ("fleet.writers", fleet.writers, 0, 64),
            ("fleet.window_chunks", fleet.window_chunks, 1, 100_000),
            ("fleet.window_bytes", fleet.window_bytes, 1 << 20, 1 << 30),
        ];
        for (name, value, min, max) in bounds {
            if !(min..=max).contains(&value) {
                return Err(SettingsError(format!("{name} is {value}; allowed values are {min} to {max}")));
            }
        }
        self.retention.policy()?;
        self.console.checked()?;
        self.reconcile.checked()?;
        self.worker.checked()?;
        if let Some(schema) = &self.store.schema {
            let is_small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !schema.chars().all(is_small) || TableName::parse(schema).is_err() {
                return Err(SettingsError(format!(
                    "invalid store.schema `{}`: use a small letter or `_`, then small letters, digits or `_`, at most 63 \
                     characters, and none of the database's own names",
                    schema.escape_debug()
                )));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
