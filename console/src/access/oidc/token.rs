//! ID tokens: whose signature is on them, and whether they are for this console, for this sign-in, and now.
//!
//! The signature is verified with `ring`, which is there for TLS. Only four algorithms are known here, all of them with
//! a public key; which one a key is for follows from the key, so that no token chooses how it is verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use monitor::guard::equal;

/// How far the clocks of the provider and of this machine may differ, in seconds.
const LEEWAY_S: i64 = 60;

/// The longest ID token.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// The longest name of a person at the provider (`sub`), as OpenID Connect bounds it.
const SUBJECT_CHARS_MAX: usize = 255;

/// The most keys of a provider that are looked at.
const KEYS_MAX: usize = 100;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A public key of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key that the provider signs tokens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if the provider says so.
    only: Option<Algorithm>,
    public: Public,
}

/// The keys in a JWK set; those that no ID token is verified with here are left out.
pub(super) fn keys(set: &Value) -> Vec<Key> {
    set["keys"].as_array().into_iter().flatten().take(KEYS_MAX).filter_map(key).collect()
}

fn key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk[name].as_str();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    if jwk["key_ops"].as_array().is_some_and(|all| !all.iter().any(|one| one == "verify")) {
        return None;
    }
    let public = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let plain =
                |number: Vec<u8>| number.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            Public::Rsa { n: plain(bytes("n")?), e: plain(bytes("e")?) }
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if (x.len(), y.len()) != (32, 32) {
                return None;
            }
            Public::P256([&[4][..], &x, &y].concat())
        }
        ("OKP", Some("Ed25519")) => Public::Ed25519(bytes("x")?),
        _ => return None,
    };
    let only = match text("alg") {
        Some(name) => Some(Algorithm::of(name)?),
        None => None,
    };
    Some(Key { id: text("kid").map(str::to_owned), only, public })
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match self.public {
            Public::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Public::P256(_) => algorithm == Algorithm::Es256,
            Public::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.public, algorithm) {
            (Public::Rsa { n, e }, Algorithm::Rs256) => RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            (Public::Rsa { n, e }, Algorithm::Ps256) => RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PSS_2048_8192_SHA256,
                message,
                signature,
            ),
            (Public::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Public::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The provider.
    pub(super) issuer: &'a str,
    /// The console at the provider.
    pub(super) client_id: &'a str,
    /// What was sent along when this sign-in began.
    pub(super) nonce: &'a str,
    /// Now, in seconds since 1970.
    pub(super) now_s: i64,
}

/// Why an ID token is not believed. No part of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disbelieved {
    /// No key that is known has its name; the provider may have a new one.
    UnknownKey,
    /// Another reason, in words after "the ID token".
    For(&'static str),
}

/// The claims of an ID token that is believed.
pub(super) fn verified(
    token: &str,
    keys: &[Key],
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, Disbelieved> {
    let claims = signed(token, keys)?;
    check(&claims, expected).map_err(Disbelieved::For)?;
    Ok(claims)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The claims, if a key of the provider signed them.
fn signed(token: &str, keys: &[Key]) -> Result<Map<String, Value>, Disbelieved> {
    let not_one = Disbelieved::For("is not three parts of base64 with JSON in them");
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Disbelieved::For("is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(not_one)?;
    let (head, claims) = message.split_once('.').filter(|(_, rest)| !rest.contains('.')).ok_or(not_one)?;
    let (header, signature) = object(head).zip(URL_SAFE_NO_PAD.decode(signature).ok()).ok_or(not_one)?;
    if header.contains_key("crit") {
        return Err(Disbelieved::For("has extensions that must be understood, and are not"));
    }
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::of);
    let algorithm = algorithm.ok_or(Disbelieved::For(
        "is not signed with RS256, PS256, ES256 or EdDSA, and no other algorithm is believed",
    ))?;
    let id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.as_str()),
        Some(_) => return Err(not_one),
    };
    let mut fitting = keys.iter().filter(|key| id.is_none_or(|id| key.id.as_deref() == Some(id)));
    let named = fitting.clone().count();
    let key = match (fitting.find(|key| key.is_for(algorithm)), id) {
        // Which of several keys is meant must be said.
        (Some(key), None) if keys.iter().filter(|key| key.is_for(algorithm)).count() == 1 => key,
        (_, None) => return Err(Disbelieved::For("does not name the key that it is signed with")),
        (Some(key), Some(_)) => key,
        (None, Some(_)) if named == 0 => return Err(Disbelieved::UnknownKey),
        (None, Some(_)) => {
            return Err(Disbelieved::For("is signed with an algorithm that its key is not for"));
        }
    };
    if !key.has_signed(algorithm, message.as_bytes(), &signature) {
        return Err(Disbelieved::For("has a signature that is not the provider's"));
    }
    object(claims).ok_or(not_one)
}

/// A time in seconds since 1970, which may have a fraction.
fn seconds(value: &Value) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "a time that is too far away is as far as can be")]
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err("is of another issuer (`iss`)");
    }
    let audience: Vec<_> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&expected.client_id) {
        return Err("is for another client (`aud`)");
    }
    match claims.get("azp") {
        Some(party) if party.as_str() == Some(expected.client_id) => {}
        Some(_) => return Err("was issued to another client (`azp`)"),
        None if audience.len() > 1 => {
            return Err("is for several clients, and does not say for which first (`azp`)");
        }
        None => {}
    }
    let latest = expected.now_s.saturating_add(LEEWAY_S);
    match claims.get("exp").and_then(seconds) {
        None => return Err("does not say when it expires (`exp`)"),
        Some(at) if at.saturating_add(LEEWAY_S) <= expected.now_s => return Err("has expired (`exp`)"),
        Some(_) => {}
    }
    match claims.get("iat").and_then(seconds) {
        None => return Err("does not say when it was issued (`iat`)"),
        Some(at) if at > latest => return Err("was issued in the future (`iat`); compare the clocks"),
        Some(_) => {}
    }
    match claims.get("nbf").map(seconds) {
        Some(None) => return Err("says in no time from when it is valid (`nbf`)"),
        Some(Some(at)) if at > latest => return Err("is not valid yet (`nbf`); compare the clocks"),
        Some(Some(_)) | None => {}
    }
    if !text("nonce").is_some_and(|nonce| equal(nonce, expected.nonce)) {
        return Err("is of another sign-in (`nonce`)");
    }
    match text("sub") {
        Some(subject) if !subject.is_empty() && subject.chars().count() <= SUBJECT_CHARS_MAX => Ok(()),
        _ => Err("does not name a person (`sub`)"),
    }
}

#[cfg(test)]
mod tests;
