//! The whole catalogue, struck in the reference jobs and in a job of the user's.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it skips"
)]

use std::path::PathBuf;
use std::sync::Arc;

use drill::defect::{DrillReport, Seen};
use drill::{Drill, ShadowFactory};
use job::Job;
use postgres::PostgresSettings;

async fn drilled(job: &str, source: PathBuf, shadows: ShadowFactory, only: &[&str]) -> DrillReport {
    let job = Job::parse("job.toml", job).unwrap();
    let only = only.iter().map(|id| (*id).to_owned()).collect();
    let drill = Drill { job: Arc::new(job), source, shadows, actor: "tester@here".into(), only };
    drill.run(&|_| {}).await.unwrap()
}

const JOB: &str = r#"[job]
name = "small"
[source]
format = "delimited"
[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_small"
final = "small"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "amount"
type = "decimal(15,2)"
"#;

fn source(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("source.csv");
    let lines: String = (1..=40).map(|id| format!("{id},{}.{:02}\n", id * 13, id)).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_defect_of_the_catalogue_is_caught_embedded() {
    let dir = tempfile::tempdir().unwrap();
    let report = drilled(JOB, source(&dir), ShadowFactory::Embedded { real: None }, &[]).await;
    assert!(report.undamaged.iter().all(|run| run.reconciled), "{:#?}", report.undamaged);
    let missed: Vec<_> = report.defects.iter().filter(|one| one.judgement.seen == Seen::Missed).collect();
    assert!(report.is_effective(), "{missed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn every_defect_of_the_catalogue_is_caught_on_postgresql() {
    let url =
        std::env::var("CROSSFOOT_TEST_POSTGRES").expect("CROSSFOOT_TEST_POSTGRES says where a server is");
    let dir = tempfile::tempdir().unwrap();
    let shadows = ShadowFactory::Postgres(PostgresSettings::of_url(&url));
    let report = drilled(JOB, source(&dir), shadows, &[]).await;
    assert!(report.undamaged.iter().all(|run| run.reconciled), "{:#?}", report.undamaged);
    let missed: Vec<_> = report.defects.iter().filter(|one| one.judgement.seen == Seen::Missed).collect();
    assert!(report.is_effective(), "{missed:#?}");
}

/// A hole in the ledger of a source whose trailer must foot: the run came to no verdict once, because what the trailer
/// declares could not be put together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_the_ledger_of_a_source_with_controls_is_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("source.csv");
    let details: String = (1..=40).map(|id| format!("D,{id},1.00\n")).collect();
    std::fs::write(&path, format!("{details}T,40,40.00\n")).unwrap();
    let job = r#"[job]
name = "footed"
[source]
format = "delimited"
[[record]]
name = "detail"
when = { field = "kind", in = ["D"] }
key = ["id"]
amounts = ["amount"]
staging = "stg_footed"
final = "footed"
[[record.field]]
name = "kind"
type = "text(1)"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "amount"
type = "decimal(15,2)"
[[record]]
name = "trailer"
role = "trailer"
when = { field = "kind", in = ["T"] }
staging = "stg_footed_trailers"
final = "footed_trailers"
[[record.field]]
name = "kind"
type = "text(1)"
[[record.field]]
name = "records"
type = "integer"
[[record.field]]
name = "total"
type = "decimal(15,2)"
[[control]]
record = "trailer"
[[control.total]]
field = "records"
count = "detail"
[[control.total]]
field = "total"
sum = "detail.amount"
"#;
    let report =
        drilled(job, path, ShadowFactory::Embedded { real: None }, &["LED-01", "LED-02", "CNT-01"]).await;
    assert!(report.is_effective(), "{report:#?}");
    assert!(report.defects.iter().all(|one| one.stand == "the job"));
    assert!(report.defects[1].evidence.failed_checks.iter().any(|name| name == "controls of the source"));
}
