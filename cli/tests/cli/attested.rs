//! What is written of a comparison, and runs that are attested again: later, elsewhere, and from their pack.

use rusqlite::Connection;

use super::browser::Console;
use super::desk::{Desk, csv};

fn loaded(mode: &str) -> (Desk, String) {
    let desk = Desk::with(csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,0.01,x"]));
    desk.put_job("job.toml", &[("mode = \"append\"", mode)]);
    desk.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    let run_id = desk.report()["run_id"].as_str().unwrap().to_owned();
    (desk, run_id)
}

#[test]
fn page_checks_and_signed_evidence_are_written_and_the_evidence_is_verified_anywhere() {
    let (desk, _) = loaded("mode = \"append\"");
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    let papers = ["--html", "p.html", "--junit", "j.xml", "--evidence", "e.json", "--key", "me.key"];
    desk.run(&[&["attest", "last"][..], &papers].concat()).exits(0).says(&["e.json, signed"]);
    let page = std::fs::read_to_string(desk.path("p.html")).unwrap();
    for needed in ["Reconciled", "3 records = 3 rows", "sum of amount, source to target", "light dark"] {
        assert!(page.contains(needed), "{needed}");
    }
    for outside in ["http:", "https:", "src=", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let checks = std::fs::read_to_string(desk.path("j.xml")).unwrap();
    assert!(checks.contains("<testsuite name=\"postings\"") && checks.contains("failures=\"0\""), "{checks}");
    // Somewhere else: no store, no job file, no database.
    let other = Desk::new();
    for file in ["e.json", "me.pub"] {
        other.put(file, std::fs::read(desk.path(file)).unwrap());
    }
    let verify = ["audit", "verify", "e.json", "--key", "me.pub"];
    other.run(&verify).exits(0).prints(&["VERIFIED", "signed by key", "reconciled with 0 differences"]);
    other.run(&verify[..3]).exits(1).prints(&["nothing vouches for it"]);
    let json = other.run(&[&verify[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(
        (json["verified"].as_bool(), json["report"]["outcome"].as_str()),
        (Some(true), Some("reconciled"))
    );
    let whole = std::fs::read_to_string(desk.path("e.json")).unwrap();
    for (this, that) in [
        ("\\\"outcome\\\": \\\"reconciled\\\"", "\\\"outcome\\\": \\\"not-reconciled\\\""),
        ("\\\"rows\\\": 3", "\\\"rows\\\": 4"),
        ("name = \\\"postings\\\"", "name = \\\"pastings\\\""),
        ("\"actor\": \"", "\"actor\": \"x"),
        ("\"signature\": \"", "\"signature\": \"00"),
    ] {
        assert!(whole.contains(this), "{this}");
        other.put("e.json", whole.replacen(this, that, 1));
        other.run(&verify).exits(1).prints(&["NOT VERIFIED"]);
    }
    desk.run(&["attest", "last", "--evidence", "e.json"]).exits(2).says(&["e.json already exists"]);
    // An unsigned one is vouched for by the head that its run noted.
    let head =
        desk.run(&["attest", "last", "--json", "--evidence", "f.json"]).exits(0).json()["log_head"].clone();
    let head = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap());
    desk.run(&["audit", "verify", "f.json", "--head", &head])
        .exits(0)
        .prints(&["vouched for by the noted head"]);
}

#[test]
fn a_failed_comparison_has_papers_too() {
    let (desk, _) = loaded("mode = \"append\"");
    desk.sql().execute_batch("UPDATE postings SET amount = '10.01', text = '<b>' WHERE id = 1").unwrap();
    let papers = ["attest", "last", "--html", "p.html", "--junit", "j.xml", "--evidence", "e.json"];
    desk.run(&papers).exits(1).prints(&["NOT RECONCILED"]);
    let page = std::fs::read_to_string(desk.path("p.html")).unwrap();
    assert!(
        page.contains("Not reconciled") && page.contains("10.01") && page.contains("&#60;b&#62;"),
        "{page}"
    );
    assert!(!page.contains("<b>"));
    let checks = std::fs::read_to_string(desk.path("j.xml")).unwrap();
    assert!(checks.contains("<failure type=\"count\""), "{checks}");
    let verified = desk.run(&["audit", "verify", "e.json"]).exits(1);
    verified.prints(&["is consistent, but nothing vouches for it", "not reconciled with 1 difference"]);
}

#[test]
fn rows_that_later_runs_replaced_are_not_missing() {
    let (desk, first) = loaded("mode = \"upsert\"");
    desk.put("next.csv", csv(&["2,2024-02-02,-21.00,corrected", "4,2024-02-04,1.00,more"]));
    desk.run(&["run", "job.toml", "--source", "next.csv"]).exits(0);
    let second = desk.report()["run_id"].as_str().unwrap().to_owned();
    let replaced = format!("1 record by run {second}");
    let ended = desk.run(&["attest", &first]).exits(0);
    ended.prints(&["RECONCILED  2 records = 2 rows", "1 replaced by later runs", &replaced]);
    desk.run(&["attest", "last", "--source", "next.csv"])
        .exits(0)
        .prints(&["RECONCILED  2 records = 2 rows"]);
    // A row that is gone is missing, and one that was changed differs, beside the one that was replaced.
    desk.sql()
        .execute_batch("DELETE FROM postings WHERE id = 3; UPDATE postings SET text = 'r' WHERE id = 1")
        .unwrap();
    let json = desk.run(&["attest", &first, "--json"]).exits(1).json();
    let balance = &json["tables"][0]["balance"];
    assert_eq!(
        (balance["replaced"].as_u64(), balance["missing"].as_u64(), balance["differing"].as_u64()),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(json["tables"][0]["replaced_by"][0][0].as_str(), Some(&*second));
    // A row under the later run's id that is gone as well is missing again.
    desk.sql().execute_batch("DELETE FROM postings WHERE id = 2").unwrap();
    let json = desk.run(&["attest", &first, "--json"]).exits(1).json();
    assert_eq!(json["tables"][0]["balance"]["missing"].as_u64(), Some(2));
}

#[test]
fn the_history_of_a_run_says_when_it_held_and_when_it_did_not() {
    let (desk, first) = loaded("mode = \"append\"");
    let history = ["attest", &*first, "--history"];
    desk.run(&history).exits(1).prints(&["NOT attested: it never was"]);
    desk.run(&["attest", &first]).exits(0);
    desk.run(&[&history[..], &["--within", "8d"]].concat()).exits(0).prints(&["reconciled", "is reconciled"]);
    desk.run(&[&history[..], &["--within", "0s"]].concat()).exits(1).prints(&["longer ago than"]);
    desk.sql().execute_batch("DELETE FROM postings WHERE id = 3").unwrap();
    desk.run(&["attest", &first]).exits(1);
    desk.run(&history).exits(1).prints(&["not reconciled", "+1"]);
    let json = desk.run(&[&history[..], &["--json"]].concat()).exits(1).json();
    let all = json["attestations"].as_array().unwrap();
    let drift: Vec<_> = all.iter().map(|one| one["drift"].as_i64().unwrap()).collect();
    assert_eq!((json["holds"].as_bool(), drift), (Some(false), vec![0, 1]));
    desk.run(&["attest", &first, "--within", "8d"]).exits(2).says(&["--history"]);
    // `show` lists the same, and so does the console.
    let shown = desk.run(&["show", &first]).exits(0);
    shown.prints(&["attested", "not reconciled", "+1"]);
    let shown = desk.run(&["show", &first, "--json"]).exits(0).json();
    assert_eq!(shown["attestations"], json["attestations"]);
    let schema = desk.run(&["schema", "show"]).exits(0).json();
    jsonschema::validate(&schema, &shown).unwrap();
    let console = Console::new(&desk);
    assert_eq!(console.get(&format!("/runs/{first}"))["attestations"], json["attestations"]);
}

#[test]
fn a_run_that_was_never_attested_is_shown_without_a_word_of_it() {
    let (desk, first) = loaded("mode = \"append\"");
    let shown = desk.run(&["show", &first]).exits(0);
    assert!(!shown.out.contains("attested"), "{}", shown.out);
    let shown = desk.run(&["show", &first, "--json"]).exits(0).json();
    assert!(shown.get("attestations").is_none());
}

#[test]
fn a_copy_is_attested_from_the_pack_of_the_run() {
    let (desk, first) = loaded("mode = \"append\"");
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    desk.run(&["audit", "export", &first, "--key", "me.key", "-o", "run.pack"]).exits(0);
    std::fs::copy(desk.path("crossfoot.db"), desk.path("copy.db")).unwrap();
    let copied = Connection::open(desk.path("copy.db")).unwrap();
    // A store of its own notes what was found.
    let attest = [
        "attest",
        "run.pack",
        "--target",
        "sqlite:copy.db",
        "--store",
        "sqlite:other.db",
        "--pack-key",
        "me.pub",
    ];
    let ended = desk.run(&attest).exits(0);
    let ended = ended.prints(&[
        "CONTENT AGREES",
        "evidence pack run.pack",
        "rows of the run",
        "sum of amount, of the run",
    ]);
    assert!(!ended.out.contains("RECONCILED"));
    let with_source = [&attest[..], &["--source", "in.csv"]].concat();
    desk.run(&with_source).exits(0).prints(&["RECONCILED  3 records = 3 rows"]);
    copied.execute_batch("UPDATE postings SET amount = '10.01' WHERE id = 1").unwrap();
    desk.run(&attest).exits(1).prints(&["CONTENT DIFFERS", "sum of amount, of the run"]);
    desk.run(&with_source).exits(1).prints(&["1 difference", "10.01"]);
    copied
        .execute_batch("UPDATE postings SET amount = '10.00' WHERE id = 1; DELETE FROM postings WHERE id = 3")
        .unwrap();
    desk.run(&attest).exits(1).prints(&["rows of the run: expected 3, found 2"]);
    desk.put("next.csv", csv(&["9,2024-02-01,1.00,x"]));
    desk.run(&[&attest[..], &["--source", "next.csv"]].concat()).exits(2).says(&["SHA-256"]);
    desk.run(&attest[..6]).exits(2).says(&["nothing vouches for run.pack", "--pack-key"]);
    desk.run(&["attest", "run.pack"]).exits(2).says(&["--target URL"]);
    let mut pack = std::fs::read(desk.path("run.pack")).unwrap();
    let at = pack.windows(8).position(|bytes| bytes == b"postings").unwrap();
    pack[at] = b'x';
    desk.put("run.pack", pack);
    desk.run(&attest).exits(2).says(&["does not hold"]);
}
