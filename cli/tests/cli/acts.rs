//! Commands that an operator at night can trust: failures that a program can read, and no act on a run nobody meant.

use serde_json::{Value, json};

use super::desk::{Desk, Ended, csv};

const GOOD: &str = "1,2024-02-29,10.00,rent";
const BAD: &str = "2,2024-02-30,10.00,rent";

/// The error that is the last line of standard error.
fn error(ended: &Ended) -> Value {
    assert_eq!(ended.out, "", "{ended}");
    let lines: Vec<Value> = ended
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {ended}")))
        .collect();
    let error = lines.last().expect("an error")["error"].clone();
    assert_eq!(error["code"], ended.code.unwrap(), "{ended}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{ended}");
    error
}

#[test]
fn every_failure_of_a_command_with_json_is_an_object() {
    let desk = Desk::with(csv(&[GOOD]));
    desk.load().exits(0);
    let run_id = desk.report()["run_id"].clone();
    desk.put("wrong.toml", "[job]\nname = \"j\"\nnmae = \"k\"\n");
    desk.put("crossfoot-wrong.toml", "[fleet]\nwriters = \"many\"\n");
    desk.put("header.csv", "booked_on,id,amount,no_such\n2024-02-29,1,10.00,rent\n");
    let nobody = ["--broker", "amqp://127.0.0.1:1"];
    let table: &[(&[&str], i32, &str, Value)] = &[
        (&["frobnicate"], 2, "command", json!({})),
        (&["run", "job.toml", "--no-such-option"], 2, "command", json!({})),
        (&["run", "missing.toml"], 2, "job", json!({ "file": "missing.toml" })),
        (&["check", "wrong.toml"], 2, "job", json!({ "file": "wrong.toml", "line": 3, "column": 1 })),
        (&["runs", "--config", "crossfoot-wrong.toml"], 2, "settings", json!({})),
        (&["run", "job.toml", "--source", "missing.csv"], 2, "source", json!({})),
        (&["run", "job.toml", "--source", "header.csv"], 2, "source", json!({})),
        (&["run", "job.toml", "--source", "in.csv"], 2, "run", json!({ "run_id": run_id })),
        (&["show", "0000"], 2, "run", json!({ "url": "sqlite:crossfoot.db" })),
        (&["show", "--store", "sqlite:none.db"], 3, "store", json!({ "url": "sqlite:none.db" })),
        (&["cancel", "--yes"], 2, "run", json!({ "run_id": run_id })),
        (&["purge"], 2, "not-confirmed", json!({ "run_id": run_id })),
        (&["audit", "verify", "missing.tar"], 2, "evidence", json!({})),
        (&["dead-letters", "list", nobody[0], nobody[1]], 3, "broker", json!({})),
    ];
    for (line, code, kind, place) in table {
        let ended = desk.run(&[line, &["--json"][..]].concat()).exits(*code);
        let error = error(&ended);
        assert_eq!(error["kind"], *kind, "{ended}");
        for (key, value) in place.as_object().unwrap() {
            assert_eq!(&error["where"][key], value, "{key}: {ended}");
        }
        // As text it stays text.
        let text = desk.run(line).exits(*code);
        assert!(serde_json::from_str::<Value>(&text.err).is_err(), "{text}");
    }
    // A record that cannot be framed is named by its place.
    desk.put("in.csv", [&csv(&[GOOD])[..], b"6,2024-02-29,1.00,\"never closed\n"].concat());
    let ended = desk.run(&["run", "job.toml", "--source", "in.csv", "--json"]).exits(3);
    let error = error(&ended);
    assert_eq!((&error["kind"], &error["where"]["record_no"]), (&"source".into(), &2.into()), "{ended}");
    assert!(error["next"].as_str().is_some_and(|next| next.contains("crossfoot cancel")), "{ended}");
    // A password on a command line that cannot be parsed is not repeated.
    let url = "--stroe=postgres://a:secret@h/d";
    let ended = desk.run(&["runs", "--json", url]).exits(2);
    assert!(!ended.err.contains("secret"), "{ended}");
}

#[test]
fn without_a_terminal_a_run_is_named_or_confirmed() {
    let desk = Desk::with(csv(&[GOOD]));
    desk.load().exits(0);
    let run_id = desk.report()["run_id"].as_str().unwrap().to_owned();
    for line in [&["purge"][..], &["purge", "last"], &["purge", "--last", "--job", "postings"]] {
        desk.run(line).exits(2).says(&[
            "--yes",
            "postings",
            "in.csv",
            "promoted",
            "1 of 1 chunk committed",
            &run_id,
        ]);
    }
    // `y` on standard input is no answer: nobody was asked.
    desk.pipe(&["purge"], b"y\n").exits(2).says(&["--yes"]);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 1, "nothing was done");
    desk.run(&["purge", "--last", "--job", "other", "--yes"]).exits(2).says(&["no runs of job `other`"]);
    desk.run(&["purge", "--last"]).exits(2).says(&["--job"]);
    desk.run(&["purge", "--job", "postings"]).exits(2).says(&["--last"]);
    desk.run(&["purge", &run_id, "--last", "--job", "postings"]).exits(2);
    desk.run(&["purge", &run_id[24..]]).exits(0);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 0);
}

#[test]
fn the_latest_run_of_a_job_is_not_another_jobs() {
    let desk = Desk::with(csv(&[GOOD]));
    desk.load().exits(0);
    desk.put_job(
        "other.toml",
        &[("\"postings\"", "\"other\""), ("stg_postings", "stg_other"), ("\"postings\"", "\"o\"")],
    );
    desk.run(&["run", "other.toml", "--source", "in.csv"]).exits(0);
    desk.run(&["purge", "--last", "--job", "postings", "--yes"]).exits(0);
    let purged = |table: &str| desk.number(&format!("SELECT count(*) FROM {table}")) == 0;
    assert!(purged("stg_postings") && !purged("stg_other"));
}

#[test]
fn an_embedded_fleet_says_why_there_is_nothing_to_list() {
    let desk = Desk::with(csv(&[GOOD]));
    desk.load().exits(0);
    desk.run(&["fleet"]).exits(0).prints(&["no process of a fleet is alive", "memory:", "crossfoot run"]);
    let json = desk.run(&["fleet", "--json"]).exits(0).json();
    assert_eq!((&json["members"], json["note"].is_string()), (&json!([]), true));
    desk.run(&["dead-letters", "list"]).exits(0).prints(&["no dead letters", "memory:", "redrive"]);
    desk.run(&["dead-letters", "clear", "--all", "--yes"]).exits(2).says(&["memory:"]);
    desk.put("in.csv", csv(&[GOOD, BAD]));
    desk.run(&["submit", "job.toml", "--source", "in.csv"]).exits(0).says(&["memory:", "crossfoot run"]);
    desk.run(&["doctor"]).exits(0).prints(&["waiting for a coordinator service: 1 run", "[broker]"]);
}

#[test]
fn a_run_without_a_coordinator_says_so_within_seconds() {
    let desk = Desk::with(csv(&[GOOD]));
    let broker = ["--broker", "amqp://nobody.invalid"];
    let submit = [&["submit", "job.toml", "--source", "in.csv"][..], &broker].concat();
    let wait = desk.start(&[&submit[..], &["--wait"]].concat());
    let began = std::time::Instant::now();
    wait.until_it_says("no coordinator service is running");
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    wait.kill();
    desk.run(&[&submit[..], &["--again"]].concat()).exits(0).says(&["no coordinator service is running"]);
    let fleet = desk.run(&[&["fleet"][..], &broker].concat()).exits(0);
    fleet.prints(&["no coordinator service", "no processor", "no writer"]);
}

/// A job of two record types, told by their first field.
fn typed() -> Desk {
    let desk = Desk::new();
    let of = |name: &str| {
        format!(
            "[[record]]\nname = \"{name}\"\nwhen = {{ field = \"kind\", in = [\"{}\"] }}\nstaging = \"stg_{name}\"\n\
             final = \"{name}\"\n[[record.field]]\nname = \"kind\"\ntype = \"text(8)\"\n[[record.field]]\nname = \"id\"\n\
             type = \"integer\"\n",
            name[..1].to_uppercase()
        )
    };
    let head = "[job]\nname = \"typed\"\n[source]\nformat = \"delimited\"\nseparator = \",\"\n";
    desk.put("typed.toml", format!("{head}{}{}", of("apple"), of("pear")));
    desk
}

#[test]
fn records_of_no_type_say_what_was_read_and_the_verdict_leads_with_the_cause() {
    let desk = typed();
    desk.put("in.csv", "A,1\nP,2\nX,3\nX,4\nX,5\nZ\u{1b}[31m,6\n");
    let run = ["run", "typed.toml", "--source", "in.csv"];
    let ended = desk.run(&run).exits(1);
    let first = ended.out.lines().next().unwrap().to_owned();
    assert_eq!(
        first.split(" · ").next(),
        Some("NOT RECONCILED  66.7 % of records rejected (record-type)"),
        "{ended}"
    );
    let plain = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "4 of 6 records were rejected for one cause (record-type): most often (3 records), the record matches none of \
         the job's record types: `kind` is 'X', expected 'A' for apple, 'P' for pear; if the source is right, correct \
         the job file: `source.encoding`, `record.when`",
        "record-type, 3 records: the record matches none of the job's record types: `kind` is 'X'",
        "record-type, 1 record: the record matches none of the job's record types: `kind` is 'Z\\u{1b}[31m'",
        "Next: crossfoot rejects",
    ] {
        assert!(plain.contains(says), "`{says}` is not said: {ended}");
    }
    desk.run(&["show"]).exits(0).prints(&["cause    4 of 6 records were rejected for one cause"]);
    let json = desk.report();
    let cause = &json["leading_cause"];
    assert_eq!(
        (
            &cause["code"],
            &cause["records"],
            &cause["of_records"],
            &cause["detail_records"],
            &cause["keys"][0]
        ),
        (&"record-type".into(), &4.into(), &6.into(), &3.into(), &"source.encoding".into())
    );
    assert_eq!(json["rejects"][0]["examples"][0]["records"], 3);
    // Half of the records is not most of them.
    desk.put("in.csv", "A,1\nP,2\nX,3\nX,4\n");
    desk.run(&run).exits(1);
    assert_eq!(desk.report()["leading_cause"], Value::Null);
}

#[test]
fn records_of_no_type_show_masks_in_a_job_with_sensitive_fields() {
    let desk = typed();
    let job = std::fs::read_to_string(desk.path("typed.toml")).unwrap();
    desk.put("typed.toml", job.replace("type = \"integer\"\n", "type = \"integer\"\nsensitive = true\n"));
    desk.put("in.csv", "X-secret,3\nX-secret,4\n");
    let ended =
        desk.run(&["run", "typed.toml", "--source", "in.csv"]).exits(1).prints(&["`kind` is masked:"]);
    assert!(!ended.out.contains("secret"), "{ended}");
}
