//! Who may use the console.
//!
//! On a loopback address nobody signs in: whoever started the console is its operator, and only processes of that user
//! reach it. On any other address, and wherever it is asked for, an operator signs in with a token of
//! `crossfoot token add`; programs send it as a bearer token. An identity provider may sign operators in, or a proxy
//! that stands before the console. Then the console has no owner: a proxy on this machine, run by the same user, makes
//! connections that the kernel cannot tell from the owner's.

pub(crate) mod known;
pub mod oidc;
pub(crate) mod origin;
pub(crate) mod peer;
pub mod proxy;
mod rights;
pub mod secret;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use coordinator::ops::views::runs::RunView;
use domain::fingerprint::Hash;
use domain::role::OperatorRoles;
use hmac::{Hmac, KeyInit as _, Mac as _};
use monitor::guard::{Failures, bearer};
use platform::clock::Clock;
use sha2::Sha256;
use store::tokens::TokenRow;
use store::{Store, StoreError};

use crate::problem::Problem;
use known::Known;
pub use known::Mapping;
use oidc::{Departure, Oidc, Returned};
use proxy::{Proxy, Unproven};
pub(crate) use rights::has;
pub use rights::{may, may_drain};
use sessions::{OpenedBy, Sessions};

/// The name of the cookie of a session.
const COOKIE: &str = "crossfoot_session";

/// The name of the cookie of a browser that is on its way to the identity provider.
const DEPARTED: &str = "crossfoot_oidc";

/// How an operator is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The console is theirs: they started it, and it listens on a loopback address.
    Loopback,
    /// The request has a token.
    Bearer,
    /// They signed in with a token, and the request has the session's cookie.
    Session,
    /// They signed in at the identity provider, and the request has the session's cookie.
    Oidc,
    /// The proxy signed them in, and names them in a header.
    Proxy,
}

impl Way {
    /// The way's name, for the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Bearer | Self::Session => "token",
            Self::Oidc => "oidc",
            Self::Proxy => "proxy",
        }
    }
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The operator's name, as the evidence log has it.
    pub name: String,
    /// The operating system's user, where the operator has another name.
    pub os_user: Option<String>,
    /// What they may do.
    pub roles: OperatorRoles,
    /// How they are known.
    pub way: Way,
    /// Who else vouches for them, and under which name; the evidence log has it beside what they do.
    pub vouched_by: Option<String>,
    /// What a request that changes something must have in its `x-csrf-token`; empty for a bearer token, which no
    /// browser sends by itself.
    pub csrf: String,
}

/// Who owns a console that listens on a loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The operator's name.
    pub name: String,
    /// The operating system's user, where the operator has another name.
    pub os_user: Option<String>,
}

/// Who signs operators in, besides the tokens of the store.
#[derive(Default)]
pub struct SignIn {
    /// An identity provider.
    pub oidc: Option<Oidc>,
    /// A proxy before the console.
    pub proxy: Option<Proxy>,
}

impl SignIn {
    /// Whether only tokens open the console.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.oidc.is_none() && self.proxy.is_none()
    }
}

/// Who may use the console, and who is signed in.
pub struct Access {
    /// Whose the console is; `None` if everyone must sign in.
    owner: Option<Owner>,
    sign_in: SignIn,
    csrf: String,
    sessions: Sessions,
    failures: Failures,
    /// Apart from the others: any page can make a browser come here, and must not keep others from their tokens.
    returns: Failures,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// Access to a console that listens at `at`. Only on a loopback address can it have an owner who need not sign in,
    /// and only if nobody but the store's tokens signs operators in.
    ///
    /// # Errors
    /// In words, when the system has no randomness, or an owner is given where there can be none.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        at: SocketAddr,
        owner: Option<Owner>,
        sign_in: SignIn,
    ) -> Result<Self, String> {
        if owner.is_some() && !at.ip().is_loopback() {
            return Err(format!("{at} is not a loopback address: operators must sign in with a token"));
        }
        if owner.is_some() && !sign_in.is_empty() {
            return Err(
                "an identity provider or a proxy signs operators in: the console can have no owner".into()
            );
        }
        Ok(Self {
            owner,
            sign_in,
            csrf: secret::random()?,
            sessions: Sessions::default(),
            failures: Failures::default(),
            returns: Failures::default(),
            store,
            clock,
        })
    }

    /// Whether the console has an owner, who need not sign in.
    pub(crate) const fn has_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// Who signs operators in, besides the tokens of the store.
    pub(crate) const fn sign_in_ways(&self) -> &SignIn {
        &self.sign_in
    }

    /// Whose request it is.
    ///
    /// # Errors
    /// [`Problem`]: nobody is signed in, the token is not valid, or the peer failed too often.
    pub async fn who(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<Who, Problem> {
        if let Some(owner) = &self.owner {
            return Ok(Who {
                name: owner.name.clone(),
                os_user: owner.os_user.clone(),
                roles: OperatorRoles::of_a_person(),
                way: Way::Loopback,
                vouched_by: None,
                csrf: self.csrf.clone(),
            });
        }
        if let Some(proxy) = &self.sign_in.proxy {
            match proxy.who(peer.ip(), headers) {
                Ok(Some(known)) => return Ok(self.of_proxy(known)),
                Ok(None) => {}
                Err(Unproven { problem, counts: false }) => return Err(problem),
                Err(Unproven { problem, counts: true }) => {
                    Self::waits(self.failures.may_try(peer.ip(), self.now()))?;
                    return Err(self.counted(&self.failures, peer, problem));
                }
            }
        }
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = authorization.and_then(bearer) {
            // Whoever is known is not refused for the failures of others behind the same proxy.
            let Some(row) = self.valid(Hash::of(token.as_bytes())).await? else {
                self.may_try(peer)?;
                return Err(self.failed(peer, "the token is not valid"));
            };
            return Ok(Who { way: Way::Bearer, csrf: String::new(), ..who(&row) });
        }
        let Some(cookie) = cookie(headers, COOKIE) else {
            return Err(Problem::unknown("nobody is signed in").advise(match &self.sign_in {
                SignIn { proxy: Some(_), .. } => {
                    "open the console at the proxy's address, or send a token of `crossfoot token add` as a bearer token"
                }
                _ => "sign in with a token of `crossfoot token add`, or send it as a bearer token",
            }));
        };
        let Some(session) = self.sessions.find(&cookie, self.now()) else {
            return Err(Problem::unknown("the session has expired").advise("sign in again"));
        };
        let token = match session.opened_by {
            OpenedBy::Provider(known) => return Ok(of(known, Way::Oidc, session.csrf)),
            OpenedBy::Token(token) => token,
        };
        match self.valid(token).await? {
            Some(row) => Ok(Who { way: Way::Session, csrf: session.csrf, ..who(&row) }),
            None => {
                self.sessions.end(&cookie);
                Err(Problem::unknown("the token of this session was revoked or has expired"))
            }
        }
    }

    /// Opens a session with a token. Returns who it is, and the session's cookie.
    ///
    /// # Errors
    /// [`Problem`]: the token is not valid, or the peer failed too often.
    pub async fn sign_in(&self, peer: SocketAddr, token: &str) -> Result<(Who, String), Problem> {
        self.may_try(peer)?;
        let digest = Hash::of(token.trim().as_bytes());
        let row = self.valid(digest).await?.ok_or_else(|| self.failed(peer, "the token is not valid"))?;
        let (cookie, csrf) = self.open(OpenedBy::Token(digest))?;
        Ok((Who { way: Way::Session, csrf, ..who(&row) }, cookie))
    }

    /// Opens a session. Returns its cookie, and what its acts must bring along.
    fn open(&self, by: OpenedBy) -> Result<(String, String), Problem> {
        let random = || secret::random().map_err(Problem::unavailable);
        let (cookie, csrf) = (random()?, random()?);
        self.sessions.begin(&cookie, by, csrf.clone(), self.now());
        Ok((cookie, csrf))
    }

    /// Sends a browser to the identity provider.
    ///
    /// # Errors
    /// [`Problem`]: there is none, or it does not answer.
    pub(crate) async fn depart(&self) -> Result<Departure, Problem> {
        self.oidc()?.begin(self.now()).await
    }

    /// Opens a session for an operator that the identity provider sent back. Returns the session's cookie.
    ///
    /// # Errors
    /// [`Problem`]: the answer is not believed, gives no role, or the provider does not answer.
    pub(crate) async fn come_back(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        returned: &Returned,
    ) -> Result<String, Problem> {
        let browser = cookie(headers, DEPARTED);
        match self.oidc()?.finish(returned, browser.as_deref(), self.now()).await {
            Ok(known) => {
                tracing::info!(name = known.name, by = known.by, "an operator signed in to the console");
                Ok(self.open(OpenedBy::Provider(known))?.0)
            }
            // What is not the operator's failure does not count as one.
            Err(problem) if problem.status >= 500 => Err(problem),
            Err(problem) => {
                // Who comes back as they should is let in, whatever others behind the same proxy do.
                Self::waits(self.returns.may_try(peer.ip(), self.now()))?;
                Err(self.counted(&self.returns, peer, problem))
            }
        }
    }

    fn oidc(&self) -> Result<&Oidc, Problem> {
        self.sign_in.oidc.as_ref().ok_or_else(|| {
            Problem::missing("no identity provider is configured for this console")
                .advise("sign in with a token, or see `[console.oidc]`")
        })
    }

    /// An operator of the proxy. Browsers send the proxy's cookie by themselves, from any page: what changes something
    /// needs a secret that only the console's own page can read, and each operator has another.
    fn of_proxy(&self, known: Known) -> Who {
        let csrf = Hmac::<Sha256>::new_from_slice(self.csrf.as_bytes()).map(|mut mac| {
            mac.update(known.name.as_bytes());
            domain::hex::encode(&mac.finalize().into_bytes())
        });
        // A key may have any length. Without a secret nothing would fit it.
        let csrf = csrf.unwrap_or_else(|_| self.csrf.clone());
        of(known, Way::Proxy, csrf)
    }

    /// Ends the session of a request, if it has one.
    pub fn sign_out(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers, COOKIE) {
            self.sessions.end(&cookie);
        }
    }

    /// The token with this digest, if it is valid now.
    async fn valid(&self, digest: Hash) -> Result<Option<TokenRow>, StoreError> {
        let now_ms = self.clock.now_ms();
        let is_valid = |row: &TokenRow| {
            row.revoked_at_ms.is_none()
                && row.expires_at_ms.is_none_or(|expires_at_ms| expires_at_ms > now_ms)
        };
        Ok(self.store.token(&digest).await?.filter(is_valid))
    }

    /// Whoever fails too often waits.
    fn may_try(&self, peer: SocketAddr) -> Result<(), Problem> {
        Self::waits(self.failures.may_try(peer.ip(), self.now()))
    }

    fn waits(tried: Result<(), u64>) -> Result<(), Problem> {
        tried.map_err(|wait_s| {
            Problem::too_often("too many failures to sign in from this address")
                .advise(format!("wait {wait_s} s"))
        })
    }

    fn failed(&self, peer: SocketAddr, what: &str) -> Problem {
        let problem = Problem::unknown(what).advise("get a token with `crossfoot token add`");
        self.counted(&self.failures, peer, problem)
    }

    fn counted(&self, failures: &Failures, peer: SocketAddr, problem: Problem) -> Problem {
        failures.count(peer.ip(), self.now());
        tracing::warn!(%peer, what = problem.detail, "someone could not sign in to the console");
        problem
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0))
    }

    /// The run as it is for `who`: acts that their roles do not allow are not legal.
    #[must_use]
    pub fn allowed(&self, who: &Who, is_read_only: bool, mut view: RunView) -> RunView {
        for act in &mut view.acts {
            if let Err(problem) = may(who, act.act, is_read_only) {
                act.legal = false;
                act.why_not = Some(problem.detail);
            }
        }
        view
    }
}

fn who(row: &TokenRow) -> Who {
    Who {
        name: row.name.clone(),
        os_user: None,
        // A role that this version does not know gives nothing.
        roles: row.roles.split(',').filter_map(|name| name.parse().ok()).collect(),
        way: Way::Bearer,
        vouched_by: None,
        csrf: String::new(),
    }
}

fn of(known: Known, way: Way, csrf: String) -> Who {
    let Known { name, role, by } = known;
    Who { name, os_user: None, roles: [role].into_iter().collect(), way, vouched_by: Some(by), csrf }
}

/// A cookie of a request.
fn cookie(headers: &HeaderMap, named: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == named).map(|(_, value)| value.to_owned())
}

/// The header that gives a browser its session, or takes it away (`None`).
#[must_use]
pub(crate) fn set_cookie(value: Option<&str>, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age) = match value {
        Some(value) => (value, format!("; Max-Age={}", sessions::ABSOLUTE.as_secs())),
        None => ("", "; Max-Age=0".to_owned()),
    };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{age}{secure}")
}

/// The header that gives a browser what it must bring back from the identity provider, or takes it away (`None`). The
/// browser comes back from another site, so the cookie cannot be as strict as a session's.
#[must_use]
pub(crate) fn set_departed(value: Option<&str>, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age) = value.map_or(("", 0), |value| (value, 600));
    format!("{DEPARTED}={value}; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}
