//! What every request passes: where it comes from, whose it is, and whether they may.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::role::OperatorRole;
use monitor::guard::equal;

use crate::access::{Way, Who, has, origin, peer};
use crate::desk::Desk;
use crate::problem::Problem;

/// The header that a request which changes something must have.
const CSRF: &str = "x-csrf-token";

/// The role that routes are behind.
#[derive(Clone)]
pub(crate) struct Gate {
    /// Who may do what.
    pub(crate) desk: Arc<Desk>,
    /// The role that is needed.
    pub(crate) role: OperatorRole,
}

/// Where a request arrived: the address that the console listens on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListensAt(pub(crate) SocketAddr);

/// Refuses what does not come from the console's own page or from a program, whoever it is.
pub(crate) async fn door(
    State((desk, at)): State<(Arc<Desk>, ListensAt)>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let checked = match desk.access.has_owner() {
        true => origin::check_loopback(request.uri(), request.headers()).and_then(|()| of_owner(from, at)),
        false => Ok(()),
    };
    match checked.and_then(|()| origin::check_origin(request.uri(), request.headers())) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Another user of this machine is not the owner; root may be anyone anyway.
fn of_owner(from: SocketAddr, ListensAt(at): ListensAt) -> Result<(), Problem> {
    if !from.ip().is_loopback() {
        return Err(Problem::forbidden("this console answers only this machine"));
    }
    match (peer::user_of(from, at), peer::own_user()) {
        (Some(user), Some(own)) if user != own && user != 0 => {
            Err(Problem::forbidden("this console is of another user of this machine")
                .advise("start a console of your own, or ask for one with `--require-token`"))
        }
        _ => Ok(()),
    }
}

/// Lets those through who have the role, and acts only with the session's secret.
pub(crate) async fn gate(
    State(Gate { desk, role }): State<Gate>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match passes(&desk, role, from, request.method(), request.headers()).await {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn passes(
    desk: &Desk,
    role: OperatorRole,
    from: SocketAddr,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Who, Problem> {
    let who = desk.access.who(from, headers).await?;
    has(&who, role)?;
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    if changes && who.way != Way::Bearer {
        let given = headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !equal(given, &who.csrf) {
            return Err(Problem::forbidden("the request does not have the secret of this session")
                .advise("load the page again; programs send a bearer token, or `csrf` of /api/v1/session"));
        }
    }
    Ok(who)
}

/// Lets those through who may read the metrics: scrapers, and whoever may view.
pub(crate) async fn scrape(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let who = match desk.access.who(from, request.headers()).await {
        Ok(who) => who,
        Err(problem) => return problem.into_response(),
    };
    match has(&who, OperatorRole::Viewer).or_else(|_| has(&who, OperatorRole::Scraper)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
