//! A console behind a proxy that signs operators in: only the proxy is believed, and nobody is the owner. And all
//! rejects of a run as one download, for those whose role it is.

use serde_json::{Value, json};

use super::browser::{Answer, Console};
use super::desk::{Desk, csv, postings};

const SECRET: &str = "sesame sesame sesame";
const USER: (&str, &str) = ("x-forwarded-user", "ben");
const OPS: (&str, &str) = ("x-forwarded-groups", "staff, ledger-ops");
const PROVEN: (&str, &str) = ("x-proxy-secret", SECRET);

fn settings(from: &str, secret: bool) -> String {
    let secret =
        if secret { "secret_header = \"X-Proxy-Secret\"\nsecret_file = \"proxy.secret\"\n" } else { "" };
    format!(
        "[console.proxy]\nuser_header = \"X-Forwarded-User\"\ngroups_header = \"X-Forwarded-Groups\"\n\
         from = [\"{from}\"]\n{secret}\n[console.proxy.roles]\nstaff = \"viewer\"\nledger-ops = \"operator\"\n\
         audit = \"auditor\"\n"
    )
}

fn loaded(from: &str, secret: bool) -> Desk {
    let desk = Desk::with(postings(100));
    desk.load().exits(0);
    desk.put("proxy.secret", format!("{SECRET}\n"));
    desk.put("crossfoot.toml", settings(from, secret));
    desk
}

#[test]
fn the_proxy_names_operators_and_another_sites_page_cannot_act_for_them() {
    let desk = loaded("127.0.0.1", true);
    let console = Console::with(&desk, &[]);
    let ask = |headers: &[(&str, &str)]| console.ask("GET", "/api/v1/session", headers, "");
    let session = ask(&[USER, OPS, PROVEN]).json();
    assert_eq!(
        (&session["operator"], &session["roles"], &session["access"]),
        (&json!("ben"), &json!(["operator"]), &json!("proxy"))
    );
    ask(&[USER, PROVEN]).is_problem(403, &["no group of ben"]);
    ask(&[USER, ("x-forwarded-user", "ada"), OPS, PROVEN]).is_problem(400, &["more than once"]);
    ask(&[("x-forwarded-user", "b\tn"), OPS, PROVEN]).is_problem(400, &["not plain text"]);
    ask(&[USER, OPS]).is_problem(401, &["the proxy's secret"]);
    ask(&[USER, OPS, ("x-proxy-secret", "sesame sesame sesamf")]).is_problem(401, &["the proxy's secret"]);
    assert_eq!(console.ask("GET", "/api/v1/sign-in", &[], "").json()["proxy"], true);

    // The proxy's cookie comes along from any page: what changes something needs more.
    let run =
        console.ask("GET", "/api/v1/runs", &[USER, OPS, PROVEN], "").json()["items"][0]["run_id"].clone();
    let purge = format!("/api/v1/runs/{}/acts/purge", run.as_str().unwrap());
    let csrf = session["csrf"].as_str().unwrap().to_owned();
    let act = |more: &[(&str, &str)]| console.ask("POST", &purge, &[&[USER, OPS, PROVEN], more].concat(), "");
    act(&[]).is_problem(403, &["secret of this session"]);
    act(&[("x-csrf-token", "0")]).is_problem(403, &["secret of this session"]);
    for site in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        act(&[("x-csrf-token", &csrf), site]).is_problem(403, &["another site"]);
    }
    let ada = ask(&[("x-forwarded-user", "ada"), OPS, PROVEN]).json();
    act(&[("x-csrf-token", ada["csrf"].as_str().unwrap())]).is_problem(403, &["secret of this session"]);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 100, "nothing was done");
    assert_eq!(act(&[("x-csrf-token", &csrf)]).status, 200);
    let event =
        "SELECT actor || ' ' || json_extract(detail, '$.command') FROM crossfoot_event WHERE kind = 'purged'";
    let event: String = desk.sql().query_row(event, [], |row| row.get(0)).unwrap();
    assert!(event.starts_with("ben@") && event.ends_with("(proxy: 127.0.0.1)"), "{event}");
    // Who guesses the secret waits; the proxy does not.
    for _ in 0..10 {
        ask(&[USER, OPS]);
    }
    ask(&[USER, OPS]).is_problem(429, &["too many failures"]);
    assert_eq!(ask(&[USER, OPS, PROVEN]).status, 200);
    assert!(!console.going.said().contains(SECRET));
    console.stop();
}

#[test]
fn with_a_proxy_nobody_is_the_owner_by_the_way_that_their_connection_takes() {
    // This process is of the user who starts the console, connects from a loopback address, names the machine itself,
    // and adds no header of a proxy: exactly what a proxy does that the same user runs here and that forwards whatever
    // comes. Were this the owner, everyone whom the proxy forwards would be.
    let without = Desk::with(postings(10));
    without.load().exits(0);
    let console = Console::new(&without);
    assert_eq!(console.get("/session")["access"], "loopback", "without settings it is the owner's");
    console.stop();
    for (from, secret) in [("10.9.9.9", false), ("127.0.0.1", true)] {
        let desk = loaded(from, secret);
        let console = Console::new(&desk);
        for host in [console.at.clone(), "localhost".to_owned(), "crossfoot.example".to_owned()] {
            for path in ["/api/v1/session", "/api/v1/runs", "/api/v1/log", "/metrics"] {
                let answer = console.ask("GET", path, &[("host", &host)], "");
                answer.is_problem(401, &["nobody is signed in", "at the proxy's address"]);
            }
        }
        // The names of an operator and of a group are no proof, wherever they come from.
        for headers in [&[USER, OPS][..], &[USER], &[USER, OPS, ("x-forwarded-for", "127.0.0.1")]] {
            let answer = console.ask("GET", "/api/v1/session", headers, "");
            assert_eq!(answer.status, 401, "{from} {headers:?}: {answer:?}");
        }
        console.stop();
    }
    // A token opens it, but not for someone who would be another by a header.
    let desk = loaded("10.9.9.9", false);
    let made = desk.run(&["token", "add", "--name", "ada", "--role", "viewer", "--json"]).exits(0).json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let console = Console::new(&desk);
    let ask = |more: &[(&str, &str)]| {
        console.ask("GET", "/api/v1/session", &[&[("authorization", &bearer[..])], more].concat(), "")
    };
    assert_eq!(ask(&[]).json()["operator"], "ada");
    ask(&[USER, OPS]).is_problem(401, &["believed only of the proxy", "127.0.0.1"]);
    console.stop();
    // An address of this machine alone is no proof either: the settings are refused.
    desk.put("crossfoot.toml", settings("127.0.0.1", false));
    desk.run(&["console"]).exits(2).says(&["`from` includes this machine", "secret_header"]);
}

/// All rejects of the newest run, as the console hands them out to who has these groups.
fn download(console: &Console, groups: &str) -> Answer {
    let headers = [USER, ("x-forwarded-groups", groups), PROVEN];
    let run = console.ask("GET", "/api/v1/runs", &headers, "").json()["items"][0]["run_id"].clone();
    console.ask("GET", &format!("/api/v1/runs/{}/rejects.raw", run.as_str().unwrap()), &headers, "")
}

/// The body of an answer whose length was not known when it began.
fn unchunked(body: &str) -> String {
    let (mut rest, mut out) = (body, String::new());
    loop {
        let (size, after) = rest.split_once("\r\n").expect("a chunk");
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return out;
        }
        out.push_str(&after[..size]);
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
}

#[test]
fn all_rejects_are_one_download_with_the_bytes_that_the_command_writes() {
    let rows: Vec<String> = (1..=1500)
        .map(|id| match id % 3 {
            0 => format!("{id},2024-02-30,1.00,rent {id}"),
            1 => format!("{id},2024-02-29,x,\"a, b\""),
            _ => format!("{id},2024-02-29,1.00,rent"),
        })
        .collect();
    let desk = Desk::with(csv(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
    desk.put_job("job.toml", &[("rejects = 0", "rejects = 2000")]);
    desk.load().exits(0);
    desk.put("proxy.secret", SECRET);
    desk.put("crossfoot.toml", settings("127.0.0.1", true));
    desk.run(&["rejects", "--raw", "raw.csv"]).exits(0).says(&["1,000 rejects"]);
    let written = std::fs::read_to_string(desk.path("raw.csv")).unwrap();
    assert_eq!(written.lines().count(), 1001, "a header row, and each reject");
    let console = Console::with(&desk, &[]);
    let answer = download(&console, "staff");
    assert_eq!(answer.status, 200, "{}", answer.headers);
    assert!(answer.all("content-disposition")[0].starts_with("attachment; filename=\"rejects-"));
    assert_eq!(answer.all("content-type"), ["application/octet-stream"]);
    assert_eq!(unchunked(&answer.body), written);
    let events = "SELECT count(*) FROM crossfoot_event WHERE kind = 'rejects-written'";
    assert_eq!(desk.number(events), 0, "the list has the same bytes");

    // With a sensitive field they are the auditor's, and the log knows who took them.
    let sensitive = "name = \"text\"\ntype = \"text(40)\"";
    desk.put_job(
        "job.toml",
        &[("rejects = 0", "rejects = 2000"), (sensitive, &format!("{sensitive}\nsensitive = true"))],
    );
    desk.put("in.csv", csv(&["x,2024-02-29,1.00,rent", "1,2024-02-29,1.00,rent"]));
    desk.load().exits(0);
    download(&console, "ledger-ops").is_problem(403, &["role auditor"]);
    assert_eq!(desk.number(events), 0);
    let answer = download(&console, "audit");
    assert_eq!(unchunked(&answer.body), "id,booked_on,amount,text\nx,2024-02-29,1.00,rent\n");
    let event = "SELECT actor || ' ' || detail FROM crossfoot_event WHERE kind = 'rejects-written'";
    let event: String = desk.sql().query_row(event, [], |row| row.get(0)).unwrap();
    for part in ["ben@", "rejects-", ".raw", "(proxy: 127.0.0.1)"] {
        assert!(event.contains(part), "{event}");
    }
    // What was removed is not an empty file.
    desk.run(&["purge", "--yes", "last"]).exits(0);
    download(&console, "audit").is_problem(409, &["were removed by an operator"]);
    let listed: Value =
        console.ask("GET", "/openapi.json", &[USER, ("x-forwarded-groups", "audit"), PROVEN], "").json();
    assert!(listed["paths"]["/api/v1/runs/{run}/rejects.raw"]["get"].is_object(), "{listed}");
    console.stop();
}
