//! What must never be printed: passwords, and URLs that may hold one.
//!
//! A URL is typed by hand, and often wrongly: with a letter too few in its scheme, with a password that should have
//! been percent-encoded. So what is shown of one is not what a parser makes of it, but what cannot be part of a
//! password however the text is read; where that is not clear, nothing is shown.

use std::path::Path;
use std::{fmt, io};

use serde::Deserialize;

use crate::files::{KEY_BYTES_MAX, read_small_text};

/// The text that replaces a secret.
const HIDDEN: &str = "***";

/// Parameters of a URL that say nothing secret, whatever their value.
const OPEN_PARAMETERS: [&str; 9] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "application_name",
    "host",
    "port",
    "dbname",
];

/// What a path follows that is a store or a target: an `@` in it belongs to no login.
const PATH_SCHEMES: [&str; 2] = ["sqlite:", "parquet:"];

/// Attributes of an ODBC connection string that say nothing secret, whatever their value, in lower case.
const OPEN_ATTRIBUTES: [&str; 14] = [
    "driver",
    "dsn",
    "server",
    "servername",
    "host",
    "hostname",
    "port",
    "database",
    "dbname",
    "db",
    "dbq",
    "catalog",
    "schema",
    "sslmode",
];

/// Words in a key's name after which a secret is given.
const SECRET_WORDS: [&str; 9] =
    ["passw", "passphrase", "passfile", "pwd", "secret", "token", "credential", "sslkey", "masking"];

/// A text that is never printed: a password, a key.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whom it is meant: a server, a cipher.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads a secret that is the only line of a file. Line ends after it are not part of it.
    ///
    /// # Errors
    /// As [`read_small_text`]; also when the file is empty or has a second line.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        let text = read_small_text(path, KEY_BYTES_MAX)?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(invalid("it is empty")),
            line if line.contains('\n') => {
                Err(invalid("it has more than one line; a secret is the only line of its file"))
            }
            line => Ok(Self(line.to_owned())),
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The URL of a store, a broker or a webhook as it was given. It is printed without what may be a password.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The whole text, for whom it is meant: a driver.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it begins with one of `schemes`.
    #[must_use]
    pub fn is_of(&self, schemes: &[&str]) -> bool {
        schemes.iter().any(|scheme| self.0.starts_with(scheme))
    }

    /// Where the server is: the URL without user, password and parameters. Nothing but the scheme when that is not
    /// clear.
    #[must_use]
    pub fn place(&self) -> String {
        let shown = self.to_string();
        let place = shown.split('?').next().unwrap_or_default();
        match place.split_once("://***@") {
            Some((scheme, place)) => format!("{scheme}://{place}"),
            None => place.to_owned(),
        }
    }
}

impl From<&str> for ServerUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for ServerUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        let is_local =
            text.starts_with("memory:") || PATH_SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        match text.split_once(':') {
            Some(("odbc", attributes)) => f.write_str(&of_odbc(attributes)),
            // Something was meant to be a URL, and nobody knows what the rest of it is.
            Some((scheme, rest)) if !is_local && !rest.starts_with("//") => match is_scheme(scheme) {
                true => write!(f, "{scheme}:{HIDDEN}"),
                false => f.write_str(HIDDEN),
            },
            _ => f.write_str(&without_secrets(text)),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A word of a command line, or another text that is kept or printed, without what may be a secret in it: user,
/// password and parameters of a URL; the value of a key whose name says that it is secret.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    match (text.find("://"), secret_value(text)) {
        (Some(scheme), Some(value)) if value < scheme => key_only(text, value),
        (Some(scheme), _) => of_url(text, scheme),
        (None, Some(value)) => key_only(text, value),
        (None, None) => match text.rfind('@') {
            // `user:password@host` of a URL whose scheme was forgotten or mistyped.
            Some(at) if after_scheme(text, at).contains(':') => format!("{HIDDEN}{}", &text[at..]),
            _ => text.to_owned(),
        },
    }
}

/// The words of a command line without what may be a secret: as [`without_secrets`], and a word after a flag whose
/// name says that a secret follows.
pub fn words_without_secrets(words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_secret = false;
    words.map(move |word| {
        let shown = if is_secret { HIDDEN.to_owned() } else { without_secrets(&word) };
        is_secret = word.starts_with('-') && !word.contains('=') && is_secret_name(&word);
        shown
    })
}

/// Whether `text` seems to hold a URL with a password in it, or a password under its name: one that should not be
/// there.
#[must_use]
pub fn seems_to_hold_a_secret(text: &str) -> bool {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`,;".contains(c));
    words.into_iter().any(|word| {
        let shown = without_secrets(word);
        shown != word && {
            let hidden = word.find("://").map_or(word, |scheme| &word[scheme + 3..]);
            let is_login = hidden.rfind('@').is_some_and(|at| {
                hidden[..at].split_once(':').is_some_and(|(_, password)| !password.is_empty())
            });
            // What was hidden before is no secret any more.
            let is_named = secret_value(word).is_some_and(|value| {
                let value = &word[value..];
                !value.is_empty() && !value.starts_with(HIDDEN)
            });
            is_login || is_named
        }
    })
}

fn is_scheme(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (1..=12).contains(&text.len()) && text.chars().all(is_letter)
}

/// What precedes `at`, but for the scheme of an embedded store, whose path may have any character.
fn after_scheme(text: &str, at: usize) -> &str {
    let before = &text[..at];
    PATH_SCHEMES
        .iter()
        .find_map(|scheme| {
            before.strip_prefix(scheme).or_else(|| Some(before.rsplit_once(&format!("={scheme}"))?.1))
        })
        .unwrap_or(before)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word)) || name.ends_with("__key")
}

/// Where the value begins of the first key in `text` whose name says that it is secret.
fn secret_value(text: &str) -> Option<usize> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    text.match_indices('=').map(|(equals, _)| equals).find_map(|equals| {
        let before = text[..equals].trim_end();
        let name = &before[before.trim_end_matches(is_of_name).len()..];
        is_secret_name(name).then_some(equals + 1)
    })
}

/// `text` up to the secret value that begins at `value`: nobody knows where it ends.
fn key_only(text: &str, value: usize) -> String {
    let before = &text[..value];
    if before.contains('@') { HIDDEN.to_owned() } else { format!("{before}{HIDDEN}") }
}

/// A text with `://` in it at `scheme`.
fn of_url(text: &str, scheme: usize) -> String {
    let (before, rest) = (&text[..scheme], &text[scheme + 3..]);
    if before.contains('@') {
        return HIDDEN.to_owned();
    }
    let hidden = format!("{before}://{HIDDEN}");
    let (login, tail) = match rest.rfind('@') {
        Some(at) => (true, &rest[at + 1..]),
        None => (false, rest),
    };
    // Is this the `@` before the host, after a password with a `?` in it, or one in a parameter's value?
    if login && rest[..rest.len() - tail.len()].contains('?') {
        return hidden;
    }
    let (address, parameters) = match tail.split_once('?') {
        Some((address, parameters)) => (address, Some(parameters)),
        None => (tail, None),
    };
    let (address, is_cut) = match address.split_once('#') {
        Some((address, _)) => (address, true),
        None => (address, false),
    };
    if address.contains("://") || (!login && !is_address(address, before)) {
        return hidden;
    }
    let user = if login { format!("{HIDDEN}@") } else { String::new() };
    let parameters = match parameters.filter(|_| !is_cut) {
        Some(parameters) => format!("?{}", open_only(parameters)),
        None if is_cut => format!("#{HIDDEN}"),
        None => String::new(),
    };
    format!("{before}://{user}{address}{parameters}")
}

/// Whether what stands after `://` begins as a host and its port, and not as a user and a password whose `@` is
/// missing.
fn is_address(address: &str, before: &str) -> bool {
    if before.ends_with("sqlite") || before.ends_with("memory") {
        return true;
    }
    let host = address.split('/').next().unwrap_or_default();
    let after_host = match host.split_once(']') {
        Some((_, rest)) => rest,
        None => host.find(':').map_or("", |colon| &host[colon..]),
    };
    match after_host.strip_prefix(':') {
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok(),
        None => after_host.is_empty() || after_host.starts_with(|c: char| !c.is_alphanumeric()),
    }
}

/// The attributes of an ODBC connection string: `DSN=bank;UID=auditor;PWD={a;b}`. `None` if braces do not match, or if
/// there is anything else.
#[must_use]
pub fn odbc_attributes(text: &str) -> Option<Vec<(&str, &str)>> {
    let (mut all, mut rest) = (Vec::new(), text);
    while !rest.trim_matches([';', ' ']).is_empty() {
        rest = rest.trim_start_matches([';', ' ']);
        let (name, after) = rest.split_once('=')?;
        let end = match after.starts_with('{') {
            false => after.find(';').unwrap_or(after.len()),
            true => {
                let mut end = 1;
                loop {
                    end += after.get(end..)?.find('}')? + 1;
                    match after[end..].starts_with('}') {
                        // A brace in braces is written twice.
                        true => end += 1,
                        false => break end,
                    }
                }
            }
        };
        let (value, tail) = after.split_at(end);
        if !tail.is_empty() && !tail.starts_with(';') || name.contains(';') {
            return None;
        }
        all.push((name.trim(), value));
        rest = tail;
    }
    Some(all)
}

/// Whether the value of an attribute of an ODBC connection string is shown.
#[must_use]
pub fn is_open_attribute(name: &str) -> bool {
    OPEN_ATTRIBUTES.contains(&name.to_ascii_lowercase().as_str())
}

/// An ODBC connection string, with those attributes only that are known to be open.
fn of_odbc(attributes: &str) -> String {
    let Some(all) = odbc_attributes(attributes) else { return format!("odbc:{HIDDEN}") };
    let open = all.iter().filter(|(name, _)| is_open_attribute(name));
    let mut shown: Vec<_> = open.map(|(name, value)| format!("{name}={value}")).collect();
    if shown.len() < all.len() {
        shown.push(HIDDEN.into());
    }
    format!("odbc:{}", shown.join(";"))
}

/// A URL's parameters, those hidden that may be secret.
fn open_only(parameters: &str) -> String {
    let is_open = |pair: &&str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            OPEN_PARAMETERS.contains(&name) && !value.contains(['=', '?', '#', ' '])
        })
    };
    let mut shown: Vec<_> = parameters.split('&').filter(is_open).collect();
    if parameters.split('&').any(|pair| !is_open(&pair)) {
        shown.push(HIDDEN);
    }
    shown.join("&")
}

#[cfg(test)]
mod tests;
