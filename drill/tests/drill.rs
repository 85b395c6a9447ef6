//! The whole catalogue, struck in the reference jobs and in a job of the user's.

use std::path::PathBuf;
use std::sync::Arc;

use domain::defect::Seen;
use drill::{Drill, DrillReport, Ground};
use shared::job::Job;
use shared::store::postgres::PostgresSettings;

async fn drilled(job: &str, source: PathBuf, ground: Ground, only: &[&str]) -> DrillReport {
    let job = Job::parse("job.toml", job).unwrap();
    let only = only.iter().map(|id| (*id).to_owned()).collect();
    let drill = Drill { job: Arc::new(job), source, ground, actor: "tester@here".into(), only };
    drill
        .run(&|progress| {
            if let Some(last) = progress.last {
                println!(
                    "{} {:9} {:22} {:7} ms  {} | {} | {}",
                    last.id,
                    last.judgement.seen.name(),
                    last.stand,
                    last.elapsed_ms,
                    last.judgement.by,
                    last.told,
                    last.judgement.why
                );
                if last.judgement.seen == Seen::Missed {
                    println!("    {:?}", last.evidence);
                }
            }
        })
        .await
        .unwrap()
}

const JOB: &str = "[job]\nname = \"small\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"posting\"\nkey = [\"id\"]\namounts = [\"amount\"]\nstaging = \"stg_small\"\nfinal = \"small\"\n[[record.field]]\nname = \"id\"\ntype = \"integer\"\n[[record.field]]\nname = \"amount\"\ntype = \"decimal(15,2)\"\n";

fn source(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("source.csv");
    let lines: String = (1..=40).map(|id| format!("{id},{}.{:02}\n", id * 13, id)).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_defect_of_the_catalogue_is_caught_embedded() {
    let dir = tempfile::tempdir().unwrap();
    let report = drilled(JOB, source(&dir), Ground::Embedded { real: None }, &[]).await;
    assert!(report.undamaged.iter().all(|run| run.reconciled), "{:#?}", report.undamaged);
    let missed: Vec<_> = report.defects.iter().filter(|one| one.judgement.seen == Seen::Missed).collect();
    assert!(report.is_effective(), "{missed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_defect_of_the_catalogue_is_caught_on_postgresql() {
    let Some(url) = std::env::var("CROSSFOOT_TEST_POSTGRES").ok().filter(|url| !url.is_empty()) else {
        assert!(std::env::var_os("CROSSFOOT_INSIST").is_none(), "CROSSFOOT_TEST_POSTGRES must say where a server is");
        eprintln!("SKIPPED: CROSSFOOT_TEST_POSTGRES names no server");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::Postgres(PostgresSettings::of_url(&url));
    let report = drilled(JOB, source(&dir), ground, &[]).await;
    assert!(report.undamaged.iter().all(|run| run.reconciled), "{:#?}", report.undamaged);
    let missed: Vec<_> = report.defects.iter().filter(|one| one.judgement.seen == Seen::Missed).collect();
    assert!(report.is_effective(), "{missed:#?}");
}
