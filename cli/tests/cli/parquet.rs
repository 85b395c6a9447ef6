//! `crossfoot reconcile` with Parquet files: as another program wrote them, and with one defect after the other.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::desk::{Desk, JOB, csv};

/// A posting as another program writes it.
#[derive(Clone, Debug)]
struct Row {
    id: Option<i64>,
    /// Days since 1970.
    day: Option<i32>,
    /// In cents.
    amount: Option<i128>,
    text: Option<String>,
}

const SCHEMA: &str = "message m { optional int64 id; optional int32 booked_on (DATE);
    optional fixed_len_byte_array (16) amount (DECIMAL(38, 2)); optional binary text (STRING); }";

fn column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, File>, values: Vec<Option<T::T>>) {
    let levels: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<_> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&there, Some(&levels), None).unwrap();
    column.close().unwrap();
}

/// Writes a file with row groups of seven rows.
fn write(path: &Path, rows: &[Row]) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for rows in rows.chunks(7) {
        let mut group = writer.next_row_group().unwrap();
        column::<Int64Type>(&mut group, rows.iter().map(|row| row.id).collect());
        column::<Int32Type>(&mut group, rows.iter().map(|row| row.day).collect());
        let amounts = rows.iter().map(|row| {
            row.amount.map(|cents| FixedLenByteArray::from(ByteArray::from(cents.to_be_bytes().to_vec())))
        });
        column::<FixedLenByteArrayType>(&mut group, amounts.collect());
        let texts = rows.iter().map(|row| row.text.as_deref().map(ByteArray::from));
        column::<ByteArrayType>(&mut group, texts.collect());
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Forty postings, in the file and as they are loaded. Record 8 is the one that is damaged.
fn postings() -> (Vec<u8>, Vec<Row>) {
    let rows = (1..=40_i64).map(|id| Row {
        id: Some(id),
        day: Some(19_754),
        amount: Some(i128::from(id) * 125),
        text: (id != 9).then(|| format!("Posting {id}")),
    });
    let rows: Vec<_> = rows.collect();
    let line = |row: &Row| {
        let (id, cents) = (row.id.unwrap(), row.amount.unwrap());
        let text = row.text.clone().unwrap_or_default();
        format!("{id},2024-02-01,{}.{:02},{text}", cents / 100, cents % 100)
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    (csv(&lines.iter().map(String::as_str).collect::<Vec<_>>()), rows)
}

const RECONCILE: [&str; 6] = ["reconcile", "job.toml", "--source", "in.csv", "--target", "landed.parquet"];

/// A damage to what was loaded, and what must be found: kind, field, and of how many records or rows.
type Damage = (&'static str, fn(&mut Vec<Row>), &'static str, &'static str, u64);

const DAMAGES: [Damage; 20] = [
    ("a cent more", |rows| rows[7].amount = Some(1001), "differs", "amount", 1),
    ("a sign", |rows| rows[7].amount = Some(-1000), "differs", "amount", 1),
    ("a point that moved", |rows| rows[7].amount = Some(100_000), "differs", "amount", 1),
    ("an amount of no value", |rows| rows[7].amount = None, "differs", "amount", 1),
    ("far too much", |rows| rows[7].amount = Some(10_i128.pow(37)), "differs", "amount", 1),
    (
        "amounts that changed places",
        |rows| (rows[7].amount, rows[8].amount) = (Some(1125), Some(1000)),
        "differs",
        "amount",
        2,
    ),
    ("the next day", |rows| rows[7].day = Some(19_755), "differs", "booked_on", 1),
    ("no day", |rows| rows[7].day = None, "differs", "booked_on", 1),
    ("a day out of range", |rows| rows[7].day = Some(i32::MAX), "differs", "booked_on", 1),
    ("a blank at the end", |rows| rows[7].text = Some("Posting 8 ".into()), "differs", "text", 1),
    ("another case", |rows| rows[7].text = Some("posting 8".into()), "differs", "text", 1),
    ("cut", |rows| rows[7].text = Some("Posting".into()), "differs", "text", 1),
    ("NULL for a text", |rows| rows[7].text = None, "differs", "text", 1),
    ("an empty text for NULL", |rows| rows[8].text = Some(String::new()), "differs", "text", 1),
    ("lost", |rows| drop(rows.remove(7)), "missing", "", 1),
    ("a row group lost", |rows| drop(rows.drain(7..14)), "missing", "", 7),
    ("twice", |rows| rows.push(rows[7].clone()), "doubled", "", 1),
    ("a row group twice", |rows| rows.extend_from_within(7..14), "doubled", "", 7),
    ("of no record", |rows| rows.push(Row { id: Some(99), ..rows[7].clone() }), "extra", "", 1),
    ("without a key", |rows| rows.push(Row { id: None, ..rows[7].clone() }), "extra", "", 1),
];

#[test]
fn an_undamaged_file_reconciles_and_each_of_twenty_defects_is_located() {
    let (source, rows) = postings();
    let desk = Desk::with(source);
    write(&desk.path("landed.parquet"), &rows);
    let ended = desk.run(&RECONCILE).exits(0);
    ended.prints(&["RECONCILED  40 records = 40 rows", "Parquet, 1 file with", "none of the files changed"]);
    let text = std::fs::read_to_string(desk.path("in.csv")).unwrap();
    for (damage, strike, kind, field, count) in DAMAGES {
        let mut damaged = rows.clone();
        strike(&mut damaged);
        write(&desk.path("landed.parquet"), &damaged);
        let report = desk.run(&[&RECONCILE[..], &["--json"]].concat()).exits(1).json();
        let first = &report["first_differences"][0];
        assert_eq!(
            (report["differences"].as_u64(), first["kind"].as_str()),
            (Some(count), Some(kind)),
            "{damage}"
        );
        assert_eq!(first["fields"][0]["field"].as_str().unwrap_or_default(), field, "{damage}");
        // A row has no place in the source.
        if ["extra", "doubled"].contains(&kind) {
            continue;
        }
        let at = usize::try_from(first["byte_offset"].as_u64().unwrap()).unwrap();
        let id = if field == "text" && damage.contains("for NULL") { 9 } else { 8 };
        assert!(text[at..].starts_with(&format!("{id},2024-02-01")), "{damage}");
        assert_eq!(first["key"][0][1].as_str(), Some(id.to_string().as_str()), "{damage}");
    }
}

#[test]
fn parquet_is_a_source_as_well_and_a_folder_holds_a_table() {
    let (source, rows) = postings();
    let desk = Desk::with(source);
    std::fs::create_dir(desk.path("lake")).unwrap();
    write(&desk.path("lake/part-0.parquet"), &rows[..20]);
    write(&desk.path("lake/part-1.parquet"), &rows[20..]);
    let folder = ["reconcile", "job.toml", "--source", "in.csv", "--target", "parquet:lake"];
    desk.run(&folder).exits(0).prints(&["RECONCILED  40 records = 40 rows", "2 files"]);
    write(&desk.path("landed.parquet"), &rows);
    let from = ["reconcile", "job.toml", "--from", "parquet:lake", "--target", "landed.parquet"];
    desk.run(&from).exits(0).prints(&["RECONCILED  40 records = 40 rows"]);
    let mut damaged = rows.clone();
    damaged[30].amount = Some(1);
    write(&desk.path("landed.parquet"), &damaged);
    desk.run(&from).exits(1).prints(&["1 difference", "38.75", "0.01"]);
    std::fs::write(desk.path("lake/notes.txt"), "not yet").unwrap();
    desk.run(&folder).exits(3).says(&["lake/notes.txt is no .parquet file"]);
    desk.put("job.toml", JOB.replace("\n[limits]", "\n[target]\nfilter = \"id > 1\"\n[limits]"));
    desk.run(&from).exits(3).says(&["cannot be filtered"]);
}

#[test]
fn odbc_needs_a_program_that_is_built_with_it() {
    let desk = Desk::with(postings().0);
    let target =
        ["reconcile", "job.toml", "--source", "in.csv", "--target", "odbc:DSN=bank;UID=u;PWD=geheim"];
    let ended = desk.run(&target);
    assert!(!ended.err.contains("geheim"), "{}", ended.err);
    if cfg!(not(feature = "odbc")) {
        ended.exits(2).says(&["`odbc:DSN=bank;***` needs a crossfoot that is built with `--features odbc`"]);
    }
}
