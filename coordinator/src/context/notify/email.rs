//! E-mail by SMTP. The library writes the headers and encodes what is not plain in them, so that no value begins a
//! header of its own.

use std::net::IpAddr;
use std::sync::Arc;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Severity;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use platform::causes::chain;
use platform::secret::Secret;
use platform::tls;
use thiserror::Error;

use super::{Failed, Notify, NotifyError, retried};
use crate::notice::letter::Letter;

/// The greatest number of recipients.
pub const TO_MAX: usize = 50;

/// Whether what is sent to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte on (`smtps://`).
    FromStart,
    /// After STARTTLS, which the server must offer.
    StartTls,
    None,
}

/// Who gets e-mail, and by which server.
#[derive(Clone)]
pub struct Mailing {
    host: String,
    port: u16,
    encryption: Encryption,
    login: Option<(String, Secret)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    hello: String,
}

/// Settings of e-mail that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MailingError {
    /// The server is no URL of a mail server.
    #[error("server: expected smtp://HOST:PORT or smtps://HOST:PORT, without user, password and path")]
    Server,
    /// The text is no address.
    #[error("{key}: `{text}` is no address; write NAME@HOST or \"Words <NAME@HOST>\"")]
    Address {
        /// The key that has it.
        key: &'static str,
        /// The text.
        text: String,
    },
    /// There is no one to send to, or there are too many.
    #[error("to: list 1 to {TO_MAX} addresses; there are {0}")]
    Recipients(usize),
    /// One of user and password is missing.
    #[error("set both username and a password, or neither")]
    Login,
    /// The word is no choice.
    #[error("tls: `{0}` is neither \"required\" nor \"none\"")]
    Tls(String),
    /// The server's URL asks for encryption, and another key forbids it.
    #[error("tls = \"none\" contradicts smtps://; remove one")]
    Contradiction,
    /// The password would be readable on the way.
    #[error("a password would be sent to {0} without encryption; remove tls = \"none\"")]
    Readable(String),
}

/// The settings of e-mail, as they are written.
#[derive(Debug, Clone, Default)]
pub struct MailSettings<'a> {
    /// The URL of the server.
    pub server: &'a str,
    /// `required` or `none`; not said: required, unless the server is this machine.
    pub tls: Option<&'a str>,
    /// The user at the server.
    pub username: Option<&'a str>,
    /// The password of that user.
    pub password: Option<Secret>,
    /// The sender.
    pub from: &'a str,
    /// The recipients.
    pub to: &'a [String],
    /// The name of this host, for the server.
    pub host: &'a str,
}

impl Mailing {
    /// E-mail by these settings.
    ///
    /// # Errors
    /// [`MailingError`] naming the key that makes no sense.
    pub fn new(of: &MailSettings<'_>) -> Result<Self, MailingError> {
        let (scheme, place) = of.server.split_once("://").ok_or(MailingError::Server)?;
        let is_encrypted = match scheme {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(MailingError::Server),
        };
        let (host, port) = host_and_port(place.strip_suffix('/').unwrap_or(place))?;
        let is_here =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let encryption = match (is_encrypted, of.tls) {
            (true, Some("none")) => return Err(MailingError::Contradiction),
            (true, None | Some("required")) => Encryption::FromStart,
            (false, Some("required")) => Encryption::StartTls,
            (false, Some("none")) => Encryption::None,
            (false, None) => {
                if is_here {
                    Encryption::None
                } else {
                    Encryption::StartTls
                }
            }
            (_, Some(other)) => return Err(MailingError::Tls(other.escape_debug().to_string())),
        };
        let login = match (of.username, &of.password) {
            (None, None) => None,
            (Some(username), Some(password)) => Some((username.to_owned(), password.clone())),
            _ => return Err(MailingError::Login),
        };
        if login.is_some() && encryption == Encryption::None && !is_here {
            return Err(MailingError::Readable(host));
        }
        let mailbox = |key: &'static str, text: &str| {
            let text_shown = || MailingError::Address { key, text: text.escape_debug().to_string() };
            text.parse::<Mailbox>().map_err(|_| text_shown())
        };
        let to = of.to.iter().map(|text| mailbox("to", text)).collect::<Result<Vec<_>, _>>()?;
        if !(1..=TO_MAX).contains(&to.len()) {
            return Err(MailingError::Recipients(to.len()));
        }
        Ok(Self {
            host,
            port: port.unwrap_or(if is_encrypted { 465 } else { 587 }),
            encryption,
            login,
            from: mailbox("from", of.from)?,
            to,
            hello: of.host.to_owned(),
        })
    }

    fn message(&self, letter: &Letter) -> Result<Vec<u8>, Failed> {
        let mut message = Message::builder().from(self.from.clone()).subject(&letter.subject);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        let host = if self.hello.chars().all(plain) { self.hello.as_str() } else { "localhost" };
        let message = message
            .message_id(Some(format!("<{}@{host}>", uuid::Uuid::now_v7())))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone());
        let mut message = message.map_err(|error| lasting(error.to_string()))?;
        // So that a person's automatic reply does not answer it.
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(auto, "auto-generated".into()));
        Ok(message.formatted())
    }
}

fn lasting(reason: String) -> Failed {
    Failed { reason, is_final: true }
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
fn host_and_port(place: &str) -> Result<(String, Option<u16>), MailingError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(MailingError::Server)?;
            let port = (!port.is_empty()).then(|| port.strip_prefix(':').ok_or(MailingError::Server));
            (host, port.transpose()?)
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(MailingError::Server);
    }
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or(MailingError::Server));
    Ok((host.to_owned(), port.transpose()?))
}

impl Notify {
    /// Sends `letter` to everyone who gets e-mail. If the server refuses it, each recipient is tried alone: one
    /// address that no longer exists does not keep the others from it.
    pub(crate) async fn email(self: Arc<Self>, letter: Letter) -> Result<(), NotifyError> {
        let Some(mailing) = self.email.clone() else { return Ok(()) };
        // One message for all attempts: what arrives twice is known by its ID.
        let message = mailing
            .message(&letter)
            .map_err(|failed| NotifyError::Unreached { reason: failed.reason, attempts: 0 })?;
        let all: Vec<_> = mailing.to.iter().map(|to| to.email.clone()).collect();
        let refused = match self.deliver(&mailing, all.clone(), &message).await {
            Err(NotifyError::Unreached { reason, attempts: 1 }) if all.len() > 1 => reason,
            delivered => return delivered,
        };
        let mut failed = Vec::new();
        for to in &all {
            if let Err(error) = self.deliver(&mailing, vec![to.clone()], &message).await {
                failed.push(format!("{to}: {error}"));
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        // Every one of them says what the server says of all.
        let reason = if failed.len() == all.len() { refused } else { failed.join("; ") };
        Err(NotifyError::Unreached { reason, attempts: 2 })
    }

    async fn deliver(
        self: &Arc<Self>,
        mailing: &Mailing,
        to: Vec<Address>,
        message: &[u8],
    ) -> Result<(), NotifyError> {
        retried(|| async {
            let notify = Arc::clone(self);
            let transport = {
                let mailing = mailing.clone();
                platform::inline::run(move || notify.transport(&mailing)).await?
            };
            // What the library bounds is each answer; a server that trickles is bounded by this.
            let sent = async {
                let envelope = Envelope::new(Some(mailing.from.email.clone()), to.clone());
                let envelope = envelope.map_err(|error| lasting(error.to_string()))?;
                transport?.send_raw(&envelope, message).await.map(drop).map_err(|error| of_server(&error))
            };
            Ok(match tokio::time::timeout(self.timeout(), sent).await {
                Ok(sent) => sent,
                Err(_) => Err(Failed {
                    reason: format!("{} did not answer within {} s", mailing.host, self.timeout().as_secs()),
                    is_final: false,
                }),
            })
        })
        .await
    }

    /// The connection to the mail server, not opened yet.
    fn transport(&self, mailing: &Mailing) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failed> {
        let tls = match mailing.encryption {
            Encryption::None => Tls::None,
            encryption => {
                tls::install();
                let mut parameters =
                    TlsParameters::builder(mailing.host.clone()).certificate_store(CertificateStore::None);
                for one in tls::usable(self.trusted()?) {
                    let one =
                        Certificate::from_der(one.to_vec()).map_err(|error| lasting(error.to_string()))?;
                    parameters = parameters.add_root_certificate(one);
                }
                let parameters = parameters.build_rustls().map_err(|error| lasting(error.to_string()))?;
                match encryption {
                    Encryption::FromStart => Tls::Wrapper(parameters),
                    _ => Tls::Required(parameters),
                }
            }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mailing.host.clone())
            .port(mailing.port)
            .tls(tls)
            .hello_name(ClientId::Domain(mailing.hello.clone()))
            .timeout(Some(self.timeout()));
        if let Some((username, password)) = &mailing.login {
            builder = builder.credentials(Credentials::new(username.clone(), password.reveal().to_owned()));
        }
        Ok(builder.build())
    }
}

/// What the server, or the way to it, has against the message.
fn of_server(error: &lettre::transport::smtp::Error) -> Failed {
    // What is refused for good stays refused; a server that is busy or away may be back.
    let is_refused =
        error.status().is_some_and(|code| code.severity == Severity::PermanentNegativeCompletion);
    Failed { reason: chain(error), is_final: is_refused || error.is_client() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<'a>(server: &'a str, to: &'a [String]) -> MailSettings<'a> {
        MailSettings {
            server,
            from: "Crossfoot <crossfoot@example.org>",
            to,
            host: "here",
            ..MailSettings::default()
        }
    }

    fn to() -> Vec<String> {
        vec!["ops@example.org".into()]
    }

    #[test]
    fn what_is_sent_over_a_network_is_encrypted_unless_it_is_said() {
        use Encryption::{FromStart, None as Plain, StartTls};
        for (server, tls, host, port, encryption) in [
            ("smtp://mail.example", None, "mail.example", 587, StartTls),
            ("smtp://mail.example:25/", Some("none"), "mail.example", 25, Plain),
            ("smtps://mail.example", None, "mail.example", 465, FromStart),
            ("smtps://mail.example:2465", Some("required"), "mail.example", 2465, FromStart),
            ("smtp://localhost:1025", None, "localhost", 1025, Plain),
            ("smtp://127.0.0.1:25", None, "127.0.0.1", 25, Plain),
            ("smtp://127.0.0.1.example:25", None, "127.0.0.1.example", 25, StartTls),
            ("smtp://[::1]:25", None, "::1", 25, Plain),
            ("smtp://localhost", Some("required"), "localhost", 587, StartTls),
        ] {
            let mailing = Mailing::new(&MailSettings { tls, ..settings(server, &to()) }).unwrap();
            assert_eq!(
                (&*mailing.host, mailing.port, mailing.encryption),
                (host, port, encryption),
                "{server} {tls:?}"
            );
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |of: MailSettings<'_>| Mailing::new(&of).err().unwrap().to_string();
        let to = to();
        for server in [
            "",
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://a:b@mail.example",
            "smtp://h:x",
            "smtp://h:0",
        ] {
            assert!(refused(settings(server, &to)).starts_with("server: "), "{server}");
        }
        let good = settings("smtp://mail.example", &to);
        assert!(refused(MailSettings { to: &[], ..good.clone() }).contains("1 to 50 addresses"));
        let injected = ["ops@example.org\r\nBcc: x@example.org".to_owned()];
        assert!(
            refused(MailSettings { to: &injected, ..good.clone() }).starts_with("to: `ops@example.org\\r\\n")
        );
        assert!(refused(MailSettings { from: "nowhere", ..good.clone() }).starts_with("from: "));
        assert!(refused(MailSettings { username: Some("u"), ..good.clone() }).contains("both username"));
        assert!(refused(MailSettings { tls: Some("some"), ..good.clone() }).contains("`some`"));
        let plain = MailSettings {
            tls: Some("none"),
            username: Some("u"),
            password: Some("hidden".into()),
            ..good.clone()
        };
        assert!(refused(plain).contains("without encryption"));
        let both = MailSettings { tls: Some("none"), ..settings("smtps://mail.example", &to) };
        assert!(refused(both).contains("contradicts"));
    }

    #[test]
    fn no_value_becomes_a_header() {
        let mailing = Mailing::new(&settings("smtp://mail.example", &to())).unwrap();
        let letter = Letter {
            subject: "Not reconciled: x\r\nBcc: all@example.org\n\nbody".into(),
            text: "first\r\n.\r\nQUIT\r\nlast äöü\n".into(),
        };
        let message = String::from_utf8(mailing.message(&letter).ok().unwrap()).unwrap();
        let (headers, _) = message.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = headers
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert!(!names.contains(&"Bcc") && !headers.replace("\r\n", "").contains(['\r', '\n']), "{headers}");
        for name in
            ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
        {
            assert_eq!(
                names.iter().filter(|of| of.eq_ignore_ascii_case(name)).count(),
                1,
                "{name}: {headers}"
            );
        }
    }
}
