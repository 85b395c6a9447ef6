use std::process::Command;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::json;

use super::*;

const NOW_S: i64 = 1_700_000_000;

const EXPECTED: Expected<'_> =
    Expected { issuer: "https://id.example", client_id: "crossfoot", nonce: "n0nce", now_s: NOW_S };

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": "crossfoot", "sub": "4711", "nonce": "n0nce",
        "iat": NOW_S - 5, "exp": NOW_S + 300,
    })
}

fn assembled(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let signature = encoded(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A signer with a key of its own, and the JWK that goes with it.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn jwk(&self, id: &str) -> Value {
        let x = encoded(self.0.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x })
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        assembled(header, claims, |message| self.0.sign(message).as_ref().to_vec())
    }
}

fn set(jwks: &[Value]) -> Vec<Key> {
    keys(&json!({ "keys": jwks }))
}

fn reason(result: Result<Map<String, Value>, Disbelieved>) -> &'static str {
    match result {
        Ok(_) => "believed",
        Err(Disbelieved::UnknownKey) => "unknown key",
        Err(Disbelieved::For(reason)) => reason,
    }
}

#[test]
fn each_algorithm_is_verified_with_its_own_kind_of_key() {
    let random = SystemRandom::new();
    let signer = Signer::new();
    let ed = signer.token(&json!({ "alg": "EdDSA", "kid": "ed" }), &claims());
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let es = assembled(&json!({ "alg": "ES256", "kid": "es" }), &claims(), |message| {
        pair.sign(&random, message).unwrap().as_ref().to_vec()
    });
    // Only openssl makes RSA keys here.
    let made = Command::new("openssl")
        .args([
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-outform",
            "DER",
        ])
        .output();
    let made = made.expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Versions of openssl differ in which of two forms they write.
    let rsa = RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout)).unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public());
    let by_rsa = |name: &str, padding: &'static dyn ring::signature::RsaEncoding| {
        assembled(&json!({ "alg": name, "kid": "rsa" }), &claims(), |message| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        })
    };
    let (rs, ps) = (by_rsa("RS256", &RSA_PKCS1_SHA256), by_rsa("PS256", &RSA_PSS_SHA256));
    let (n, e) = (encoded([&[0][..], &public.n].concat()), encoded(&public.e));
    let all = set(&[
        signer.jwk("ed"),
        json!({ "kty": "EC", "crv": "P-256", "kid": "es", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) }),
        json!({ "kty": "RSA", "kid": "rsa", "n": n, "e": e }),
        json!({ "kty": "RSA", "kid": "for encryption", "use": "enc", "n": n, "e": e }),
        json!({ "kty": "oct", "kid": "shared", "k": encoded("x") }),
        json!({ "kty": "EC", "crv": "P-384", "kid": "large" }),
    ]);
    assert_eq!(all.len(), 3);
    for token in [&ed, &es, &rs, &ps] {
        assert_eq!(reason(verified(token, &all, &EXPECTED)), "believed");
        // One bit elsewhere, in each of the three parts.
        for place in token.split('.').scan(0, |end, part| {
            *end += part.len() + 1;
            Some(*end - 1 - part.len() / 2)
        }) {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert_ne!(reason(verified(&altered, &all, &EXPECTED)), "believed");
        }
    }
    // A key that is for one algorithm only is not used for another; nor is another kind of key.
    let only = set(&[json!({ "kty": "RSA", "kid": "rsa", "alg": "RS256", "n": n, "e": e })]);
    assert_eq!(reason(verified(&rs, &only, &EXPECTED)), "believed");
    assert!(reason(verified(&ps, &only, &EXPECTED)).contains("not for"));
    let other = set(&[json!({ "kty": "RSA", "kid": "ed", "n": n, "e": e })]);
    assert!(reason(verified(&ed, &other, &EXPECTED)).contains("not for"));
    // The public key as the secret of an HMAC, and no signature at all.
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public.n);
    for token in [
        assembled(&json!({ "alg": "HS256", "kid": "rsa" }), &claims(), |message| {
            ring::hmac::sign(&key, message).as_ref().to_vec()
        }),
        assembled(&json!({ "alg": "none" }), &claims(), |_| Vec::new()),
        assembled(&json!({ "alg": "None", "kid": "rsa" }), &claims(), |_| Vec::new()),
        assembled(&json!({ "kid": "rsa" }), &claims(), |_| Vec::new()),
    ] {
        assert!(reason(verified(&token, &all, &EXPECTED)).contains("no other algorithm"), "{token}");
    }
}

#[test]
fn a_token_names_its_key_and_has_three_parts() {
    let (one, two) = (Signer::new(), Signer::new());
    let both = set(&[one.jwk("1"), two.jwk("2")]);
    let named = |id: &Value| one.token(&json!({ "alg": "EdDSA", "kid": id }), &claims());
    let token = |token: &str, all: &[Key]| reason(verified(token, all, &EXPECTED));
    assert_eq!(token(&named(&json!("1")), &both), "believed");
    assert!(token(&named(&json!("2")), &both).contains("not the provider's"));
    assert_eq!(token(&named(&json!("3")), &both), "unknown key");
    assert!(token(&named(&json!(1)), &both).contains("three parts"));
    let unnamed = one.token(&json!({ "alg": "EdDSA" }), &claims());
    assert!(token(&unnamed, &both).contains("does not name the key"));
    assert_eq!(token(&unnamed, &both[..1]), "believed", "there is only one");
    assert!(token(&unnamed, &[]).contains("does not name the key"));
    let critical =
        one.token(&json!({ "alg": "EdDSA", "kid": "1", "crit": ["b64"], "b64": false }), &claims());
    assert!(token(&critical, &both).contains("extensions"));
    let good = named(&json!("1"));
    for bad in ["", "..", "a.b", &format!("{good}."), &format!("{good}="), &format!("x.{good}")] {
        assert_ne!(token(bad, &both), "believed", "{bad}");
    }
    assert_eq!(token(&"x".repeat(TOKEN_BYTES_MAX + 1), &both), "is too long");
}

#[test]
fn a_token_is_for_this_console_this_sign_in_and_now() {
    let signer = Signer::new();
    let all = set(&[signer.jwk("1")]);
    for (claim, value, says) in [
        ("iss", json!("https://id.example/"), "another issuer"),
        ("iss", json!(["https://id.example"]), "another issuer"),
        ("aud", json!("other"), "another client"),
        ("aud", json!(["other"]), "another client"),
        ("aud", json!(["crossfoot"]), "believed"),
        ("aud", json!(["crossfoot", "other"]), "several clients"),
        ("aud", Value::Null, "another client"),
        ("azp", json!("crossfoot"), "believed"),
        ("azp", json!("other"), "issued to another"),
        ("azp", json!(7), "issued to another"),
        ("exp", json!(NOW_S - 59), "believed"),
        ("exp", json!(NOW_S - 60), "has expired"),
        ("exp", json!(f64::from(1_600_000_000) + 0.5), "has expired"),
        ("exp", json!("2999-01-01"), "when it expires"),
        ("exp", json!(NOW_S.to_string()), "when it expires"),
        ("exp", Value::Null, "when it expires"),
        ("iat", json!(NOW_S + 60), "believed"),
        ("iat", json!(NOW_S + 61), "in the future"),
        ("iat", json!("now"), "when it was issued"),
        ("nbf", json!(NOW_S + 60), "believed"),
        ("nbf", json!(NOW_S + 61), "not valid yet"),
        ("nbf", json!("soon"), "in no time"),
        ("nonce", json!("n0ncf"), "another sign-in"),
        ("nonce", Value::Null, "another sign-in"),
        ("sub", json!(""), "name a person"),
        ("sub", json!("x".repeat(256)), "name a person"),
        ("sub", Value::Null, "name a person"),
    ] {
        let mut altered = claims();
        altered[claim] = value.clone();
        let token = signer.token(&json!({ "alg": "EdDSA", "kid": "1" }), &altered);
        let found = reason(verified(&token, &all, &EXPECTED));
        assert!(found.contains(says), "{claim} = {value}: {found}");
    }
    let mut several = claims();
    several["aud"] = json!(["other", "crossfoot"]);
    several["azp"] = json!("crossfoot");
    let token = signer.token(&json!({ "alg": "EdDSA", "kid": "1" }), &several);
    assert_eq!(reason(verified(&token, &all, &EXPECTED)), "believed");
}
