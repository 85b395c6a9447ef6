//! Random damage of any column of any row, and none: what was changed is never missed, and what was not is never
//! reported.

use coordinator::run::Ending;
use domain::finding::Difference;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tests::fleet::{Bench, Setup};
use tests::jobs;
use tests::ledger::Ledger;

/// Tables with the columns that are damaged.
const TARGETS: [(&str, &[&str]); 2] = [
    (
        "stg_ledger",
        &[
            "run_id",
            "chunk_no",
            "record_no",
            "worker_id",
            "id",
            "account",
            "booked_on",
            "amount",
            "quantity",
            "text",
            "checked",
            "booked_at",
            "token",
        ],
    ),
    ("crossfoot_reject", &["run_id", "chunk_no", "record_no", "worker_id", "raw"]),
];

/// What becomes of a column `{c}`.
const CHANGES: [&str; 14] = [
    "NULL",
    "''",
    "{c} || ' '",
    "' ' || {c}",
    "{c} || x'00'",
    "CAST(CAST({c} AS BLOB) || x'20' AS BLOB)",
    "{c} + 1",
    "{c} - 1",
    "-{c}",
    "0",
    "upper({c})",
    "'1e2'",
    "x'00'",
    // the value that the next record has
    "(SELECT o.{c} FROM {t} o WHERE o.record_no > {t}.record_no LIMIT 1)",
];

#[derive(Debug, Clone)]
enum Damage {
    None,
    Update { target: usize, column: prop::sample::Index, change: usize },
    Delete { target: usize },
    Copy { chunk_no: u64, record_no: u64 },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => Just(Damage::None),
        12 => (prop_oneof![4 => Just(0_usize), 1 => Just(1)], any::<prop::sample::Index>(), 0..CHANGES.len())
            .prop_map(|(target, column, change)| Damage::Update { target, column, change }),
        1 => (0..TARGETS.len()).prop_map(|target| Damage::Delete { target }),
        2 => (0..12_u64, 0..40_u64).prop_map(|(chunk_no, record_no)| Damage::Copy { chunk_no, record_no }),
    ]
}

impl Damage {
    /// The statement that does it to the row `row` (counted from 0) of its table.
    fn sql(&self, row: u64) -> String {
        let of_table = |target: usize| {
            let (table, columns) = TARGETS[target];
            let key = format!(
                "WHERE (chunk_no, record_no) = (SELECT chunk_no, record_no FROM {table} ORDER BY record_no LIMIT 1 OFFSET {row} % (SELECT count(*) FROM {table}))"
            );
            (table, columns, key)
        };
        match self {
            Self::None => "SELECT 1".into(),
            Self::Update { target, column, change } => {
                let (table, columns, key) = of_table(*target);
                let column = column.get(columns);
                let value = CHANGES[*change].replace("{c}", column).replace("{t}", table);
                format!("UPDATE {table} SET {column} = {value} {key}")
            }
            Self::Delete { target } => {
                let (table, _, key) = of_table(*target);
                format!("DELETE FROM {table} {key}")
            }
            Self::Copy { chunk_no, record_no } => {
                let (table, columns, key) = of_table(0);
                let columns = columns[3..].join(", ");
                format!(
                    "INSERT INTO {table} (run_id, chunk_no, record_no, {columns}) SELECT run_id, {chunk_no}, {record_no}, {columns} FROM {table} {key}"
                )
            }
        }
    }
}

/// Everything in the damaged tables, one text a row.
fn dump(bench: &Bench) -> Vec<String> {
    let sql = bench.sql();
    let of_table = |(table, columns): (&str, &[&str])| -> Vec<String> {
        let quoted: Vec<_> = columns
            .iter()
            .map(|column| format!("typeof({column}) || coalesce(hex(CAST({column} AS BLOB)), 1)"))
            .collect();
        let mut statement =
            sql.prepare(&format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || ' ' || "))).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    TARGETS.into_iter().flat_map(of_table).collect()
}

async fn case(seed: u64, row: u64, damage: &Damage) {
    // GIVEN a proven staging with three rejects in it
    let bench = Bench::with(Setup { chunk_records: 7, ..Setup::default() }).await;
    let lines = String::from_utf8(Ledger::random(seed, 30).csv()).unwrap();
    let spoiled = [4, 14, 24].iter().fold(lines, |lines, id| lines.replacen(&format!("\n{id},"), "\nx,", 1));
    let job = jobs::ledger().and("[limits]\nrejects = 3");
    let run_id = bench.stage(&job, spoiled.as_bytes()).await;
    let before = dump(&bench);
    // WHEN it is damaged, unless the table itself refuses such a value
    let sql = damage.sql(row);
    drop(bench.sql().execute_batch(&sql));
    let is_damaged = dump(&bench) != before;
    // THEN it is found if and only if something is there that was not, and named
    let ended = bench.approve(run_id).await;
    let expected = if is_damaged { Ending::NotReconciled } else { Ending::Promoted };
    assert_eq!(ended.ending, expected, "{sql}\n{:#?}", ended.failed());
    let findings = bench.findings(run_id).await;
    assert_eq!(!findings.is_empty(), is_damaged, "{sql}");
    assert!(findings.iter().all(|finding| finding.difference != Difference::Rule));
    assert_eq!(bench.final_rows(), if is_damaged { 0 } else { 27 }, "{sql}");
}

#[test]
fn random_damage_is_never_missed_and_none_is_never_reported() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 100,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let cases = (0..1000_u64, 0..30_u64, damage());
    runner
        .run(&cases, |(seed, row, damage)| {
            runtime.block_on(case(seed, row, &damage));
            Ok(())
        })
        .unwrap();
}
