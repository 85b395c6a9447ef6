//! The settings of the broker.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use domain::seal::{Keyring, MessageKey};
use platform::secret::{Secret, ServerUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use wire::{BodyCompression, Sealing};

use super::SettingsError;

/// The broker: what carries chunks and batches between coordinator and workers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// For `amqps`: a PEM file of certificate authorities to trust besides the system's, in place of `tls.ca_file`.
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
    /// Never, wherever the broker is.
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

    /// Whether bodies are compressed, by the setting and by where the broker is.
    #[must_use]
    pub fn compression(&self) -> BodyCompression {
        let is_compressed = match self.compress {
            Compress::Always => true,
            Compress::Never => false,
            Compress::Auto => self.url.is_of(&["amqp"]) && !is_here(self.url.reveal()),
        };
        if is_compressed { BodyCompression::Lz4 } else { BodyCompression::Plain }
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
pub(crate) fn is_here(url: &str) -> bool {
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
