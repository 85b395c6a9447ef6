//! `reconcile CHAIN --work-dir`: a chain that is killed at any moment is resumed, takes the hops that have their verdict,
//! and comes to the same report; a folder that is not of it, or not as it was written, is refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use serde_json::Value;

use super::chain::{ROWS, desk};
use super::desk::{Desk, Ended};
use super::resumed::{fails, flip, killed, like, names};

const LOST: &str = "DELETE FROM ledger WHERE id = 2;";
const HOPS: [&str; 3] = ["landing", "warehouse", "mart"];

/// With three hops, of which the second lost a record.
const LINE: [&str; 13] = [
    "reconcile",
    "chain.toml",
    "--json",
    "--differences",
    "d.csv",
    "--html",
    "page.html",
    "--evidence",
    "proof.json",
    "--rows-per-second",
    "30",
    "--work-dir",
    "work",
];

/// A report without what may differ.
fn like_chain(mut report: Value) -> Value {
    let all = report.as_object_mut().unwrap();
    all.remove("log_head");
    for hop in report["hops"].as_array_mut().unwrap() {
        hop.as_object_mut().unwrap().remove("taken");
        hop["report"] = like(hop["report"].take());
    }
    for check in report["handovers"].as_array_mut().unwrap() {
        check.as_object_mut().unwrap().retain(|key, _| key != "at_ms" && key != "message");
    }
    report
}

/// The lists of the hops, once their evidence and pages were looked at; all of them are removed.
fn papers(desk: &Desk) -> Vec<String> {
    let lists = HOPS.map(|hop| {
        desk.run(&["audit", "verify", &format!("proof-{hop}.json")])
            .exits(1)
            .prints(&["its balance adds up", "is consistent"]);
        let list = fs::read_to_string(desk.path(&format!("d-{hop}.csv"))).unwrap();
        for paper in [format!("proof-{hop}.json"), format!("d-{hop}.csv"), format!("page-{hop}.html")] {
            fs::remove_file(desk.path(&paper)).unwrap();
        }
        list
    });
    assert!(!names(&desk.path(".")).iter().any(|name| name.ends_with(".unfinished")));
    lists.to_vec()
}

fn events(desk: &Desk, kind: &str) -> u64 {
    if !desk.path("crossfoot.db").exists() {
        return 0;
    }
    desk.number(&format!("SELECT count(*) FROM crossfoot_event WHERE kind = '{kind}'"))
}

/// The numbers of the events that a report names: of each hop, and of the chain.
fn named(report: &Value) -> BTreeSet<u64> {
    let hops = report["hops"].as_array().unwrap().iter().map(|hop| &hop["report"]);
    hops.chain([report]).map(|of| of["log_head"]["seq"].as_u64().unwrap()).collect()
}

fn taken(report: &Value) -> Vec<bool> {
    report["hops"].as_array().unwrap().iter().map(|hop| hop.get("taken").is_some()).collect()
}

fn told_apart(report: &Value, from: &str) -> bool {
    let handovers = report["handovers"].as_array().unwrap();
    let of: Vec<_> = handovers
        .iter()
        .filter(|check| check["name"].as_str().unwrap().starts_with(&format!("{from} → ")))
        .map(|check| check["message"].as_str().unwrap().contains("NOT as of one moment"))
        .collect();
    assert!(!of.is_empty() && of.iter().all(|one| *one == of[0]), "{report}");
    of[0]
}

#[test]
fn a_chain_that_is_killed_between_two_steps_comes_to_the_same_report() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = desk(&ROWS, LOST, LOST);
    let whole = desk.run(&LINE).exits(1).json();
    assert_eq!(taken(&whole), [false; 3]);
    assert!(!told_apart(&whole, "landing") && !told_apart(&whole, "warehouse"));
    let (whole, lists) = (like_chain(whole), papers(&desk));
    assert_eq!(names(&desk.path("work")), BTreeSet::new());
    // How many hops are taken then, how many events of hops there are in all, and between which hops it is said that
    // they were not compared as of one moment. A phase that ends beside the one that dies may still be kept, or not.
    for (fault, finished, hop_events, apart) in [
        ("compare.phase.before@1=die", 0, 3, None),
        ("compare.told@1=die", 0, 3, Some([true, false])),
        ("chain.hop.noted@1=die", 0, 4, Some([true, false])),
        ("chain.hop.kept@1=die", 1, 3, Some([true, false])),
        ("compare.phase.before@3=die", 1, 3, None),
        ("compare.phase.after@3=die", 1, 3, Some([true, true])),
        ("compare.met@2=die", 1, 3, Some([true, true])),
        ("compare.told@2=die", 1, 3, Some([true, true])),
        ("chain.hop.noted@2=die", 1, 4, Some([true, true])),
        ("chain.hop.kept@2=die", 2, 3, Some([false, true])),
        ("compare.phase.after@5=die", 2, 3, Some([false, true])),
        ("chain.hop.kept@3=die", 3, 3, Some([false, false])),
    ] {
        let before = (events(&desk, "load-compared"), events(&desk, "chain-compared"));
        killed(&desk, &LINE, fault);
        assert_eq!(events(&desk, "chain-compared"), before.1, "{fault}");
        let report = desk.run(&LINE).exits(1).json();
        let expected: Vec<_> = (0..3).map(|hop| hop < finished).collect();
        assert_eq!(taken(&report), expected, "{fault}");
        let resumed = [0, 1, 2].map(|hop: usize| report["hops"][hop]["report"].get("resumed").is_some());
        let apart = apart.unwrap_or([finished == 1 || resumed[0] || resumed[1], resumed[1] || resumed[2]]);
        assert_eq!(["landing", "warehouse"].map(|from| told_apart(&report, from)), apart, "{fault}");
        assert_eq!(events(&desk, "load-compared") - before.0, hop_events, "{fault}");
        assert_eq!(events(&desk, "chain-compared") - before.1, 1, "{fault}");
        assert_eq!(named(&report).len(), 4, "{fault}");
        assert_eq!(like_chain(report), whole, "{fault}");
        assert_eq!(papers(&desk), lists, "{fault}");
        assert_eq!(names(&desk.path("work")), BTreeSet::new(), "{fault}");
    }
    desk.run(&["audit", "verify"]).exits(0);
    // Killed twice, each time in another hop; what is printed says when each was compared.
    killed(&desk, &LINE, "compare.met@2=die");
    killed(&desk, &LINE, "compare.phase.after@1=die");
    let printed: Vec<_> = LINE.iter().copied().filter(|word| *word != "--json").collect();
    desk.run(&printed).exits(1).prints(&[
        "Resumed",
        "Hop landing was compared from",
        "Hop warehouse was compared from",
        "before the chain was resumed",
        "NOT as of one moment",
        "1 difference at warehouse",
    ]);
}

#[test]
fn a_chain_that_is_killed_at_any_moment_comes_to_the_same_report() {
    let desk = desk(&ROWS, LOST, LOST);
    let started = Instant::now();
    let whole = like_chain(desk.run(&LINE).exits(1).json());
    let (lists, time) = (papers(&desk), started.elapsed());
    for kill in 1..=10 {
        let going = desk.start(&LINE);
        going.ends_within(time * kill / 10);
        going.kill();
        let what = format!("killed after {kill} of 10 parts of {time:?}");
        // One that had reached its verdict left its papers, and had begun to empty the folder.
        let journal = fs::read_to_string(desk.path("work/chain.json")).unwrap_or_default();
        if desk.path("proof-mart.json").exists() && (journal.is_empty() || journal.contains("\"hops\":[]")) {
            assert_eq!(papers(&desk), lists, "{what}");
            fs::remove_dir_all(desk.path("work")).unwrap();
            continue;
        }
        let report = desk.run(&LINE).exits(1).json();
        assert_eq!(like_chain(report), whole, "{what}");
        assert_eq!(papers(&desk), lists, "{what}");
        assert_eq!(names(&desk.path("work")), BTreeSet::new(), "{what}");
    }
    desk.run(&["audit", "verify"]).exits(0);
}

/// Three hops, killed when the second was read.
fn begun() -> Desk {
    let desk = desk(&ROWS, LOST, LOST);
    killed(&desk, &LINE, "compare.met@2=die");
    assert!(desk.path("work/hop-landing.json").exists() && desk.path("work/hop-warehouse").exists());
    let mode = fs::metadata(desk.path("work/hop-landing.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    desk
}

fn replace(desk: &Desk, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(desk.path(name)).unwrap();
    assert!(text.contains(from), "{name}");
    desk.put(name, text.replace(from, to));
}

/// A resumed chain is refused, and nothing was noted, added or removed.
fn is_refused(desk: &Desk, line: &[&str], said: &str) -> Ended {
    let before = names(&desk.path("work"));
    let ended = desk.run(line);
    fails(&ended, said);
    assert_eq!(names(&desk.path("work")), before, "{said}");
    assert_eq!((events(desk, "load-compared"), events(desk, "chain-compared")), (1, 0), "{said}");
    ended
}

#[test]
fn a_folder_that_is_not_as_it_was_written_or_of_another_chain_is_refused() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    type Damage = fn(&Desk);
    let cases: [(Damage, &str); 18] = [
        (|desk| replace(desk, "chain.toml", "postings", "other"), "it is of another chain"),
        (
            |desk| flip(&desk.path("work/hop-landing.json")),
            "its report `hop-landing.json` is not what was written",
        ),
        (|desk| replace(desk, "work/hop-landing.json", "\n", ""), "were written"),
        (|desk| fs::remove_file(desk.path("work/hop-landing.json")).unwrap(), "cannot be read"),
        (|desk| flip(&desk.path("work/chain.json")), "its journal is damaged"),
        (|desk| fs::remove_file(desk.path("work/chain.json")).unwrap(), "no journal says of which chain"),
        (|desk| desk.put("work/other", ""), "`other`, which no chain made"),
        (|desk| desk.put("work/hop-x.json", ""), "`hop-x.json`, which no hop of the chain made"),
        (
            |desk| fs::set_permissions(desk.path("work"), fs::Permissions::from_mode(0o755)).unwrap(),
            "other users can use",
        ),
        (|desk| replace(desk, "in.csv", "rent", "tent"), "the source's"),
        (|desk| replace(desk, "in.csv", "rent", "rents"), "the source's file then"),
        (|desk| replace(desk, "landing.txt", "rent", "tent"), "what describes the target then"),
        (|desk| replace(desk, "landing.toml", "text(40)", "text(41)"), "what describes the target then"),
        (|desk| replace(desk, "job.toml", "rejects = 0", "rejects = 1"), "the SHA-256 of the job file then"),
        (|desk| desk.put("d-landing.csv", "kind\n"), "its list of differences `d-landing.csv` has 5 bytes"),
        (|desk| fs::remove_file(desk.path("d-landing.csv")).unwrap(), "d-landing.csv is not there"),
        (|desk| flip(&desk.path("proof-landing.json")), "proof-landing.json already exists"),
        (|desk| desk.put("proof-mart.json", ""), "hop `mart`: proof-mart.json exists already"),
    ];
    for (damage, said) in cases {
        let desk = begun();
        damage(&desk);
        is_refused(&desk, &LINE, said);
    }
}

#[test]
fn what_a_chain_was_not_begun_with_is_refused_by_name() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = begun();
    let other = [&LINE[..], &["--store", "sqlite:other.db"]].concat();
    let ended = is_refused(&desk, &other, "the evidence log has not event");
    fails(&ended, "this was hop `landing`");
    let without: Vec<_> =
        LINE.iter().copied().filter(|word| !["--differences", "d.csv"].contains(word)).collect();
    is_refused(&desk, &without, "its differences were listed in d-landing.csv, not in nowhere");
    let with = LINE.map(|word| if word == "d.csv" { "e.csv" } else { word });
    is_refused(&desk, &with, "not in e-landing.csv");
    // The folder of a chain is not that of a comparison, and the other way round.
    let one =
        ["reconcile", "landing.toml", "--source", "landing.txt", "--target", "sqlite:t.db", "--work-dir"];
    fails(&desk.run(&[&one[..], &["work"]].concat()), "which no comparison made");
    killed(&desk, &[&one[..], &["single"]].concat(), "compare.phase.after@1=die");
    assert!(desk.path("single/journal.json").exists());
    let single = LINE.map(|word| if word == "work" { "single" } else { word });
    fails(&desk.run(&single), "which no chain made");
    // None of that did any harm.
    let report = desk.run(&LINE).exits(1).json();
    assert_eq!(taken(&report), [true, false, false]);
    // With its verdict it is over, and the next one compares everything again.
    papers(&desk);
    assert_eq!(taken(&desk.run(&LINE).exits(1).json()), [false; 3]);
}
