//! Listens, and ends when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::problem::Problem;
use crate::{api, page};

/// Everything that the console answers.
pub fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .nest("/api/v1", api::routes())
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .fallback(async || {
            Problem::missing("there is nothing at this address").advise("open the console at /")
        })
        .layer(map_response(secured))
        .with_state(desk)
}

/// Adds what browsers are told about every answer.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Serves until `stop` is cancelled; requests in hand are answered first.
///
/// # Errors
/// [`std::io::Error`] when the listener fails.
pub async fn serve(listener: TcpListener, desk: Arc<Desk>, stop: CancellationToken) -> std::io::Result<()> {
    let service = router(desk).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}
