//! Who may use the console.
//!
//! On a loopback address nobody signs in: whoever started the console is its operator, and only processes of that user
//! reach it. On any other address, and wherever it is asked for, an operator signs in with a token of
//! `crossfoot token add`; programs send it as a bearer token.

pub(crate) mod origin;
pub(crate) mod peer;
pub mod secret;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use coordinator::ops::acts::Act;
use coordinator::ops::views::runs::RunView;
use domain::fingerprint::Hash;
use domain::role::{OperatorRole, OperatorRoles};
use monitor::guard::{Failures, bearer};
use platform::clock::Clock;
use store::tokens::TokenRow;
use store::{Store, StoreError};

use crate::problem::Problem;
use sessions::Sessions;

/// The name of the cookie of a session.
const COOKIE: &str = "crossfoot_session";

/// How an operator is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The console is theirs: they started it, and it listens on a loopback address.
    Loopback,
    /// The request has a token.
    Bearer,
    /// They signed in, and the request has the session's cookie.
    Session,
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

/// Who may use the console, and who is signed in.
pub struct Access {
    /// Whose the console is; `None` if everyone must sign in.
    owner: Option<Owner>,
    csrf: String,
    sessions: Sessions,
    failures: Failures,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// Access to a console that listens at `at`. Only on a loopback address can it have an owner who need not sign in.
    ///
    /// # Errors
    /// In words, when the system has no randomness, or an owner is given for another address.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        at: SocketAddr,
        owner: Option<Owner>,
    ) -> Result<Self, String> {
        if owner.is_some() && !at.ip().is_loopback() {
            return Err(format!("{at} is not a loopback address: operators must sign in with a token"));
        }
        Ok(Self {
            owner,
            csrf: secret::random()?,
            sessions: Sessions::default(),
            failures: Failures::default(),
            store,
            clock,
        })
    }

    /// Whether the console has an owner, who need not sign in.
    pub(crate) const fn has_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether operators sign in, for the page.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.owner.is_some() { "loopback" } else { "token" }
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
                csrf: self.csrf.clone(),
            });
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
        let Some(cookie) = cookie(headers) else {
            return Err(Problem::unknown("nobody is signed in")
                .advise("sign in with a token of `crossfoot token add`, or send it as a bearer token"));
        };
        let Some(session) = self.sessions.find(&cookie, self.now()) else {
            return Err(Problem::unknown("the session has expired").advise("sign in again"));
        };
        match self.valid(session.token).await? {
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
        let cookie = secret::random().map_err(Problem::unavailable)?;
        let csrf = secret::random().map_err(Problem::unavailable)?;
        self.sessions.begin(&cookie, digest, csrf.clone(), self.now());
        Ok((Who { way: Way::Session, csrf, ..who(&row) }, cookie))
    }

    /// Ends the session of a request, if it has one.
    pub fn sign_out(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers) {
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
        self.failures.may_try(peer.ip(), self.now()).map_err(|wait_s| {
            Problem::too_often("too many failures to sign in from this address")
                .advise(format!("wait {wait_s} s"))
        })
    }

    fn failed(&self, peer: SocketAddr, what: &str) -> Problem {
        self.failures.count(peer.ip(), self.now());
        tracing::warn!(%peer, what, "someone could not sign in to the console");
        Problem::unknown(what).advise("get a token with `crossfoot token add`")
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

/// Whether `who` may do `act` with any run.
///
/// # Errors
/// [`Problem`] that names the role they lack.
pub fn may(who: &Who, act: Act, is_read_only: bool) -> Result<(), Problem> {
    if is_read_only {
        return Err(Problem::forbidden("this console only reads")
            .advise("use the command line, or start a console without `--read-only`"));
    }
    let role = match act {
        Act::Approve | Act::BackOut => OperatorRole::Approver,
        Act::Resume | Act::Redrive | Act::Cancel | Act::Purge => OperatorRole::Operator,
    };
    has(who, role)
}

/// Whether `who` has a role.
///
/// # Errors
/// [`Problem`] that names it.
pub(crate) fn has(who: &Who, role: OperatorRole) -> Result<(), Problem> {
    if who.roles.has(role) {
        return Ok(());
    }
    let (name, role) = (&who.name, role.name());
    Err(Problem::forbidden(format!("{name} does not have the role {role}")).advise(format!(
        "ask someone with that role, or for a token that has it (`crossfoot token add --role {role}`)"
    )))
}

fn who(row: &TokenRow) -> Who {
    Who {
        name: row.name.clone(),
        os_user: None,
        // A role that this version does not know gives nothing.
        roles: row.roles.split(',').filter_map(|name| name.parse().ok()).collect(),
        way: Way::Bearer,
        csrf: String::new(),
    }
}

/// The session's cookie of a request.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
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
