//! Signing in to the console at an identity provider: who gets in and as whom, and every answer that is not believed.

use serde_json::{Value, json};

use super::browser::{Answer, Console};
use super::desk::{Desk, postings};
use super::provider::{Back, CLIENT, Provider, merge, now_s};

const SESSION: &str = "crossfoot_session";
const DEPARTED: &str = "crossfoot_oidc";

/// Settings with a provider, and more of its table.
fn settings(provider: &Provider, more: &str) -> String {
    format!(
        "[console.oidc]\nissuer = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         redirect = \"https://console.example\"\n{more}\n[console.oidc.roles]\n\"ledger ops\" = \"operator\"\n\
         \"/Control\" = \"approver\"\nstaff = \"viewer\"\n",
        provider.issuer, CLIENT.0, CLIENT.1
    )
}

/// A desk with a run that waits for approval by other eyes, opened by `alice`.
fn waiting(provider: &Provider) -> (Desk, String) {
    let desk = Desk::with(postings(100));
    desk.put_job("job.toml", &[("[limits]", "[approval]\nfour_eyes = true\n\n[limits]")]);
    desk.run(&["run", "job.toml", "--source", "in.csv", "--operator", "alice"]).exits(3);
    desk.put("crossfoot.toml", settings(provider, ""));
    let run = desk.report()["run_id"].as_str().unwrap().to_owned();
    (desk, run)
}

/// Begins to sign in: where the browser is sent, and the cookie that it got.
fn depart(console: &Console) -> (String, String) {
    let answer = console.ask("GET", "/oidc/login", &[], "");
    assert_eq!(answer.status, 303, "{answer:?}");
    let set = answer.all("set-cookie")[0];
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/oidc", "Max-Age=600"] {
        assert!(set.contains(part), "{set}");
    }
    (answer.all("location")[0].to_owned(), answer.cookie(DEPARTED).unwrap().0)
}

fn come_back(console: &Console, back: &Back, cookie: &str) -> Answer {
    let answer =
        console.ask("GET", &back.path(), &[("cookie", cookie), ("sec-fetch-site", "cross-site")], "");
    let is_told = answer.headers.contains("content-type: text/html");
    assert!(answer.status == 303 || is_told && answer.body.contains("You are not signed in"), "{answer:?}");
    // Nothing that is secret is shown, or left in the browser.
    for secret in [&back.code, &back.state, "eyJ", CLIENT.1] {
        assert!(!answer.body.contains(secret), "{answer:?}");
    }
    assert!(answer.cookie(DEPARTED).unwrap().1, "{answer:?}");
    answer
}

/// Signs someone in with these claims; the cookie of the session.
fn signed_in(console: &Console, provider: &Provider, claims: &Value) -> String {
    let (to, cookie) = depart(console);
    let answer = come_back(console, &provider.sign_in(&to, claims), &cookie);
    assert_eq!((answer.status, answer.all("location")), (303, vec!["/"]), "{answer:?}");
    let set = answer.all("set-cookie").into_iter().find(|set| set.starts_with(SESSION)).unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    answer.cookie(SESSION).unwrap().0
}

/// Is refused on the way back.
fn refused(console: &Console, provider: &Provider, alter: impl FnOnce(&mut Value, &mut Value)) -> Answer {
    let (to, cookie) = depart(console);
    let answer = come_back(console, &provider.altered(&to, alter), &cookie);
    assert!(answer.status >= 400 && answer.cookie(SESSION).is_none(), "{answer:?}");
    answer
}

fn claims(name: &str, group: &str) -> Value {
    json!({ "preferred_username": name, "groups": ["other", group] })
}

fn act(console: &Console, cookie: &str, run: &str, act: &str) -> Answer {
    let session = console.ask("GET", "/api/v1/session", &[("cookie", cookie)], "").json();
    let csrf = session["csrf"].as_str().unwrap();
    let headers = [("cookie", cookie), ("x-csrf-token", csrf)];
    console.ask("POST", &format!("/api/v1/runs/{run}/acts/{act}"), &headers, "{\"reason\": \"looked at it\"}")
}

#[test]
fn operators_sign_in_and_act_under_their_names_and_are_one_person_whichever_way_they_come() {
    let provider = Provider::new();
    let (desk, run) = waiting(&provider);
    // With a provider no one is the owner, and no token is needed to begin with.
    let console = Console::with(&desk, &[]);
    console.going.until_it_says("operators sign in at http://127.0.0.1");
    let answer = console.ask("GET", "/api/v1/session", &[], "");
    answer.is_problem(401, &["nobody is signed in"]);
    let ways = console.ask("GET", "/api/v1/sign-in", &[], "").json();
    assert_eq!(ways, json!({ "token": true, "oidc": "/oidc/login", "proxy": false }));

    let viewer = signed_in(&console, &provider, &claims("vera", "staff"));
    let session = console.ask("GET", "/api/v1/session", &[("cookie", &viewer)], "").json();
    assert_eq!(
        (&session["operator"], &session["roles"], &session["access"]),
        (&json!("vera"), &json!(["viewer"]), &json!("oidc"))
    );
    act(&console, &viewer, &run, "approve").is_problem(403, &["role approver"]);
    // Whoever opened the run by the command line is the same person here: four eyes hold.
    let alice = signed_in(&console, &provider, &claims("Alice", "/Control"));
    act(&console, &alice, &run, "approve").is_problem(403, &["alice", "four eyes"]);
    let ben = signed_in(
        &console,
        &provider,
        &json!({
            "preferred_username": "ben", "groups": ["staff", "/Control", "ledger ops"], "sub": "ben's number",
        }),
    );
    let session = console.ask("GET", "/api/v1/session", &[("cookie", &ben)], "").json();
    assert_eq!(session["roles"], json!(["approver"]), "the highest applies, and only that");
    let path = format!("/api/v1/runs/{run}/acts/approve");
    console.ask("POST", &path, &[("cookie", &ben)], "").is_problem(403, &["secret of this session"]);
    let foreign = [("cookie", &ben[..]), ("origin", "https://evil.example")];
    console.ask("POST", &path, &foreign, "").is_problem(403, &["another site"]);
    let done = act(&console, &ben, &run, "approve");
    assert_eq!(done.status, 200, "{done:?}");
    let event = "SELECT actor || ' ' || json_extract(detail, '$.command') || ' ' ||
                 ifnull(json_extract(detail, '$.os_user'), 'none') FROM crossfoot_event WHERE kind = 'approved'";
    let event: String = desk.sql().query_row(event, [], |row| row.get(0)).unwrap();
    let by = format!("console: approve {run} (oidc: ben's number at {}) none", provider.issuer);
    assert!(event.starts_with("ben@") && event.ends_with(&by), "{event}");
    // Signing out ends the session, and with it everything.
    assert_eq!(console.ask("DELETE", "/api/v1/session", &[("cookie", &ben)], "").status, 204);
    console.ask("GET", "/api/v1/runs", &[("cookie", &ben)], "").is_problem(401, &["sign in again"]);
    // No code, no token and no secret is in the log of the process.
    let said = console.going.said();
    for secret in ["code-", "eyJ", "geheim", &ben[SESSION.len() + 1..]] {
        assert!(!said.contains(secret), "{said}");
    }
    console.stop();
}

#[test]
fn no_answer_is_believed_that_is_not_the_providers_for_this_browser_and_this_sign_in() {
    let provider = Provider::new();
    let (desk, _) = waiting(&provider);
    let good = claims("ben", "/Control");
    let says = |answer: &Answer, status: u16, words: &str| {
        assert!(answer.status == status && answer.body.contains(words), "{status} {words}: {answer:?}");
    };
    // Each console lets an address fail ten times.
    let console = Console::with(&desk, &[]);
    for (claim, words) in [
        (json!({ "nonce": "another" }), "is of another sign-in"),
        (json!({ "aud": "another" }), "is for another client"),
        (json!({ "iss": "https://evil.example" }), "is of another issuer"),
        (json!({ "exp": now_s() - 61, "iat": now_s() - 400 }), "has expired"),
        (json!({ "groups": ["another"] }), "gives a role in this console"),
        (json!({ "groups": null }), "the ID token has no groups"),
        (json!({ "preferred_username": "ben\u{202e}" }), "cannot be used"),
    ] {
        let answer = refused(&console, &provider, |_, all| {
            merge(all, &good);
            merge(all, &claim);
        });
        says(&answer, 403, words);
    }
    for algorithm in ["none", "HS256"] {
        let answer = refused(&console, &provider, |header, all| {
            merge(all, &good);
            header["alg"] = algorithm.into();
        });
        says(&answer, 403, "no other algorithm is believed");
    }
    console.stop();

    let console = Console::with(&desk, &[]);
    let ((to, cookie), (other_to, other_cookie)) = (depart(&console), depart(&console));
    let (back, mut other) = (provider.sign_in(&to, &good), provider.sign_in(&other_to, &good));
    let asked = provider.asked();
    let wrong = Back { state: "0".repeat(64), code: back.code.clone() };
    says(&come_back(&console, &wrong, &cookie), 400, "was not begun in this browser");
    says(&come_back(&console, &other, &cookie), 400, "was not begun in this browser");
    says(&come_back(&console, &other, &other_cookie), 400, "finished already");
    assert_eq!(provider.asked(), asked, "no code was passed on");
    assert_eq!(come_back(&console, &back, &cookie).status, 303);
    says(&come_back(&console, &back, &cookie), 400, "finished already");
    // A code of another sign-in, which its verifier does not fit; a provider that refuses.
    let (to, cookie) = depart(&console);
    other.state = provider.sign_in(&to, &good).state;
    says(&come_back(&console, &other, &cookie), 403, "does not take the code");
    let (to, cookie) = depart(&console);
    let state = provider.sign_in(&to, &good).state;
    let path = format!("/oidc/callback?error=access_denied&state={state}");
    says(&console.ask("GET", &path, &[("cookie", &cookie)], ""), 403, "access_denied");
    let (to, cookie) = depart(&console);
    let state = provider.sign_in(&to, &good).state;
    let path = format!("/oidc/callback?error=%3Cscript%3E&state={state}");
    says(&console.ask("GET", &path, &[("cookie", &cookie)], ""), 403, "no reason that is known");
    // A picture on another page neither begins nor finishes.
    let picture = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    for path in ["/oidc/login", "/oidc/callback?state=1"] {
        says(&console.ask("GET", path, &picture, ""), 403, "not a part of another page");
    }
    // Who fails too often waits, but not who comes back as they should, nor who has a token.
    let mut failed = 0;
    while come_back(&console, &wrong, "").status == 400 {
        failed += 1;
        assert!(failed < 11);
    }
    says(&come_back(&console, &wrong, ""), 429, "Too many failures");
    signed_in(&console, &provider, &good);
    let token = console.ask("POST", "/api/v1/session", &[], "{\"token\": \"cft_0\"}");
    token.is_problem(401, &["not valid"]);
    console.stop();
}

#[test]
fn a_key_that_is_new_is_asked_for_and_one_that_is_nobodys_is_not_asked_for_again_and_again() {
    let provider = Provider::new();
    let (desk, _) = waiting(&provider);
    let console = Console::with(&desk, &[]);
    let good = claims("ben", "/Control");
    signed_in(&console, &provider, &good);
    signed_in(&console, &provider, &good);
    assert_eq!(provider.asked(), (1, 2), "keys are kept");
    provider.rotate();
    signed_in(&console, &provider, &good);
    assert_eq!(provider.asked(), (2, 3));
    for _ in 0..3 {
        let (to, cookie) = depart(&console);
        let answer = come_back(&console, &provider.forge(|_, all| merge(all, &good), &to), &cookie);
        assert!(answer.status == 403 && answer.body.contains("does not publish"), "{answer:?}");
    }
    assert_eq!(provider.asked(), (2, 6));
    console.stop();
    // A key that has the right name is not the right key.
    let console = Console::with(&desk, &[]);
    let (to, cookie) = depart(&console);
    let named = |header: &mut Value, all: &mut Value| {
        header["kid"] = "key-1".into();
        merge(all, &good);
    };
    let answer = come_back(&console, &provider.forge(named, &to), &cookie);
    assert!(answer.status == 403 && answer.body.contains("signature that is not the provider"), "{answer:?}");
    console.stop();
}

#[test]
fn settings_that_let_no_one_in_are_refused_and_a_provider_that_is_away_is_no_reason_not_to_start() {
    let provider = Provider::new();
    let (desk, _) = waiting(&provider);
    let without = settings(&provider, "").replace("client_secret", "#");
    desk.put("crossfoot.toml", without);
    desk.run(&["console", "--listen", "127.0.0.1:0"]).exits(2).says(&["client_secret_file"]);
    desk.put("crossfoot.toml", settings(&provider, "ca_file = \"nowhere.pem\""));
    desk.run(&["console", "--listen", "127.0.0.1:0"]).exits(2).says(&["nowhere.pem"]);
    let away = settings(&provider, "").replace(&provider.issuer, "http://127.0.0.1:1");
    desk.put("crossfoot.toml", away);
    let console = Console::with(&desk, &[]);
    let answer = console.ask("GET", "/oidc/login", &[], "");
    assert!(answer.status == 503 && answer.body.contains("does not answer"), "{answer:?}");
    assert!(!answer.body.contains("127.0.0.1:1"), "where it is looked for is for the log: {answer:?}");
    console.going.until_it_says("127.0.0.1:1");
    // The issuer must be the document's, letter by letter.
    let other = settings(&provider, "").replace(&provider.issuer, &format!("{}/", provider.issuer));
    console.stop();
    desk.put("crossfoot.toml", other);
    let console = Console::with(&desk, &[]);
    assert_eq!(console.ask("GET", "/oidc/login", &[], "").status, 503);
    console.going.until_it_says("of another issuer");
    console.stop();
}
