//! An identity provider of the tests' own: its document, its keys, and ID tokens for codes. A test alters what it
//! answers, and how it signs.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use platform::clock::{Clock as _, SystemClock};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use url::Url;

/// The console at the provider, and its secret.
pub(crate) const CLIENT: (&str, &str) = ("crossfoot", "geheim 42 & more");

/// A key of the provider, and its name.
struct Key {
    name: String,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(number: usize) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { name: format!("key-{number}"), pair: Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap() }
    }
}

/// What a code is good for.
struct Code {
    token: String,
    challenge: String,
    redirect: String,
}

struct State {
    keys: Vec<Key>,
    codes: HashMap<String, Code>,
    codes_made: usize,
    key_requests: usize,
    token_requests: usize,
}

/// See the module.
pub(crate) struct Provider {
    /// Its issuer, which is where it listens.
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
}

/// What a browser brings back to the console.
pub(crate) struct Back {
    pub(crate) state: String,
    pub(crate) code: String,
}

impl Back {
    pub(crate) fn path(&self) -> String {
        format!("/oidc/callback?code={}&state={}", self.code, self.state)
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Now, in seconds since 1970.
pub(crate) fn now_s() -> i64 {
    SystemClock.now_ms() / 1000
}

impl Provider {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            keys: vec![Key::new(0)],
            codes: HashMap::new(),
            codes_made: 0,
            key_requests: 0,
            token_requests: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let (of, own) = (Arc::clone(&state), issuer.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (of, own) = (Arc::clone(&of), own.clone());
                thread::spawn(move || serve(&stream.unwrap(), &of, &own));
            }
        });
        Self { issuer, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How often its keys were asked for, and how often an ID token.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let state = self.lock();
        (state.key_requests, state.token_requests)
    }

    /// Replaces its key by another with another name.
    pub(crate) fn rotate(&self) {
        let mut state = self.lock();
        let number: usize = state.keys[0].name.trim_start_matches("key-").parse().unwrap();
        state.keys = vec![Key::new(number + 1)];
    }

    /// Signs with a key that it does not publish.
    pub(crate) fn forge(&self, alter: impl FnOnce(&mut Value, &mut Value), to: &str) -> Back {
        let forger = Key::new(99);
        self.sign_in_with(&forger, to, alter)
    }

    /// Signs someone in whom a console sent to `to`, as `claims` says beside what every ID token has.
    pub(crate) fn sign_in(&self, to: &str, claims: &Value) -> Back {
        self.altered(to, |_, all| merge(all, claims))
    }

    /// The same, with the header and the claims of the ID token altered.
    pub(crate) fn altered(&self, to: &str, alter: impl FnOnce(&mut Value, &mut Value)) -> Back {
        let key = std::mem::replace(&mut self.lock().keys[0], Key::new(0));
        let back = self.sign_in_with(&key, to, alter);
        self.lock().keys[0] = key;
        back
    }

    fn sign_in_with(&self, key: &Key, to: &str, alter: impl FnOnce(&mut Value, &mut Value)) -> Back {
        let url = Url::parse(to).unwrap();
        assert!(to.starts_with(&format!("{}/auth?", self.issuer)), "{to}");
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        for (name, value) in
            [("response_type", "code"), ("client_id", CLIENT.0), ("code_challenge_method", "S256")]
        {
            assert_eq!(query[name], value, "{to}");
        }
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"), "{to}");
        let mut header = json!({ "alg": "EdDSA", "kid": key.name, "typ": "JWT" });
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT.0, "nonce": query["nonce"], "sub": "4711",
            "iat": now_s(), "exp": now_s() + 300,
        });
        alter(&mut header, &mut claims);
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = match header["alg"].as_str().unwrap() {
            "none" => Vec::new(),
            "HS256" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.pair.public_key().as_ref());
                ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            _ => key.pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        let mut state = self.lock();
        state.codes_made += 1;
        let code = format!("code-{}", state.codes_made);
        let of = Code {
            token: format!("{message}.{}", encoded(signature)),
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
        };
        state.codes.insert(code.clone(), of);
        Back { state: query["state"].clone(), code }
    }
}

/// Sets claims, or removes those that are null.
pub(crate) fn merge(all: &mut Value, claims: &Value) {
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>, issuer: &str) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut authorization, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => authorization = value.into(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            _ if first.is_empty() => first = line,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, answer) = match path {
        "/.well-known/openid-configuration" => (200, document(issuer)),
        "/keys" => {
            let mut state = state.lock().unwrap();
            state.key_requests += 1;
            let keys = state.keys.iter().map(|key| {
                let x = encoded(key.pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": key.name, "x": x })
            });
            (200, json!({ "keys": keys.collect::<Vec<_>>() }))
        }
        "/token" => exchange(&mut state.lock().unwrap(), &authorization, &body),
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let mut stream = stream;
    // A client that no longer listens is its own affair.
    drop(write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    ));
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    })
}

/// An ID token for a code, once, for the client that can prove that it began.
fn exchange(state: &mut State, authorization: &str, body: &[u8]) -> (u16, Value) {
    state.token_requests += 1;
    let escaped = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", escaped(CLIENT.0), escaped(CLIENT.1));
    if authorization != format!("Basic {}", STANDARD.encode(pair)) {
        return (401, json!({ "error": "invalid_client" }));
    }
    let form: HashMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
    let proven = encoded(digest(&SHA256, form["code_verifier"].as_bytes()));
    match state.codes.remove(&form["code"]) {
        Some(code)
            if form["grant_type"] == "authorization_code"
                && code.challenge == proven
                && code.redirect == form["redirect_uri"] =>
        {
            (200, json!({ "access_token": "unused", "token_type": "Bearer", "id_token": code.token }))
        }
        _ => (400, json!({ "error": "invalid_grant" })),
    }
}
