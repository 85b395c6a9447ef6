//! How fast mainframe records become canonical ones: ten fields in 88 bytes, decoded and digested, on one core,
//! beside a copy of the same bytes. Prints medians; `cargo bench -p shared --bench decode`.

#![allow(missing_docs, reason = "a program")]

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::RecordNo;
use domain::record;
use domain::value::FieldType;
use format::cobol::{
    AsciiSigns, BinaryRange, ByteOrder, FieldDecoder, FieldSpec, Kind, MomentForm, NumberForm, OnDate,
    SignPlace, TextForm, Usage,
};
use format::codepage::CodePage;
use job::Job;
use job::chunk::{ChunkDecoder, Start};

const RECORDS: usize = 20_000;
const RUNS: usize = 15;
const RECORD_BYTES: usize = 88;

fn fields(page: &'static CodePage) -> Result<Vec<FieldDecoder>, String> {
    let number = |usage, digits, scale| NumberForm::new(usage, digits, scale);
    let packed = Usage::Packed { signed: true };
    let binary = Usage::Binary { signed: true, order: ByteOrder::BigEndian, range: BinaryRange::Picture };
    let decimal = |precision, scale| FieldType::Decimal { precision, scale };
    let text = |chars_max| (Kind::Text(TextForm::default()), FieldType::Text { chars_max });
    let date = Kind::Moment {
        form: MomentForm::YyyyMmDd,
        digits: number(Usage::Zoned(SignPlace::Unsigned), 8, 0),
        zeros: OnDate::Reject,
        nines: OnDate::Reject,
        hour_24: false,
    };
    let trailing = Usage::Zoned(SignPlace::Trailing(AsciiSigns::Translated));
    let all = [
        (text(16), 16),
        ((Kind::Number(number(packed, 11, 2)), decimal(11, 2)), 6),
        ((Kind::Number(number(packed, 7, 0)), FieldType::Integer), 4),
        ((Kind::Number(number(binary, 9, 0)), FieldType::Integer), 4),
        ((Kind::Number(number(binary, 18, 2)), decimal(18, 2)), 8),
        (text(22), 22),
        ((Kind::Number(number(trailing, 9, 2)), decimal(9, 2)), 9),
        ((Kind::Number(number(Usage::Zoned(SignPlace::Unsigned), 9, 0)), FieldType::Integer), 9),
        ((date, FieldType::Date), 8),
        (text(2), 2),
    ];
    let decoders = all
        .into_iter()
        .map(|((kind, column), bytes)| FieldDecoder::new(&FieldSpec { kind, bytes, page, column }));
    decoders.collect()
}

/// Records that differ in every field.
fn records(page: &CodePage) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |text: &str, out: &mut Vec<u8>| page.encode_into(text, out).is_ok();
    for at in 0..RECORDS {
        let packed = |digits: usize, value: usize, out: &mut Vec<u8>| {
            let nibbles = format!("{value:0digits$}{}", if value.is_multiple_of(3) { 'd' } else { 'c' });
            domain::hex::decode_into(nibbles.as_bytes(), out)
        };
        assert!(put(&format!("{:016}", at * 7_919), &mut out));
        assert!(packed(11, at * 104_729, &mut out) && packed(7, at, &mut out));
        out.extend(i32::try_from(at).unwrap_or(0).to_be_bytes());
        out.extend((at as i64 * -1_299_709).to_be_bytes());
        assert!(put(&format!("{:22}", format!("Customer no. {at}")), &mut out));
        let amount = format!("{:09}", at * 977);
        assert!(put(&amount, &mut out));
        if at % 2 == 0 {
            let last = out.len() - 1;
            out[last] -= 0x20;
        }
        assert!(put(
            &format!("{:09}{:04}{:02}{:02}", at * 31, 1990 + at % 40, 1 + at % 12, 1 + at % 28),
            &mut out
        ));
        assert!(put(if at % 5 == 0 { "A " } else { "BC" }, &mut out));
    }
    assert_eq!(out.len(), RECORDS * RECORD_BYTES);
    out
}

/// The median time of a run.
fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

/// The same ten fields as a job has them.
const JOB: &str = r#"[job]
name = "bench"
[copybooks]
"bench.cpy" = """
       01  CARD.
           05  NUM          PIC X(16).
           05  AMOUNT       PIC S9(9)V99 COMP-3.
           05  UNITS        PIC S9(7) COMP-3.
           05  BRANCH       PIC S9(9) COMP.
           05  BALANCE      PIC S9(16)V99 COMP.
           05  CUSTOMER     PIC X(22).
           05  FEE          PIC S9(7)V99.
           05  SERIAL       PIC 9(9).
           05  BOOKED-ON    PIC 9(8).
           05  KIND         PIC X(2).
"""
[source]
format = "copybook"
copybook = "bench.cpy"
[[record]]
name = "card"
amounts = ["amount", "balance"]
staging = "stg_card"
final = "card"
[[record.field]]
name = "booked_on"
type = "date(YYYYMMDD)"
"#;

/// The way of a processor: framed, decoded, made canonical, summed, and digested into the fingerprint's tree.
/// `decode_proof`: whether the records are encoded again as well.
fn chunks(source: &[u8], decode_proof: bool) -> Result<Duration, String> {
    let job = Job::parse("bench.toml", JOB).map_err(|error| error.to_string())?;
    let job = Arc::new(Job { decode_proof, ..job });
    let mut decoder = ChunkDecoder::new(&job)?;
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    let mut decode = || decoder.decode(start, black_box(source)).map_err(|error| error.to_string());
    let first = decode()?;
    if first.accepted.records != RECORDS as u64 {
        let reason = first.rejects.first().map(|reject| format!("{:?}", reject.reasons));
        return Err(format!("{} of {RECORDS} records are accepted: {reason:?}", first.accepted.records));
    }
    Ok(median(|| assert!(decode().is_ok())))
}

fn main() -> Result<(), String> {
    let page = CodePage::by_name("cp037").ok_or("no cp037")?;
    let (fields, source) = (fields(page)?, records(page));
    let mut out = Vec::with_capacity(source.len() * 3);
    let decode = |out: &mut Vec<u8>| -> Result<(), String> {
        out.clear();
        for (at, bytes) in source.chunks_exact(RECORD_BYTES).enumerate() {
            record::begin(out, RecordNo(at as u64));
            let mut start = 0;
            for field in &fields {
                let end = start + field.bytes();
                field.decode(&bytes[start..end], out).map_err(|reject| reject.detail)?;
                start = end;
            }
        }
        Ok(())
    };
    decode(&mut out)?;
    let canonical = out.clone();
    let decoded = median(|| assert!(decode(black_box(&mut out)).is_ok()));
    let mut ends = Vec::with_capacity(RECORDS);
    for each in record::records(&canonical, fields.len()) {
        let each = each.map_err(|error| error.to_string())?;
        ends.push(ends.last().copied().unwrap_or(0) + each.bytes().len());
    }
    let digest = |out: &[u8]| {
        let mut start = 0;
        for end in &ends {
            black_box(domain::fingerprint::Hash::of(&out[start..*end]));
            start = *end;
        }
    };
    let both = median(|| {
        assert!(decode(black_box(&mut out)).is_ok());
        digest(&out);
    });
    let mut copy = vec![0; source.len()];
    let copied = median(|| black_box(&mut copy).copy_from_slice(black_box(&source)));
    let (unproved, processed) = (chunks(&source, false)?, chunks(&source, true)?);
    let mut stdout = std::io::stdout();
    let measured = [
        ("copy", copied),
        ("decode", decoded),
        ("decode and digest", both),
        ("all but the proof", unproved),
        ("a processor's all", processed),
    ];
    for (what, time) in measured {
        let per_second = RECORDS as f64 / time.as_secs_f64();
        let each = time.as_nanos() / RECORDS as u128;
        writeln!(stdout, "{what:18} {per_second:>13.0} records/s {each:>6} ns each, median of {RUNS} runs")
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
