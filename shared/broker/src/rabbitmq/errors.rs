//! What the broker's errors mean, and what to do about them.

use lapin::ErrorKind;

use super::settings::Target;
use crate::BrokerError;

/// Where in its life a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Resolving the name and connecting to the address.
    Reaching,
    /// The TLS handshake, certificate included.
    Encrypting,
    /// The AMQP handshake: version, login, virtual host.
    Greeting,
    /// After the AMQP handshake, at work.
    Working,
}

// AMQP 0-9-1, 1.1: reply codes; 530 is RabbitMQ's answer for a virtual host too.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// The reply code and text, if the broker itself answered.
pub(super) fn reply(error: &lapin::Error) -> Option<(u16, String)> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
        _ => None,
    }
}

/// Whether something was asked for that is not there.
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    reply(error).is_some_and(|(code, _)| code == NOT_FOUND)
}

/// `error` in our words.
pub(super) fn explain(target: &Target, stage: Stage, error: &lapin::Error) -> BrokerError {
    let (url, user) = (target.url.clone(), target.username.clone());
    match (stage, reply(error)) {
        (Stage::Reaching, _) => BrokerError::Unreachable { url, reason: cause(error) },
        (Stage::Encrypting, _) => BrokerError::Tls { url, reason: cause(error) },
        (Stage::Greeting, Some((ACCESS_REFUSED, _))) => BrokerError::LoginRefused { url, user },
        (Stage::Greeting, Some((NOT_ALLOWED, text))) if text.contains("not found") => {
            BrokerError::NoSuchVhost { url, vhost: target.vhost.clone() }
        }
        (_, Some((ACCESS_REFUSED | NOT_ALLOWED, reason))) => BrokerError::Forbidden { url, user, reason },
        (_, Some((code, reason))) => BrokerError::Refused { url, reason: format!("{code} {reason}") },
        (Stage::Greeting, None) => {
            let reason = format!("it does not respond like an AMQP broker ({})", cause(error));
            BrokerError::Unreachable { url, reason }
        }
        (Stage::Working, None) => BrokerError::Unreachable { url, reason: cause(error) },
    }
}

/// `error` of a declaration of `name`, in our words.
pub(super) fn explain_declaration(target: &Target, name: &str, error: &lapin::Error) -> BrokerError {
    match reply(error) {
        Some((PRECONDITION_FAILED, reason)) => BrokerError::Differs { name: name.into(), reason },
        _ => explain(target, Stage::Working, error),
    }
}

/// The innermost words of it, without lapin's.
fn cause(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::IOError(io) => io.to_string(),
        _ => error.to_string(),
    }
}
