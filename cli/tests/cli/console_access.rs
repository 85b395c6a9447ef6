//! Who may use the console: nobody signs in on a loopback address, everyone does elsewhere, and a page of somebody else
//! gets nothing.

use serde_json::{Value, json};

use super::browser::Console;
use super::desk::{Desk, postings};

/// Makes a token, and returns it with its id.
fn token(desk: &Desk, name: &str, roles: &str) -> (String, String) {
    let made = desk.run(&["token", "add", "--name", name, "--role", roles, "--json"]).exits(0).json();
    (made["token"].as_str().unwrap().to_owned(), made["token_id"].as_str().unwrap().to_owned())
}

fn loaded() -> Desk {
    let desk = Desk::with(postings(100));
    desk.load().exits(0);
    desk
}

#[test]
fn a_page_of_somebody_else_gets_nothing_of_a_console_on_this_machine() {
    let desk = loaded();
    let console = Console::new(&desk);
    let port = console.at.rsplit_once(':').unwrap().1.to_owned();
    let runs = |headers: &[(&str, &str)]| console.ask("GET", "/api/v1/runs", headers, "");
    assert_eq!(runs(&[]).status, 200);
    assert_eq!(runs(&[("host", &format!("localhost:{port}"))]).status, 200);
    // A name that somebody made to point here; a proxy, whose users are not the owner; another site's page.
    runs(&[("host", &format!("evil.example:{port}"))]).is_problem(403, &["this machine"]);
    runs(&[("x-forwarded-for", "10.0.0.1")]).is_problem(403, &["--require-token"]);
    runs(&[("origin", "http://evil.example")]).is_problem(403, &["another site"]);
    runs(&[("sec-fetch-site", "cross-site")]).is_problem(403, &["another site"]);
    let page = console.ask("GET", "/", &[("host", "evil.example")], "");
    assert_eq!(page.status, 403, "the page itself neither");
    let own = format!("http://{}", console.at);
    assert_eq!(runs(&[("origin", &own), ("sec-fetch-site", "same-origin")]).status, 200);
    // An act needs what only the page can read.
    let run = console.get("/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    let purge = format!("/api/v1/runs/{run}/acts/purge");
    console.ask("POST", &purge, &[], "").is_problem(403, &["secret of this session"]);
    console.ask("POST", &purge, &[("x-csrf-token", "0")], "").is_problem(403, &["secret of this session"]);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 100, "nothing was done");
    let session = console.get("/session");
    assert_eq!((&session["access"], &session["read_only"]), (&json!("loopback"), &json!(false)));
    assert!(!session["roles"].as_array().unwrap().contains(&json!("scraper")), "{session}");
    // No request may be large.
    let csrf = session["csrf"].as_str().unwrap();
    let large = "x".repeat(100_000);
    let answer = console.ask("POST", &purge, &[("x-csrf-token", csrf)], &large);
    assert_eq!(answer.status, 413, "{answer:?}");
    console.stop();
}

#[test]
fn elsewhere_operators_sign_in_and_do_what_their_roles_allow() {
    let desk = loaded();
    desk.run(&["console", "--listen", "0.0.0.0:0"]).exits(2).says(&["no valid token", "crossfoot token add"]);
    desk.run(&["console", "--require-token", "--listen", "127.0.0.1:0"])
        .exits(2)
        .says(&["crossfoot token add"]);
    let (viewer, viewer_id) = token(&desk, "vera", "viewer");
    let (operator, _) = token(&desk, "otto", "operator");
    let (auditor, _) = token(&desk, "ada", "auditor");
    let (scraper, _) = token(&desk, "prometheus", "scraper");
    let kept = desk.number("SELECT count(*) FROM crossfoot_token WHERE hex(sha256) <> ''");
    assert_eq!(kept, 4);
    for secret in [&viewer, &operator, &auditor, &scraper] {
        let plain = std::fs::read(desk.path("crossfoot.db")).unwrap();
        assert!(
            !plain.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "only digests are kept"
        );
    }
    let console = Console::with(&desk, &["--require-token"]);
    let ask = |path: &str, token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", &bearer[..])).collect();
        console.ask("GET", path, &headers, "")
    };
    // Only whether it lives is told to everyone, and the page, which signs in.
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/", 200), ("/openapi.json", 401), ("/metrics", 401)]
    {
        assert_eq!(ask(path, None).status, status, "{path}");
    }
    let description = ask("/openapi.json", Some(&viewer)).json();
    for (path, described) in description["paths"].as_object().unwrap() {
        let answer = ask(&path.replace(['{', '}'], ""), None);
        if described["get"]["security"] == json!([]) {
            // How to sign in is for everyone; without an identity provider there is no way to it.
            assert_eq!(
                answer.status,
                if path.starts_with("/oidc/") { 404 } else { 200 },
                "{path}: {answer:?}"
            );
            continue;
        }
        assert!([401, 405].contains(&answer.status), "{path}: {answer:?}");
    }
    let ways = console.ask("GET", "/api/v1/sign-in", &[], "").json();
    assert_eq!(ways, json!({ "token": true, "oidc": null, "proxy": false }));
    // Roles.
    for (path, token, status) in [
        ("/api/v1/runs", &viewer, 200),
        ("/api/v1/runs", &scraper, 403),
        ("/metrics", &scraper, 200),
        ("/metrics", &viewer, 200),
        ("/api/v1/log", &viewer, 403),
        ("/api/v1/log", &auditor, 200),
        ("/api/v1/log/verify", &operator, 403),
    ] {
        assert_eq!(ask(path, Some(token)).status, status, "{path}");
    }
    ask("/api/v1/log", Some(&viewer)).is_problem(403, &["vera does not have the role auditor", "token add"]);
    let run = ask("/api/v1/runs", Some(&viewer)).json()["items"][0]["run_id"].as_str().unwrap().to_owned();
    let shown = ask(&format!("/api/v1/runs/{run}"), Some(&viewer)).json();
    let purge = |shown: &Value| {
        shown["acts"].as_array().unwrap().iter().find(|act| act["act"] == "purge").unwrap().clone()
    };
    assert!(purge(&shown)["why_not"].as_str().unwrap().contains("role operator"), "{shown}");
    let act = |token: &str| {
        let bearer = format!("Bearer {token}");
        console.ask("POST", &format!("/api/v1/runs/{run}/acts/purge"), &[("authorization", &bearer)], "")
    };
    act(&viewer).is_problem(403, &["role operator"]);
    assert_eq!(act(&operator).status, 200, "a program's token needs no secret of a session");
    // The name of the token is the operator's.
    let log = ask(&format!("/api/v1/runs/{run}/log"), Some(&auditor)).json();
    assert!(log["items"][0]["actor"].as_str().unwrap().starts_with("otto@"), "{log}");
    // A token that is revoked is of no use any more.
    desk.run(&["token", "revoke", &viewer_id]).exits(0);
    ask("/api/v1/runs", Some(&viewer)).is_problem(401, &["not valid"]);
    desk.run(&["token", "revoke", &viewer_id]).exits(2).says(&["token list"]);
    desk.run(&["token", "list"]).exits(0).prints(&["vera", "revoked", "prometheus"]);
    let kinds = "SELECT count(*) FROM crossfoot_event WHERE kind IN ('token-added', 'token-revoked')";
    assert_eq!(desk.number(kinds), 5);
    desk.run(&["audit", "verify"]).exits(0);
    console.stop();
}

#[test]
fn a_browser_signs_in_with_a_cookie_that_is_its_own() {
    let desk = loaded();
    let (secret, id) = token(&desk, "otto", "operator");
    let console = Console::with(&desk, &["--require-token"]);
    let sign_in = |token: &str, headers: &[(&str, &str)]| {
        console.ask("POST", "/api/v1/session", headers, &json!({ "token": token }).to_string())
    };
    let answer = sign_in(&secret, &[]);
    assert_eq!((answer.status, &answer.json()["operator"]), (200, &json!("otto")), "{answer:?}");
    let set = answer.headers.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().to_owned();
    for part in ["httponly", "samesite=strict", "path=/", "max-age="] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("secure"), "without TLS a browser would not send it back: {set}");
    let behind_tls = sign_in(&secret, &[("x-forwarded-proto", "https")]);
    assert!(behind_tls.headers.contains("; secure"), "{behind_tls:?}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let with = |method: &str, path: &str, csrf: Option<&str>| {
        let mut headers = vec![("cookie", &cookie[..])];
        headers.extend(csrf.map(|csrf| ("x-csrf-token", csrf)));
        console.ask(method, path, &headers, "")
    };
    let run = with("GET", "/api/v1/runs", None).json()["items"][0]["run_id"].as_str().unwrap().to_owned();
    let purge = format!("/api/v1/runs/{run}/acts/purge");
    with("POST", &purge, None).is_problem(403, &["secret of this session"]);
    let csrf = with("GET", "/api/v1/session", None).json()["csrf"].as_str().unwrap().to_owned();
    assert_eq!(with("POST", &purge, Some(&csrf)).status, 200);
    // Signing out ends it, and so does revoking the token.
    let other = sign_in(&secret, &[]);
    let other = other.headers.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().to_owned();
    let other = other.split(';').next().unwrap();
    assert_eq!(with("DELETE", "/api/v1/session", None).status, 204);
    with("GET", "/api/v1/runs", None).is_problem(401, &["sign in again"]);
    assert_eq!(console.ask("GET", "/api/v1/runs", &[("cookie", other)], "").status, 200);
    desk.run(&["token", "revoke", &id]).exits(0);
    console.ask("GET", "/api/v1/runs", &[("cookie", other)], "").is_problem(401, &["revoked"]);
    // Whoever guesses waits; nothing of the token is in an address, and no body that is no token is believed.
    sign_in("cft_00", &[("origin", "http://evil.example")]).is_problem(403, &["another site"]);
    for _ in 0..10 {
        sign_in("cft_00", &[]).is_problem(401, &["not valid"]);
    }
    sign_in(&secret, &[]).is_problem(429, &["too many failures", "wait"]);
    console.stop();
}
