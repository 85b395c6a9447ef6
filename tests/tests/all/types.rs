//! Several record types in one source: each has its tables, totals and fingerprint, children know their parents, and
//! damage to one type's table is that type's.

use domain::check::Stage;
use domain::finding::Difference;
use tests::fleet::{Bench, Ended, Setup};
use tests::jobs::{self, JobText};

/// Batches of entries: `H` file header, `B` batch, `E` entry of a batch, `T` trailer; every line is `type,id,amount`.
pub(crate) fn job() -> JobText {
    let mut types = String::new();
    for (record, role, kind, parent) in [
        ("batch", "header", "B", ""),
        ("entry", "detail", "E", "parent = \"batch\"\namounts = [\"amount\"]\nkey = [\"id\"]\n"),
        ("tail", "trailer", "T", ""),
    ] {
        types.push_str(&format!(
            "[[record]]\nname = \"{record}\"\nrole = \"{role}\"\nstaging = \"stg_{record}\"\nfinal = \"{record}\"\n\
             when = {{ field = \"kind\", in = [\"{kind}\"] }}\n{parent}\
             [[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\n\
             [[record.field]]\nname = \"id\"\ntype = \"integer\"\n\
             [[record.field]]\nname = \"amount\"\ntype = \"decimal(12,2)\"\n"
        ));
    }
    let fields = [("kind", "text(1)", ""), ("id", "integer", ""), ("amount", "decimal(12,2)", "")];
    jobs::of(&fields).record("role = \"header\"\nwhen = { field = \"kind\", in = [\"H\"] }").and(&types)
}

/// Twelve batches of seven entries each: records 2, 10, 18 and so on are the batches.
pub(crate) fn source() -> String {
    let mut text = String::from("H,1,\n");
    for batch in 0..12 {
        text.push_str(&format!("B,{batch},\n"));
        for entry in 0..7 {
            text.push_str(&format!("E,{},{}.25\n", batch * 7 + entry, entry));
        }
    }
    text + "T,1,\n"
}

async fn loaded(bench: &Bench, text: &str, limits: &str) -> Ended {
    bench.load(&job().and(limits), text.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_goes_into_its_table_and_children_know_their_parents() {
    let mut fingerprints = Vec::new();
    for chunk_records in [1, 3, 10, 0] {
        let bench = Bench::with(Setup { chunk_records, ..Setup::default() }).await;
        let ended = loaded(&bench, &source(), "").await.promoted();
        for (table, rows) in [("ledger", 1), ("batch", 12), ("entry", 84), ("tail", 1)] {
            assert_eq!(bench.number(&format!("SELECT count(*) FROM {table}")), rows, "{table}");
            let staging = format!("SELECT count(*) FROM stg_{table}");
            assert_eq!(bench.number(&staging), rows, "{table}");
        }
        // Every entry is its batch's, wherever chunks were cut.
        let strangers = "SELECT count(*) FROM entry WHERE parent_record_no <> 2 + 8 * (id / 7)";
        assert_eq!(bench.number(strangers), 0);
        let of_all = ended.level(Stage::Source);
        assert_eq!((of_all.0, &of_all.1[..]), (98, &["273.00".to_owned()][..]));
        assert_eq!(ended.level(Stage::Staging), of_all);
        assert_eq!(ended.level(Stage::Final), of_all);
        assert_eq!(ended.report.amount_names, ["entry.amount"]);
        for name in ["entry rows", "fingerprint of entry, staging to final", "entry: key is unique"] {
            assert_eq!(ended.check(name).verdict, domain::check::Verdict::Pass, "{name}");
        }
        fingerprints.push(of_all.2);
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1, "where chunks are cut makes no difference");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_no_type_or_has_no_parent_is_a_reject() {
    let bench = Bench::new().await;
    let text = source().replacen("B,0,\n", "X,0,\n", 1);
    let ended = loaded(&bench, &text, "[limits]\nrejects = 8").await.promoted();
    let balance = ended.report.balance.unwrap();
    assert_eq!((balance.records, balance.staged, balance.rejected), (98, 90, 8));
    let rejects = bench.store.rejects(ended.run_id, 0, 100).await.unwrap();
    let told: Vec<_> = rejects.iter().map(|one| (one.record_no.0, one.reasons[0].detail.as_str())).collect();
    let said = "the record matches none of the job's record types: `kind` is 'X', expected 'H' for posting, 'B' for \
                batch, 'E' for entry, 'T' for tail";
    assert_eq!(told[0], (2, said));
    assert_eq!(told[1], (3, "no `batch` record precedes it"));
    assert_eq!(told.len(), 8);
    assert_eq!(rejects[0].raw, b"X,0,");
    // Their amounts are a term of the balance.
    assert_eq!(ended.report.amounts[0].rejected.to_string(), "22.75");
    assert_eq!(loaded(&Bench::new().await, &text, "").await.not_reconciled().failed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_one_type_is_found_and_named() {
    // 2 + 8 * 3 is the fourth batch; record 30 is one of its entries.
    let table = [
        ("DELETE FROM stg_batch WHERE id = 3", Difference::Missing, 26),
        ("DELETE FROM stg_entry WHERE record_no = 30", Difference::Missing, 30),
        ("UPDATE stg_entry SET amount = '0.26' WHERE id = 0", Difference::Field, 3),
        ("UPDATE stg_entry SET parent_record_no = 10 WHERE id = 0", Difference::Field, 3),
        (
            "INSERT INTO stg_tail SELECT run_id, chunk_no, 30, worker_id, kind, id, amount FROM stg_tail",
            Difference::Extra,
            30,
        ),
        (
            "INSERT INTO stg_batch SELECT run_id, chunk_no, record_no, worker_id, kind, id, amount FROM stg_entry WHERE record_no = 30;
             DELETE FROM stg_entry WHERE record_no = 30",
            Difference::Missing,
            30,
        ),
    ];
    for (sql, difference, record_no) in table {
        let bench = Bench::new().await;
        let run_id = bench.stage(&job(), source().as_bytes()).await;
        bench.execute(sql);
        let ended = bench.approve(run_id).await.not_reconciled();
        for table in ["ledger", "batch", "entry", "tail"] {
            assert_eq!(bench.number(&format!("SELECT count(*) FROM {table}")), 0, "{sql}");
        }
        let findings = bench.findings(run_id).await;
        let found = findings
            .iter()
            .any(|finding| finding.difference == difference && finding.record_no.0 == record_no);
        assert!(found, "{sql}: {findings:#?}\n{:#?}", ended.failed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_its_types_and_a_rule_is_about_one_type() {
    let bench = Bench::new().await;
    // The batches' numbers come again among the entries: that is no duplicate. An entry that comes twice is.
    let twice = source().replacen("E,5,5.25\n", "E,4,5.25\n", 1);
    let ended = loaded(&bench, &twice, "").await.not_reconciled();
    let failed: Vec<_> = ended.failed().iter().map(|check| check.name.clone()).collect();
    assert_eq!(failed, ["entry: key is unique"]);
    let job = job()
        .and("[[rule]]\nname = \"small\"\nrecord = \"entry\"\nholds = \"amount < 6\"\non_breach = \"hold\"");
    let held = bench.load(&job, source().as_bytes()).await.promoted();
    assert_eq!(held.report.balance.unwrap().held, 12);
    assert_eq!(bench.number("SELECT count(*) FROM entry"), 72);
    assert_eq!(held.level(Stage::Final).0, 86);
}
