//! What is compared of a record type: which fields, under which equalities, and by which key.

use std::sync::Arc;

use super::cell::{Cell, put_cell};
use super::equality::{EqualitySet, put_normal};
use crate::layout::{Layout, Mode};
use crate::record::{self, RawField, RawRecord};

crate::named! {
    /// What rows of the target are that belong to no record of the source.
    #[derive(Default)]
    pub enum ExtraRows {
        /// They should not be there.
        #[default]
        Refused = "refused",
        /// They are of other loads; they are counted and not compared.
        Allowed = "allowed",
    }
}

/// How one field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldPlan {
    /// The field's place in the layout.
    pub at: usize,
    /// What its values may differ in and still count as the same.
    pub equal: EqualitySet,
    /// Whether it is a part of the key.
    pub is_key: bool,
}

/// What is compared of one record type.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The record type.
    pub layout: Arc<Layout>,
    /// The fields that are compared, in the layout's order.
    pub fields: Vec<FieldPlan>,
    /// What rows are that belong to no record.
    pub extra: ExtraRows,
    /// Whether a row says, in one more column, which later writer it is of: 0 for none, otherwise a number from 1. What
    /// a later writer has replaced is not missing.
    pub names_writer: bool,
}

/// One side's record in the form in which both sides are sorted and brought together.
///
/// ```text
/// key length (4) · key: fields in normal form · compared fields as they are · source only: record number (8), offset
/// (8)
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The key, in normal form; without a key, all compared fields.
    pub key: &'a [u8],
    /// The compared fields as they are, and what follows them.
    pub rest: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The entry that these bytes hold.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        Some(Self { key, rest })
    }
}

impl Plan {
    /// Whether records are brought together by key. Without one they are compared as a whole.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.fields.iter().any(|field| field.is_key)
    }

    /// Whether of several records with one key only the last counts.
    #[must_use]
    pub fn merges(&self) -> bool {
        self.has_key() && self.layout.mode == Mode::Upsert
    }

    /// The names of the layout's fields that are not compared.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        let fields = self.layout.fields.iter().enumerate();
        fields
            .filter(|(at, _)| self.fields.iter().all(|field| field.at != *at))
            .map(|(_, field)| field.name.as_str())
    }

    /// The place of the field called `name`, among the compared ones.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| self.layout.fields[field.at].name == name)
    }

    /// The places, among the compared fields, of the layout's amounts; `None` for one that is not compared.
    pub fn amounts(&self) -> impl Iterator<Item = Option<usize>> {
        self.layout.amounts.iter().map(|amount| self.fields.iter().position(|field| field.at == *amount))
    }

    /// Appends a source's record, `offset` bytes into the source.
    /// `scratch` is room that is used again from record to record.
    pub fn put_source(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, record: &RawRecord<'_>, offset: u64) {
        scratch.clear();
        self.put_own(scratch, record);
        self.put(out, scratch);
        out.extend_from_slice(&record.record_no.0.to_be_bytes());
        out.extend_from_slice(&offset.to_be_bytes());
    }

    /// Appends the compared fields of a source's record as they are.
    pub fn put_own(&self, out: &mut Vec<u8>, record: &RawRecord<'_>) {
        let mut compared = self.fields.iter().peekable();
        for (at, raw) in record.fields().enumerate() {
            if compared.next_if(|field| field.at == at).is_some() {
                record::put_raw(out, raw.tag, raw.content);
            }
        }
    }

    /// Appends the cells of a row, which are those of the compared fields in order, as fields.
    pub fn put_cells(&self, out: &mut Vec<u8>, cells: &[Cell<'_>]) {
        for (field, cell) in self.fields.iter().zip(cells) {
            put_cell(out, &self.layout.fields[field.at].ty, cell);
        }
    }

    /// Appends the fields of the key, of a row whose compared fields are `own`.
    pub fn put_key(&self, out: &mut Vec<u8>, own: &[u8]) {
        for (_, raw) in self.fields.iter().zip(self.row(own)).filter(|(field, _)| field.is_key) {
            record::put_raw(out, raw.tag, raw.content);
        }
    }

    /// Appends a target's row, whose cells are those of the compared fields in order.
    pub fn put_target(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, cells: &[Cell<'_>]) {
        scratch.clear();
        self.put_cells(scratch, cells);
        self.put(out, scratch);
        if self.names_writer {
            let writer = match cells.get(self.fields.len()) {
                Some(Cell::Integer(writer)) => u16::try_from(*writer).unwrap_or(0),
                _ => 0,
            };
            out.extend_from_slice(&writer.to_be_bytes());
        }
    }

    /// Appends a row of a source that is a database, whose cells are those of the compared fields in order. It has
    /// neither a number nor a place in a file: both are 0.
    pub fn put_source_row(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, cells: &[Cell<'_>]) {
        self.put_target(out, scratch, cells);
        out.extend_from_slice(&[0; 16]);
    }

    /// Appends an entry with these compared fields.
    fn put(&self, out: &mut Vec<u8>, own: &[u8]) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let is_keyless = !self.has_key();
        for (field, raw) in self.fields.iter().zip(self.row(own)) {
            if is_keyless || field.is_key {
                put_normal(out, &self.layout.fields[field.at].ty, field.equal, &raw);
            }
        }
        // A key is a part of a record, and a record is bounded far below 4 GiB.
        #[allow(clippy::cast_possible_truncation, reason = "bounded by record_bytes_max")]
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        out.extend_from_slice(own);
    }

    /// The compared fields at the beginning of `rest`.
    pub fn row<'a>(&self, rest: &'a [u8]) -> impl Iterator<Item = RawField<'a>> + use<'a> {
        record::fields_in(rest, self.fields.len())
    }
}
