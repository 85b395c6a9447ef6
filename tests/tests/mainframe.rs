//! Mainframe files that nobody in this project wrote, loaded by the job files under `examples/mainframe`, and what is
//! known of them. `CROSSFOOT_PEER_DATA` names their folder; see `peers.rs`.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::open::RunRequest;
use coordinator::split::ChunkLimits;
use domain::check::Stage;
use shared::job::Job;
use shared::source::Location;
use tests::fleet::{Bench, Ended, Setup};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CROSSFOOT_PEER_DATA").map(PathBuf::from).filter(|path| path.is_dir());
    if folder.is_none() {
        assert!(
            std::env::var_os("CROSSFOOT_INSIST").is_none(),
            "CROSSFOOT_PEER_DATA must name a folder here"
        );
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(b"SKIPPED: CROSSFOOT_PEER_DATA names no folder\n"));
    }
    folder
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/mainframe")
}

/// The example job `name`, with each `(this, that)` replaced.
fn job(name: &str, changes: &[(&str, &str)]) -> Arc<Job> {
    let whole = Job::read(&examples().join(format!("{name}.toml"))).unwrap_or_else(|error| panic!("{error}"));
    let mut text = whole.text.clone();
    for (this, that) in changes {
        assert!(text.contains(this), "{name}: {this}");
        text = text.replacen(this, that, 1);
    }
    Arc::new(Job::parse(name, &text).unwrap_or_else(|error| panic!("{error}")))
}

async fn load(bench: &Bench, job: Arc<Job>, source: &Path) -> Ended {
    let request = RunRequest {
        job,
        source: Location::file(source.to_path_buf()),
        declared: None,
        again: false,
        pause_after_staged: false,
        submitted: false,
        chunks: ChunkLimits { bytes: bench.setup.chunk_bytes, records: bench.setup.chunk_records },
    };
    bench.run(&request).await
}

const IN_ASCII: [(&str, &str); 1] = [("encoding = \"cp037\"", "encoding = \"ascii\"\nframing = \"line\"")];

#[tokio::test(flavor = "multi_thread")]
async fn ebcdic_files_load_as_their_ascii_twins_do() {
    let Some(folder) = folder() else { return };
    for (name, records) in
        [("dalytran", 300), ("carddata", 50), ("cardxref", 50), ("custdata", 50), ("trancatg", 18)]
    {
        let file = name.to_uppercase();
        let (one, other) = (Bench::new().await, Bench::new().await);
        let ebcdic = folder.join(format!("carddemo/{file}.ebcdic"));
        let ascii = folder.join(format!("carddemo/{file}.ascii"));
        let ebcdic = load(&one, job(name, &[]), &ebcdic).await.promoted();
        let ascii = load(&other, job(name, &IN_ASCII), &ascii).await.promoted();
        assert_eq!(ebcdic.level(Stage::Final), ascii.level(Stage::Final), "{name}");
        assert_eq!(ebcdic.level(Stage::Final).0, records, "{name}");
        if name == "dalytran" {
            assert_eq!(ebcdic.level(Stage::Final).1, ["104801.54"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_amount_keeps_its_scale() {
    let Some(folder) = folder() else { return };
    let bench = Bench::new().await;
    let ended =
        load(&bench, job("transdata", &[]), &folder.join("cobrix/transdata.fixed45.ebcdic")).await.promoted();
    assert_eq!(ended.level(Stage::Final).0, 1000);
    let expected = std::fs::read_to_string(folder.join("cobrix/transdata.expected.jsonl")).unwrap();
    let expected: Vec<Vec<String>> = expected
        .lines()
        .map(|line| {
            // The amount as it is written: a JSON parser would make a float of it.
            let amount = line.split("\"AMOUNT\":").nth(1).unwrap().trim_end_matches('}');
            let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| record[key].as_str().unwrap().to_owned();
            vec![
                text("CURRENCY"),
                text("SIGNATURE"),
                text("COMPANY_NAME"),
                text("COMPANY_ID"),
                record["WEALTH_QFY"].to_string(),
                format!("{whole}.{part:0<2}"),
            ]
        })
        .collect();
    assert_eq!(expected[0][5], "988.91");
    let sql = bench.sql();
    let mut statement = sql
        .prepare("SELECT currency, signature, company_name, company_id, CAST(wealth_qfy AS TEXT), amount FROM transfers ORDER BY last_record_no LIMIT 60")
        .unwrap();
    let rows = statement.query_map([], |row| (0..6).map(|at| row.get::<_, String>(at)).collect()).unwrap();
    let rows: Vec<Vec<String>> = rows.map(Result::unwrap).collect();
    assert_eq!(rows, expected[..60]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_record_types_lie_in_one_file() {
    let Some(folder) = folder() else { return };
    let bench = Bench::with(Setup { chunk_records: 7, ..Setup::default() }).await;
    let ended = load(&bench, job("client", &[]), &folder.join("client/CLIENT.ebcdic")).await.promoted();
    assert_eq!(ended.level(Stage::Final).0, 221);
    assert_eq!(ended.level(Stage::Final).1, ["2138000.00"]);
    let declared = ended.report.checks.iter().find(|check| check.name.contains("record_count")).unwrap();
    assert_eq!((declared.expected.as_str(), declared.actual.as_str()), ("220", "220"));
    let expected = std::fs::read_to_string(folder.join("client/CLIENT.expected.txt")).unwrap();
    let sql = bench.sql();
    let mut rows: Vec<(i64, String)> = Vec::new();
    for query in [
        "SELECT s.record_no, s.client_id || '|0|' || record_count || '|' FROM stg_client_headers s",
        "SELECT s.record_no, s.client_id || '|1|' || client_name || '|' || client_bdate || '|' || client_ed_lvl || '|' || substr('0000000000' || client_income, -10) || '|' FROM stg_persons s",
        "SELECT s.record_no, s.client_id || '|2|' || addr_number || '|' || addr_street || '|' FROM stg_addresses s",
    ] {
        let mut statement = sql.prepare(query).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows.sort_unstable();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    assert_eq!(rows, expected.lines().collect::<Vec<_>>());
    // An address stands behind its person.
    let strangers = "SELECT count(*) FROM addresses a JOIN stg_persons p ON p.record_no = a.parent_record_no WHERE p.client_id <> a.client_id";
    assert_eq!(bench.number(strangers), 0);
    assert_eq!(bench.number("SELECT count(parent_record_no) FROM addresses"), 110);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_short_at_a_records_end_does_not_foot_with_its_header() {
    let Some(folder) = folder() else { return };
    let bench = Bench::new().await;
    let whole = std::fs::read(folder.join("client/CLIENT.ebcdic")).unwrap();
    let cut = bench.path("cut.dat");
    std::fs::write(&cut, &whole[..whole.len() - 500]).unwrap();
    let ended = load(&bench, job("client", &[]), &cut).await.not_reconciled();
    let failed: Vec<_> =
        ended.failed().iter().map(|check| (check.expected.as_str(), check.actual.as_str())).collect();
    assert_eq!(failed, [("220", "219")], "{:#?}", ended.failed());
    assert_eq!(bench.number("SELECT count(*) FROM persons"), 0);
    let findings = bench.findings(ended.run_id).await;
    assert_eq!((findings.len(), findings[0].record_no.0), (1, 1), "{findings:#?}");
}
