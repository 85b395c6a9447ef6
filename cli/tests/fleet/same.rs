//! The same job on both stores gives the same result.

use serde_json::Value;

use crate::desk::postings;
use crate::servers::{Fleet, servers};

/// What a run on `store` came to: the report's levels, and each reject with its reasons.
fn loaded(fleet: &Fleet, store: &str) -> (Value, Value) {
    let on = |line: &[&str]| {
        let line: Vec<_> = line.iter().copied().chain(["--store", store, "--broker", "memory:"]).collect();
        fleet.desk.run(&line)
    };
    on(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    let report = on(&["report", "--json"]).exits(0).json();
    let rejects = on(&["rejects", "--json"]).exits(0).json();
    let rejects = rejects.as_array().unwrap().iter().map(|one| {
        let parts = ["record_no", "byte_offset", "raw_hex", "reasons"];
        parts.iter().map(|part| one[*part].clone()).collect::<Value>()
    });
    (report["levels"].clone(), rejects.collect())
}

/// PostgreSQL has no place for a NUL in a text; SQLite has.
#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_nul_in_a_text_is_the_same_reject_on_both_stores() {
    let mut source = postings(20);
    source.extend_from_slice(b"21,2024-02-01,1.00,before\0after\n22,2024-02-01,2.00,sound\n");
    let fleet = Fleet::new(servers(), source);
    fleet.desk.put_job("job.toml", &[("rejects = 0", "rejects = 1")]);
    let embedded = format!("sqlite:{}", fleet.desk.path("store.db").display());
    let (here, there) = (loaded(&fleet, &embedded), loaded(&fleet, &fleet.store()));
    assert_eq!(here, there);
    let (levels, rejects) = here;
    assert_eq!(levels.as_array().unwrap().len(), 3);
    assert_eq!(rejects.as_array().unwrap().len(), 1);
    let reason = &rejects[0][3][0];
    assert_eq!((&rejects[0][0], &reason["field"]), (&21.into(), &"text".into()));
    assert_eq!(reason["code"], "encoding");
    assert!(reason["detail"].as_str().unwrap().contains("a NUL character at byte 6"), "{reason}");
}
