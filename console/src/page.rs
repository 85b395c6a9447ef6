//! The page, which is in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

static PAGE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/page");

/// What the page may load and run: what is in the binary, and nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// A digest of the whole page: when one file changes, all are fetched again, so that they fit each other.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    digest(&PAGE, &mut hasher);
    let short: [u8; 16] = std::array::from_fn({
        let whole = hasher.finalize();
        move |at| whole[at]
    });
    format!("\"{}\"", domain::hex::encode(&short))
});

fn digest(dir: &Dir<'_>, hasher: &mut Sha256) {
    for file in dir.files() {
        hasher.update(file.path().to_string_lossy().as_bytes());
        hasher.update(file.contents().len().to_be_bytes());
        hasher.update(file.contents());
    }
    dir.dirs().for_each(|dir| digest(dir, hasher));
}

/// The types of the files that a page is made of; files of other types are not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// Serves the page itself.
pub async fn index(headers: HeaderMap) -> Response {
    file("index.html", &headers)
}

/// Serves a file of the page.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    // A page may keep its files in a folder of that name, or beside the page.
    let inside = format!("assets/{path}");
    let found = if PAGE.get_file(&inside).is_some() { inside } else { path };
    file(&found, &headers)
}

fn file(path: &str, headers: &HeaderMap) -> Response {
    let Some((found, kind)) = PAGE.get_file(path).zip(content_type(path)) else {
        return Problem::missing(format!("the console has no file {path}")).into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let tag = HeaderValue::from_str(&TAG).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    let asks_again = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == *TAG)) {
        return (StatusCode::NOT_MODIFIED, asks_again).into_response();
    }
    (asks_again, [(header::CONTENT_TYPE, kind)], found.contents()).into_response()
}
