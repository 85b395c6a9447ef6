//! Exit code 1: not reconciled. The report says which check failed, expected and actual; final stays empty.

use serde_json::Value;

use super::desk::{Desk, csv, postings};

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

/// The checks that failed.
fn failed(report: &Value) -> Vec<&Value> {
    report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "fail").collect()
}

fn failed_names(report: &Value) -> Vec<&str> {
    failed(report).iter().map(|check| check["name"].as_str().unwrap()).collect()
}

/// A run of two sound records that waits for approval.
fn paused() -> Desk {
    let desk = Desk::with(csv(&["1,2024-02-29,10.00,a", "2,2024-02-29,-10.00,b"]));
    desk.run(&[&RUN[..], &["--pause-after", "staged"]].concat()).exits(3);
    desk
}

#[test]
fn wrong_declared_totals_are_shown_with_both_values() {
    let desk = Desk::with(postings(100));
    let sum = "5099.50";
    for (declared, check, expected, actual) in [
        ("{\"records\": 101}", "records", "101", "100"),
        ("{\"amounts\": {\"amount\": \"5099.49\"}}", "amount", "5099.49", sum),
        ("{\"bytes\": 1}", "bytes", "1", ""),
    ] {
        desk.put("declared.json", declared);
        let line = [&RUN[..], &["--declared", "declared.json"]].concat();
        desk.run(&line).exits(1).prints(&["NOT RECONCILED", "expected", "actual", "discrepancy"]);
        let report = desk.report();
        let failed = failed(&report);
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert_eq!(failed[0]["stage"], "declared");
        assert!(failed[0]["name"].as_str().unwrap().contains(check), "{failed:#?}");
        assert!(failed[0]["expected"].to_string().contains(expected), "{failed:#?}");
        assert!(failed[0]["actual"].to_string().contains(actual), "{failed:#?}");
        assert_eq!(desk.final_rows(), 0);
    }
    // The very same bytes, declared as they are.
    desk.put("declared.json", format!("{{\"records\": 100, \"amounts\": {{\"amount\": \"{sum}\"}}}}"));
    desk.run(&[&RUN[..], &["--declared", "declared.json"]].concat()).exits(0);
}

#[test]
fn totals_declared_in_the_job_file_count_too() {
    let desk = Desk::with(postings(10));
    desk.put_job("job.toml", &[("[limits]", "[declared]\nrecords = 11\n\n[limits]")]);
    desk.load().exits(1).prints(&["11", "10"]);
    assert_eq!(desk.final_rows(), 0);
}

#[test]
fn a_broken_rule_names_the_records_that_break_it() {
    let desk = Desk::with(csv(&["1,2024-02-29,10.00,a", "2,2024-02-29,1000.01,b", "3,2024-02-29,-5000,c"]));
    desk.load().exits(1).prints(&["no posting above a thousand", "2 of 3", "crossfoot explain"]);
    assert_eq!(desk.final_rows(), 0);
    let found = desk.run(&["explain", "--json"]).exits(0).json();
    let records: Vec<_> = found["findings"].as_array().unwrap().iter().map(|f| &f["record_no"]).collect();
    assert_eq!(records, [2, 3]);
    assert_eq!(found["findings"][0]["field"], "no posting above a thousand");
    desk.run(&["explain"]).exits(0).prints(&["breaks a rule"]);
}

#[test]
fn rejects_beyond_the_limit_fail_the_run_and_those_within_it_do_not() {
    let rows = ["1,2024-02-29,10.00,a", "x,2024-02-29,10.00,b", "3,2024-02-29,10.00,c"];
    let desk = Desk::with(csv(&rows));
    desk.load().exits(1).prints(&["rejects within the limit", "crossfoot rejects"]);
    assert_eq!(desk.final_rows(), 0);
    desk.put_job("job.toml", &[("rejects = 0", "rejects = 1")]);
    desk.load().exits(0).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 2);
    desk.run(&["rejects"]).exits(0).prints(&["record 2", "id: type"]);
    desk.run(&["rejects", "--raw", "raw.csv"]).exits(0).says(&["1 reject", "raw.csv"]);
    let raw = std::fs::read_to_string(desk.path("raw.csv")).unwrap();
    assert_eq!(raw, format!("id,booked_on,amount,text\n{}\n", rows[1]));
    // Mended, it is sent again.
    desk.put("raw.csv", raw.replacen("\nx,", "\n7,", 1));
    desk.run(&["run", "job.toml", "--source", "raw.csv"]).exits(0);
    assert_eq!(desk.final_rows(), 3);
}

#[test]
fn a_log_that_was_tampered_with_is_not_intact() {
    for (tampering, head, says) in [
        ("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = 2", None, "event 2"),
        ("UPDATE crossfoot_event SET detail = '{}' WHERE seq = 3", None, "event 3"),
        ("DELETE FROM crossfoot_event WHERE seq = 2", None, "event 2"),
        ("DELETE FROM crossfoot_event WHERE seq = 3", Some(()), "event 3"),
    ] {
        let desk = Desk::with(postings(3));
        desk.load().exits(0);
        let noted = desk.run(&["audit", "verify", "--json"]).exits(0).json();
        let noted = format!("{}:{}", noted["events"], noted["head"].as_str().unwrap());
        assert!(desk.sql().execute_batch(tampering).is_err(), "the log can only be appended to");
        desk.sql()
            .execute_batch("DROP TRIGGER crossfoot_event_no_update; DROP TRIGGER crossfoot_event_no_delete")
            .unwrap();
        desk.sql().execute_batch(tampering).unwrap();
        let line = match head {
            // Without a head that was noted before, a log whose end was cut off looks whole.
            Some(()) => vec!["audit", "verify", "--head", &noted],
            None => vec!["audit", "verify"],
        };
        desk.run(&line).exits(1).says(&["NOT intact", says]);
        let json = desk.run(&[&line[..], &["--json"]].concat()).exits(1).json();
        assert_eq!(json["intact"], false, "{tampering}");
    }
}

#[test]
fn a_source_that_changes_before_approval_is_found_by_inv_12() {
    for changed in [
        csv(&["1,2024-02-29,10.00,a", "2,2024-02-29,-10.01,b"]),
        csv(&["1,2024-02-29,10.00,a", "2,2024-02-29,-10.00,b", "3,2024-02-29,0.00,c"]),
    ] {
        let desk = paused();
        desk.put("in.csv", changed);
        desk.run(&["approve", "--yes"]).exits(1).prints(&[
            "NOT RECONCILED",
            "INV-12",
            "source unchanged during the run",
        ]);
        assert!(failed_names(&desk.report()).contains(&"source unchanged during the run"));
        assert_eq!(desk.final_rows(), 0);
    }
}

#[test]
fn staging_that_changes_before_approval_is_walked_down_to_the_field() {
    let desk = paused();
    desk.sql().execute_batch("UPDATE stg_postings SET amount = '10.01' WHERE record_no = 1").unwrap();
    desk.run(&["approve", "--yes"]).exits(1).prints(&[
        "NOT RECONCILED",
        "INV-06",
        "INV-07",
        "crossfoot explain",
    ]);
    assert_eq!(desk.final_rows(), 0);
    let found = desk.run(&["explain", "--json"]).exits(0).json();
    let first = &found["findings"][0];
    assert_eq!(found["findings_total"], 1);
    assert_eq!((&first["record_no"], &first["byte_offset"]), (&1.into(), &25.into()), "{first}");
    assert_eq!((&first["field"], &first["difference"]), (&"amount".into(), &"field".into()), "{first}");
    assert_eq!((&first["expected"], &first["actual"]), (&"10.00".into(), &"10.01".into()), "{first}");
    assert!(first["worker_id"].as_u64().is_some(), "{first}");
}

#[test]
fn a_key_that_final_has_already_keeps_the_whole_run_out() {
    let desk = Desk::with(csv(&["1,2024-02-29,10.00,a"]));
    desk.load().exits(0);
    desk.put("in.csv", csv(&["2,2024-02-29,1.00,b", "1,2024-02-29,1.00,c"]));
    desk.load().exits(1).prints(&["key is not yet in final"]);
    assert_eq!(desk.final_rows(), 1);
}
