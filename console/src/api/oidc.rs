//! Signing in at the identity provider: there and back. What goes wrong is told on a plain page, because a browser that
//! comes back has no page of the console open.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use domain::visible::visible;

use crate::access::oidc::{Departure, Returned};
use crate::access::{origin, set_cookie, set_departed};
use crate::desk::Desk;
use crate::problem::Problem;

/// Whether browsers reach the console through TLS.
fn is_secure(desk: &Desk) -> bool {
    desk.access.sign_in_ways().oidc.as_ref().is_some_and(|oidc| oidc.is_secure())
}

pub(crate) async fn login(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    let departure = match origin::check_navigation(&headers) {
        Ok(()) => desk.access.depart().await,
        Err(problem) => Err(problem),
    };
    match departure {
        Ok(Departure { to, browser }) => {
            let cookie = set_departed(Some(&browser), is_secure(&desk));
            let headers = AppendHeaders([(header::SET_COOKIE, cookie), (header::LOCATION, to)]);
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(problem) => told(&problem),
    }
}

pub(crate) async fn callback(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    returned: Result<Query<Returned>, QueryRejection>,
) -> Response {
    let session = match (origin::check_navigation(&headers), returned) {
        (Ok(()), Ok(Query(returned))) => desk.access.come_back(from, &headers, &returned).await,
        (Err(problem), _) => Err(problem),
        // The rejection quotes the query.
        (_, Err(_)) => Err(Problem::wrong("the identity provider's answer cannot be read")),
    };
    let is_secure = is_secure(&desk);
    let away = (header::SET_COOKIE, set_departed(None, is_secure));
    match session {
        Ok(cookie) => {
            // The code does not stay in the address.
            let home = (header::LOCATION, "/".to_owned());
            let cookie = (header::SET_COOKIE, set_cookie(Some(&cookie), is_secure));
            (StatusCode::SEE_OTHER, AppendHeaders([away, cookie, home])).into_response()
        }
        Err(problem) => (AppendHeaders([away]), told(&problem)).into_response(),
    }
}

/// A page that says what went wrong, and what to do.
fn told(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let next = problem.next.as_deref().map(|next| format!("<p>Next: {}.</p>\n", escaped(next)));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Not signed in – Crossfoot</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <link rel=\"stylesheet\" href=\"/assets/style/base.css\"></head>\n<body><main>\n\
         <h1>You are not signed in</h1>\n<p>{}.</p>\n{}<p><a href=\"/\">Back to the console</a></p>\n\
         </main></body>\n</html>\n",
        escaped(&problem.detail),
        next.unwrap_or_default(),
    );
    (status, Html(page)).into_response()
}

/// A text with nothing in it that HTML or a reader takes for something else; its first letter is large.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in visible(text).chars().enumerate() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => {}
            _ if at == 0 => out.extend(character.to_uppercase()),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_html() {
        assert_eq!(escaped("a <b> & \"'`c`\u{202e}"), "A &lt;b&gt; &amp; &quot;&#39;c\\u{202e}");
    }
}
