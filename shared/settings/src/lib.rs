//! Settings: defaults, then `crossfoot.toml`, then `CROSSFOOT__SECTION__KEY` variables, then the command line.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use domain::limits::CHUNK_BYTES_MAX;
use domain::mask::MaskKey;
use domain::seal::{Keyring, MessageKey};
use platform::files::{TEXT_BYTES_MAX, read_small_text};
use platform::secret::{Secret, ServerUrl, secret_bytes, without_secrets};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use thiserror::Error;
use wire::{Packing, Sealing};

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
    /// The key of the masks that stand in place of sensitive fields. Without one, the store makes and keeps a key.
    pub masking: MaskingSettings,
    /// The key that signs evidence, and where the head of the evidence log is noted outside of the store.
    pub audit: AuditSettings,
    /// Who is told of verdicts. A receiver that cannot be told is a warning and an event; the verdict stays as it is.
    pub notify: NotifySettings,
}

/// The key of the masks that stand in place of sensitive fields. Without one, the store makes and keeps a key.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaskingSettings {
    /// A file with the key: 32 bytes or more, without the line end after them. Every process needs the same key.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/masking.key"]))]
    pub key_file: Option<PathBuf>,
    /// The key itself, 32 bytes or more. Better given as `CROSSFOOT__MASKING__KEY` than written down. It excludes
    /// `key_file`.
    #[schemars(with = "String", extend("examples" = ["a long text that nobody guesses, and nobody else has"]))]
    pub key: Option<Secret>,
}

impl fmt::Debug for MaskingSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskingSettings").field("key_file", &self.key_file).finish_non_exhaustive()
    }
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
                (secret_bytes(path).map_err(unread)?, format!("masking.key_file {}", path.display()))
            }
        };
        let key = MaskKey::new(&bytes).map_err(|error| SettingsError(format!("{from}: {error}")))?;
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

/// Who is told of verdicts.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySettings {
    /// The URL (`http://…` or `https://…`) that each verdict is posted to as JSON: outcome, figures, failed checks and
    /// the log's head, and no records.
    #[schemars(with = "String", extend("examples" = ["https://ops.example/hooks/crossfoot"]))]
    pub webhook: Option<ServerUrl>,
    /// A file with the secret that signs the posted body: the header `X-Crossfoot-Signature` is `sha256=` and the
    /// body's HMAC-SHA256.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/webhook.secret"]))]
    pub webhook_secret_file: Option<PathBuf>,
    /// For `https`: a PEM file of the certificate authorities to trust instead of the public ones.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ca.pem"]))]
    pub ca_file: Option<PathBuf>,
    /// A program and its arguments. It gets the JSON on standard input, and `CROSSFOOT_OUTCOME`, `CROSSFOOT_RUN` and
    /// `CROSSFOOT_JOB` as variables.
    #[schemars(extend("examples" = [["./told.sh", "--urgent"]]))]
    pub command: Vec<String>,
    /// The outcomes that are told: `reconciled`, `not-reconciled`, `awaiting-approval`, `unfinished`, `cancelled`.
    /// Without this key, all of them.
    #[schemars(extend(
        "items" = { "enum": ["reconciled", "not-reconciled", "awaiting-approval", "unfinished", "cancelled"] },
        "examples" = [["not-reconciled", "unfinished"]]
    ))]
    pub on: Vec<String>,
    /// How long one attempt to post, or the program, may take, in seconds.
    #[schemars(with = "u64", extend("default" = 10, "examples" = [30]))]
    pub timeout_seconds: Option<u64>,
}

impl fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A webhook's path may be a secret.
        f.debug_struct("NotifySettings").field("on", &self.on).finish_non_exhaustive()
    }
}

/// The store: the database that holds the ledger, the evidence, and the staging and final tables.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
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
        }
    }
}

/// The broker: what carries chunks and batches between coordinator and workers.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrokerSettings {
    /// The broker's URL: `memory:`, which works inside one process only, `amqp://HOST/VHOST` or `amqps://HOST/VHOST`
    /// (RabbitMQ). `--broker` replaces it.
    #[schemars(
        with = "String",
        extend("default" = "memory:", "examples" = ["amqps://mq.example/crossfoot"])
    )]
    pub url: ServerUrl,
    /// RabbitMQ: the user. It replaces the URL's.
    #[schemars(with = "String", extend("examples" = ["crossfoot"]))]
    pub username: Option<String>,
    /// RabbitMQ: the password. It replaces the URL's. Better given as `CROSSFOOT__BROKER__PASSWORD` or in a file.
    #[schemars(with = "String", extend("examples" = ["secret"]))]
    pub password: Option<Secret>,
    /// RabbitMQ: a file with the password.
    #[schemars(with = "String", extend("examples" = ["/run/secrets/rabbitmq"]))]
    pub password_file: Option<PathBuf>,
    /// For `amqps`: a PEM file of certificate authorities to trust besides the system's.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ca.pem"]))]
    pub ca_file: Option<PathBuf>,
    /// The text before the name of every queue and exchange. Fleets that share a virtual host need different prefixes.
    #[schemars(extend("default" = "", "examples" = ["payments."]))]
    pub prefix: String,
    /// Whether chunks and batches are compressed (LZ4) in messages.
    #[schemars(with = "String", extend(
        "default" = "auto", "enum" = ["auto", "always", "never"], "examples" = ["always"]
    ))]
    pub compress: Compress,
    /// Whether messages are sealed (HMAC-SHA-256) and refused without a valid seal. Every process of a fleet needs the
    /// same value. SECURITY.md says what `false` gives up.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub authenticate: bool,
    /// A file with the key that seals messages: 64 hexadecimal digits. Without one, the store makes and keeps a key.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/message.key"]))]
    pub message_key_file: Option<PathBuf>,
    /// A file with the key before `message_key_file`, whose seals are still accepted.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/message.key.old"]))]
    pub previous_message_key_file: Option<PathBuf>,
}

/// Whether chunks and batches are compressed in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compress {
    /// Where the broker is on another machine.
    #[default]
    Auto,
    /// Wherever it makes them smaller.
    Always,
    /// Nowhere.
    Never,
}

impl BrokerSettings {
    /// The operator's keys, or that nothing is sealed; `None`: the store's keys.
    ///
    /// # Errors
    /// [`SettingsError`] when a key cannot be read, or the settings contradict each other.
    pub fn sealing(&self) -> Result<Option<Sealing>, SettingsError> {
        let key = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| message_key(name, path)).transpose()
        };
        let current = key("broker.message_key_file", &self.message_key_file)?;
        let previous = key("broker.previous_message_key_file", &self.previous_message_key_file)?;
        match (self.authenticate, current, previous) {
            (true, Some(current), previous) => Ok(Some(Sealing::Keys(Keyring { current, previous }))),
            (true, None, None) => Ok(None),
            (true, None, Some(_)) => Err(SettingsError(
                "broker.previous_message_key_file is set without broker.message_key_file; set both".into(),
            )),
            (false, None, None) => Ok(Some(Sealing::Off)),
            (false, _, _) => Err(SettingsError(
                "broker.authenticate is false, but a message key is set; remove one of the two settings"
                    .into(),
            )),
        }
    }

    /// Whether bodies are packed, by the setting and by where the broker is.
    #[must_use]
    pub fn packing(&self) -> Packing {
        let is_packed = match self.compress {
            Compress::Always => true,
            Compress::Never => false,
            Compress::Auto => self.url.is_of(&["amqp"]) && !is_here(self.url.reveal()),
        };
        if is_packed { Packing::Lz4 } else { Packing::Plain }
    }
}

fn message_key(name: &str, path: &Path) -> Result<MessageKey, SettingsError> {
    let bad = |what: String| SettingsError(format!("{name} {}: {what}", path.display()));
    let text = Secret::from_file(path).map_err(|error| bad(error.to_string()))?;
    let bytes = domain::hex::decode(text.reveal().trim()).unwrap_or_default();
    MessageKey::new(&bytes).map_err(|_| {
        bad("a message key has 64 hexadecimal digits; create one with `openssl rand -hex 32`".into())
    })
}

/// Whether a URL's host is this machine.
fn is_here(url: &str) -> bool {
    match url::Url::parse(url).ok().and_then(|url| url.host().map(|host| host.to_owned())) {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        // In a URL of a scheme that it does not know, the parser takes an address for a name.
        Some(url::Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: "memory:".into(),
            username: None,
            password: None,
            password_file: None,
            ca_file: None,
            prefix: String::new(),
            compress: Compress::Auto,
            authenticate: true,
            message_key_file: None,
            previous_message_key_file: None,
        }
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").field("url", &self.url).finish_non_exhaustive()
    }
}

impl fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerSettings").field("url", &self.url).finish_non_exhaustive()
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
    #[schemars(range(min = 1, max = 2_097_152), extend("default" = 524_288, "examples" = [1_048_576]))]
    pub chunk_bytes: usize,
    /// The most records of a chunk. 0 means as many as `chunk_bytes` allows (50,000 at most).
    #[schemars(extend("default" = 0, "examples" = [1000]))]
    pub chunk_records: u64,
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
            chunk_bytes: 512 << 10,
            chunk_records: 0,
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
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Settings::load(Some(file.path()))
    }

    #[test]
    fn messages_are_packed_for_a_broker_on_another_machine() {
        let packing = |url: &str, compress| {
            BrokerSettings { url: url.into(), compress, ..BrokerSettings::default() }.packing()
        };
        for (url, auto) in [
            ("memory:", Packing::Plain),
            ("amqp://guest:guest@127.0.0.1:5672/%2f", Packing::Plain),
            ("amqp://localhost", Packing::Plain),
            ("amqp://localhost.example:5672/v", Packing::Lz4),
            ("amqp://127.0.0.1.example/v", Packing::Lz4),
            ("amqps://[::1]:5671/v", Packing::Plain),
            ("amqp://mq.example:5672/v", Packing::Lz4),
            ("amqps://anna:p@127.0.0.1@10.0.0.7/v", Packing::Lz4),
        ] {
            assert_eq!(packing(url, Compress::Auto), auto, "{url}");
            assert_eq!(packing(url, Compress::Always), Packing::Lz4);
            assert_eq!(packing(url, Compress::Never), Packing::Plain);
        }
        assert!(load("[broker]\ncompress = \"always\"\n").is_ok());
        assert!(load("[broker]\ncompress = \"sometimes\"\n").is_err());
    }

    #[test]
    fn message_keys_come_from_files_or_from_the_store_or_are_switched_off_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            format!("{:?}", folder.path().join(name).display().to_string())
        };
        let (one, two) = (file("one", &format!("{}\n", "ab".repeat(32))), file("two", &"cd".repeat(32)));
        let of =
            |text: &str| load(&format!("[broker]\n{text}")).and_then(|settings| settings.broker.sealing());
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("authenticate = false\n"), Ok(Some(Sealing::Off)));
        let (current, previous) =
            (MessageKey::new(&[0xab; 32]).unwrap(), Some(MessageKey::new(&[0xcd; 32]).unwrap()));
        let both = format!("message_key_file = {one}\nprevious_message_key_file = {two}\n");
        assert_eq!(of(&both), Ok(Some(Sealing::Keys(Keyring { current, previous }))));
        let short = file("short", "abcd");
        for (text, says) in [
            (format!("message_key_file = {short}\n"), "64 hexadecimal digits"),
            ("message_key_file = \"/nowhere\"\n".to_owned(), "broker.message_key_file /nowhere"),
            (format!("previous_message_key_file = {two}\n"), "set both"),
            (format!("authenticate = false\nmessage_key_file = {one}\n"), "remove one"),
        ] {
            let error = of(&text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("abab"), "{error}");
        }
    }

    #[test]
    fn a_masking_key_is_read_whole_and_never_printed() {
        let of = |text: &str| load(text).and_then(|settings| settings.masking.key());
        let long = "k".repeat(32);
        assert_eq!(of(""), Ok(None));
        let key = MaskKey::new(long.as_bytes()).unwrap();
        assert_eq!(of(&format!("[masking]\nkey = \"{long}\"\n")), Ok(Some(key.clone())));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{long}\r\n")).unwrap();
        let named = format!("[masking]\nkey_file = {:?}\n", file.path().display().to_string());
        assert_eq!(of(&named), Ok(Some(key)), "a line end is no part of it");
        for (text, says) in [
            ("[masking]\nkey = \"short\"\n".to_owned(), "masking.key: a masking key needs at least 32 bytes"),
            ("[masking]\nkey_file = \"/nowhere\"\n".to_owned(), "/nowhere"),
            (format!("{named}key = \"{long}\"\n"), "set only one"),
        ] {
            let error = of(&text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("kkkk"), "{error}");
        }
        let shown = format!("{:?}", load(&format!("[masking]\nkey = \"{long}\"\n")).unwrap());
        assert!(!shown.contains("kkkk"), "{shown}");
    }

    #[test]
    fn a_store_has_one_name_whoever_opens_it() {
        let name = |url: &str| StoreSettings { url: url.into(), ..StoreSettings::default() }.name();
        for url in [
            "postgres://db.example:5432/ledger",
            "postgresql://anna@db.example:5432/ledger",
            "postgres://ben:p@ss/word@db.example:5432/ledger?sslmode=verify-full",
        ] {
            assert_eq!(name(url), "postgres://db.example:5432/ledger", "{url}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("x.db");
        std::fs::write(&path, "").unwrap();
        let whole = format!("sqlite:{}", path.display());
        assert_eq!(name(&whole), whole);
        let folder = folder.path().display();
        assert_eq!(name(&format!("sqlite://{folder}/./x.db")), whole);
    }

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_unknown_is_refused() {
        let settings = load("[store]\nurl = \"sqlite:x.db\"\n[fleet]\nchunk_bytes = 1000\n").unwrap();
        assert_eq!((settings.store.url.reveal(), settings.fleet.chunk_bytes), ("sqlite:x.db", 1000));
        assert_eq!(settings.fleet.window_chunks, FleetSettings::default().window_chunks);
        assert!(load("[fleet]\nchunk_byte = 1\n").unwrap_err().to_string().contains("chunk_byte"));
        assert!(load("[fleet]\nchunk_bytes = 0\n").unwrap_err().to_string().contains("fleet.chunk_bytes"));
    }
}
