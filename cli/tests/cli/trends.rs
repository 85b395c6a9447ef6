//! A run beside the runs before it; and its report as a pipeline reads it.

use super::desk::{Desk, postings};

const UPSERT: (&str, &str) = ("mode = \"append\"", "mode = \"upsert\"");

/// A desk at which `counts` records were loaded, run by run.
fn history(job: &[(&str, &str)], counts: &[u64]) -> Desk {
    let desk = Desk::new();
    desk.put_job("job.toml", job);
    for count in counts {
        desk.put("in.csv", postings(*count));
        desk.load().exits(0);
    }
    desk
}

fn trend<'a>(report: &'a serde_json::Value, name: &str) -> Option<&'a serde_json::Value> {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name)
}

#[test]
fn a_file_far_smaller_than_those_before_it_is_warned_of_and_loaded() {
    let trends = "[trends]\nrecords = \"40%\"\namounts = { amount = \"40%\" }\nrejects = \"10%\"\nduration = \"100%\"\nruns_min = 3\n\n[limits]";
    let desk = history(&[UPSERT, ("[limits]", trends)], &[1000]);
    let report = desk.report();
    let first = trend(&report, "trend of records").unwrap();
    assert_eq!(first["verdict"], "vacuous", "{first}");
    for count in [1010, 1020] {
        desk.put("in.csv", postings(count));
        desk.load().exits(0);
    }
    desk.put("in.csv", postings(900));
    desk.load().exits(0);
    assert_eq!(trend(&desk.report(), "trend of records").unwrap()["verdict"], "pass");
    desk.put("in.csv", postings(400));
    desk.load().exits(0).prints(&["RECONCILED", "trend of records"]);
    let report = desk.report();
    let small = trend(&report, "trend of records").unwrap();
    assert_eq!((small["verdict"].as_str(), small["actual"].as_str()), (Some("warn"), Some("400")), "{small}");
    assert_eq!(small["discrepancy"], "-60.2 %", "{small}");
    let expected = small["expected"].as_str().unwrap();
    assert!(expected.starts_with("900 to 1,020 on 4 ") && expected.ends_with("median 1,005"), "{small}");
    assert_eq!(trend(&report, "trend of amount").unwrap()["verdict"], "warn");
    assert_eq!(trend(&report, "trend of rejects").unwrap()["verdict"], "pass");

    desk.run(&["trends", "postings"]).exits(0).prints(&["-60.2 %", "1,020", "deviates from 4 "]);
    desk.run(&["trends", "job.toml", "--limit", "1"]).exits(0).prints(&["-60.2 %"]);
    let json = desk.run(&["trends", "postings", "--json"]).exits(0).json();
    assert_eq!(json["runs"].as_array().unwrap().len(), 5);
    assert_eq!(json["runs"][0]["records"]["is_far"], true, "{json}");
    assert_eq!(json["runs"][4]["records"]["median"], serde_json::Value::Null, "{json}");
    desk.run(&["trends", "nothing"]).exits(2).says(&["no runs of job `nothing`"]);

    // Read as tests, the warning passes and says so.
    let junit = desk.run(&["report", "--format", "junit"]).exits(0);
    assert!(junit.out.starts_with("<?xml") && junit.out.contains("failures=\"0\""), "{junit}");
    assert!(junit.out.contains("<system-out>warning: "), "{junit}");
}

#[test]
fn a_job_may_say_that_a_breach_fails_the_run() {
    let trends = "[trends]\nrecords = \"40%\"\nruns_min = 3\non_breach = \"fail\"\n\n[limits]";
    let desk = history(&[UPSERT, ("[limits]", trends)], &[100, 101, 102]);
    desk.put("in.csv", postings(20));
    desk.load().exits(1).prints(&["NOT RECONCILED", "trend of records"]);
    assert_eq!(desk.final_rows(), 102, "none of its rows are in final");
    let junit = desk.run(&["report", "--format", "junit"]).exits(0);
    assert!(junit.out.contains("failures=\"1\"") && junit.out.contains("<failure type=\"count\""), "{junit}");
    // A run that failed is no history.
    desk.put("in.csv", postings(21));
    desk.load().exits(1);
}

#[test]
fn a_job_that_says_nothing_of_trends_hears_of_half_a_file_only() {
    let desk = history(&[UPSERT], &[100, 101, 102, 103, 104]);
    assert!(trend(&desk.report(), "trend of records").is_none());
    desk.put("in.csv", postings(60));
    desk.load().exits(0);
    assert!(trend(&desk.report(), "trend of records").is_none());
    desk.put("in.csv", postings(30));
    desk.load().exits(0);
    assert_eq!(trend(&desk.report(), "trend of records").unwrap()["verdict"], "warn");
}

#[test]
fn what_a_job_says_of_trends_is_understood_or_refused() {
    for (section, says) in [
        ("[trends]\nrecord = \"40%\"\n", "unknown field `record`"),
        ("[trends]\n", "compares nothing"),
        ("[trends]\nrecords = \"40\"\n", "invalid share"),
        ("[trends]\nrecords = \"0%\"\n", "invalid share"),
        ("[trends]\namounts = { fee = \"1%\" }\n", "no amount is named `fee`"),
        ("[trends]\nrecords = \"40%\"\nruns = 3\n", "`runs_min` 1 to `runs`"),
        ("[trends]\nrecords = \"40%\"\nsame_weekday = \"monday\"\n", "same_weekday"),
        ("[trends]\nrecords = \"40%\"\non_breach = \"hold\"\n", "warn or fail"),
    ] {
        let desk = Desk::new();
        desk.put_job("job.toml", &[("[limits]", &format!("{section}\n[limits]"))]);
        desk.run(&["check", "job.toml"]).exits(2).says(&[says]);
    }
}
