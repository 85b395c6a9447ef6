//! Signing in at an identity provider: OpenID Connect with the authorization code flow.
//!
//! | module | what it does |
//! |---|---|
//! | `provider` | asks the provider for its document, its keys, and an ID token for a code |
//! | `token` | verifies ID tokens |
//! | `claims` | says who an ID token is of |
//! | `pending` | keeps what began until the browser comes back |

mod claims;
mod pending;
mod provider;
mod token;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::fingerprint::Hash;
use platform::secret::Secret;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::known::{Known, Mapping};
use super::secret;
use crate::problem::Problem;
use pending::{Begun, Pending};
use provider::{NoToken, Provider, is_code};
use token::{Disbelieved, Expected, verified};

/// Where a sign-in begins, under the console's address.
pub(crate) const LOGIN: &str = "/oidc/login";

/// Where the provider sends browsers back to, under the console's address.
pub(crate) const CALLBACK: &str = "/oidc/callback";

/// How many exchanges with the provider there are at a time.
const EXCHANGES_MAX: usize = 32;

/// The longest code that is passed on.
const CODE_BYTES_MAX: usize = 4096;

/// What the console must know of an identity provider.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The provider's issuer, as its ID tokens name it.
    pub issuer: String,
    /// The console's name at the provider.
    pub client_id: String,
    /// The console's secret at the provider.
    pub client_secret: Secret,
    /// The address under which browsers reach the console, without a path.
    pub redirect: String,
    /// What the provider is asked for.
    pub scopes: Vec<String>,
    /// The claim with the operator's name.
    pub name_claim: String,
    /// The claim that is looked up in the roles.
    pub roles_claim: String,
    /// Which value of that claim gives which role.
    pub roles: Mapping,
    /// A PEM file of the only authorities that the provider's certificate may be signed by.
    pub only_ca_file: Option<PathBuf>,
    /// A PEM file of authorities to trust besides the system's, unless there are `only` others.
    pub ca_file: Option<PathBuf>,
}

impl OidcConfig {
    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.redirect.trim_end_matches('/'))
    }
}

/// An identity provider that operators sign in at, and those who are on their way.
pub struct Oidc {
    config: Arc<OidcConfig>,
    provider: Provider,
    pending: Pending,
    exchanges: Semaphore,
}

/// A sign-in that has begun.
pub(crate) struct Departure {
    /// Where the browser goes.
    pub(crate) to: String,
    /// The cookie by which the browser is known when it comes back.
    pub(crate) browser: String,
}

/// What a browser brings back from the provider.
#[derive(Deserialize)]
pub(crate) struct Returned {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    /// The issuer, as RFC 9207 has it.
    iss: Option<String>,
}

impl Oidc {
    /// Signing in at the provider that `config` names. The provider is asked when the first operator signs in.
    ///
    /// # Errors
    /// In words, when its certificate authorities cannot be read.
    pub fn new(config: OidcConfig) -> Result<Self, String> {
        let config = Arc::new(config);
        Ok(Self {
            provider: Provider::new(Arc::clone(&config))?,
            config,
            pending: Pending::default(),
            exchanges: Semaphore::new(EXCHANGES_MAX),
        })
    }

    /// Whether browsers reach the console through TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.config.redirect.starts_with("https://")
    }

    /// Begins a sign-in.
    pub(crate) async fn begin(&self, now: Duration) -> Result<Departure, Problem> {
        let endpoints = self.provider.endpoints(now).await.map_err(|error| unanswered(&error))?;
        let random = || secret::random().map_err(Problem::unavailable);
        let (state, nonce, verifier, browser) = (random()?, random()?, random()?, random()?);
        let mut to = endpoints.authorization.clone();
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.config.callback())
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        let begun = Begun { browser: Hash::of(browser.as_bytes()), nonce, verifier, at: now };
        self.pending.add(&state, begun);
        Ok(Departure { to: to.into(), browser })
    }

    /// Finishes a sign-in: who it is that the provider sent back.
    pub(crate) async fn finish(
        &self,
        returned: &Returned,
        browser: Option<&str>,
        now: Duration,
    ) -> Result<Known, Problem> {
        let again = "sign in again from the console's page";
        let state = returned.state.as_deref().unwrap_or_default();
        let Some(begun) = self.pending.take(state, browser, now) else {
            return Err(Problem::wrong(
                "this sign-in was not begun in this browser, was finished already, or took more than ten minutes",
            )
            .advise(again));
        };
        if returned.iss.as_deref().is_some_and(|issuer| issuer != self.config.issuer) {
            return Err(Problem::forbidden("the answer is of another identity provider").advise(again));
        }
        if let Some(error) = &returned.error {
            let why = if is_code(error) { error } else { "no reason that is known" };
            return Err(Problem::forbidden(format!("the identity provider did not sign you in: {why}"))
                .advise("sign in again, or ask the administrator of the identity provider"));
        }
        let code = returned.code.as_deref().filter(|code| !code.is_empty() && code.len() <= CODE_BYTES_MAX);
        let code = code.ok_or_else(|| Problem::wrong("the identity provider sent no code").advise(again))?;
        let _place = self.exchanges.try_acquire().map_err(|_| {
            Problem::unavailable("too many sign in at this moment").advise("sign in again in a few seconds")
        })?;
        let endpoints = self.provider.endpoints(now).await.map_err(|error| unanswered(&error))?;
        let token = self.provider.exchange(&endpoints, code, &begun.verifier).await;
        let token = token.map_err(|error| match error {
            NoToken::Refused => {
                Problem::forbidden("the identity provider does not take the code that it sent").advise(again)
            }
            NoToken::Failed(error) => unanswered(&error),
        })?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: &begun.nonce,
            now_s: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        };
        let keys = self.provider.keys(now).await.map_err(|error| unanswered(&error))?;
        let mut found = verified(&token, &keys, &expected);
        if found == Err(Disbelieved::UnknownKey)
            && let Some(keys) = self.provider.newer_keys(now).await.map_err(|error| unanswered(&error))?
        {
            found = verified(&token, &keys, &expected);
        }
        let claims = found.map_err(|why| {
            let why = match why {
                Disbelieved::UnknownKey => "is signed with a key that the identity provider does not publish",
                Disbelieved::For(why) => why,
            };
            Problem::forbidden(format!("the ID token {why}"))
                .advise("sign in again; if it happens again, compare `[console.oidc]` with the identity provider's settings")
        })?;
        claims::known(&self.config, &claims)
    }
}

/// The provider does not do its part. Nobody has signed in: what is wrong is for the log.
fn unanswered(error: &str) -> Problem {
    tracing::warn!(error, "the identity provider does not answer as it should");
    Problem::unavailable("the identity provider does not answer as it should")
        .advise("sign in again in a minute, or sign in with a token; the console's log says what is wrong")
}
