//! Rejects, rules, keys, declared totals, and bytes that were loaded before: what becomes of the records, and what is
//! said.

use coordinator::open::{OpenError, RunRequest};
use coordinator::run::Ending;
use domain::check::{Stage, Verdict};
use domain::declared::Declared;
use domain::finding::Difference;
use tests::fleet::{Bench, Ended};
use tests::jobs::{self, JobText};
use tests::ledger::Ledger;
use tests::proof::{self, Cell, Leaf};

/// `id,account,amount`, ten records, three accounts that each add up to zero but for the last.
const LINES: &str = "1,A,5.00\n2,A,-5.00\n3,B,7.25\n4,B,-7.00\n5,B,-0.25\n6,C,1.00\n7,C,1.00\n8,C,-1.00\n9,,3.00\n10,,-3.00\n";

fn job() -> JobText {
    jobs::of(&[
        ("id", "integer", ""),
        ("account", "text(3)", ""),
        ("amount", "decimal(9,2)", "required = true"),
    ])
    .record("key = [\"id\"]\namounts = [\"amount\"]")
}

fn rule(what: &str, on_breach: &str) -> JobText {
    job().and(&format!("[[rule]]\nname = \"the rule\"\n{what}\non_breach = \"{on_breach}\""))
}

fn leaves(lines: &str) -> Vec<Leaf> {
    lines.lines().map(leaf).collect()
}

fn leaf(line: &str) -> Leaf {
    let parts: Vec<_> = line.split(',').collect();
    let account = Some(parts[1]).filter(|account| !account.is_empty());
    let cents = parts[2].replace('.', "").parse().unwrap();
    Leaf::Accepted(vec![
        Cell::Integer(parts[0].parse().unwrap()),
        Cell::text(account),
        Cell::Decimal(cents, 2),
    ])
}

/// The fingerprint of [`LINES`] without the records with these numbers.
fn without(absent: &[usize]) -> String {
    let mut leaves = leaves(LINES);
    absent.iter().for_each(|record_no| leaves[record_no - 1] = Leaf::Absent);
    proof::fingerprint(&leaves)
}

async fn ended(job: &JobText) -> (Bench, Ended) {
    let bench = Bench::new().await;
    bench.execute("CREATE TABLE accounts (code TEXT); INSERT INTO accounts VALUES ('A'), ('B')");
    let ended = bench.load(job, LINES.as_bytes()).await;
    (bench, ended)
}

const BREACHES: [(&str, &[usize], &str); 5] = [
    // the rule, who breaks it, what its check says
    ("holds = \"amount < 5\"", &[1, 3], "2 of 10"),
    // NULL is not a pass
    ("holds = \"account IN ('A', 'B', 'C')\"", &[9, 10], "2 of 10"),
    ("unique = [\"account\", \"amount\"]", &[6, 7], "2 of 8"),
    (
        "references = { fields = [\"account\"], table = \"accounts\", columns = [\"code\"] }",
        &[6, 7, 8],
        "3 of 8",
    ),
    ("balance = { sum = \"amount\", by = [\"account\"], to = \"0.00\" }", &[6, 7, 8], "1 of 4"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_break_a_rule_are_held_back_and_accounted_for() {
    for (what, held, actual) in BREACHES {
        let (bench, ended) = ended(&rule(what, "hold")).await;
        let ended = ended.promoted();
        let check = ended.check("the rule");
        assert_eq!((check.verdict, check.actual.as_str()), (Verdict::Warn, actual), "{what}");
        let balance = ended.report.balance.unwrap();
        assert_eq!((balance.staged, balance.held, balance.merged), (10, held.len() as u64, 0), "{what}");
        assert_eq!(ended.level(Stage::Final).2, without(held), "{what}");
        let numbers: Vec<_> = held.iter().map(ToString::to_string).collect();
        let in_final =
            bench.number(&format!("SELECT count(*) FROM ledger WHERE id IN ({})", numbers.join(",")));
        assert_eq!((in_final, bench.final_rows()), (0, 10 - held.len().cast_signed() as i64), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_fails_stops_the_run_and_names_the_records() {
    for (what, breaking, actual) in BREACHES {
        let (bench, ended) = ended(&rule(what, "fail")).await;
        let ended = ended.not_reconciled();
        assert_eq!(ended.failed().len(), 1, "{what}");
        assert_eq!(ended.failed()[0].actual, actual, "{what}");
        let named = |finding: &domain::finding::Finding| {
            assert_eq!(
                (finding.difference, finding.field.as_deref()),
                (Difference::Rule, Some("the rule")),
                "{what}"
            );
            usize::try_from(finding.record_no.0).unwrap()
        };
        // A group that does not balance is named once, at its first record.
        let breaking = if what.contains("balance") { &breaking[..1] } else { breaking };
        assert_eq!(ended.report.findings.iter().map(named).collect::<Vec<_>>(), breaking, "{what}");
        assert_eq!(bench.final_rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_warns_lets_everything_through_and_a_rule_without_records_has_not_passed() {
    for (what, _, actual) in BREACHES {
        let (_, ended) = ended(&rule(what, "warn")).await;
        let ended = ended.promoted();
        assert_eq!(
            (ended.check("the rule").verdict, ended.check("the rule").actual.as_str()),
            (Verdict::Warn, actual)
        );
        assert_eq!(ended.level(Stage::Final).2, without(&[]), "{what}");
        assert!(!ended.report.all_passed, "{what}");
    }
    let empty = rule("holds = \"amount < 5\"", "fail").and("[declared]\nrecords = 0");
    let ended = Bench::new().await.load(&empty, b"").await.promoted();
    assert_eq!(ended.check("the rule").verdict, Verdict::Vacuous);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_are_kept_whole_up_to_the_limit_and_stop_the_run_beyond_it() {
    // GIVEN two records that cannot be accepted, one of them with a readable amount
    let lines = LINES.replace("4,B,-7.00", "4,BBBB,-7.00").replace("8,C,-1.00", "8,C,-1.0o");
    for (limit, ending) in [
        ("2", Ending::Promoted),
        ("\"20%\"", Ending::Promoted),
        ("1", Ending::NotReconciled),
        ("\"19%\"", Ending::NotReconciled),
    ] {
        let bench = Bench::new().await;
        let ended = bench.load(&job().and(&format!("[limits]\nrejects = {limit}")), lines.as_bytes()).await;
        // THEN they are in no table, their bytes are kept, and their amounts are a term of the balance
        assert_eq!(ended.ending, ending, "{limit}");
        let mut expected = leaves(LINES);
        expected[3] = Leaf::Rejected(b"4,BBBB,-7.00".to_vec());
        expected[7] = Leaf::Rejected(b"8,C,-1.0o".to_vec());
        assert_eq!(ended.level(Stage::Staging).2, proof::fingerprint(&expected));
        assert_eq!(ended.report.amounts[0].rejected.to_string(), "-7.00");
        let rejects = bench.store.rejects(ended.run_id, 0, 10).await.unwrap();
        let kept: Vec<_> =
            rejects.iter().map(|reject| (reject.record_no.0, reject.reasons[0].field.as_deref())).collect();
        assert_eq!(kept, [(4, Some("account")), (8, Some("amount"))]);
        assert_eq!(
            lines.as_bytes()[usize::try_from(rejects[1].offset).unwrap()..]
                .iter()
                .position(|byte| *byte == b'\n'),
            Some(rejects[1].raw.len())
        );
        match ending {
            Ending::Promoted => {
                expected[3] = Leaf::Absent;
                expected[7] = Leaf::Absent;
                assert_eq!(
                    (ended.level(Stage::Final).2, bench.final_rows()),
                    (proof::fingerprint(&expected), 8)
                );
            }
            _ => {
                assert_eq!(
                    ended.failed().iter().map(|check| check.name.as_str()).collect::<Vec<_>>(),
                    ["rejects within the limit"]
                );
                assert_eq!(bench.final_rows(), 0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_records_with_one_key_the_last_wins_across_runs_too() {
    let job = job().record("key = [\"id\"]\namounts = [\"amount\"]\nmode = \"upsert\"");
    let bench = Bench::new().await;
    let ended = bench.load(&job, b"1,A,1.00\n2,A,2.00\n1,B,3.00\n1,C,4.00\n").await.promoted();
    assert_eq!(ended.report.balance.unwrap().merged, 2);
    let last = "1,C,4.00\n2,A,2.00";
    let rows = |bench: &Bench| -> Vec<String> {
        let sql = bench.sql();
        let mut statement =
            sql.prepare("SELECT id || ',' || account || ',' || amount FROM ledger ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(rows(&bench).join("\n"), last);
    let mut expected = leaves("1,A,1.00\n2,A,2.00\n1,B,3.00\n1,C,4.00\n");
    (expected[0], expected[2]) = (Leaf::Absent, Leaf::Absent);
    assert_eq!(ended.level(Stage::Final).2, proof::fingerprint(&expected));
    // WHEN a second run brings one key again THEN it replaces that row, and that row alone
    let second = bench.load(&job, b"2,D,9.00\n3,E,8.00\n").await.promoted();
    assert_eq!(rows(&bench), ["1,C,4.00", "2,D,9.00", "3,E,8.00"]);
    assert_eq!(second.level(Stage::Final).0, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_with_a_key_that_is_there_already_fails_and_names_the_record() {
    let bench = Bench::new().await;
    bench.load(&job(), b"1,A,1.00\n2,A,2.00\n").await.promoted();
    let again = bench.load(&job(), b"3,A,1.00\n2,B,2.00\n3,B,1.00\n").await.not_reconciled();
    assert_eq!(
        again.failed().iter().map(|check| check.name.as_str()).collect::<Vec<_>>(),
        ["key is unique", "key is not yet in final"]
    );
    let named: Vec<_> = again.report.findings.iter().map(|finding| finding.record_no.0).collect();
    assert!(named.contains(&2) && named.contains(&3), "{named:?}");
    assert_eq!(bench.final_rows(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_without_a_key_are_appended_even_if_they_are_equal() {
    let job = job().record("amounts = [\"amount\"]");
    let bench = Bench::new().await;
    let bytes = b"1,A,1.00\n1,A,1.00\n";
    bench.load(&job, bytes).await.promoted();
    let other = bench.load(&job, b"1,A,1.00\n1,A,1.00\n1,A,1.00\n").await.promoted();
    assert_eq!((bench.final_rows(), other.level(Stage::Final).1), (5, vec!["3.00".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_totals_are_compared_one_by_one() {
    let (sha256, fingerprint) = (proof::sha256(LINES.as_bytes()), without(&[]));
    let wrong = "0".repeat(64);
    let table = [
        ("records = 10".to_owned(), "records = 11".to_owned(), "declared records"),
        (format!("bytes = {}", LINES.len()), "bytes = 1".into(), "declared bytes"),
        ("amounts.amount = \"1.00\"".into(), "amounts.amount = \"1.01\"".into(), "declared sum of amount"),
        (format!("sha256 = \"{sha256}\""), format!("sha256 = \"{wrong}\""), "declared SHA-256"),
        (
            format!("fingerprint = \"{fingerprint}\""),
            format!("fingerprint = \"{wrong}\""),
            "declared fingerprint",
        ),
    ];
    for (right, wrong, name) in &table {
        let (_, right) = ended(&job().and(&format!("[declared]\n{right}"))).await;
        assert_eq!(right.promoted().check(name).verdict, Verdict::Pass);
        let (bench, wrong) = ended(&job().and(&format!("[declared]\n{wrong}"))).await;
        assert_eq!(
            wrong.not_reconciled().failed().iter().map(|check| check.name.as_str()).collect::<Vec<_>>(),
            [*name]
        );
        assert_eq!(bench.final_rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_declared_beside_the_job_take_the_place_of_its_own() {
    let bench = Bench::new().await;
    let job = job().and("[declared]\nrecords = 99");
    let declared = Declared { fingerprint: Some(without(&[]).parse().unwrap()), ..Declared::default() };
    let request = RunRequest { declared: Some(declared), ..bench.request(&job, LINES.as_bytes()) };
    bench.run(&request).await.promoted();
    let nothing = RunRequest { declared: Some(Declared::default()), ..bench.request(&job, b"1,A,1.00\n") };
    assert!(matches!(bench.open(&nothing).await, Err(OpenError::Declared(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_are_refused_the_second_time_unless_insisted_upon() {
    let (ledger, job) = (Ledger::random(20, 30), jobs::ledger().record("amounts = [\"amount\"]"));
    let bench = Bench::new().await;
    let first = bench.load(&job, &ledger.csv()).await.promoted();
    let request = bench.request_named("another-name.csv", &job, &ledger.csv());
    match bench.open(&request).await {
        Err(OpenError::LoadedBefore { run_id, .. }) => assert_eq!(run_id, first.run_id),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.number("SELECT count(*) FROM crossfoot_run"), 1);
    let again = bench.run(&RunRequest { again: true, ..request }).await.promoted();
    assert_eq!(again.check("these bytes were not loaded before").verdict, Verdict::Warn);
    assert_eq!(bench.final_rows(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_are_refused_while_another_run_has_them_in_hand() {
    let (ledger, job) = (Ledger::random(21, 30), jobs::ledger());
    let bench = Bench::new().await;
    let run_id = bench.stage(&job, &ledger.csv()).await;
    assert!(matches!(bench.open(&bench.request(&job, &ledger.csv())).await, Err(OpenError::InHand { .. })));
    bench.coordinator().cancel(run_id, None).await.unwrap();
    bench.load(&job, &ledger.csv()).await.promoted();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_there_must_be_the_jobs() {
    let bench = Bench::new().await;
    bench.load(&job(), b"1,A,1.00\n").await.promoted();
    // GIVEN the tables of an earlier run THEN the same job accepts them, though they were made by hand in other words
    bench.execute("ALTER TABLE ledger RENAME TO old; CREATE TABLE ledger (last_run_id VARCHAR(36) NOT NULL, id BIGINT PRIMARY KEY, amount TEXT NOT NULL, Account CHAR(3));");
    bench.load(&job(), b"2,A,1.00\n").await.promoted();
    // WHEN one differs THEN each difference is named and nothing is opened
    let table = [
        ("id INTEGER PRIMARY KEY, account TEXT, amount TEXT", "column last_run_id TEXT is missing"),
        (
            "id INTEGER PRIMARY KEY, account TEXT, amount NUMERIC, last_run_id TEXT",
            "column amount is declared as NUMERIC, which stores NUMERIC, but the job needs TEXT",
        ),
        (
            "id INTEGER PRIMARY KEY, account TEXT NOT NULL, amount TEXT, last_run_id TEXT",
            "column account is NOT NULL, but the job does not require it",
        ),
        (
            "id INTEGER, account TEXT, amount TEXT, last_run_id TEXT",
            "primary key is none, but the job needs (id)",
        ),
        (
            "id INTEGER PRIMARY KEY, account TEXT, amount TEXT, last_run_id TEXT, note TEXT NOT NULL",
            "column note TEXT is NOT NULL without a default, and the job does not write it",
        ),
    ];
    for (columns, difference) in table {
        bench.execute(&format!("DROP TABLE ledger; CREATE TABLE ledger ({columns})"));
        let error = bench.open(&bench.request(&job(), b"3,A,1.00\n")).await.unwrap_err().to_string();
        assert!(error.contains("table ledger") && error.contains(difference), "{error}");
        assert_eq!(bench.number("SELECT count(*) FROM crossfoot_run"), 2);
    }
}
