//! Whether a request comes from the console's own page, and not from a page of somebody else that a browser has open.

use axum::http::{HeaderMap, Uri, header};
use monitor::guard::is_loopback;

use crate::problem::Problem;

/// What proxies add to requests that they pass on.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "via"];

/// Checks where a request to a console on a loopback address comes from. A page of another site whose name is made to
/// point at this machine has that name in `Host`; a proxy would make everyone the owner.
pub(crate) fn check_loopback(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).or_else(|| uri.host());
    if !host.is_some_and(is_loopback) {
        return Err(Problem::forbidden("this console answers only at the address of this machine")
            .advise("open it at http://127.0.0.1 or http://localhost with its port"));
    }
    if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return Err(Problem::forbidden("a proxy passed the request on, but nobody signs in to this console")
            .advise("start the console with `--require-token`"));
    }
    Ok(())
}

/// Checks that a request with an `Origin` is of the page that was loaded from the same host.
pub(crate) fn check_origin(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let foreign = || {
        Problem::forbidden("the request comes from a page of another site")
            .advise("use the console's own page; programs send no `Origin`")
    };
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    // A sibling is another page, too: what signs operators in before the console may do so for both.
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        // Following a link to the page is what people do; asking the API from elsewhere is not.
        return if uri.path().starts_with("/api/") { Err(foreign()) } else { Ok(()) };
    }
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let host = text(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let of = origin.split_once("://").map(|(_, authority)| authority);
    if of.is_some() && of == host { Ok(()) } else { Err(foreign()) }
}

/// Checks that a browser goes to an address itself, and that no picture or frame of a page loads it.
pub(crate) fn check_navigation(headers: &HeaderMap) -> Result<(), Problem> {
    let is = |name: &str, wanted: &str| headers.get(name).is_none_or(|value| value == wanted);
    if is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document") {
        return Ok(());
    }
    Err(Problem::forbidden("signing in is not a part of another page").advise("open the console's own page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.insert(*name, axum::http::HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_name_that_is_made_to_point_here_is_refused() {
        let uri = Uri::from_static("/api/v1/runs");
        for host in ["127.0.0.1:8787", "localhost:8787", "[::1]:8787", "LOCALHOST"] {
            assert!(check_loopback(&uri, &headers(&[("host", host)])).is_ok(), "{host}");
        }
        for host in ["evil.example:8787", "127.0.0.1.evil.example", "10.0.0.1:8787", ""] {
            assert_eq!(check_loopback(&uri, &headers(&[("host", host)])).unwrap_err().status, 403, "{host}");
        }
        assert!(check_loopback(&uri, &headers(&[])).is_err());
        let passed_on = headers(&[("host", "127.0.0.1:1"), ("x-forwarded-for", "10.0.0.1")]);
        assert!(check_loopback(&uri, &passed_on).is_err());
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let uri = Uri::from_static("/api/v1/session");
        let host = ("host", "console.example:8787");
        for (others, is_own) in [
            (&[][..], true),
            (&[("origin", "http://console.example:8787")], true),
            (&[("origin", "https://console.example:8787")], true),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "http://console.example:9999")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-origin")], true),
        ] {
            let all: Vec<_> = others.iter().copied().chain([host]).collect();
            assert_eq!(check_origin(&uri, &headers(&all)).is_ok(), is_own, "{others:?}");
        }
        let link = headers(&[host, ("sec-fetch-site", "cross-site")]);
        assert!(check_origin(&Uri::from_static("/"), &link).is_ok());
    }

    #[test]
    fn a_picture_or_a_frame_does_not_sign_in() {
        for (mode, dest, is_own) in [
            (&[][..], &[][..], true),
            (&[("sec-fetch-mode", "navigate")], &[("sec-fetch-dest", "document")], true),
            (&[("sec-fetch-mode", "no-cors")], &[("sec-fetch-dest", "image")], false),
            (&[("sec-fetch-mode", "navigate")], &[("sec-fetch-dest", "iframe")], false),
        ] {
            let all = [mode, dest].concat();
            assert_eq!(check_navigation(&headers(&all)).is_ok(), is_own, "{all:?}");
        }
    }
}
