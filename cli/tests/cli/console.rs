//! The operations console: every number is what SQL finds in the store, an act is the same as a command, and what is
//! new is told.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::browser::Console;
use super::desk::{CONTENT, Desk, postings};

/// A source in which each 50th amount is no number, and a job that takes this.
fn with_rejects(records: u64) -> Desk {
    let mut text = String::from_utf8(postings(records)).unwrap();
    for id in (25..=records).step_by(50) {
        text = text.replace(&format!("\n{id},2024"), &format!("\n{id},x2024"));
    }
    let desk = Desk::with(text);
    desk.put_job("job.toml", &[("rejects = 0", "rejects = \"10%\"")]);
    desk
}

const RUN: [&str; 6] = ["run", "job.toml", "--source", "in.csv", "--chunk-records", "100"];

/// One row of numbers.
fn numbers(sql: &Connection, query: &str) -> Vec<Option<u64>> {
    let mut statement = sql.prepare(query).unwrap();
    let columns = statement.column_count();
    let row = statement.query_row([], |row| (0..columns).map(|at| row.get(at)).collect());
    row.unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn number(sql: &Connection, query: &str) -> u64 {
    numbers(sql, query)[0].unwrap_or(0)
}

/// Compares every number that the console shows of the newest run with what SQL finds.
fn every_number_is_sqls(console: &Console, desk: &Desk) -> BTreeMap<String, Value> {
    let sql = desk.sql();
    let item = console.get("/runs")["items"][0].clone();
    let run = item["run_id"].as_str().unwrap().to_owned();
    let of = |query: &str| number(&sql, &query.replace("RUN", &format!("run_id = '{run}'")));
    let done = "crossfoot_chunk WHERE state = 'committed' AND RUN";
    for (key, query) in [
        ("chunks_split", "SELECT count(*) FROM crossfoot_chunk WHERE RUN".to_owned()),
        ("chunks_committed", format!("SELECT count(*) FROM {done}")),
        ("chunks_set_aside", "SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside' AND RUN".into()),
        ("records_split", "SELECT sum(records) FROM crossfoot_chunk WHERE RUN".into()),
        ("records_processed", format!("SELECT sum(accepted + rejected) FROM {done}")),
        ("records_rejected", "SELECT count(*) FROM crossfoot_reject WHERE RUN".into()),
        ("records_written", "SELECT count(*) FROM stg_postings WHERE RUN".into()),
        ("bytes_committed", format!("SELECT sum(bytes) FROM {done}")),
    ] {
        assert_eq!(item[key], of(&query), "{key}: {item}");
    }
    let shown = console.get(&format!("/runs/{run}"));
    let flow = &shown["flow"];
    let staged = of("SELECT count(*) FROM stg_postings WHERE RUN");
    let rejected = of("SELECT count(*) FROM crossfoot_reject WHERE RUN");
    assert_eq!(flow["source"]["records"], of("SELECT sum(records) FROM crossfoot_chunk WHERE RUN"));
    assert_eq!(flow["source"]["bytes"], of("SELECT sum(bytes) FROM crossfoot_chunk WHERE RUN"));
    assert_eq!((&flow["written"]["records"], &flow["staging"]["records"]), (&json!(staged), &json!(staged)));
    let read = "SELECT sum(records) FROM (SELECT max(r.records) AS records FROM crossfoot_report r
                JOIN crossfoot_chunk c USING (run_id, chunk_no)
                WHERE r.role = 'processor' AND c.state <> 'set-aside' AND RUN GROUP BY chunk_no)";
    assert!(flow["processed"]["read"].as_u64().unwrap() >= of(read).max(staged + rejected), "{flow}");
    if shown["state"] == "promoted" {
        assert_eq!(
            flow["processed"],
            json!({ "read": staged + rejected, "accepted": staged, "rejected": rejected })
        );
        assert_eq!(flow["final"], number(&sql, "SELECT count(*) FROM postings"));
        assert!(flow["balances"].as_array().unwrap().iter().all(|one| one["holds"] == true), "{flow}");
    }

    let workers = console.get(&format!("/runs/{run}/workers"));
    for worker in workers["workers"].as_array().unwrap() {
        let (id, role) = (&worker["worker_id"], worker["role"].as_str().unwrap());
        let of = |from: &str| of(&from.replace("ID", &id.to_string()).replace("ROLE", role));
        let (column, table) = match role {
            "processor" => ("processor_id", "crossfoot_reject"),
            _ => ("writer_id", "stg_postings"),
        };
        for (key, in_ledger) in
            [("records", "records_in"), ("accepted", "accepted"), ("rejected", "rejected")]
        {
            let ledger = format!("SELECT sum({in_ledger}) FROM {done} AND {column} = ID");
            assert_eq!(worker["ledger"][key], of(&ledger), "{worker}");
            let reported = format!(
                "SELECT sum(r.{key}) FROM crossfoot_report r JOIN crossfoot_chunk c USING (run_id, chunk_no)
                 WHERE r.role = 'ROLE' AND r.worker_id = ID AND c.{column} = ID AND c.state = 'committed' AND RUN"
            );
            assert_eq!(worker["reported"][key], of(&reported), "{worker}");
        }
        assert_eq!(
            worker["table"],
            of(&format!("SELECT count(*) FROM {table} WHERE worker_id = ID AND RUN"))
        );
        let mut times = Vec::new();
        let query = format!(
            "SELECT busy_us FROM crossfoot_report WHERE run_id = '{run}' AND worker_id = {id} AND role = '{role}'"
        );
        let mut statement = sql.prepare(&query).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, u64>(0)).unwrap();
        times.extend(rows.map(Result::unwrap));
        times.sort_unstable();
        if !times.is_empty() {
            let median = times[times.len().div_ceil(2) - 1];
            assert_eq!(worker["chunk_ms_median"], format!("{}.{:03}", median / 1000, median % 1000));
        }
    }
    for total in workers["totals"].as_array().unwrap() {
        let is_writer = total["role"] == "writer";
        assert_eq!(total["ledger"]["chunks"], item["chunks_committed"], "{total}");
        assert_eq!(total["tables"], if is_writer { staged } else { rejected }, "{total}");
    }

    let map = console.get(&format!("/runs/{run}/chunks"));
    let cells = map["cells"].as_str().unwrap();
    assert_eq!(
        (&map["count"], cells.len() as u64),
        (&item["chunks_split"], of("SELECT count(*) FROM crossfoot_chunk WHERE RUN"))
    );
    let committed = map["states"].as_array().unwrap().iter().position(|state| state == "committed").unwrap();
    let cell = char::from_digit(u32::try_from(committed).unwrap(), 36).unwrap();
    assert_eq!(item["chunks_committed"], cells.chars().filter(|c| *c == cell).count());
    let chunk = console.get(&format!("/runs/{run}/chunks/1"));
    for (key, column) in [("byte_offset", "offset_bytes"), ("bytes", "bytes"), ("records", "records")] {
        assert_eq!(
            chunk[key],
            of(&format!("SELECT {column} FROM crossfoot_chunk WHERE chunk_no = 1 AND RUN"))
        );
    }

    let summary = console.get(&format!("/runs/{run}/rejects/summary"));
    assert_eq!(summary["total"], rejected);
    let (mut listed, mut cursor) = (0, String::new());
    loop {
        let page = console.get(&format!("/runs/{run}/rejects?limit=7{cursor}"));
        listed += page["items"].as_array().unwrap().len() as u64;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, rejected);
    let log = console.get("/log?limit=500");
    assert_eq!(
        log["items"].as_array().unwrap().len() as u64,
        number(&sql, "SELECT count(*) FROM crossfoot_event")
    );
    let job = &console.get("/jobs")["items"][0];
    assert_eq!(job["runs"], number(&sql, "SELECT count(*) FROM crossfoot_run"));
    let metrics = console.ask("GET", "/metrics", &[], "").body;
    for (name, query) in [
        (
            "crossfoot_records{job=\"postings\"}",
            "SELECT sum(accepted + rejected) FROM crossfoot_chunk WHERE state = 'committed'",
        ),
        ("crossfoot_rejects{job=\"postings\"}", "SELECT count(*) FROM crossfoot_reject"),
        (
            "crossfoot_bytes{job=\"postings\"}",
            "SELECT sum(bytes) FROM crossfoot_chunk WHERE state = 'committed'",
        ),
        (
            "crossfoot_runs{job=\"postings\",state=\"promoted\"}",
            "SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'",
        ),
        (
            "crossfoot_unfinished_chunks{job=\"postings\"}",
            "SELECT count(*) FROM crossfoot_chunk JOIN crossfoot_run r USING (run_id)
             WHERE r.state = 'loading' AND crossfoot_chunk.state = 'split'",
        ),
    ] {
        let line = format!("{name} {}\n", number(&sql, query));
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    // What the page shows of the run, for a comparison after a restart.
    let paths = [
        "",
        "/workers",
        "/chunks",
        "/chunks/1",
        "/rejects",
        "/rejects/summary",
        "/findings",
        "/log",
        "/report",
    ];
    paths.iter().map(|path| ((*path).to_owned(), console.get(&format!("/runs/{run}{path}")))).collect()
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
