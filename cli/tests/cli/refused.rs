//! Exit code 2: the command, the job file or the configuration is wrong. Nothing is begun, and nothing is left behind.

use super::desk::{Desk, Ended, csv, postings};

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

fn desk() -> Desk {
    Desk::with(csv(&["1,2024-02-29,10.00,a", "2,2024-02-29,-10.00,b"]))
}

/// `run` with a job file that differs from the usual one. No store may come of it.
fn run_changed(this: &str, that: &str) -> Ended {
    let desk = desk();
    desk.put_job("job.toml", &[(this, that)]);
    let ended = desk.run(&RUN).exits(2);
    desk.run(&["check", "job.toml"]).exits(2);
    assert!(!desk.path("crossfoot.db").exists(), "{ended}");
    ended
}

#[test]
fn a_source_that_is_not_there_is_named_and_no_store_is_made() {
    let desk = desk();
    let line = ["run", "job.toml", "--source", "nowhere.csv"];
    desk.run(&line).exits(2).says(&["nowhere.csv does not exist", "check the path"]);
    desk.run(&["run", "job.toml", "--source", "."])
        .exits(2)
        .says(&["is a directory", "name one of the files"]);
    desk.run(&["run", "job.toml"]).exits(2).says(&["no source", "--source FILE"]);
    assert!(!desk.path("crossfoot.db").exists());
}

#[test]
fn a_job_file_that_is_not_there_is_named() {
    desk().run(&["run", "nowhere.toml"]).exits(2).says(&["nowhere.toml", "crossfoot init"]);
    desk().run(&["check", "nowhere.toml"]).exits(2).says(&["nowhere.toml"]);
}

#[test]
fn an_unknown_key_is_shown_with_its_line() {
    let ended = run_changed("header = true", "header = true\nseparatr = \";\"");
    ended.says(&["job.toml, line 7, column 1", "separatr = \";\"", "^^^^^^^^", "`separator`"]);
}

#[test]
fn a_job_file_that_is_no_toml_is_shown_with_its_line() {
    run_changed("header = true", "header = = true").says(&["job.toml, line 6", "header = = true"]);
}

#[test]
fn a_type_that_does_not_exist_is_shown_with_those_that_do() {
    let ended = run_changed("\"decimal(15,2)\"", "\"money\"");
    ended.says(&["line 26, column 8", "unknown type `money`", "types:", "decimal(p,s)"]);
    run_changed("decimal(15,2)", "decimal(39,2)").says(&["line 26, column 8", "1 to 38"]);
}

#[test]
fn a_rule_that_does_not_parse_is_shown_with_its_place() {
    let ended = run_changed("abs(amount) <= 1000.00", "abs(amount <= 1000.00");
    ended.says(&["line 35, column 9", "invalid syntax", "^^^^"]);
}

#[test]
fn a_rule_on_a_field_that_does_not_exist_names_one_that_is_near() {
    let ended = run_changed("abs(amount) <= 1000.00", "abs(amuont) <= 1000.00");
    ended.says(&["line 35, column 9", "no field amuont", "amount"]);
    run_changed("abs(amount) <= 1000.00", "text <= 1000.00").says(&["line 35, column 9"]);
}

#[test]
fn an_amount_or_key_that_is_no_field_is_shown() {
    run_changed("amounts = [\"amount\"]", "amounts = [\"amuont\"]").says(&["line 11", "amuont"]);
    run_changed("key = [\"id\"]", "key = [\"ident\"]").says(&["line 10", "ident"]);
}

#[test]
fn a_table_with_other_columns_is_told_apart_column_by_column() {
    let desk = desk();
    desk.sql().execute_batch("CREATE TABLE postings (id INTEGER, amount INTEGER, note TEXT)").unwrap();
    desk.run(&RUN).exits(2).says(&[
        "table postings",
        "column booked_on TEXT is missing",
        "column text TEXT is missing",
        "primary key is none, but the job needs (id)",
        "change the job or the table",
    ]);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["runs"]).exits(0).prints(&["no runs"]);
}

#[test]
fn a_run_that_does_not_exist_is_named_with_where_to_look() {
    let desk = desk();
    desk.load().exits(0);
    let id = "01900000-0000-7000-8000-000000000000";
    for name in ["abcdef01", id] {
        for line in [
            ["show", name],
            ["workers", name],
            ["rejects", name],
            ["explain", name],
            ["report", name],
            ["resume", name],
            ["approve", name],
            ["cancel", name],
            ["purge", name],
        ] {
            desk.run(&line).exits(2).says(&["there is no run", name, "crossfoot runs"]);
        }
    }
}

#[test]
fn what_cannot_be_typed_is_explained() {
    let desk = desk();
    desk.run(&["run", "job.toml", "--sauce", "in.csv"]).exits(2).says(&["--sauce", "--source", "--help"]);
    desk.run(&["rum"]).exits(2).says(&["rum", "run"]);
    desk.run(&[]).exits(2).says(&["Usage: crossfoot"]);
    desk.run(&["report", "--format", "pdf"]).exits(2).says(&["pdf", "text", "json", "html"]);
    desk.run(&[&RUN[..], &["--chunk-bytes", "0"]].concat())
        .exits(2)
        .says(&["fleet.chunk_bytes is 0", "1 to"]);
}

#[test]
fn a_store_or_broker_that_is_not_one_or_not_there_is_refused_without_its_password() {
    let desk = desk();
    for (flag, url, code, advice) in [
        ("--store", "mysql://anna:geheim@db/x", 2, "sqlite:PATH"),
        ("--store", "postgres://anna:geheim@nowhere.invalid/x", 3, "cannot open"),
        ("--store", "sqlite:", 2, "sqlite:PATH"),
        ("--broker", "kafka://anna:geheim@mq", 2, "memory:"),
        ("--broker", "amqp://anna:geheim@nowhere.invalid", 3, "cannot reach"),
    ] {
        let ended = desk.run(&[&RUN[..], &[flag, url]].concat()).exits(code).says(&[advice]);
        for secret in ["geheim", "heim@"] {
            assert!(!ended.err.contains(secret), "the password is on standard error: {ended}");
        }
    }
}

#[test]
fn settings_that_are_unknown_or_out_of_range_are_named() {
    let desk = desk();
    desk.put("crossfoot.toml", "[fleet]\nprocesors = 2\n");
    desk.run(&RUN).exits(2).says(&["configuration", "procesors"]);
    desk.put("crossfoot.toml", "[fleet]\nprocessors = 1000\n");
    desk.run(&RUN).exits(2).says(&["fleet.processors is 1000", "0 to 256"]);
    desk.run(&["runs", "--config", "nowhere.toml"]).exits(2).says(&["nowhere.toml"]);
}

#[test]
fn the_same_bytes_are_not_loaded_twice_unless_that_is_asked_for() {
    let desk = desk();
    desk.put_job("job.toml", &[("mode = \"append\"", "mode = \"upsert\"")]);
    desk.load().exits(0);
    desk.put("renamed.csv", std::fs::read(desk.path("in.csv")).unwrap());
    let renamed = ["run", "job.toml", "--source", "renamed.csv"];
    for line in [&RUN, &renamed] {
        desk.run(line).exits(2).says(&["loaded the same bytes", "nothing was loaded", "--again"]);
    }
    desk.run(&[&RUN[..], &["--again"]].concat()).exits(0);
    assert_eq!(desk.final_rows(), 2);
}

#[test]
fn the_same_bytes_are_not_taken_up_while_another_run_has_them() {
    let desk = desk();
    desk.run(&[&RUN[..], &["--pause-after", "staged"]].concat()).exits(3);
    desk.load().exits(2).says(&["is loading the same bytes", "awaiting-approval", "cancel"]);
    desk.run(&["cancel", "--yes", "--reason", "a mistake"]).exits(0).prints(&["cancelled"]);
    desk.load().exits(0);
}

#[test]
fn declared_totals_that_cannot_be_used_are_refused() {
    let desk = desk();
    let line = [&RUN[..], &["--declared", "declared.json"]].concat();
    desk.run(&line).exits(2).says(&["declared.json"]);
    for (text, says) in [
        ("{}", "they declare nothing"),
        ("{\"record\": 2}", "record"),
        ("{\"amounts\": {\"fee\": \"1.00\"}}", "`fee` is not one of the job's amounts (amount)"),
        ("records: 2", "declared.json"),
    ] {
        desk.put("declared.json", text);
        desk.run(&line).exits(2).says(&["declared totals", says]);
    }
    desk.run(&["runs"]).exits(0).prints(&["no runs"]);
}

#[test]
fn a_run_that_is_not_over_is_not_purged() {
    let desk = desk();
    desk.run(&[&RUN[..], &["--pause-after", "staged"]].concat()).exits(3);
    desk.run(&["purge"]).exits(2).says(&["awaiting-approval", "crossfoot cancel"]);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 2);
    desk.run(&["approve", "--yes"]).exits(0);
    desk.run(&["purge", "--yes"]).exits(0);
}

#[test]
fn a_run_at_work_is_neither_purged_nor_approved_nor_taken_up_and_is_not_disturbed() {
    let desk = Desk::with(postings(20_000));
    let going = desk.start(&[&RUN[..], &["--chunk-bytes", "2000"]].concat());
    going.until_it_says("loading");
    desk.run(&["purge"]).exits(2).says(&["is loading", "crossfoot cancel"]);
    desk.run(&["approve"]).exits(2).says(&["is loading"]);
    // Whoever has it is named: what is to be done is to wait, and that is no fault of the command.
    desk.run(&["resume"]).exits(3).says(&["is being driven by", "pid"]);
    going.end().exits(0);
    assert_eq!(desk.final_rows(), 20_000);
}

#[test]
fn only_a_run_that_awaits_approval_is_approved_and_only_one_that_goes_on_is_cancelled() {
    let desk = desk();
    desk.load().exits(0);
    desk.run(&["approve"]).exits(2).says(&["is promoted", "awaiting approval"]);
    desk.run(&["cancel"]).exits(2).says(&["is promoted", "cannot be cancelled"]);
    assert_eq!(desk.final_rows(), 2);
}
