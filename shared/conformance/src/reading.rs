//! Reading back: what is in the tables now, in order, in blocks of bounded size.

use std::sync::Arc;

use domain::record::{self, Tag};
use domain::rule::RuleOutcome;
use domain::value::Value;
use job::Job;
use store::model::{ChunkRange, EntryKind, Exclusion, RulesApplied};
use store::rules::Keys;

use super::fixture::{APPEND, Found, Loading, NULL, Record, canonical, job, row, run_id};
use super::{Subject, soon};

/// More than the greatest block of any adapter.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// A job with a field of every type.
fn kinds() -> Arc<Job> {
    kinds_with("", "")
}

/// Likewise, each field and the job with further lines.
pub(crate) fn kinds_with(of_each_field: &str, of_job: &str) -> Arc<Job> {
    let types = [
        ("flag", "boolean"),
        ("n", "integer"),
        ("t", "text(50)"),
        ("whole", "decimal(38,0)"),
        ("small", "decimal(38,38)"),
        ("amt", "decimal(38,2)"),
        ("day", "date"),
        ("at", "timestamp"),
        ("seen", "timestamptz"),
        ("b", "bytes"),
    ];
    let fields = types
        .map(|(name, ty)| format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n{of_each_field}\n"));
    let head = "[job]\nname = \"kinds\"\n[source]\nformat = \"delimited\"\nheader = true\n[[record]]\nname = \"kind\"\n\
                staging = \"stg_kinds\"\nfinal = \"kinds\"\n";
    Arc::new(Job::parse("kinds.toml", &format!("{head}{}{of_job}", fields.concat())).unwrap())
}

/// Records whose values lie at the edges of their types.
pub(crate) fn edges() -> Vec<Record<'static>> {
    let decimal = |text: &str, scale| {
        Value::Decimal(text.parse::<domain::amount::Amount>().unwrap().rescale(scale).unwrap())
    };
    let nines = "9".repeat(38);
    let row = |flag, n, t, [whole, small, amt]: [&str; 3], day: &str, at: &str, b| {
        Record::Row(vec![
            Value::Boolean(flag),
            Value::Integer(n),
            Value::Text(t),
            decimal(whole, 0),
            decimal(small, 38),
            decimal(amt, 2),
            Value::Date(day.parse().unwrap()),
            Value::Timestamp(at.parse().unwrap()),
            Value::Instant(at.parse().unwrap()),
            Value::Bytes(b),
        ])
    };
    let most = [&nines, &format!("0.{nines}"), &format!("{}.99", "9".repeat(36))];
    let least = most.map(|amount| format!("-{amount}"));
    vec![
        row(true, i64::MAX, "", most.map(|m| m.as_str()), "9999-12-31", "9999-12-31T23:59:59.999999", b""),
        row(
            false,
            i64::MIN,
            "  ä \u{1f600}e\u{301}' \" \\N\t\r\n ",
            least.each_ref().map(|m| m.as_str()),
            "0001-01-01",
            "0001-01-01T00:00:00",
            b"\0\x01\xff\0",
        ),
        row(true, 0, "NULL", ["0", "0", "0"], "2024-02-29", "2024-02-29T12:00:00.000001", b"\0"),
        row(false, -1, "1.0", ["-1", "0.1", "-0.01"], "1970-01-01", "1969-12-31T23:59:59.500000", b"NULL"),
        row(
            true,
            1,
            "1e3",
            ["1", "-0.00000000000000000000000000000000000001", "1.10"],
            "1900-02-28",
            "2038-01-19T03:14:08",
            b"\\x00",
        ),
        Record::Row(vec![Value::Null; 10]),
    ]
}

fn values<'r>(record: &'r Record<'_>) -> &'r [Value<'r>] {
    match record {
        Record::Row(values) => values,
        Record::Reject(_) => &[],
    }
}

pub(crate) async fn staging_reads_back_byte_for_byte(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &kinds(), 1).await;
    let records = edges();
    loading.load(std::slice::from_ref(&records)).await;
    let found = loading.staging().await;
    assert_eq!(found.len(), records.len());
    for ((record_no, record), one) in (1..).zip(&records).zip(&found) {
        assert_eq!(one.bytes, canonical(record_no, values(record)), "record {record_no}");
        assert_eq!((one.kind, one.record_no), (EntryKind::Row, record_no));
        assert_eq!((one.worker_id, one.excluded), (loading.writer.0, None));
    }
}

pub(crate) async fn final_reads_back_byte_for_byte(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &kinds(), 1).await;
    let records = edges();
    let permit = loading.stage(std::slice::from_ref(&records)).await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &loading.job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), records.len() as u64);
    let found = super::fixture::collect(promotion.read_final(0).await).await.unwrap();
    assert_eq!(found.len(), records.len());
    for ((record_no, record), one) in (1..).zip(&records).zip(&found) {
        assert_eq!(one.bytes, canonical(record_no, values(record)), "record {record_no}");
        assert_eq!((one.kind, one.record_no), (EntryKind::Row, record_no));
    }
    promotion.rollback().await.unwrap();
}

pub(crate) async fn null_is_not_empty_text(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&[vec![row(1, "", "0.00"), row(2, NULL, NULL)]]).await;
    let found = loading.staging().await;
    let tags = |one: &Found| -> Vec<Tag> {
        let record = record::records(&one.bytes, 3).next().unwrap().unwrap();
        record.fields().map(|field| field.tag).collect()
    };
    assert_eq!(tags(&found[0]), [Tag::Integer, Tag::Text, Tag::Decimal]);
    assert_eq!(tags(&found[1]), [Tag::Integer, Tag::Null, Tag::Null]);
}

pub(crate) async fn a_value_that_the_type_cannot_have_is_foreign(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let Some(damage) = subject.foreign else { return };
    let loading = Loading::begin(&subject.store, &kinds(), 1).await;
    loading.load(&[edges()]).await;
    subject.execute(damage).await;
    for one in loading.staging().await {
        let record = record::records(&one.bytes, 9).next().unwrap().unwrap();
        assert_eq!(record.fields().next().unwrap().tag, Tag::Foreign);
        assert_ne!(record.fields().nth(1).unwrap().tag, Tag::Foreign);
    }
}

/// Three chunks with rejects among their rows, the last record of all being one.
fn mixed() -> [Vec<Record<'static>>; 3] {
    [
        vec![Record::Reject(b"\0first"), row(2, "a", "1.00"), row(3, "b", "1.00"), Record::Reject(b"")],
        vec![Record::Reject(b"x"), Record::Reject(b"y")],
        vec![row(7, "c", "1.00"), Record::Reject(b"z"), row(9, "d", "1.00"), Record::Reject(b"last")],
    ]
}

pub(crate) async fn rows_and_rejects_come_in_record_order(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    // Another run's rows are between these in no table.
    Loading::begin(&subject.store, &loading.job, 2).await.load(&mixed()).await;
    let chunks = mixed();
    let cuts = super::fixture::cuts(&chunks);
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    for at in [2, 0, 1] {
        loading.commit(loading.batch(&cuts[at], &chunks[at])).await.unwrap();
    }
    let found = loading.staging().await;
    let records = (0..).zip(&chunks).flat_map(|(chunk_no, chunk)| chunk.iter().map(move |r| (chunk_no, r)));
    assert_eq!(found.len(), 10);
    for ((record_no, (chunk_no, record)), one) in (1..).zip(records).zip(&found) {
        let (kind, worker, bytes) = match record {
            Record::Row(values) => (EntryKind::Row, loading.writer, canonical(record_no, values)),
            Record::Reject(raw) => (EntryKind::Reject, loading.processor, raw.to_vec()),
        };
        let expected = Found { kind, chunk_no, record_no, worker_id: worker.0, excluded: None, bytes };
        assert_eq!(*one, expected);
    }
}

pub(crate) async fn a_range_of_chunks_reads_back_just_these(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&mixed()).await;
    let all = loading.staging().await;
    for (first, end, from, to) in
        [(0, 1, 0, 4), (1, 2, 4, 6), (2, 3, 6, 10), (0, 2, 0, 6), (1, 9, 4, 10), (3, 9, 10, 10), (1, 1, 4, 4)]
    {
        assert_eq!(loading.staging_in(ChunkRange { first, end }).await, all[from..to], "{first}..{end}");
    }
    let nobody = Loading { run_id: run_id(9), ..loading };
    assert_eq!(nobody.staging().await, []);
}

pub(crate) async fn reading_back_sees_the_tables_and_not_the_ledger(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&[vec![row(1, "a", "1.00"), row(2, "b", "2.00"), row(3, "c", "3.00")]]).await;
    subject.execute("UPDATE stg_entries SET amt = '1.01', worker_id = 77 WHERE record_no = 1").await;
    subject.execute("DELETE FROM stg_entries WHERE record_no = 2").await;
    let stray = format!(
        "INSERT INTO stg_entries (run_id, chunk_no, record_no, worker_id, id, account, amt) VALUES ('{}', 5, 3, 1, 3, 'c', '3.00')",
        loading.run_id
    );
    subject.execute(&stray).await;
    let found = loading.staging().await;
    let places: Vec<_> = found.iter().map(|one| (one.chunk_no, one.record_no, one.worker_id)).collect();
    assert_eq!(places, [(0, 1, 77), (0, 3, loading.writer.0), (5, 3, 1)]);
    let Record::Row(altered) = row(1, "a", "1.01") else { return };
    assert_eq!(found[0].bytes, canonical(1, &altered));
}

pub(crate) async fn excluded_records_are_flagged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"accounts differ\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(super::fixture::UPSERT, rule), 1).await;
    let chunks = [
        vec![row(1, "a", "1.00"), Record::Reject(b"x"), row(2, "same", "1.00")],
        vec![row(3, "same", "1.00"), row(1, "b", "2.00"), row(1, "c", "3.00")],
    ];
    loading.load(&chunks).await;
    assert!(loading.staging().await.iter().all(|one| one.excluded.is_none()), "no rules were applied yet");
    let RulesApplied { outcomes, keys: counts } =
        loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap();
    assert_eq!(outcomes, [RuleOutcome { examined: 5, breached: 2 }]);
    assert_eq!((counts.held, counts.merged, counts.duplicates), (2, 2, 0));
    let (held, merged) = (Some(Exclusion::Held), Some(Exclusion::Merged));
    let flags: Vec<_> = loading.staging().await.iter().map(|one| one.excluded).collect();
    assert_eq!(flags, [merged, None, held, held, merged, None]);
    let of_second: Vec<_> =
        loading.staging_in(ChunkRange { first: 1, end: 2 }).await.iter().map(|one| one.excluded).collect();
    assert_eq!(of_second, flags[3..]);
}

/// Loads 120 rows of 60,000 bytes, 7 MB in all, and 3 rejects of 100,000.
async fn load_much(subject: &Subject) -> Loading {
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (text, raw) = ("x".repeat(60_000), vec![b'r'; 100_000]);
    let chunks: Vec<Vec<_>> = (0..3)
        .map(|chunk| {
            let rows = (0..40).map(|at| row(chunk * 40 + at, &text, "1.00"));
            rows.chain([Record::Reject(&raw)]).collect()
        })
        .collect();
    loading.load(&chunks).await;
    loading
}

pub(crate) async fn blocks_are_of_bounded_size(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = load_much(&subject).await;
    let many: Vec<_> = (0..20_000).map(|id| row(id, NULL, NULL)).collect();
    let small = Loading::begin(&subject.store, &loading.job, 2).await;
    small.load(std::slice::from_ref(&many)).await;
    for (loading, records) in [(loading, 123), (small, 20_000)] {
        let mut blocks = loading.store.read_staging(loading.run_id, loading.layout(), ChunkRange::ALL).await;
        let (mut count, mut seen) = (0, 0);
        while let Some(block) = soon(blocks.recv()).await {
            let block = block.unwrap();
            assert!(!block.entries.is_empty());
            assert!(block.bytes.len() <= BLOCK_BYTES_MAX, "{} bytes", block.bytes.len());
            assert_eq!(block.entries.last().unwrap().end, block.bytes.len());
            seen += block.entries.len();
            count += 1;
        }
        assert_eq!(seen, records);
        assert!(count > 1, "{records} records came as one block");
    }
}

pub(crate) async fn dropping_the_receiver_ends_reading_back(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = load_much(&subject).await;
    // More than any adapter has connections: were they not given back, the last could not begin.
    for _ in 0..40 {
        let mut blocks = loading.store.read_staging(loading.run_id, loading.layout(), ChunkRange::ALL).await;
        soon(blocks.recv()).await.unwrap().unwrap();
    }
    assert_eq!(soon(loading.staging()).await.len(), 123);
    subject.execute("DELETE FROM stg_entries").await;
    assert_eq!(soon(loading.staging()).await.len(), 3);
}
