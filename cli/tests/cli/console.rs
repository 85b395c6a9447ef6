//! The operations console: every number is what SQL finds in the store, an act is the same as a command, and what is
//! new is told.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::browser::Console;
use super::desk::{CONTENT, Desk, postings};
use super::numbers::with_bad_dates;

/// A source in which each 50th date is none, and a job that takes this.
fn with_rejects(records: u64) -> Desk {
    let desk = Desk::with(with_bad_dates(records));
    desk.put_job("job.toml", &[("rejects = 0", "rejects = \"10%\"")]);
    desk
}

const RUN: [&str; 6] = ["run", "job.toml", "--source", "in.csv", "--chunk-records", "100"];

/// The first column of a query's rows.
fn numbers(sql: &Connection, query: &str) -> Vec<u64> {
    let mut statement = sql.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let rows = statement.query_map([], |row| Ok(row.get::<_, Option<u64>>(0)?.unwrap_or(0))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn every_number_is_sqls(console: &Console, desk: &Desk) -> BTreeMap<String, Value> {
    let sql = desk.sql();
    super::numbers::every_number_is_sqls(console, &|query| numbers(&sql, query))
}

#[test]
fn every_number_of_the_console_is_what_sql_finds_and_stays_so_when_it_is_restarted() {
    let desk = with_rejects(2000);
    desk.run(&RUN).exits(0);
    let console = Console::new(&desk);
    let shown = every_number_is_sqls(&console, &desk);
    assert_eq!(shown[""]["outcome"], "reconciled");
    // What the command prints is what the console serves.
    for (path, line) in [("/report", &["report", "--json"][..]), ("", &["show", "--json"])] {
        let printed = desk.run(line).exits(0).json();
        for (key, value) in printed.as_object().unwrap() {
            assert_eq!(shown[path][key], *value, "{path} {key}");
        }
    }
    // A reject, with its bytes beside its values.
    let record = shown["/rejects"]["items"][0]["record_no"].clone();
    let run = shown[""]["run_id"].as_str().unwrap();
    let reject = console.get(&format!("/runs/{run}/rejects/{record}"));
    let fields = reject["fields"].as_array().unwrap();
    let offending: Vec<_> = fields.iter().filter(|field| field["offending"] == true).collect();
    assert_eq!((offending.len(), &offending[0]["name"]), (1, &json!("booked_on")), "{reject}");
    assert_eq!(fields[0]["value"], record.to_string(), "the id is the record's number");
    let summary = console.get(&format!("/runs/{run}/rejects/summary"));
    assert_eq!((&summary["not_written"], &summary["not_resent"]), (&Value::Null, &Value::Null));
    console
        .ask("GET", &format!("/api/v1/runs/{run}/rejects/1"), &[], "")
        .is_problem(404, &["no reject of record 1"]);
    console.stop();
    let console = Console::new(&desk);
    assert_eq!(every_number_is_sqls(&console, &desk), shown, "nothing is kept in the console");

    // A run that died on its way: what is there of it is counted, and nothing else.
    let mut dies =
        desk.command(&["run", "job.toml", "--source", "in.csv", "--chunk-records", "100", "--again"]);
    dies.env("CROSSFOOT_TEST_DIES_AT_CHUNK", "9");
    assert!(!dies.output().unwrap().status.success());
    let shown = every_number_is_sqls(&console, &desk);
    assert_eq!((&shown[""]["state"], &shown[""]["driven_by"]), (&json!("loading"), &Value::Null));
    let run = shown[""]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(console.act(&run, "resume", None).status, 200);
    let over = console.until(&format!("/runs/{run}"), |run| run["outcome"] != "unfinished");
    assert_eq!(over["outcome"], "not-reconciled", "its keys are in final already");
    every_number_is_sqls(&console, &desk);
    console.stop();
}

#[test]
fn an_act_is_refused_or_done_as_the_command_is() {
    let desk = Desk::with(postings(300));
    desk.put_job(
        "job.toml",
        &[("[limits]", "[approval]\nfour_eyes = true\nrequire_reason = true\n\n[limits]")],
    );
    desk.run(&["run", "job.toml", "--source", "in.csv", "--operator", "anna", "--reason", "nightly"])
        .exits(3);
    let console = Console::with(&desk, &["--operator", "Anna"]);
    let run = console.get("/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    let acts = |console: &Console| -> BTreeMap<String, Value> {
        let shown = console.get(&format!("/runs/{run}"));
        let acts = shown["acts"].as_array().unwrap();
        acts.iter().map(|act| (act["act"].as_str().unwrap().to_owned(), act.clone())).collect()
    };
    // Four eyes: whoever ran it is told beforehand, refused all the same, and the log has it.
    let before = acts(&console);
    assert_eq!(before["approve"]["legal"], false);
    assert!(before["approve"]["why_not"].as_str().unwrap().contains("anna"), "{before:?}");
    assert_eq!(
        (&before["cancel"]["legal"], &before["cancel"]["reason_needed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!((&before["purge"]["legal"], &before["resume"]["legal"]), (&json!(false), &json!(false)));
    console.act(&run, "approve", Some("looks good")).is_problem(403, &["four eyes", "anna"]);
    desk.run(&["approve", &run, "--operator", "anna", "--reason", "looks good"])
        .exits(2)
        .says(&["four eyes"]);
    let log = console.get(&format!("/runs/{run}/log"));
    let refused: Vec<_> =
        log["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "approval-refused").collect();
    assert_eq!(refused.len(), 2, "by the console and by the command: {log}");
    assert!(refused[1]["detail"]["command"].as_str().unwrap().starts_with("console: approve"), "{log}");
    console.act(&run, "cancel", None).is_problem(403, &["reason"]);
    console.act(&run, "frobnicate", None).is_problem(404, &[]);
    console.act(&run, "redrive", Some("x")).is_problem(409, &["awaiting"]);
    console.act("0", "cancel", Some("x")).is_problem(404, &[]);
    console.stop();

    // Somebody else approves, and the run is driven to its end.
    let console = Console::with(&desk, &["--operator", "ben"]);
    assert_eq!(acts(&console)["approve"]["legal"], true);
    let done = console.act(&run, "approve", Some("totals agree"));
    assert!(done.status == 200 && done.json()["done"].as_str().unwrap().contains("approved"), "{done:?}");
    console.until(&format!("/runs/{run}"), |run| run["state"] == "promoted");
    assert_eq!(desk.final_rows(), 300);
    let log = console.get(&format!("/runs/{run}/log"));
    let approved = log["items"].as_array().unwrap().iter().find(|event| event["kind"] == "approved").unwrap();
    assert!(approved["actor"].as_str().unwrap().starts_with("ben@"), "{approved}");
    assert_eq!(approved["detail"]["reason"], "totals agree");
    console.act(&run, "approve", Some("again")).is_problem(409, &["awaiting approval"]);
    console.act(&run, "cancel", Some("again")).is_problem(409, &["over"]);
    let done = console.act(&run, "purge", Some("space"));
    assert!(done.json()["done"].as_str().unwrap().contains("deleted 300 rows"), "{done:?}");
    assert_eq!(acts(&console)["purge"]["why_not"], "the run was purged before");
    console.stop();
    desk.run(&["audit", "verify"]).exits(0);
    // A console that only reads does nothing, for anyone.
    desk.run(&["run", "job.toml", "--source", "in.csv", "--operator", "ben", "--again", "--reason", "r"])
        .exits(1);
    let read_only = Console::with(&desk, &["--operator", "carl", "--read-only"]);
    let run = read_only.get("/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    read_only.act(&run, "cancel", Some("x")).is_problem(403, &["only reads"]);
    let shown = read_only.get(&format!("/runs/{run}"));
    assert!(shown["acts"].as_array().unwrap().iter().all(|act| act["legal"] == false), "{shown}");
    read_only.stop();
}

#[test]
fn what_is_new_is_told_and_told_again_to_who_comes_back() {
    let desk = Desk::with(postings(500));
    desk.load().exits(0);
    let console = Console::new(&desk);
    let mut stream = console.watch(None);
    let again = ["run", "job.toml", "--source", "in.csv", "--again", "--chunk-records", "50"];
    let loads = desk.start(&again);
    let news = stream.until(|news| news.kind == "run");
    let run = news.data["run_id"].clone();
    assert_eq!(news.data["job"], "postings");
    // A short run may be over when it is first seen.
    let is_over = |data: &Value| data["ended_at_ms"].is_number();
    let later =
        (!is_over(&news.data)).then(|| stream.until(|news| news.kind == "run" && is_over(&news.data)).data);
    let ended = later.as_ref().unwrap_or(&news.data);
    assert_eq!((&ended["run_id"], &ended["records_processed"]), (&run, &json!(500)));
    let logged = stream.until(|news| news.kind == "log" && news.data["run_id"] == run);
    assert!(logged.data["hash"].is_string());
    loads.end();
    // Who comes back hears what was missed, in order.
    let mut again = console.watch(Some(&news.id));
    let missed = again.next().unwrap();
    let number = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(number(&missed.id), number(&news.id) + 1);
    // A name of another console, or none that is known: load again.
    assert_eq!(console.watch(Some("0-1")).next().unwrap().kind, "resync");
    let unknown = format!("{}-{}", news.id.rsplit_once('-').unwrap().0, 999_999);
    assert_eq!(console.watch(Some(&unknown)).next().unwrap().kind, "resync");
    // Streams end when the console does.
    console.going.signal("TERM");
    while stream.next().is_some() {}
    console.going.end().exits(0);
}

#[test]
fn every_answer_is_as_the_description_says() {
    let desk = with_rejects(300);
    desk.run(&RUN).exits(0);
    let console = Console::new(&desk);
    let description = console.ask("GET", "/openapi.json", &[], "").json();
    let run = console.get("/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    let record = console.get(&format!("/runs/{run}/rejects"))["items"][0]["record_no"].to_string();
    let mut looked_at = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let asked = path.replace("{run}", &run).replace("{chunk}", "0").replace("{record}", &record);
        let asked = asked.replace("{job}", "postings");
        let answer = console.ask("GET", &asked, &[], "");
        assert_eq!(answer.status, 200, "{asked}: {answer:?}");
        assert!(answer.headers.contains("cache-control: no-store"), "{asked}: {answer:?}");
        // The schemas refer to each other by their place in the description.
        let whole = json!({ "$ref": "#/whole", "whole": schema, "components": description["components"] });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<_> = validator.iter_errors(&answer.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{asked}: {errors:?}: {}", answer.body);
        looked_at += 1;
    }
    assert!(looked_at >= 17, "{looked_at}");
    for (path, status) in [
        ("/api/v1/runs?state=fine", 400),
        ("/api/v1/runs?limit=many", 400),
        ("/api/v1/runs?cursor=x", 404),
        ("/api/v1/runs/x", 404),
        ("/api/v1/runs/00000000-0000-7000-8000-000000000000", 404),
        ("/api/v1/jobs/none", 404),
        ("/nothing", 404),
        ("/assets/../Cargo.toml", 404),
    ] {
        console.ask("GET", path, &[], "").is_problem(status, &["\"detail\""]);
    }
    console.ask("PUT", "/healthz", &[], "").is_problem(405, &[]);
    console.stop();
}

#[test]
fn a_demo_and_a_run_serve_a_console_while_they_last() {
    let desk = Desk::with(postings(2000));
    let demo = desk.start(&["demo", "--records", "500", "--dir", "demo", "--console"]);
    demo.until_it_says("the console continues");
    let console = Console::of(demo);
    let run = &console.get("/runs")["items"][0];
    assert_eq!((&run["outcome"], &run["records"]), (&json!("reconciled"), &json!(502)));
    let page = console.ask("GET", "/", &[], "");
    assert!(
        page.status == 200 && page.headers.contains("content-security-policy: default-src 'none'"),
        "{page:?}"
    );
    let tag = page.headers.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    assert_eq!(console.ask("GET", "/", &[("if-none-match", &tag)], "").status, 304);
    assert!(!page.body.contains(CONTENT));
    console.stop();
    let ended = desk.run(&["run", "job.toml", "--source", "in.csv", "--console=127.0.0.1:0"]).exits(0);
    assert!(ended.err.contains("console: http://127.0.0.1:"), "{ended}");
    desk.run(&["run", "job.toml", "--source", "in.csv", "--again", "--console=256.0.0.1:0"]).exits(2);
}
