//! What a source may look like, from its bytes to final's columns.

use std::io::Write;

use coordinator::run::Ending;
use domain::check::Stage;
use tests::fleet::Bench;
use tests::jobs::{self, JobText, fields};
use tests::ledger::Ledger;
use tests::proof::{self, Cell, Leaf};

/// Final's rows in order of their first column, each column as SQL would quote it.
fn final_texts(bench: &Bench, columns: &str) -> Vec<String> {
    let quoted: Vec<_> = columns.split(", ").map(|column| format!("quote({column})")).collect();
    let sql = bench.sql();
    let query = format!("SELECT {} FROM ledger ORDER BY 1", quoted.join(" || ' ' || "));
    let mut statement = sql.prepare(&query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn loads(job: &JobText, bytes: &[u8], leaves: &[Leaf], columns: &str, rows: &[&str]) {
    let bench = Bench::new().await;
    let ended = bench.load(job, bytes).await.promoted();
    assert_eq!(final_texts(&bench, columns), rows);
    for stage in [Stage::Source, Stage::Staging] {
        assert_eq!(ended.level(stage).2, proof::fingerprint(leaves), "{stage:?}");
    }
}

fn accepted(texts: &[&[Option<&str>]]) -> Vec<Leaf> {
    texts.iter().map(|row| Leaf::Accepted(row.iter().map(|text| Cell::text(*text)).collect())).collect()
}

const TWO_TEXTS: [(&str, &str, &str); 2] = [("a", "text(20)", ""), ("b", "text(20)", "")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes_hold_separators_quotes_and_line_ends() {
    let bytes = b"1,\"x,y\"\n2,\"say \"\"hi\"\"\"\n3,\"two\nlines\"\n4,\"\r\n\"";
    let leaves = accepted(&[
        &[Some("1"), Some("x,y")],
        &[Some("2"), Some("say \"hi\"")],
        &[Some("3"), Some("two\nlines")],
        &[Some("4"), Some("\r\n")],
    ]);
    let rows = ["'1' 'x,y'", "'2' 'say \"hi\"'", "'3' 'two\nlines'", "'4' '\r\n'"];
    loads(&jobs::of(&TWO_TEXTS), bytes, &leaves, "a, b", &rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_null_and_an_empty_quoted_text_is_not() {
    let leaves = accepted(&[&[Some("1"), None], &[Some("2"), Some("")], &[Some("3"), Some("NULL")]]);
    loads(
        &jobs::of(&TWO_TEXTS),
        b"1,\n2,\"\"\n3,NULL\n",
        &leaves,
        "a, b",
        &["'1' NULL", "'2' ''", "'3' 'NULL'"],
    )
    .await;
    // AND a job may name another text for NULL, which means itself in quotes
    let job = jobs::of(&TWO_TEXTS).source("null = \"\\\\N\"");
    let leaves = accepted(&[&[Some("1"), Some("")], &[Some("2"), None], &[Some("3"), Some("\\N")]]);
    loads(&job, b"1,\n2,\\N\n3,\"\\N\"\n", &leaves, "a, b", &["'1' ''", "'2' NULL", "'3' '\\N'"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_ends_change_nothing_about_the_fingerprint() {
    let ledger = Ledger::random(10, 60);
    for line_end in ["\n", "\r\n"] {
        let ended = Bench::new().await.load(&jobs::ledger(), &ledger.csv_with(line_end)).await.promoted();
        assert_eq!(ended.level(Stage::Final).2, proof::fingerprint(&ledger.leaves()), "{line_end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_row_is_no_record_and_must_name_the_fields() {
    let job = jobs::of(&TWO_TEXTS).source("header = true");
    loads(&job, b"a,b\n1,x\n", &accepted(&[&[Some("1"), Some("x")]]), "a, b", &["'1' 'x'"]).await;
    let bench = Bench::new().await;
    let error = bench.open(&bench.request(&job, b"a,c\n1,x\n")).await.unwrap_err();
    assert!(error.to_string().contains("header row does not match the job"), "{error}");
    assert!(error.is_usage());
    assert_eq!(bench.store.runs(&Default::default(), 10).await.unwrap(), [], "no run is left open");
    assert_eq!(bench.final_rows(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_in_another_order_are_the_same_records() {
    let job = jobs::of(&TWO_TEXTS).source("header = true").record("leave_out = [\"note\"]");
    let leaves = accepted(&[&[Some("1"), Some("x")], &[Some("2"), None]]);
    let source = b"note,b,a\n\"n, 1\",x,1\nn2,,2\n";
    loads(&job, source, &leaves, "a, b", &["'1' 'x'", "'2' NULL"]).await;
    let bench = Bench::new().await;
    let ended = bench.load(&job, source).await.promoted();
    let run = bench.store.run(ended.run_id).await.unwrap();
    let text = bench.store.job_text(&run.job_digest).await.unwrap();
    assert!(text.ends_with("[columns]\nheader = [\"note\", \"b\", \"a\"]\n"), "{text}");
    let bytes = ended.report.bytes.unwrap();
    let of_record = &bytes.types[0].bytes;
    assert_eq!((of_record.left_out, of_record.fields, of_record.rejects), (4 + 2, 3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_before_the_header_row_are_skipped_and_counted() {
    let job = jobs::of(&TWO_TEXTS).source("header = true\nskip_lines = 2");
    let leaves = accepted(&[&[Some("1"), Some("x")]]);
    let source = b"Report of 2024-02-29\n\nb,a\nx,1\n";
    loads(&job, source, &leaves, "a, b", &["'1' 'x'"]).await;
    let error =
        Bench::new().await.open(&Bench::new().await.request(&job, b"t\na,b\n1,x\n")).await.unwrap_err();
    assert!(error.to_string().contains("header row does not match the job"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_blank_lines_and_the_end_of_file_are_skipped_and_every_byte_is_counted() {
    let job = jobs::of(&TWO_TEXTS)
        .source("header = true\ncomment = \"#\"\nblank_lines = \"skip\"\nend_of_file = \"skip\"");
    let leaves = accepted(&[&[Some("1"), Some("x")], &[Some("2"), Some("# no comment")], &[None, None]]);
    let source = b"# a title\n\nb,a\n  \nx,1\n# between\r\n\r\n\"# no comment\",2\n,\n#end\n\x1a";
    loads(&job, source, &leaves, "a, b", &["'1' 'x'", "'2' '# no comment'", "NULL NULL"]).await;
    // Chunks of one record each: the lines after a record are in its chunk.
    let bench = Bench::new().await;
    let ended = bench.load(&job, source).await.promoted();
    let bytes = ended.report.bytes.unwrap();
    let of_record = &bytes.types[0].bytes;
    // Separators, quotes and line ends of the records, and the 10 + 4 + 5 + 2 bytes that are skipped after the first.
    assert_eq!((of_record.fields, of_record.rejects), (2 + 13, 0));
    assert_eq!(of_record.framing, (1 + 1) + (11 + 2) + (1 + 2 + 1) + (1 + 1) + (5 + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_stands_for_null_and_each_one_is_counted() {
    let places = [
        ("a", "text(9)", "default = \"none\""),
        ("n", "decimal(9,2)", "default = \"0.5\""),
        ("d", "date(%d.%m.%Y)", "default = \"01.01.1970\""),
    ];
    let job = JobText { record: "amounts = [\"n\"]".into(), fields: fields(&places), ..jobs::ledger() };
    let leaf = |a: &str, n: i128, day: &str| {
        Leaf::Accepted(vec![Cell::text(Some(a)), Cell::Decimal(n, 2), Cell::Date(day.into())])
    };
    let leaves =
        [leaf("x", 100, "2024-02-29"), leaf("none", 50, "1970-01-01"), leaf("none", 50, "1970-01-01")];
    let source = b"x,1.00,29.02.2024\n,,\nnone,0.5,01.01.1970\n";
    let rows = ["'none' '0.50' '1970-01-01'", "'none' '0.50' '1970-01-01'", "'x' '1.00' '2024-02-29'"];
    loads(&job, source, &leaves, "a, n, d", &rows).await;
    let bench = Bench::new().await;
    let ended = bench.load(&job, source).await.promoted();
    let proof = format!("{:?}", ended.report.decode_proof);
    // Once in each field: what is written as the default is no default.
    assert_eq!(proof.matches("Default").count(), 3, "{proof}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latin_1_bytes_become_the_characters_they_stand_for() {
    let job = jobs::of(&TWO_TEXTS).source("encoding = \"latin-1\"\nseparator = \"|\"");
    let leaves = accepted(&[&[Some("1"), Some("Müller & Söhne £")]]);
    loads(&job, b"1|M\xfcller & S\xf6hne \xa3\n", &leaves, "a, b", &["'1' 'Müller & Söhne £'"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixed_records_are_framed_by_lines_or_by_their_length() {
    let places = [
        ("a", "text(3)", "start = 1\nwidth = 3"),
        ("n", "decimal(5,2)", "start = 4\nwidth = 6"),
        ("d", "date(%Y%m%d)", "start = 10\nwidth = 8"),
    ];
    let job = |framing: &str| JobText {
        format: "fixed",
        record: "amounts = [\"n\"]".into(),
        fields: fields(&places),
        ..jobs::ledger().source(&format!("framing = \"{framing}\""))
    };
    let leaf = |a: Option<&str>, n: Option<i128>, day: &str| {
        let amount = n.map_or(Cell::Null, |n| Cell::Decimal(n, 2));
        Leaf::Accepted(vec![Cell::text(a), amount, Cell::Date(day.into())])
    };
    let leaves = [
        leaf(Some("AB"), Some(-150), "2024-02-29"),
        leaf(Some("CDE"), Some(12345), "1999-12-31"),
        leaf(Some("x"), None, "2000-01-01"),
    ];
    let rows = ["'AB' '-1.50' '2024-02-29'", "'CDE' '123.45' '1999-12-31'", "'x' NULL '2000-01-01'"];
    let lines = ["AB  -1.5020240229", "CDE123.4519991231", "x        20000101"];
    loads(&job("line"), (lines.join("\n") + "\n").as_bytes(), &leaves, "a, n, d", &rows).await;
    loads(&job("line"), (lines.join("\r\n") + "\r\n").as_bytes(), &leaves, "a, n, d", &rows).await;
    loads(&job("fixed"), lines.concat().as_bytes(), &leaves, "a, n, d", &rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_source_has_the_fingerprint_of_its_content_and_the_sha_256_of_its_bytes() {
    let ledger = Ledger::random(11, 200);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&ledger.csv()).unwrap();
    let zstd = zstd::encode_all(ledger.csv().as_slice(), 3).unwrap();
    for (name, bytes) in [("ledger.csv.gz", gzip.finish().unwrap()), ("ledger.csv.zst", zstd)] {
        let bench = Bench::new().await;
        let ended = bench.run(&bench.request_named(name, &jobs::ledger(), &bytes)).await.promoted();
        assert_eq!(ended.level(Stage::Final).2, proof::fingerprint(&ledger.leaves()), "{name}");
        assert_eq!(ended.report.source.sha256.unwrap().to_string(), proof::sha256(&bytes), "{name}");
        assert_eq!(ended.report.source.bytes, bytes.len() as u64, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_source_that_was_cut_off_is_an_error_and_not_a_shorter_source() {
    let whole = zstd::encode_all(Ledger::random(12, 200).csv().as_slice(), 3).unwrap();
    let bench = Bench::new().await;
    let request = bench.request_named("cut.zst", &jobs::ledger(), &whole[..whole.len() - 20]);
    let run_id = bench.open(&request).await.unwrap();
    bench.drive_with(&bench.coordinator(), run_id, &Default::default()).await.unwrap_err();
    assert_eq!(bench.final_rows(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_records_is_loaded_only_if_that_is_declared() {
    for bytes in [&b""[..], b"a,b\n"] {
        let job = jobs::of(&TWO_TEXTS).source(if bytes.is_empty() { "" } else { "header = true" });
        let ended = Bench::new().await.load(&job, bytes).await.not_reconciled();
        assert_eq!(ended.failed()[0].name, "the source holds records");
        let declared = job.and("[declared]\nrecords = 0");
        let bench = Bench::new().await;
        let ended = bench.load(&declared, bytes).await.promoted();
        assert_eq!(ended.level(Stage::Final), (0, vec![], proof::fingerprint(&[])));
        // AND the next day's empty file has the same bytes, and is loaded too
        assert_eq!(bench.load(&declared, bytes).await.ending, Ending::Promoted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_of_38_digits_are_summed_exactly_and_a_sum_beyond_them_is_an_error() {
    let job = jobs::of(&[("n", "decimal(38,2)", "")]).record("amounts = [\"n\"]");
    let nines = 10_i128.pow(38) - 1;
    let [high, low] = [nines, 1 - nines].map(|mantissa| proof::plain(mantissa, 2));
    let ended = Bench::new().await.load(&job, format!("{high}\n{low}\n0.05\n").as_bytes()).await.promoted();
    assert_eq!(ended.level(Stage::Final).1, ["0.06"]);
    let bench = Bench::new().await;
    let run_id = bench.open(&bench.request(&job, format!("{high}\n0.01\n").as_bytes())).await.unwrap();
    let error = bench.drive_with(&bench.coordinator(), run_id, &Default::default()).await.unwrap_err();
    assert!(error.to_string().contains("38 digits"), "{error}");
}

/// Progress shows the share of the source beside the records of the same chunks: reading is ahead of cutting.
#[test]
fn a_chunk_says_where_on_disk_it_ends_and_not_how_far_was_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    let lines: String = (0..20_000).map(|number| format!("{number},a,2024-01-01,1.00\n")).collect();
    std::fs::write(&path, &lines).unwrap();
    let job = job::Job::parse("job.toml", &jobs::ledger().text()).unwrap();
    let source = source::SourceFile::open(source::Location::file(&path), source::Compression::Auto).unwrap();
    let limits = coordinator::split::ChunkLimits { bytes: 10_000, records: 0 };
    let mut chunks = 0;
    coordinator::split::split(source.reader().unwrap(), &job, limits, |chunk| {
        chunks += 1;
        assert_eq!(chunk.disk_position, chunk.cut.offset + chunk.cut.bytes);
        true
    })
    .unwrap();
    assert!(chunks > 10, "{chunks}");
}
