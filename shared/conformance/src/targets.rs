//! The contract of a target: values that are easily changed on their way come as they are stored.

pub mod sql;

use std::collections::BTreeSet;

use domain::comparison::{Cell, put_cell};
use domain::table::TableName;
use domain::value::FieldType;
use store::target::{Relation, RowSink, Target, TargetError, Wanted, WantedColumn};

/// A value that each kind of target must show as it is stored, or say that it has none.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What is particular about it, in words.
    pub name: &'static str,
    /// The type of the field that it is compared with.
    pub ty: FieldType,
    /// What the target must show.
    pub cell: Cell<'static>,
}

/// Where a target holds a sample.
#[derive(Debug, Clone)]
pub enum Held {
    /// In column `v` of the only row of this table.
    In(String),
    /// Nowhere: the kind of target has no such value, for this reason.
    Nowhere(&'static str),
    /// It is held, and shown otherwise: what is documented of it.
    Shown(String, Cell<'static>),
}

const fn decimal(scale: u8) -> FieldType {
    FieldType::Decimal { precision: 38, scale }
}

const TEXT: FieldType = FieldType::Text { chars_max: 30_000 };

/// The samples that every kind of target is held to.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let of = |name, ty, cell| Sample { name, ty, cell };
    vec![
        of("38 nines", decimal(0), Cell::Number("99999999999999999999999999999999999999")),
        of("38 nines below zero", decimal(0), Cell::Number("-99999999999999999999999999999999999999")),
        of(
            "38 digits with ten of a fraction",
            decimal(10),
            Cell::Number("-1234567890123456789012345678.0123456789"),
        ),
        of("38 digits of a fraction", decimal(38), Cell::Number("0.00000000000000000000000000000000000001")),
        of("zeros at the end of a fraction", decimal(2), Cell::Number("1.00")),
        of("zero with a fraction", decimal(2), Cell::Number("0.00")),
        of("a cent below zero", decimal(2), Cell::Number("-0.01")),
        of("smallest integer", FieldType::Integer, Cell::Integer(i64::MIN)),
        of("largest integer", FieldType::Integer, Cell::Integer(i64::MAX)),
        of("NUL in a text", TEXT, Cell::Text("a\0b")),
        of("NUL in bytes", FieldType::Bytes, Cell::Bytes(&[0x61, 0, 0xff, 0x62])),
        of("no bytes", FieldType::Bytes, Cell::Bytes(&[])),
        of("empty text", TEXT, Cell::Text("")),
        of("NULL", TEXT, Cell::Null),
        of("NULL number", decimal(2), Cell::Null),
        of("blanks around a text", TEXT, Cell::Text("  ab  ")),
        of("the word NULL", TEXT, Cell::Text("NULL")),
        of("emoji", TEXT, Cell::Text("a\u{1F600}b")),
        of("ü as one", TEXT, Cell::Text("\u{fc}")),
        of("ü as two", TEXT, Cell::Text("u\u{308}")),
        of("line ends", TEXT, Cell::Text("a\nb\r\nc")),
        of("quotes and backslashes", TEXT, Cell::Text("'\"\\n")),
        of("20,000 characters", TEXT, Cell::Text(long())),
        of("leap day", FieldType::Date, Cell::Date("2024-02-29")),
        of("first day", FieldType::Date, Cell::Date("0001-01-01")),
        of("last day", FieldType::Date, Cell::Date("9999-12-31")),
        of("microseconds", FieldType::Timestamp, Cell::Timestamp("2024-02-29 23:59:59.999999")),
        of("one microsecond", FieldType::Timestamp, Cell::Timestamp("1969-12-31 23:59:59.000001")),
        of("half a second", FieldType::Timestamp, Cell::Timestamp("2024-02-29 23:59:59.500000")),
        of("last moment", FieldType::Timestamp, Cell::Timestamp("9999-12-31 23:59:59.999999")),
        of("instant", FieldType::Instant, Cell::Instant("2024-02-29 22:59:59.999999Z")),
        of(
            "infinite timestamp",
            FieldType::Timestamp,
            Cell::Other("timestamp without time zone", "infinity"),
        ),
        of("double", decimal(2), Cell::Float(0.1 + 0.2)),
        of("infinite double", decimal(2), Cell::Float(f64::INFINITY)),
        of("no number", decimal(2), Cell::Float(f64::NAN)),
        of("single", decimal(2), Cell::Single(16_777_217.3)),
        of("true", FieldType::Boolean, Cell::Boolean(true)),
        of("false", FieldType::Boolean, Cell::Boolean(false)),
    ]
}

static LONG_BYTES: [u8; 20_000] = [b'x'; 20_000];

/// A text that is longer than the buffers of many drivers.
fn long() -> &'static str {
    std::str::from_utf8(&LONG_BYTES).unwrap_or_default()
}

/// The form in which a comparison sees a cell.
fn form(ty: &FieldType, cell: &Cell<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_cell(&mut out, ty, cell);
    out
}

struct Forms {
    ty: FieldType,
    rows: Vec<Vec<u8>>,
}

impl RowSink for Forms {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.rows.push(form(&self.ty, &cells[0]));
        Ok(())
    }
}

/// Reads each sample from where it is held, and compares it with what it must be. Every sample must be named.
///
/// # Panics
/// When a value is not as it must be.
pub async fn shows_values_as_stored(target: &dyn Target, held: &[(&str, Held)]) {
    let (mut named, mut wrong) = (BTreeSet::new(), Vec::new());
    for sample in samples() {
        let (_, held) = held.iter().find(|(name, _)| *name == sample.name).unwrap_or_else(|| {
            panic!("{}: nobody says where it is held", sample.name);
        });
        named.insert(sample.name);
        let (table, expected) = match held {
            Held::In(table) => (table, sample.cell),
            Held::Shown(table, cell) => (table, *cell),
            Held::Nowhere(_) => continue,
        };
        let wanted = Wanted {
            relation: Relation::Table(TableName::parse(table).expect("the name of a table")),
            filter: None,
            columns: vec![WantedColumn { name: "v".into(), ty: sample.ty }],
        };
        let mut forms = Forms { ty: sample.ty, rows: Vec::new() };
        let read = async {
            let prepared = target.prepare(wanted).await?;
            let mut reader = target.reader().await?;
            for part in 0..prepared.parts.len() {
                reader.read(&prepared, part, &mut forms).await?;
            }
            target.unchanged().await
        };
        let ended: Result<(), TargetError> = read.await;
        if ended.is_err() || forms.rows != [form(&sample.ty, &expected)] {
            let seen: Vec<_> =
                forms.rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
            wrong.push(format!("{}: {ended:?}, expected {expected:?}, and saw {seen:?}", sample.name));
        }
    }
    let unknown: Vec<_> =
        held.iter().filter(|(name, _)| !named.contains(name)).map(|(name, _)| name).collect();
    assert!(unknown.is_empty(), "no such samples: {unknown:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
