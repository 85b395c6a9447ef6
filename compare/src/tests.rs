//! Whole comparisons of generated files with SQLite tables that another program filled: undamaged ones, without a false
//! alarm, and damaged ones, each difference located.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::comparison::{DifferenceKind, LoadOutcome, LoadReport, TargetSummary};
use fastrand::Rng;
use job::Job;
use platform::clock::SystemClock;
use rusqlite::Connection;
use source::{Location, SourceFile};
use sqlite::SqliteTarget;
use store::target::{Prepared, Target, TargetError, TargetReader, Wanted};

use crate::{Compare, DifferenceFile, Pace, Source, Workers};

/// A posting, as the file has it and as a loader writes it.
#[derive(Clone, Debug)]
pub(crate) struct Posting {
    id: i64,
    account: Option<String>,
    amount: Option<i64>,
    day: String,
    note: String,
}

fn cents(amount: i64) -> String {
    format!(
        "{}{}.{:02}",
        if amount < 0 { "-" } else { "" },
        amount.unsigned_abs() / 100,
        amount.unsigned_abs() % 100
    )
}

pub(crate) fn postings(random: &mut Rng, count: usize) -> Vec<Posting> {
    let texts = ["", "a", "A", "ä", "a\u{308}", "x y", "0", "NULL", "'", "\u{1f600}", "-"];
    (0..count)
        .map(|at| Posting {
            id: at as i64 * 7 + 1,
            account: random.bool().then(|| format!("DE{:04}", random.u16(..2000))),
            amount: random.bool().then(|| random.i64(-10_000_000_000..10_000_000_000)),
            day: format!("2026-{:02}-{:02}", random.u8(1..=12), random.u8(1..=28)),
            note: texts[random.usize(..texts.len())].repeat(random.usize(1..4)),
        })
        .collect()
}

pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the postings as a file.
    pub(crate) fn file(&self, postings: &[Posting]) {
        let mut text = String::from("id,account,amount,day,note\n");
        for one in postings {
            let account = one.account.clone().unwrap_or_default();
            let amount = one.amount.map(cents).unwrap_or_default();
            writeln!(text, "{},{account},{amount},{},\"{}\"", one.id, one.day, one.note).unwrap();
        }
        std::fs::write(self.path("in.csv"), text).unwrap();
    }

    /// Loads them as another program would: one insert after the other, into a table of its own.
    pub(crate) fn load(&self, postings: &[Posting]) {
        let sql = Connection::open(self.path("t.db")).unwrap();
        sql.execute_batch("DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (posting_no INTEGER, account TEXT, amount TEXT, day TEXT, note TEXT, loaded_at TEXT DEFAULT 'now'); BEGIN").unwrap();
        for one in postings {
            let insert = "INSERT INTO ledger (posting_no, account, amount, day, note) VALUES (?, ?, ?, ?, ?)";
            sql.execute(
                insert,
                rusqlite::params![one.id, one.account, one.amount.map(cents), one.day, one.note],
            )
            .unwrap();
        }
        sql.execute_batch("COMMIT").unwrap();
    }

    pub(crate) fn sql(&self, statements: &str) {
        Connection::open(self.path("t.db")).unwrap().execute_batch(statements).unwrap();
    }

    pub(crate) fn target(&self) -> SqliteTarget {
        SqliteTarget::open(&format!("sqlite:{}", self.path("t.db").display())).unwrap()
    }

    async fn compare(&self, target: &str, memory: usize) -> LoadReport {
        self.compare_with(Arc::new(self.target()), target, memory).await
    }

    async fn compare_with(&self, with: Arc<dyn Target>, target: &str, memory: usize) -> LoadReport {
        self.comparison(with, target, memory).run().await.unwrap()
    }

    /// The comparison of the file with the table of another program.
    pub(crate) fn comparison(&self, with: Arc<dyn Target>, target: &str, memory: usize) -> Compare {
        let job = format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\nheader = true\n[[record]]\nname = \"posting\"\n\
             key = [\"id\"]\namounts = [\"amount\"]\nstaging = \"s\"\nfinal = \"f\"\n[[record.field]]\nname = \"id\"\n\
             type = \"integer\"\n[[record.field]]\nname = \"account\"\ntype = \"text(9)\"\n[[record.field]]\n\
             name = \"amount\"\ntype = \"decimal(12,2)\"\n[[record.field]]\nname = \"day\"\ntype = \"date\"\n\
             [[record.field]]\nname = \"note\"\ntype = \"text(60)\"\n[target]\ntable = \"ledger\"\n\
             columns = {{ id = \"posting_no\" }}\n{target}\n"
        );
        let job = Arc::new(Job::parse("j.toml", &job).unwrap());
        let file = SourceFile::open(Location::file(self.path("in.csv")), job.compression).unwrap();
        let list = self.path("differences.jsonl");
        drop(std::fs::remove_file(&list));
        Compare {
            source: Source::File(file),
            target: with,
            job,
            declared: None,
            workers: Workers { decoders: 2, readers: 2, comparers: 2 },
            memory,
            folder: self.dir.path().to_owned(),
            work: None,
            fleet: None,
            differences: Some(DifferenceFile::create(&list).unwrap()),
            pace: Arc::new(Pace::new(None)),
            clock: Arc::new(SystemClock),
        }
    }

    /// The lines of the list of differences.
    fn listed(&self) -> usize {
        lines(&self.path("differences.jsonl"))
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_undamaged_pairs_raise_no_alarm() {
    let mut random = Rng::with_seed(15);
    let bench = Bench::new();
    for round in 0..200 {
        let count = random.usize(1..120);
        let postings = postings(&mut random, count);
        bench.file(&postings);
        let mut loaded = postings.clone();
        random.shuffle(&mut loaded);
        bench.load(&loaded);
        // The notes' empty texts are NULL in the source: an unquoted empty field is, a quoted one is not.
        let target = match round % 4 {
            0 => "",
            1 => {
                "equal = [\"trailing-blanks\", \"empty-is-null\", \"scale\", \"as-text\", \"case\", \"normal-form\"]"
            }
            2 => "key = []",
            _ => "extra = \"allowed\"\nleave_out = [\"note\"]",
        };
        if round % 4 == 1 {
            // What a column of another type makes of the values, and a loader that cares little.
            bench.sql(
                "UPDATE ledger SET account = account || '  ', note = CASE note WHEN '' THEN NULL ELSE upper(note) END,
                 amount = rtrim(rtrim(amount, '0'), '.')",
            );
        }
        let report = bench.compare(target, 8 << 20).await;
        assert_eq!(report.outcome, LoadOutcome::Reconciled, "round {round}: {:?}", report.first_differences);
        assert_eq!((report.differences, report.tables[0].balance.equal), (0, postings.len() as u64));
        assert!(report.tables[0].balance.holds());
    }
}

/// A damage in SQL, and what must be found of it: kind, field, and how many. `posting_no` 8 is record 2.
const DAMAGES: [(&str, DifferenceKind, &str, u64); 20] = [
    ("UPDATE ledger SET amount = '0.01' WHERE posting_no = 8", DifferenceKind::Differs, "amount", 1),
    ("UPDATE ledger SET amount = NULL WHERE posting_no = 8", DifferenceKind::Differs, "amount", 1),
    ("UPDATE ledger SET amount = '12.3' WHERE posting_no = 8", DifferenceKind::Differs, "amount", 1),
    (
        "UPDATE ledger SET amount = CAST('1.5' AS REAL) WHERE posting_no = 8",
        DifferenceKind::Differs,
        "amount",
        1,
    ),
    ("UPDATE ledger SET account = '' WHERE posting_no = 8", DifferenceKind::Differs, "account", 1),
    (
        "UPDATE ledger SET account = account || ' ' WHERE posting_no = 8",
        DifferenceKind::Differs,
        "account",
        1,
    ),
    (
        "UPDATE ledger SET account = lower(account) WHERE posting_no = 8",
        DifferenceKind::Differs,
        "account",
        1,
    ),
    (
        "UPDATE ledger SET account = substr(account, 3) WHERE posting_no = 8",
        DifferenceKind::Differs,
        "account",
        1,
    ),
    ("UPDATE ledger SET day = date(day, '+1 day') WHERE posting_no = 8", DifferenceKind::Differs, "day", 1),
    ("UPDATE ledger SET day = '2026-1-1' WHERE posting_no = 8", DifferenceKind::Differs, "day", 1),
    ("UPDATE ledger SET day = day || ' 00:00:00' WHERE posting_no = 8", DifferenceKind::Differs, "day", 1),
    ("UPDATE ledger SET note = 'N\u{fc}' WHERE posting_no = 8", DifferenceKind::Differs, "note", 1),
    ("UPDATE ledger SET note = 'Nu\u{308} ' WHERE posting_no = 8", DifferenceKind::Differs, "note", 1),
    ("UPDATE ledger SET note = NULL WHERE posting_no = 8", DifferenceKind::Differs, "note", 1),
    (
        "UPDATE ledger SET amount = CASE posting_no WHEN 8 THEN '200.00' ELSE '100.00' END WHERE posting_no IN (8, 15)",
        DifferenceKind::Differs,
        "amount",
        2,
    ),
    ("DELETE FROM ledger WHERE posting_no = 8", DifferenceKind::Missing, "", 1),
    ("DELETE FROM ledger", DifferenceKind::Missing, "", 40),
    ("INSERT INTO ledger SELECT * FROM ledger WHERE posting_no = 8", DifferenceKind::Doubled, "", 1),
    ("INSERT INTO ledger (posting_no, day) VALUES (9, '2026-01-01')", DifferenceKind::Extra, "", 1),
    ("INSERT INTO ledger (posting_no, day) VALUES (NULL, '2026-01-01')", DifferenceKind::Extra, "", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_found_and_located() {
    let mut random = Rng::with_seed(16);
    let bench = Bench::new();
    let mut postings = postings(&mut random, 40);
    (postings[1].account, postings[1].amount, postings[1].note) =
        (Some("DE0007".into()), Some(10_000), "note".into());
    postings[2].amount = Some(20_000);
    bench.file(&postings);
    for (damage, kind, field, count) in DAMAGES {
        bench.load(&postings);
        bench.sql(damage);
        let report = bench.compare("", 8 << 20).await;
        assert_eq!((report.outcome, report.differences), (LoadOutcome::NotReconciled, count), "{damage}");
        assert_eq!(bench.listed() as u64, count, "{damage}");
        let first = &report.first_differences[0];
        assert_eq!(first.kind, kind, "{damage}: {first:?}");
        assert_eq!(first.fields.first().map_or("", |one| one.field.as_str()), field, "{damage}");
        if matches!(kind, DifferenceKind::Differs) {
            let place = (first.record_no, first.key[0].1.as_str());
            assert_eq!(place, (Some(2), "8"), "{damage}");
            let text = std::fs::read_to_string(bench.path("in.csv")).unwrap();
            let at = usize::try_from(first.byte_offset.unwrap()).unwrap();
            assert!(text[at..].starts_with("8,DE0007"), "{damage}");
        }
        assert!(report.tables[0].balance.holds(), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_gives_the_same_report() {
    let mut random = Rng::with_seed(17);
    let bench = Bench::new();
    let postings = postings(&mut random, 60_000);
    bench.file(&postings);
    bench.load(&postings);
    bench.sql(
        "UPDATE ledger SET day = '1999-01-01' WHERE posting_no % 3 = 1; DELETE FROM ledger WHERE posting_no % 1000 = 1",
    );
    let large = bench.compare("", 256 << 20).await;
    let listed = std::fs::read(bench.path("differences.jsonl")).unwrap();
    // Each sorter gets no less than 1 MiB, which a third of the records fill.
    let small = bench.compare("", 1).await;
    assert_eq!(std::fs::read(bench.path("differences.jsonl")).unwrap(), listed);
    assert_eq!((small.tables, small.differences), (large.tables.clone(), large.differences));
    let balance = &large.tables[0].balance;
    assert_eq!((balance.differing + balance.missing, balance.missing), (large.differences, 60));
    assert!(large.differences > 20_000, "{}", large.differences);
    // In the order of the source.
    let numbers: Vec<_> = large.first_differences.iter().filter_map(|one| one.record_no).collect();
    assert!(numbers.is_sorted() && numbers.len() == 20, "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equality_is_counted_where_it_was_needed_and_told_where_it_would_help() {
    let mut random = Rng::with_seed(18);
    let bench = Bench::new();
    let mut postings = postings(&mut random, 50);
    postings.iter_mut().for_each(|one| one.account = Some("DE0001".into()));
    bench.file(&postings);
    bench.load(&postings);
    bench.sql("UPDATE ledger SET account = account || '   '");
    let report = bench.compare("", 8 << 20).await;
    assert_eq!((report.outcome, report.differences), (LoadOutcome::NotReconciled, 50));
    let would_be = &report.tables[0].would_be_equal;
    assert_eq!((would_be.len(), would_be[0].values, would_be[0].field.as_str()), (1, 50, "account"));
    let report = bench.compare("equal = [\"trailing-blanks\"]", 8 << 20).await;
    assert_eq!(report.outcome, LoadOutcome::Reconciled);
    let used: Vec<_> = report.tables[0].declared.iter().map(|one| (one.field.as_str(), one.values)).collect();
    assert_eq!(used, [("account", 50), ("note", 0)]);
}

/// A database that does not show its rows as of one moment: someone writes to it before the second look.
struct Restless {
    inner: SqliteTarget,
    database: PathBuf,
    readers: AtomicUsize,
    meanwhile: &'static str,
}

#[async_trait]
impl Target for Restless {
    fn summary(&self) -> TargetSummary {
        self.inner.summary()
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        self.inner.prepare(wanted).await
    }

    fn is_of_one_moment(&self) -> bool {
        false
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        if self.readers.fetch_add(1, Ordering::Relaxed) == 1 {
            Connection::open(&self.database).unwrap().execute_batch(self.meanwhile).unwrap();
        }
        self.inner.reader().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_others_at_a_second_look_are_unstable_and_never_reconciled() {
    let mut random = Rng::with_seed(19);
    let bench = Bench::new();
    let mut postings = postings(&mut random, 40);
    postings.iter_mut().for_each(|one| one.amount = Some(100));
    bench.file(&postings);
    // What is found at the first look, what changes before the second, and how many are unstable: records and rows.
    for (damage, meanwhile, found, unstable) in [
        ("UPDATE ledger SET amount = '2.00' WHERE posting_no IN (8, 15)", "", [2, 0, 0, 0], (0, 0)),
        (
            "UPDATE ledger SET amount = '2.00' WHERE posting_no IN (8, 15)",
            "UPDATE ledger SET amount = '1.00' WHERE posting_no = 8",
            [1, 0, 0, 0],
            (1, 1),
        ),
        (
            "UPDATE ledger SET amount = '2.00' WHERE posting_no = 8",
            "UPDATE ledger SET amount = '3.00' WHERE posting_no = 8",
            [0, 0, 0, 0],
            (1, 1),
        ),
        (
            "DELETE FROM ledger WHERE posting_no IN (8, 15)",
            "INSERT INTO ledger (posting_no, amount, day) VALUES (8, '1.00', '2026-01-01')",
            [0, 1, 0, 0],
            (1, 0),
        ),
        (
            "INSERT INTO ledger SELECT * FROM ledger WHERE posting_no IN (8, 15)",
            "DELETE FROM ledger WHERE rowid > 40 AND posting_no = 8",
            [0, 0, 1, 0],
            (0, 1),
        ),
        (
            "INSERT INTO ledger (posting_no, amount) VALUES (9, '1.00'), (10, '1.00')",
            "DELETE FROM ledger WHERE posting_no = 9",
            [0, 0, 0, 1],
            (0, 1),
        ),
    ] {
        bench.load(&postings);
        bench.sql(damage);
        let restless = Restless {
            inner: bench.target(),
            database: bench.path("t.db"),
            readers: AtomicUsize::new(0),
            meanwhile,
        };
        let report = bench.compare_with(Arc::new(restless), "", 8 << 20).await;
        let balance = &report.tables[0].balance;
        assert_eq!(
            (
                [balance.differing, balance.missing, balance.doubled, balance.extra],
                (balance.unstable_records, balance.unstable_rows)
            ),
            (found, unstable),
            "{damage}; {meanwhile}"
        );
        assert!(balance.holds(), "{damage}");
        assert_eq!(report.outcome, LoadOutcome::NotReconciled, "{damage}");
        let count = unstable.0.max(unstable.1);
        let named = report.first_differences.iter().filter(|one| one.kind == DifferenceKind::Unstable);
        assert_eq!(named.count() as u64, count, "{damage}");
        let check = report.checks.iter().find(|check| check.name.contains("changed while they were read"));
        assert_eq!(check.map(|check| check.actual.as_str()), (count > 0).then_some("1"), "{damage}");
        assert_eq!(bench.listed() as u64, report.differences, "{damage}");
    }
    // Without a difference nothing is looked at twice.
    bench.load(&postings);
    let restless = Restless {
        inner: bench.target(),
        database: bench.path("t.db"),
        readers: AtomicUsize::new(0),
        meanwhile: "DELETE FROM ledger",
    };
    assert_eq!(bench.compare_with(Arc::new(restless), "", 8 << 20).await.outcome, LoadOutcome::Reconciled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_a_page_and_a_suite_of_checks() {
    let mut random = Rng::with_seed(19);
    let bench = Bench::new();
    let mut postings = postings(&mut random, 30);
    postings[1].note = "<script>&".into();
    bench.file(&postings);
    bench.load(&postings);
    bench.sql(
        "UPDATE ledger SET note = 'other' WHERE posting_no = 8; DELETE FROM ledger WHERE posting_no = 15",
    );
    let report = bench.compare("", 8 << 20).await;
    let page = crate::html(&report).unwrap();
    for needed in ["Not reconciled", "&#60;script&#62;&#38;", "records without a row", "8", "INV-15"] {
        assert!(page.contains(needed), "{needed}");
    }
    assert!(!page.contains("<script"));
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    let xml = crate::junit(&report);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let of = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!((of("testcase"), of("failure")), (report.checks.len(), report.counts.failed));
}
