//! Mainframe files that nobody in this project wrote, loaded by the job files under `examples/mainframe`, and what is
//! known of them. `CROSSFOOT_PEER_DATA` names their folder; see `peers.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use domain::check::Stage;
use job::Job;
use tests::fleet::{Bench, Ended, Setup};
use tests::peers::{folder, load};

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

/// Where the files are.
const PEER_DATA: &str = "CROSSFOOT_PEER_DATA";

const IN_ASCII: [(&str, &str); 1] = [("encoding = \"cp037\"", "encoding = \"ascii\"\nframing = \"line\"")];

#[tokio::test(flavor = "multi_thread")]
async fn ebcdic_files_load_as_their_ascii_twins_do() {
    let Some(folder) = folder(PEER_DATA) else { return };
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
    let Some(folder) = folder(PEER_DATA) else { return };
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
    let Some(folder) = folder(PEER_DATA) else { return };
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
    let Some(folder) = folder(PEER_DATA) else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn a_table_occurs_as_often_as_its_count_says() {
    let Some(folder) = folder(PEER_DATA) else { return };
    let bench = Bench::with(Setup { chunk_records: 3, ..Setup::default() }).await;
    let ended = load(&bench, job("cobvbfm2", &[]), &folder.join("client/COBVBFM2.ebcdic")).await.promoted();
    assert_eq!(ended.level(Stage::Final).0, 20);
    let expected = std::fs::read_to_string(folder.join("client/COBVBFM2.expected.txt")).unwrap();
    let sql = bench.sql();
    let mut columns = vec![
        "rec_type".to_owned(),
        "substr('00' || rec_seqt, -2)".into(),
        "substr('000' || rec_cnt, -3)".into(),
    ];
    for at in 1..=10 {
        columns.push(format!("coalesce(substr('000000000' || rec_no_{at}, -9), '')"));
        columns.push(format!("coalesce(rec_name_{at}, '')"));
    }
    let query =
        format!("SELECT {} || '|' FROM stg_occurrences ORDER BY record_no", columns.join(" || '|' || "));
    let mut statement = sql.prepare(&query).unwrap();
    let rows: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let expected: Vec<_> = expected.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(row.trim_end_matches('|'), expected.trim_end_matches('|'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptor_words_of_either_byte_order_frame_the_same_records() {
    let Some(folder) = folder(PEER_DATA) else { return };
    let (one, other) =
        (Bench::new().await, Bench::with(Setup { chunk_records: 7, ..Setup::default() }).await);
    let little =
        load(&one, job("companies", &[]), &folder.join("cobrix/companies.rdw-le.ebcdic")).await.promoted();
    let big = [
        ("length_endian          = \"little\"", "length_endian = \"big\""),
        ("encoding               = \"ascii\"", "encoding = \"cp037\""),
    ];
    let big = job("companies", &big);
    let big = load(&other, big, &folder.join("cobrix/companies.rdw-be.ebcdic")).await.promoted();
    assert_eq!(little.level(Stage::Final), big.level(Stage::Final));
    assert_eq!(little.level(Stage::Final).0, 1000);
    let expected = std::fs::read_to_string(folder.join("cobrix/companies.expected.jsonl")).unwrap();
    let contacts = "SELECT s.record_no, trim(s.company_id) || '|' || coalesce(s.phone_number, '') || '|' || coalesce(s.contact_person, '') FROM stg_contacts s";
    let companies = "SELECT s.record_no, s.company_id || '|' || s.company_name || '|' || coalesce(s.address, '') FROM stg_companies s";
    let sql = one.sql();
    let mut rows: Vec<(usize, String)> = Vec::new();
    let numbered = companies.replace("stg_companies", "stg_numbered_companies");
    for query in [contacts, companies, &numbered] {
        let mut statement = sql.prepare(query).unwrap();
        rows.extend(
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap),
        );
    }
    rows.sort_unstable();
    let mut seen = 0;
    for line in expected.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = usize::try_from(record["Record_Id"].as_u64().unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (one, two) = match record["SEGMENT_ID"].as_str() {
            Some("C") => (&record["STATIC_DETAILS"]["COMPANY_NAME"], &record["STATIC_DETAILS"]["ADDRESS"]),
            _ => (&record["CONTACTS"]["PHONE_NUMBER"], &record["CONTACTS"]["CONTACT_PERSON"]),
        };
        assert_eq!(
            rows[at].1,
            format!("{}|{}|{}", text(&record["COMPANY_ID"]), text(one), text(two)),
            "{line}"
        );
        seen += 1;
    }
    assert!(seen > 20, "{seen} expected records");
    // Every contact knows its company.
    assert_eq!(one.number("SELECT count(*) FROM contacts c JOIN (SELECT record_no, company_id FROM stg_companies UNION ALL SELECT record_no, company_id FROM stg_numbered_companies) s ON s.record_no = c.parent_record_no WHERE s.company_id <> c.company_id"), 0);
}

/// The example job at `path` under `examples`.
fn banking(path: &str, changes: &[(&str, &str)]) -> Arc<Job> {
    job(&format!("../{path}"), changes)
}

/// The checks of what is declared that failed, each with both sides.
fn does_not_foot(ended: &Ended) -> Vec<String> {
    let failed = ended.failed();
    failed
        .iter()
        .map(|check| format!("{}: {} against {}", check.name, check.expected, check.actual))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_files_foot_or_say_what_does_not() {
    let Some(folder) = folder(PEER_DATA) else { return };
    let nacha = || banking("nacha/nacha", &[]);
    let bench = Bench::with(Setup { chunk_records: 0, ..Setup::default() }).await;
    let large =
        load(&bench, nacha(), &folder.join("ach/PPD-200-batches-100000-entries.ach.gz")).await.promoted();
    let credits = large.check("control file_control: credits");
    assert_eq!((credits.expected.as_str(), credits.actual.as_str()), ("201233987.66", "201233987.66"));
    assert_eq!(bench.number("SELECT count(*) FROM nacha_entry"), 100_199);
    load(&Bench::new().await, nacha(), &folder.join("ach/20180713-IAT.ach")).await.promoted();
    let broken = load(&Bench::new().await, nacha(), &folder.join("ach/20110805A.ach")).await.not_reconciled();
    assert_eq!(does_not_foot(&broken), ["control file_control: batches: 5 against 4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_statements_foot_or_say_what_does_not() {
    let Some(folder) = folder(PEER_DATA) else { return };
    let bai2 = || banking("bai2/bai2", &[]);
    load(&Bench::new().await, bai2(), &folder.join("bai2/sample1.txt")).await.promoted();
    let source = folder.join("bai2/sample4-continuations-newline-delimited.txt");
    let broken = load(&Bench::new().await, bai2(), &source).await.not_reconciled();
    let failed = does_not_foot(&broken);
    for expected in [
        "control group_trailer: control_total: 13060195162 against -1247101146600",
        "control group_trailer: accounts: 4 against 5",
        "control group_trailer: lines: 16 against 114",
    ] {
        assert!(failed.iter().any(|one| one == expected), "{expected}: {failed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cash_letters_are_the_same_in_ascii_and_in_ebcdic() {
    let Some(folder) = folder(PEER_DATA) else { return };
    let (one, other) =
        (Bench::new().await, Bench::with(Setup { chunk_records: 1, ..Setup::default() }).await);
    let ebcdic =
        load(&one, banking("x937/x937", &[]), &folder.join("x937/valid-ebcdic.x937")).await.promoted();
    let ascii =
        load(&other, banking("x937/x937", &[]), &folder.join("x937/valid-ascii.x937")).await.promoted();
    assert_eq!(ebcdic.level(Stage::Final), ascii.level(Stage::Final));
    assert_eq!(ebcdic.level(Stage::Final).0, 12);
    assert_eq!(ebcdic.check("control file_control: total").actual, "100.00");
    // Cut off behind a whole record, its file control is missing.
    let whole = std::fs::read(folder.join("x937/valid-ebcdic.x937")).unwrap();
    let cut = one.path("cut.x937");
    std::fs::write(&cut, &whole[..whole.len() - 84]).unwrap();
    let cut = load(&Bench::new().await, banking("x937/x937", &[]), &cut).await.not_reconciled();
    assert!(cut.failed().iter().any(|check| check.name == "control file_control"), "{:#?}", cut.failed());
}
