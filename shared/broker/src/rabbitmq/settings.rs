//! Where the broker is, who we are there, and how patient.

use std::path::PathBuf;
use std::time::Duration;

use domain::ids::StoreId;
use percent_encoding::percent_decode_str;
use platform::files::{KEY_BYTES_MAX, read_small_text};
use platform::secret::{Secret, ServerUrl};
use url::Url;

use super::MESSAGE_BYTES_MAX;
use crate::{BrokerError, Queue};

/// How the broker is used. Everyone who shares it must agree on `prefix`, `delivery_limit` and the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitSettings {
    /// `amqp://[user[:password]@]host[:port][/vhost]`, or `amqps://…`; without a vhost it is `/`.
    pub url: ServerUrl,
    /// For `amqps`: a PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Instead of the URL's.
    pub username: Option<String>,
    /// Instead of the URL's.
    pub password: Option<Secret>,
    /// A file with the password, read at every connect, so that it can change meanwhile.
    pub password_file: Option<PathBuf>,
    /// Before the name of every queue and exchange.
    pub prefix: String,
    /// The store whose messages the queues carry: they are bound to it by the first that declares them, and refused to
    /// every other. `None`: not looked at.
    pub store: Option<StoreId>,
    /// How long each step of connecting may take.
    pub connect_timeout: Duration,
    /// How long a confirmation, or another answer, may take.
    pub confirm_timeout: Duration,
    /// How long publishing waits for a lost connection to come back.
    pub reconnect_timeout: Duration,
    /// How long publishing waits while the broker blocks publishers.
    pub blocked_timeout: Duration,
    /// A message that was returned more often goes to the dead letters. Generous, because the death of a worker also
    /// returns what it had merely prefetched; the ledger charges each start.
    pub delivery_limit: u32,
    /// About how many messages wait in a queue before publishing waits.
    pub messages_max: u32,
    /// About how many bytes wait in a queue before publishing waits.
    pub bytes_max: u64,
    /// How many dead letters are kept at most, and twice `bytes_max` of them; beyond, the oldest are discarded.
    pub dead_letters_max: u32,
}

impl RabbitSettings {
    /// The defaults, with the broker at `url`.
    #[must_use]
    pub fn new(url: impl Into<ServerUrl>) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            username: None,
            password: None,
            password_file: None,
            prefix: String::new(),
            store: None,
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(30),
            reconnect_timeout: Duration::from_secs(30),
            blocked_timeout: Duration::from_secs(600),
            delivery_limit: 1000,
            messages_max: 4096,
            bytes_max: 512 << 20,
            dead_letters_max: 10_000,
        }
    }

    /// The queue's name in this broker.
    pub(super) fn name(&self, queue: Queue) -> String {
        format!("{}{}", self.prefix, queue.name())
    }

    /// The virtual host of the URL; `None` if the settings are not those of a broker.
    #[must_use]
    pub fn vhost(&self) -> Option<String> {
        self.target().ok().map(|target| target.vhost)
    }

    /// Checks everything that can be checked without the broker.
    pub(super) fn target(&self) -> Result<Target, BrokerError> {
        let wrong = |reason: String| Err(BrokerError::Settings(reason));
        let durations = [
            ("connect_timeout", self.connect_timeout),
            ("confirm_timeout", self.confirm_timeout),
            ("reconnect_timeout", self.reconnect_timeout),
            ("blocked_timeout", self.blocked_timeout),
        ];
        if let Some((name, _)) = durations.iter().find(|(_, duration)| duration.is_zero()) {
            return wrong(format!("{name} must be greater than zero"));
        }
        if self.messages_max == 0 || self.dead_letters_max == 0 {
            return wrong(
                "a queue must hold at least one message; set messages_max and dead_letters_max".into(),
            );
        }
        if self.bytes_max < MESSAGE_BYTES_MAX as u64
            || i64::try_from(self.bytes_max).map_or(true, |max| max > i64::MAX / 2)
        {
            return wrong(format!(
                "bytes_max is {}, but one message can have {MESSAGE_BYTES_MAX}",
                self.bytes_max
            ));
        }
        // AMQP names have at most 255 bytes.
        if self.prefix.len() > 200
            || self.prefix.starts_with("amq.")
            || self.prefix.chars().any(char::is_control)
        {
            return wrong("the prefix must have at most 200 bytes and must not begin with 'amq.'".into());
        }
        if self.password.is_some() && self.password_file.is_some() {
            return wrong("password and password_file are both set; set only one".into());
        }
        let mut target = parse(&self.url)?;
        if let Some(username) = &self.username {
            target.username.clone_from(username);
        }
        if let Some(password) = &self.password {
            password.reveal().clone_into(&mut target.password);
        }
        target.password_file.clone_from(&self.password_file);
        if let Some(path) = &self.ca_file {
            if !target.tls {
                return wrong("ca_file is set, but the URL is not amqps://".into());
            }
            let pem = read_small_text(path, KEY_BYTES_MAX)
                .map_err(|error| BrokerError::Settings(format!("ca_file {}: {error}", path.display())))?;
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return wrong(format!("ca_file {} contains no PEM certificate", path.display()));
            }
            target.ca = Some(pem);
        }
        target.credentials()?;
        Ok(target)
    }
}

/// Settings understood: what is needed to connect.
#[derive(Clone)]
pub(super) struct Target {
    /// The URL as it is shown in messages and the log: without the password.
    pub(super) url: String,
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) vhost: String,
    pub(super) username: String,
    password: String,
    password_file: Option<PathBuf>,
    pub(super) ca: Option<String>,
}

impl Target {
    /// The password as it is now.
    pub(super) fn credentials(&self) -> Result<String, BrokerError> {
        let Some(path) = &self.password_file else { return Ok(self.password.clone()) };
        match Secret::from_file(path) {
            Ok(password) => Ok(password.reveal().to_owned()),
            Err(error) => Err(BrokerError::Settings(format!("password_file {}: {error}", path.display()))),
        }
    }
}

/// Why the settings are refused before any broker is asked, in words that hold no secret.
#[must_use]
pub fn refused(settings: &RabbitSettings) -> Option<String> {
    settings.target().err().map(|error| error.to_string())
}

// lapin's own parser takes an IPv6 address for `localhost`, and `amqp://host/` for a virtual host without a name.
fn parse(given: &ServerUrl) -> Result<Target, BrokerError> {
    let shown = given.to_string();
    let wrong = |reason: &str| BrokerError::Settings(format!("invalid URL {shown}: {reason}"));
    let url = Url::parse(given.reveal()).map_err(|error| wrong(&error.to_string()))?;
    let (tls, port) = match url.scheme() {
        "amqp" => (false, 5672),
        "amqps" => (true, 5671),
        _ => return Err(wrong("it must begin with amqp:// or amqps://")),
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("URL parameters are not supported; use the settings under [broker] instead"));
    }
    let decode = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(wrong("its percent-encoded part is not UTF-8")),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it has no host"))?;
    let host = decode(host.trim_start_matches('[').trim_end_matches(']'))?;
    let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
        "" => "/".into(),
        path if path.contains('/') => return Err(wrong("write a '/' in the virtual host's name as %2f")),
        path => decode(path)?,
    };
    let (username, password) = match (url.username(), url.password()) {
        // RabbitMQ's own default, which it accepts from the same machine only.
        ("", None) => ("guest".into(), "guest".into()),
        (username, password) => (decode(username)?, decode(password.unwrap_or_default())?),
    };
    let port = url.port().unwrap_or(port);
    Ok(Target { url: shown, tls, host, port, vhost, username, password, password_file: None, ca: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        RabbitSettings::new(url).target().unwrap()
    }

    fn refusal(settings: &RabbitSettings) -> String {
        let error = settings.target().err().unwrap();
        assert!(error.is_usage());
        error.to_string()
    }

    #[test]
    fn a_url_says_where_and_who() {
        let all = target("amqps://an%40na:ge%2fheim@[::1]:99/a%2fb");
        assert_eq!((all.tls, all.host.as_str(), all.port, all.vhost.as_str()), (true, "::1", 99, "a/b"));
        assert_eq!((all.username.as_str(), all.password.as_str()), ("an@na", "ge/heim"));
        let least = target("amqp://mq.example");
        assert_eq!((least.tls, least.host.as_str(), least.port), (false, "mq.example", 5672));
        assert_eq!((least.vhost.as_str(), least.username.as_str()), ("/", "guest"));
        assert_eq!(target("amqp://10.0.0.7/").host, "10.0.0.7");
        assert_eq!(target("amqp://10.0.0.7/").vhost, "/");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_showing_secrets() {
        for url in
            ["http://u:geheim@h", "amqp://u:geheim@h/a/b", "amqp://u:geheim@h?x=1", "amqp:", "", "amqp://"]
        {
            let refused = refusal(&RabbitSettings::new(url));
            assert!(!refused.contains("geheim"), "{refused}");
        }
        let settings = RabbitSettings::new("amqp://u:geheim@h");
        let wrong = [
            RabbitSettings { messages_max: 0, ..settings.clone() },
            RabbitSettings { bytes_max: 1, ..settings.clone() },
            RabbitSettings { bytes_max: u64::MAX, ..settings.clone() },
            RabbitSettings { confirm_timeout: Duration::ZERO, ..settings.clone() },
            RabbitSettings { prefix: "amq.x".into(), ..settings.clone() },
            RabbitSettings { ca_file: Some("/no/such".into()), ..settings.clone() },
            RabbitSettings { ca_file: Some("/no/such".into()), ..RabbitSettings::new("amqps://h") },
            RabbitSettings { password_file: Some("/no/such".into()), ..settings.clone() },
            RabbitSettings {
                password: Some("geheim".into()),
                password_file: Some("x".into()),
                ..settings.clone()
            },
        ];
        for settings in wrong {
            assert!(!refusal(&settings).contains("geheim"));
            assert!(!format!("{settings:?}").contains("geheim"));
        }
    }

    #[test]
    fn a_password_comes_from_its_file_as_it_is_now() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "first\n").unwrap();
        let settings =
            RabbitSettings { password_file: Some(file.path().into()), ..RabbitSettings::new("amqp://u@h") };
        let target = settings.target().unwrap();
        assert_eq!(target.credentials().unwrap(), "first");
        std::fs::write(file.path(), "second").unwrap();
        assert_eq!(target.credentials().unwrap(), "second");
    }
}
