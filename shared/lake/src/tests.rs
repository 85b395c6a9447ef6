//! Files as other programs write them: each type, and folders.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use conformance::targets::{Held, samples, shows_values_as_stored};
use domain::comparison::{Cell, put_cell};
use domain::table::TableName;
use domain::value::FieldType;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use store::target::{Relation, RowSink, Target as _, TargetError, Wanted, WantedColumn};

use crate::ParquetTarget;

/// The values of one column.
#[derive(Clone, Debug)]
enum Column {
    Boolean(Vec<Option<bool>>),
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Int96(Vec<Option<Int96>>),
    Single(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Fixed(Vec<Option<Vec<u8>>>),
}

fn put<T: DataType>(group: &mut SerializedRowGroupWriter<'_, File>, values: Vec<Option<T::T>>) {
    let levels: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<_> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&there, Some(&levels), None).unwrap();
    column.close().unwrap();
}

/// Writes a file of optional columns, a row group for each element of `groups`.
fn write(path: &Path, columns: &str, groups: &[Vec<Column>]) {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {columns} }}")).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    for columns in groups {
        let mut group = writer.next_row_group().unwrap();
        for column in columns.clone() {
            let bytes = |values: Vec<Option<Vec<u8>>>| -> Vec<Option<ByteArray>> {
                values.into_iter().map(|value| value.map(ByteArray::from)).collect()
            };
            match column {
                Column::Boolean(values) => put::<BoolType>(&mut group, values),
                Column::Int32(values) => put::<Int32Type>(&mut group, values),
                Column::Int64(values) => put::<Int64Type>(&mut group, values),
                Column::Int96(values) => put::<Int96Type>(&mut group, values),
                Column::Single(values) => put::<FloatType>(&mut group, values),
                Column::Double(values) => put::<DoubleType>(&mut group, values),
                Column::Bytes(values) => put::<ByteArrayType>(&mut group, bytes(values)),
                Column::Fixed(values) => {
                    let fixed = |value: Option<ByteArray>| value.map(FixedLenByteArray::from);
                    put::<FixedLenByteArrayType>(&mut group, bytes(values).into_iter().map(fixed).collect());
                }
            }
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn wanted(columns: &[(&str, FieldType)]) -> Wanted {
    let columns = columns.iter().map(|(name, ty)| WantedColumn { name: (*name).to_owned(), ty: *ty });
    let relation = Relation::Table(TableName::from("t"));
    Wanted { relation, filter: None, columns: columns.collect() }
}

/// The rows that were read, each field as a comparison sees it.
struct Rows(Vec<FieldType>, Vec<Vec<u8>>);

impl RowSink for Rows {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.1.push(forms(&self.0, cells));
        Ok(())
    }
}

fn forms(types: &[FieldType], cells: &[Cell<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    types.iter().zip(cells).for_each(|(ty, cell)| put_cell(&mut form, ty, cell));
    form
}

/// Reads all parts, one after the other.
async fn read(root: &Path, columns: &[(&str, FieldType)]) -> Result<Vec<Vec<u8>>, String> {
    let target = ParquetTarget::open(root, false).map_err(|error| error.to_string())?;
    let prepared = target.prepare(wanted(columns)).await.map_err(|error| error.to_string())?;
    let mut rows = Rows(columns.iter().map(|(_, ty)| *ty).collect(), Vec::new());
    let mut reader = target.reader().await.map_err(|error| error.to_string())?;
    for part in 0..prepared.parts.len() {
        reader.read(&prepared, part, &mut rows).await.map_err(|error| error.to_string())?;
    }
    target.unchanged().await.map_err(|error| error.to_string())?;
    Ok(rows.1)
}

const TEXT: FieldType = FieldType::Text { chars_max: 99 };

const fn decimal(scale: u8) -> FieldType {
    FieldType::Decimal { precision: 38, scale }
}

/// Microseconds since 1970.
fn micros(text: &str) -> i64 {
    let time: jiff::civil::DateTime = text.parse().unwrap();
    let since = time.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
    i64::try_from(since.as_micros()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_comes_as_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = Vec::new();
    for (at, sample) in samples().into_iter().enumerate() {
        let text = |of: &str, values| (format!("optional binary v ({of});"), values);
        let (columns, values) = match (sample.cell, sample.ty) {
            (Cell::Null, FieldType::Decimal { .. }) => {
                ("optional int64 v (DECIMAL(18, 2));".into(), Column::Int64(vec![None]))
            }
            (Cell::Null, _) => text("UTF8", Column::Bytes(vec![None])),
            (Cell::Text(of), _) => text("STRING", Column::Bytes(vec![Some(of.into())])),
            (Cell::Bytes(of), _) => ("optional binary v;".into(), Column::Bytes(vec![Some(of.into())])),
            (Cell::Integer(of), _) => ("optional int64 v;".into(), Column::Int64(vec![Some(of)])),
            (Cell::Number(of), FieldType::Decimal { scale, .. }) => {
                let unscaled: i128 = of.replace('.', "").parse().unwrap();
                let columns = format!("optional fixed_len_byte_array (16) v (DECIMAL(38, {scale}));");
                (columns, Column::Fixed(vec![Some(unscaled.to_be_bytes().into())]))
            }
            (Cell::Date(of), _) => {
                let days = micros(&format!("{of} 00:00:00")) / 86_400_000_000;
                ("optional int32 v (DATE);".into(), Column::Int32(vec![Some(i32::try_from(days).unwrap())]))
            }
            (Cell::Timestamp(of), _) => {
                ("optional int64 v (TIMESTAMP(MICROS,false));".into(), Column::Int64(vec![Some(micros(of))]))
            }
            (Cell::Instant(of), _) => {
                let count = micros(of.trim_end_matches('Z'));
                ("optional int64 v (TIMESTAMP(MICROS,true));".into(), Column::Int64(vec![Some(count)]))
            }
            (Cell::Float(of), _) => ("optional double v;".into(), Column::Double(vec![Some(of)])),
            (Cell::Single(of), _) => ("optional float v;".into(), Column::Single(vec![Some(of)])),
            (Cell::Boolean(of), _) => ("optional boolean v;".into(), Column::Boolean(vec![Some(of)])),
            _ => {
                held.push((sample.name, Held::Nowhere("Parquet has no infinite timestamp")));
                continue;
            }
        };
        write(&folder.path().join(format!("s{at}.parquet")), &columns, &[vec![values]]);
        held.push((sample.name, Held::In(format!("s{at}"))));
    }
    let target = ParquetTarget::open(folder.path(), true).unwrap();
    shows_values_as_stored(&target, &held).await;
}

fn int96(day: u32, nanos: u64) -> Int96 {
    let mut value = Int96::new();
    let [a, b, c, d, e, f, g, h] = nanos.to_le_bytes();
    value.set_data(u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), day);
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_read_as_the_format_defines_it() {
    use Column as C;
    let one_day = 86_400_i64;
    let table: Vec<(&str, Column, FieldType, Cell<'_>)> = vec![
        ("int32 v (DECIMAL(9,2))", C::Int32(vec![Some(-5)]), decimal(2), Cell::Number("-0.05")),
        ("int64 v (DECIMAL(18,3))", C::Int64(vec![Some(1_234_500)]), decimal(3), Cell::Number("1234.500")),
        (
            "binary v (DECIMAL(9,2))",
            C::Bytes(vec![Some(vec![0xff, 0x38])]),
            decimal(2),
            Cell::Number("-2.00"),
        ),
        ("binary v (DECIMAL(9,0))", C::Bytes(vec![Some(vec![0])]), FieldType::Integer, Cell::Number("0")),
        (
            "fixed_len_byte_array (17) v (DECIMAL(38,0))",
            C::Fixed(vec![Some([vec![0x7f], vec![0xff; 16]].concat())]),
            decimal(0),
            Cell::Number("43556142965880123323311949751266331066367"),
        ),
        (
            "binary v (DECIMAL(9,2))",
            C::Bytes(vec![Some(vec![])]),
            decimal(2),
            Cell::Other("decimal", "without a byte"),
        ),
        ("int32 v (INTEGER(8,false))", C::Int32(vec![Some(255)]), FieldType::Integer, Cell::Integer(255)),
        (
            "int32 v (INTEGER(32,false))",
            C::Int32(vec![Some(-1)]),
            FieldType::Integer,
            Cell::Integer(4_294_967_295),
        ),
        ("int64 v (UINT_64)", C::Int64(vec![Some(-1)]), decimal(0), Cell::Number("18446744073709551615")),
        (
            "int32 v (DATE)",
            C::Int32(vec![Some(i32::MAX)]),
            FieldType::Date,
            Cell::Other("date", "2147483647 (out of range)"),
        ),
        (
            "int64 v (TIMESTAMP(MILLIS,false))",
            C::Int64(vec![Some(-1)]),
            FieldType::Timestamp,
            Cell::Timestamp("1969-12-31 23:59:59.999000"),
        ),
        (
            "int64 v (TIMESTAMP(NANOS,false))",
            C::Int64(vec![Some(1_000)]),
            FieldType::Timestamp,
            Cell::Timestamp("1970-01-01 00:00:00.000001"),
        ),
        (
            "int64 v (TIMESTAMP(NANOS,false))",
            C::Int64(vec![Some(1_001)]),
            FieldType::Timestamp,
            Cell::Timestamp("1970-01-01 00:00:00.000001001"),
        ),
        (
            "int64 v (TIMESTAMP(NANOS,true))",
            C::Int64(vec![Some(-1)]),
            FieldType::Instant,
            Cell::Instant("1969-12-31 23:59:59.999999999Z"),
        ),
        (
            "int64 v (TIMESTAMP_MILLIS)",
            C::Int64(vec![Some(1)]),
            FieldType::Instant,
            Cell::Instant("1970-01-01 00:00:00.001000Z"),
        ),
        (
            "int64 v (TIMESTAMP_MICROS)",
            C::Int64(vec![Some(1)]),
            FieldType::Instant,
            Cell::Instant("1970-01-01 00:00:00.000001Z"),
        ),
        (
            "int96 v",
            C::Int96(vec![Some(int96(2_440_589, 1_000))]),
            FieldType::Timestamp,
            Cell::Timestamp("1970-01-02 00:00:00.000001"),
        ),
        (
            "int96 v",
            C::Int96(vec![Some(int96(2_440_589, 86_400_000_000_000))]),
            FieldType::Timestamp,
            Cell::Other("INT96", "day 2440589, nanosecond 86400000000000"),
        ),
        ("int32 v (TIME(MILLIS,true))", C::Int32(vec![Some(3_723_500)]), TEXT, Cell::Text("01:02:03.5")),
        (
            "int64 v (TIME(NANOS,false))",
            C::Int64(vec![Some(one_day * 1_000_000_000 - 1)]),
            TEXT,
            Cell::Text("23:59:59.999999999"),
        ),
        (
            "int64 v (TIME(MICROS,false))",
            C::Int64(vec![Some(0)]),
            FieldType::Timestamp,
            Cell::Other("time", "00:00:00"),
        ),
        (
            "int64 v (TIME(MICROS,false))",
            C::Int64(vec![Some(one_day * 1_000_000)]),
            TEXT,
            Cell::Other("time", "86400000000 (out of range)"),
        ),
        ("binary v (JSON)", C::Bytes(vec![Some(b"{}".to_vec())]), TEXT, Cell::Text("{}")),
        ("binary v (ENUM)", C::Bytes(vec![Some(b"A".to_vec())]), TEXT, Cell::Text("A")),
        ("binary v", C::Bytes(vec![Some(b"A".to_vec())]), TEXT, Cell::Text("A")),
        (
            "binary v (UTF8)",
            C::Bytes(vec![Some(vec![0xff])]),
            TEXT,
            Cell::Other("text that is not UTF-8:", "ff"),
        ),
        (
            "fixed_len_byte_array (16) v (UUID)",
            C::Fixed(vec![Some((0..16).collect())]),
            TEXT,
            Cell::Text("00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ),
        (
            "fixed_len_byte_array (2) v",
            C::Fixed(vec![Some(vec![0, 255])]),
            FieldType::Bytes,
            Cell::Bytes(&[0, 255]),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (ty, values, field, expected) in table {
        let path = folder.path().join("one.parquet");
        write(&path, &format!("optional {ty};"), &[vec![values]]);
        let rows = read(&path, &[("v", field)]).await.unwrap();
        let seen = String::from_utf8_lossy(&rows[0]).into_owned();
        assert_eq!(rows, [forms(&[field], &[expected])], "{ty}: {expected:?}, saw {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parquet");
    let refused = async |columns: &str, field: &str| {
        write(&path, columns, &[]);
        read(&path, &[(field, TEXT)]).await.unwrap_err()
    };
    for (columns, says) in [
        ("optional fixed_len_byte_array (12) v (INTERVAL);", "column `v` is of type INTERVAL"),
        ("optional fixed_len_byte_array (2) v (FLOAT16);", "column `v` is of type Float16"),
        ("optional binary v (BSON);", "column `v` is of type Bson"),
        ("optional group v { optional int32 a; }", "column `v` is nested"),
        ("repeated int32 v;", "column `v` is nested, repeated"),
        ("optional int32 w;", "no column `v`"),
    ] {
        let said = refused(columns, "v").await;
        assert!(said.contains(says) && said.contains("one.parquet"), "{columns}: {said}");
    }
    fs::write(&path, "id,amount\n1,2\n").unwrap();
    assert!(read(&path, &[("v", TEXT)]).await.unwrap_err().contains("one.parquet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_values_over_batches_pages_and_row_groups() {
    let folder = tempfile::tempdir().unwrap();
    let (path, count) = (folder.path().join("one.parquet"), 5000_i64);
    let name = |at: i64| (at % 3 > 0).then(|| format!("n{}", at % 700));
    let group = |range: std::ops::Range<i64>| {
        let names = range.clone().map(|at| name(at).map(String::into_bytes));
        vec![
            Column::Int64(range.clone().map(|at| (at % 7 > 0).then_some(at)).collect()),
            Column::Bytes(names.collect()),
        ]
    };
    let groups = [group(0..1024), group(1024..1025), group(1025..1025), group(1025..count)];
    write(&path, "optional int64 id; optional binary name (STRING);", &groups);
    let types = [TEXT, FieldType::Integer];
    let rows = read(&path, &[("name", TEXT), ("id", FieldType::Integer)]).await.unwrap();
    assert_eq!(rows.len(), 5000);
    for (at, row) in (0..).zip(rows) {
        let text = name(at);
        let text = text.as_deref().map_or(Cell::Null, Cell::Text);
        let id = if at % 7 > 0 { Cell::Integer(at) } else { Cell::Null };
        assert_eq!(row, forms(&types, &[text, id]), "row {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_a_table_if_each_of_its_files_is_a_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let put = |inside: &str, id: i64| {
        let path = root.join(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, "optional int64 id;", &[vec![Column::Int64(vec![Some(id)])]]);
    };
    put("day=2026-11-27/part-0.snappy.parquet", 1);
    put("day=2026-11-28/part-0.parquet", 2);
    put("day=__HIVE_DEFAULT_PARTITION__/part-0.parquet", 3);
    fs::write(root.join("_SUCCESS"), "").unwrap();
    fs::write(root.join("day=2026-11-28/.part-0.parquet.crc"), "x").unwrap();
    let columns = [("id", FieldType::Integer), ("day", FieldType::Date)];
    let types = columns.map(|(_, ty)| ty);
    let days = [Cell::Date("2026-11-27"), Cell::Date("2026-11-28"), Cell::Null];
    let expected: Vec<_> =
        (1..).zip(days).map(|(id, day)| forms(&types, &[Cell::Integer(id), day])).collect();
    assert_eq!(read(root, &columns).await.unwrap(), expected);
    let refused = async |says: &str| {
        let said = read(root, &columns).await.unwrap_err();
        assert!(said.contains(says), "{says}: {said}");
    };
    fs::write(root.join("day=2026-11-28/part-1.parquet.tmp"), "").unwrap();
    refused("part-1.parquet.tmp is no .parquet file").await;
    fs::remove_file(root.join("day=2026-11-28/part-1.parquet.tmp")).unwrap();
    fs::create_dir(root.join("_delta_log")).unwrap();
    refused("Delta Lake").await;
    fs::remove_dir(root.join("_delta_log")).unwrap();
    fs::create_dir(root.join("_temporary")).unwrap();
    refused("has not finished").await;
    fs::remove_dir(root.join("_temporary")).unwrap();
    put("part-9.parquet", 4);
    refused("no column `day`").await;
    let empty = root.join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(read(&empty, &columns).await.unwrap_err().contains("no .parquet file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_while_they_are_read_end_the_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parquet");
    let put = |ids: &[i64]| {
        write(&path, "optional int64 id;", &[vec![Column::Int64(ids.iter().map(|id| Some(*id)).collect())]]);
    };
    put(&[1, 2]);
    let target = ParquetTarget::open(folder.path(), false).unwrap();
    let prepared = target.prepare(wanted(&[("id", FieldType::Integer)])).await.unwrap();
    assert!(target.unchanged().await.is_ok());
    put(&[1, 2, 3]);
    let mut rows = Rows(vec![FieldType::Integer], Vec::new());
    let mut reader = target.reader().await.unwrap();
    let said = reader.read(&prepared, 0, &mut rows).await.unwrap_err().to_string();
    assert!(said.contains("one.parquet: it changed while it was read"), "{said}");
    assert!(target.unchanged().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_was_damaged_ends_the_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parquet");
    let texts = (0..100).map(|at| Some(format!("text {at}").into_bytes())).collect();
    write(&path, "optional binary v (STRING);", &[vec![Column::Bytes(texts)]]);
    let whole = fs::read(&path).unwrap();
    let expected = read(&path, &[("v", TEXT)]).await.unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(read(&path, &[("v", TEXT)]).await.is_err());
    assert_eq!(expected.len(), 100);
}
