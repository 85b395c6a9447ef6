//! The identity provider: its document, its keys, and the exchange of a code for an ID token.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::tls;
use serde_json::Value;
use tokio::sync::Mutex;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::form_urlencoded::{self, byte_serialize};
use url::{Host, Url};

use super::OidcConfig;
use super::token::{Key, keys};

/// How long one question to the provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer of the provider.
const ANSWER_BYTES_MAX: u64 = 512 * 1024;

/// The document and the keys are asked for again after this long: a key that the provider withdrew is not believed for
/// longer.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Keys are asked for again for the sake of a token at most this often.
const REFETCH: Duration = Duration::from_secs(30);

/// After a failure the provider is left alone for this long.
const PAUSE: Duration = Duration::from_secs(2);

/// What the provider's document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// Where browsers are sent.
    pub(super) authorization: Url,
    token: Url,
    keys: Url,
    /// Whether the console's secret goes into the header, and not into the body.
    is_basic: bool,
}

/// Why a code was not exchanged for an ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoToken {
    /// The provider does not take the code: it is another's, was used, or is too old.
    Refused,
    /// The provider failed, in words for the log.
    Failed(String),
}

/// What was read, and when.
#[derive(Debug, Clone)]
struct Read<T> {
    what: Arc<T>,
    at: Duration,
}

#[derive(Debug, Default)]
struct Cache {
    endpoints: Option<Read<Endpoints>>,
    keys: Option<Read<Vec<Key>>>,
    refetched: Option<Duration>,
    failed: Option<(Duration, String)>,
}

/// The identity provider.
pub(super) struct Provider {
    config: Arc<OidcConfig>,
    agent: Agent,
    cache: Mutex<Cache>,
}

impl Provider {
    /// The provider that `config` names; nothing is asked yet.
    pub(super) fn new(config: Arc<OidcConfig>) -> Result<Self, String> {
        tls::install();
        let mut trusted = if config.only_ca_file.is_some() { Vec::new() } else { tls::of_system() };
        if let Some(path) = config.only_ca_file.as_ref().or(config.ca_file.as_ref()) {
            trusted
                .extend(tls::of_file(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?);
        }
        let trusted = trusted.iter().map(|one| Certificate::from_der(one).to_owned()).collect::<Vec<_>>();
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A secret that is meant for one place is not sent to another.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::from(trusted)).build())
            .user_agent(concat!("crossfoot/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { config, agent: Agent::new_with_config(agent), cache: Mutex::default() })
    }

    /// What the provider's document says.
    ///
    /// # Errors
    /// In words for the log, why it is not known.
    pub(super) async fn endpoints(&self, now: Duration) -> Result<Arc<Endpoints>, String> {
        let mut cache = self.cache.lock().await;
        self.endpoints_of(&mut cache, now).await
    }

    async fn endpoints_of(&self, cache: &mut Cache, now: Duration) -> Result<Arc<Endpoints>, String> {
        if let Some(read) = cache.endpoints.as_ref().filter(|read| is_fresh(read.at, now)) {
            return Ok(Arc::clone(&read.what));
        }
        let address =
            format!("{}/.well-known/openid-configuration", self.config.issuer.trim_end_matches('/'));
        let document = self.get(cache, address, now).await?;
        let endpoints = Arc::new(endpoints(&self.config.issuer, &document)?);
        cache.endpoints = Some(Read { what: Arc::clone(&endpoints), at: now });
        Ok(endpoints)
    }

    /// The keys that the provider signs with.
    ///
    /// # Errors
    /// In words for the log, why they are not known.
    pub(super) async fn keys(&self, now: Duration) -> Result<Arc<Vec<Key>>, String> {
        let mut cache = self.cache.lock().await;
        if let Some(read) = cache.keys.as_ref().filter(|read| is_fresh(read.at, now)) {
            return Ok(Arc::clone(&read.what));
        }
        self.read_keys(&mut cache, now).await
    }

    /// The keys, asked for again because a token names another one; `None` if they were so a moment ago.
    ///
    /// # Errors
    /// In words for the log, why they are not known.
    pub(super) async fn newer_keys(&self, now: Duration) -> Result<Option<Arc<Vec<Key>>>, String> {
        let mut cache = self.cache.lock().await;
        if cache.refetched.is_some_and(|at| now.saturating_sub(at) < REFETCH) {
            return Ok(None);
        }
        cache.refetched = Some(now);
        self.read_keys(&mut cache, now).await.map(Some)
    }

    async fn read_keys(&self, cache: &mut Cache, now: Duration) -> Result<Arc<Vec<Key>>, String> {
        let address = self.endpoints_of(cache, now).await?.keys.to_string();
        let found = Arc::new(keys(&self.get(cache, address, now).await?));
        if found.is_empty() {
            return Err("the provider has no key that ID tokens can be verified with".into());
        }
        cache.keys = Some(Read { what: Arc::clone(&found), at: now });
        Ok(found)
    }

    /// Reads a public document of the provider.
    async fn get(&self, cache: &mut Cache, address: String, now: Duration) -> Result<Value, String> {
        if let Some((_, error)) = cache.failed.as_ref().filter(|(at, _)| now.saturating_sub(*at) < PAUSE) {
            return Err(error.clone());
        }
        let agent = self.agent.clone();
        let asked = platform::inline::run(move || {
            let answer = agent.get(&address).header("Accept", "application/json").call();
            read(answer)
                .and_then(|(status, value)| match status {
                    200 => Ok(value),
                    _ => Err(format!("it answered {status}")),
                })
                .map_err(|error| format!("{address}: {error}"))
        });
        let read = asked.await.map_err(|error| error.to_string()).and_then(|read| read);
        cache.failed = read.as_ref().err().map(|error| (now, error.clone()));
        read
    }

    /// Exchanges a code for an ID token.
    ///
    /// # Errors
    /// [`NoToken`]; nothing of the code or of a token is in it.
    pub(super) async fn exchange(
        &self,
        endpoints: &Endpoints,
        code: &str,
        verifier: &str,
    ) -> Result<String, NoToken> {
        let config = Arc::clone(&self.config);
        let (body, agent) = (form(&config, endpoints, code, verifier), self.agent.clone());
        let (address, is_basic) = (endpoints.token.to_string(), endpoints.is_basic);
        let asked = platform::inline::run(move || {
            let mut request = agent
                .post(&address)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Accept", "application/json");
            if is_basic {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair =
                    format!("{}:{}", encoded(&config.client_id), encoded(config.client_secret.reveal()));
                request = request.header("Authorization", format!("Basic {}", STANDARD.encode(pair)));
            }
            let (status, answer) =
                read(request.send(&body)).map_err(|error| NoToken::Failed(format!("{address}: {error}")))?;
            match answer["id_token"].as_str().filter(|_| status == 200) {
                Some(token) => Ok(token.to_owned()),
                None => match answer["error"].as_str().filter(|why| is_code(why)) {
                    Some("invalid_grant") => Err(NoToken::Refused),
                    why => {
                        let why = why.unwrap_or("no ID token");
                        Err(NoToken::Failed(format!("{address}: it answered {status} ({why})")))
                    }
                },
            }
        });
        asked.await.map_err(|error| NoToken::Failed(error.to_string()))?
    }
}

/// What a code is exchanged with.
fn form(config: &OidcConfig, endpoints: &Endpoints, code: &str, verifier: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &config.callback())
        .append_pair("code_verifier", verifier);
    if !endpoints.is_basic {
        form.append_pair("client_id", &config.client_id)
            .append_pair("client_secret", config.client_secret.reveal());
    }
    form.finish()
}

fn is_fresh(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) < KEPT
}

/// Whether a text is one of the codes that OAuth has for errors, and not something else that came in its place.
pub(super) fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The status and the JSON of an answer.
fn read(answer: Result<Response<Body>, ureq::Error>) -> Result<(u16, Value), String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let text = text.map_err(|error| format!("its answer cannot be read: {error}"))?;
    match serde_json::from_str(&text) {
        Ok(value) => Ok((status, value)),
        // A parser would quote what it read.
        Err(_) => Err(format!("it answered {status} with no JSON")),
    }
}

/// What a provider's document says, if it is the document of this issuer.
fn endpoints(issuer: &str, document: &Value) -> Result<Endpoints, String> {
    if document["issuer"] != issuer {
        return Err(
            "its document is of another issuer; `issuer` of `[console.oidc]` must be written as the \
                    document has it"
                .into(),
        );
    }
    let url = |name: &str| {
        let url = document[name].as_str().and_then(|text| Url::parse(text).ok()).filter(is_safe);
        url.ok_or_else(|| format!("its document has no `{name}` with `https`"))
    };
    // Without the list, it is the header.
    let methods = document["token_endpoint_auth_methods_supported"].as_array();
    let is_basic = methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic"));
    Ok(Endpoints {
        authorization: url("authorization_endpoint")?,
        token: url("token_endpoint")?,
        keys: url("jwks_uri")?,
        is_basic,
    })
}

/// Whether nobody reads along on the way to an address.
fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_of_the_issuer_and_leads_to_places_that_are_safe() {
        let good = json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/auth?x=1",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "http://127.0.0.1:7/keys",
        });
        let found = endpoints("https://id.example", &good).unwrap();
        assert!(found.is_basic && found.authorization.query() == Some("x=1"), "{found:?}");
        assert!(endpoints("https://id.example/", &good).unwrap_err().contains("another issuer"));
        for (key, value) in [
            ("token_endpoint", "http://id.example/token"),
            ("jwks_uri", "file:///etc/passwd"),
            ("authorization_endpoint", "javascript:alert(1)"),
            ("authorization_endpoint", ""),
        ] {
            let mut bad = good.clone();
            bad[key] = value.into();
            assert!(endpoints("https://id.example", &bad).unwrap_err().contains(key), "{key} {value}");
        }
        let mut post = good;
        post["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        assert!(!endpoints("https://id.example", &post).unwrap().is_basic);
    }
}
