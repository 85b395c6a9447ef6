//! Listens, and ends when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::role::OperatorRole;
use tokio::net::TcpListener;

use crate::access::oidc;
use crate::desk::Desk;
use crate::guard::{Gate, ListensAt, door, gate};
use crate::problem::Problem;
use crate::{api, metrics, openapi, page};

/// The longest body of a request.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The longest message of an error that no handler made.
const SAID_BYTES_MAX: usize = 4096;

/// How long requests in hand may take to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything that the console answers, which listens at `at`.
pub fn router(desk: Arc<Desk>, at: SocketAddr) -> Router {
    let behind = |role| from_fn_with_state(Gate { desk: Arc::clone(&desk), role }, gate);
    let described = Router::new().route("/openapi.json", get(openapi::document));
    let scraped = Router::new().route("/metrics", get(metrics::metrics));
    Router::new()
        .nest("/api/v1", api::routes(&desk))
        .merge(described.layer(behind(OperatorRole::Viewer)))
        .merge(scraped.layer(from_fn_with_state(Arc::clone(&desk), crate::guard::scrape)))
        .route("/healthz", get(metrics::healthz))
        .route("/readyz", get(metrics::readyz))
        .route(oidc::LOGIN, get(api::oidc::login))
        .route(oidc::CALLBACK, get(api::oidc::callback))
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .fallback(async || {
            Problem::missing("there is nothing at this address").advise("open the console at /")
        })
        .layer(from_fn_with_state((Arc::clone(&desk), ListensAt(at)), door))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response(explained))
        .layer(map_response(secured))
        .with_state(desk)
}

/// Makes a problem of an error that no handler made, such as a query that cannot be read.
async fn explained(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    // A page for a browser that has none of the console's open says it itself.
    let is_told =
        |kind: &HeaderValue| kind == "application/problem+json" || kind == "text/html; charset=utf-8";
    if !is_error || kind.is_some_and(is_told) {
        return response;
    }
    let said = to_bytes(response.into_body(), SAID_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let detail = match said.trim() {
        "" => "the request cannot be answered so",
        said => said,
    };
    Problem::new(status, detail).into_response()
}

/// Adds what browsers are told about every answer.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Serves until the desk's `stop` is cancelled; requests in hand are answered first, for a few seconds.
///
/// # Errors
/// [`std::io::Error`] when the listener fails.
pub async fn serve(listener: TcpListener, desk: Arc<Desk>) -> std::io::Result<()> {
    let at = listener.local_addr()?;
    let stop = desk.stop.clone();
    let pulse = tokio::spawn({
        let (pulse, stop) = (Arc::clone(&desk.pulse), stop.clone());
        async move { pulse.beat(stop).await }
    });
    let service = router(desk, at).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let ended = tokio::select! {
        ended = served.into_future() => ended,
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    };
    pulse.abort();
    ended
}
