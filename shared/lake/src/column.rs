//! One column of a row group, read some rows at a time.

use domain::comparison::Cell;
use domain::value::FieldType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    Int96Type,
};
use parquet::errors::ParquetError;

use crate::kind::{Kind, Stored, cell};

/// Values of one physical type: those that are there, and for each row whether it has one.
pub(crate) struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
    levels: Vec<i16>,
    /// The value of the next row that has one.
    next: usize,
}

impl<T: DataType> Typed<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, values: Vec::new(), levels: Vec::new(), next: 0 }
    }

    fn fill(&mut self, rows: usize, is_optional: bool) -> Result<usize, ParquetError> {
        self.values.clear();
        self.levels.clear();
        self.next = 0;
        let levels = is_optional.then_some(&mut self.levels);
        let (records, ..) = self.reader.read_records(rows, levels, None, &mut self.values)?;
        let there = match is_optional {
            true => self.levels.iter().filter(|level| **level > 0).count(),
            false => records,
        };
        if self.values.len() != there || (is_optional && self.levels.len() != records) {
            let said =
                format!("{there} of {records} rows should have a value, and {} have", self.values.len());
            return Err(ParquetError::General(said));
        }
        Ok(records)
    }

    /// The value of a row; rows are asked for one after the other.
    fn take(&mut self, row: usize, is_optional: bool) -> Option<&T::T> {
        if is_optional && self.levels.get(row).is_none_or(|level| *level == 0) {
            return None;
        }
        self.next += 1;
        self.values.get(self.next - 1)
    }
}

enum Values {
    Boolean(Typed<BoolType>),
    Int32(Typed<Int32Type>),
    Int64(Typed<Int64Type>),
    Int96(Typed<Int96Type>),
    Single(Typed<FloatType>),
    Double(Typed<DoubleType>),
    Bytes(Typed<ByteArrayType>),
    Fixed(Typed<FixedLenByteArrayType>),
}

/// A column that is read.
pub(crate) struct Column {
    values: Values,
    kind: Kind,
    is_optional: bool,
}

impl Column {
    pub(crate) fn new(reader: ColumnReader, kind: Kind, is_optional: bool) -> Self {
        let values = match reader {
            ColumnReader::BoolColumnReader(reader) => Values::Boolean(Typed::new(reader)),
            ColumnReader::Int32ColumnReader(reader) => Values::Int32(Typed::new(reader)),
            ColumnReader::Int64ColumnReader(reader) => Values::Int64(Typed::new(reader)),
            ColumnReader::Int96ColumnReader(reader) => Values::Int96(Typed::new(reader)),
            ColumnReader::FloatColumnReader(reader) => Values::Single(Typed::new(reader)),
            ColumnReader::DoubleColumnReader(reader) => Values::Double(Typed::new(reader)),
            ColumnReader::ByteArrayColumnReader(reader) => Values::Bytes(Typed::new(reader)),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => Values::Fixed(Typed::new(reader)),
        };
        Self { values, kind, is_optional }
    }

    /// Reads the next rows, as many as there are up to `rows`.
    pub(crate) fn fill(&mut self, rows: usize) -> Result<usize, ParquetError> {
        let is_optional = self.is_optional;
        match &mut self.values {
            Values::Boolean(of) => of.fill(rows, is_optional),
            Values::Int32(of) => of.fill(rows, is_optional),
            Values::Int64(of) => of.fill(rows, is_optional),
            Values::Int96(of) => of.fill(rows, is_optional),
            Values::Single(of) => of.fill(rows, is_optional),
            Values::Double(of) => of.fill(rows, is_optional),
            Values::Bytes(of) => of.fill(rows, is_optional),
            Values::Fixed(of) => of.fill(rows, is_optional),
        }
    }

    /// What the column holds in a row of those that were read, compared with a field of type `ty`.
    pub(crate) fn cell<'a>(&'a mut self, row: usize, ty: &FieldType, room: &'a mut String) -> Cell<'a> {
        let is_optional = self.is_optional;
        let stored = match &mut self.values {
            Values::Boolean(of) => of.take(row, is_optional).map(|value| Stored::Boolean(*value)),
            Values::Int32(of) => of.take(row, is_optional).map(|value| Stored::Int32(*value)),
            Values::Int64(of) => of.take(row, is_optional).map(|value| Stored::Int64(*value)),
            Values::Int96(of) => of.take(row, is_optional).map(|value| Stored::Int96(value.data())),
            Values::Single(of) => of.take(row, is_optional).map(|value| Stored::Single(*value)),
            Values::Double(of) => of.take(row, is_optional).map(|value| Stored::Double(*value)),
            Values::Bytes(of) => of.take(row, is_optional).map(|value| Stored::Bytes(value.data())),
            Values::Fixed(of) => of.take(row, is_optional).map(|value| Stored::Bytes(value.data())),
        };
        stored.map_or(Cell::Null, |stored| cell(self.kind, stored, ty, room))
    }
}
