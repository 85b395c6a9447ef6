//! Who is signed in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse};
use domain::role::OperatorRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{Who, oidc, set_cookie};
use crate::desk::Desk;
use crate::problem::Problem;

/// Who makes the requests, and with what the console works.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Session {
    /// The operator's name, as the evidence log has it.
    pub(crate) operator: String,
    /// What the operator may do.
    pub(crate) roles: Vec<OperatorRole>,
    /// What an act must have in its header `x-csrf-token`; empty with a bearer token, which needs none.
    pub(crate) csrf: String,
    /// How the operator is known: `loopback` (whoever started the console), `token`, `oidc` (an identity provider) or
    /// `proxy`.
    pub(crate) access: &'static str,
    /// The version of Crossfoot.
    pub(crate) version: &'static str,
    /// The store's URL, without its password.
    pub(crate) store: String,
    /// Whether nothing may be done with runs.
    pub(crate) read_only: bool,
}

/// How operators can sign in to this console. Everyone may ask.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SignInWays {
    /// Whether with a token.
    token: bool,
    /// The address at which signing in at the identity provider begins; null if there is none.
    oidc: Option<&'static str>,
    /// Whether a proxy signs operators in.
    proxy: bool,
}

pub(crate) async fn ways(State(desk): State<Arc<Desk>>) -> Json<SignInWays> {
    let ways = desk.access.sign_in_ways();
    Json(SignInWays {
        token: !desk.access.has_owner(),
        oidc: ways.oidc.is_some().then_some(oidc::LOGIN),
        proxy: ways.proxy.is_some(),
    })
}

/// What signing in takes.
#[derive(Deserialize)]
pub(crate) struct SignIn {
    token: String,
}

fn session(desk: &Desk, who: Who) -> Session {
    Session {
        access: who.way.name(),
        operator: who.name,
        roles: who.roles.list(),
        csrf: who.csrf,
        version: env!("CARGO_PKG_VERSION"),
        store: desk.store.url(),
        read_only: desk.is_read_only,
    }
}

pub(crate) async fn who(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Json<Session>, Problem> {
    let who = desk.access.who(from, &headers).await?;
    Ok(Json(session(&desk, who)))
}

/// Whether the browser came over TLS, by a proxy's word or its own: a cookie is then for TLS only.
fn is_secure(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("x-forwarded-proto") == "https" || text("origin").starts_with("https://")
}

pub(crate) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(SignIn { token }): Json<SignIn>,
) -> Result<impl IntoResponse, Problem> {
    let (who, cookie) = desk.access.sign_in(from, &token).await?;
    let cookie = set_cookie(Some(&cookie), is_secure(&headers));
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(session(&desk, who))))
}

pub(crate) async fn sign_out(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> impl IntoResponse {
    desk.access.sign_out(&headers);
    (axum::http::StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie(None, is_secure(&headers)))])
}
