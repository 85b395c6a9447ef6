//! Settings: defaults, then `crossfoot.toml`, then `CROSSFOOT__SECTION__KEY` variables, then the command line.

use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use domain::mask::MaskKey;
use domain::seal::{Keyring, MessageKey};
use serde::Deserialize;
use thiserror::Error;

use crate::files::{KEY_BYTES_MAX, TEXT_BYTES_MAX, read_small_file, read_small_text};
use crate::secret::{Secret, ServerUrl, without_secrets};
use crate::wire::{Packing, Sealing};

/// The settings are not usable.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("invalid configuration: {0}")]
pub struct SettingsError(String);

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The database.
    pub store: StoreSettings,
    /// The broker.
    pub broker: BrokerSettings,
    /// The embedded fleet and the window of work.
    pub fleet: FleetSettings,
    /// The key of masks.
    pub masking: MaskingSettings,
    /// The evidence.
    pub audit: AuditSettings,
    /// Who is told of verdicts.
    pub notify: NotifySettings,
}

/// With which key the content of sensitive fields is masked, if not with the one that the store makes and keeps.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskingSettings {
    /// A file with the key: all of its bytes but a line end behind them, 32 or more.
    pub key_file: Option<PathBuf>,
    /// The key itself, 32 bytes or more; meant for `CROSSFOOT__MASKING__KEY`.
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

/// The evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// The private key that signs packs: Ed25519, PKCS#8, PEM.
    pub signing_key: Option<PathBuf>,
    /// A file outside the store to which the log's head is appended at every verdict and every operator's act.
    pub checkpoint_file: Option<PathBuf>,
    /// Whether the same goes to the system's log.
    pub syslog: bool,
    /// The socket of the system's log, if it is not `/dev/log`.
    pub syslog_socket: Option<PathBuf>,
}

/// Who is told of verdicts.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySettings {
    /// Where a verdict is posted to as JSON: `http://…` or `https://…`.
    pub webhook: Option<ServerUrl>,
    /// A file with the secret that the body is signed with (HMAC-SHA256).
    pub webhook_secret_file: Option<PathBuf>,
    /// For `https`: a PEM file of the authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// A program and its arguments; it gets the JSON on standard input.
    pub command: Vec<String>,
    /// `reconciled`, `not-reconciled`, `awaiting-approval`, `unfinished`, `cancelled`; everything, if it is not said.
    pub on: Vec<String>,
    /// How long one try, or the command, may take; 10 when it is not said.
    pub timeout_seconds: Option<u64>,
}

impl fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A webhook's path may be a secret.
        f.debug_struct("NotifySettings").field("on", &self.on).finish_non_exhaustive()
    }
}

/// The database.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    pub url: ServerUrl,
    /// Instead of the URL's user (PostgreSQL).
    pub username: Option<String>,
    /// Instead of the URL's password (PostgreSQL).
    pub password: Option<Secret>,
    /// A file with the password (PostgreSQL).
    pub password_file: Option<PathBuf>,
    /// At most so many connections of one process (PostgreSQL).
    pub max_connections: Option<u32>,
}

impl StoreSettings {
    /// What the store is called outside of it: its URL without user, password and options, an SQLite file by its whole path.
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

/// The broker.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrokerSettings {
    /// `memory:`, `amqp://HOST/VHOST` or `amqps://HOST/VHOST`.
    pub url: ServerUrl,
    /// Instead of the URL's user.
    pub username: Option<String>,
    /// Instead of the URL's password.
    pub password: Option<Secret>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// For `amqps`: a PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Before the name of every queue, so that several fleets can share a virtual host.
    pub prefix: String,
    /// Whether chunks and batches are packed on their way.
    pub compress: Compress,
    /// Whether messages are sealed, and refused without a valid seal. Switched off by name only, and in every process.
    pub authenticate: bool,
    /// A file with the key that messages are sealed with: 64 hexadecimal digits. Without one the store's own key is used.
    pub message_key_file: Option<PathBuf>,
    /// A file with the key before that, whose seals are still believed.
    pub previous_message_key_file: Option<PathBuf>,
    /// For tests: every message is published twice.
    pub doubled: bool,
}

/// Whether chunks and batches are packed on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
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
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let bytes = domain::hex::decode(text.trim()).unwrap_or_default();
    MessageKey::new(&bytes).map_err(|_| {
        bad("a message key has 64 hexadecimal digits; create one with `openssl rand -hex 32`".into())
    })
}

/// Whether a URL's host is this machine.
fn is_here(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    ["localhost", "127.", "[::1]"].iter().any(|here| host.starts_with(here))
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
            doubled: false,
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

/// The embedded fleet and the window of work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FleetSettings {
    /// Processors in this process; 0: one for each core.
    pub processors: usize,
    /// Writers in this process; 0: two.
    pub writers: usize,
    /// A chunk holds whole records of about so many bytes (one record at least).
    pub chunk_bytes: usize,
    /// A chunk holds at most so many records; 0: as many as the bytes allow.
    pub chunk_records: u64,
    /// At most so many chunks are on their way at a time.
    pub window_chunks: usize,
    /// At most so many bytes of chunks are on their way at a time.
    pub window_bytes: usize,
    /// For tests: a processor that starts the chunk with this number dies at once, as if it were killed.
    pub dies_at_chunk: Option<u64>,
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
            dies_at_chunk: None,
        }
    }
}

/// The largest chunk, in bytes: as rows (a field of one digit and its separator become 13 bytes) it must fit a
/// message, and no message is above 16 MiB.
pub const CHUNK_BYTES_MAX: usize = 2 << 20;

/// The most records a chunk may have, so that what is known of each of them stays small.
pub const CHUNK_RECORDS_MAX: u64 = 50_000;

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
