//! Between a source's columns and a record's fields: what a job says is made of columns rather than read from one. The
//! way in is in `decode/made.rs`, the proof in `encode/made.rs`.
//!
//! ```text
//! record's bytes ─ decode ─► columns ─ read ─► fields        the way in
//! record's bytes ◄─ encode ─ columns ◄─ prove ─ fields       the proof (INV-14)
//! ```
//!
//! The columns that fields are made of are read as text, or as bytes, without a type. Both directions are pure, and the
//! proof shares nothing with the way in that reads a value. A record type whose fields are its columns has no stage.

mod lookup;

use std::sync::Arc;

use domain::layout::Layout;

pub use self::lookup::{Entry, Lookup};
use crate::cobol::FieldSpec;
use crate::field::FieldForm;

/// How the fields of a record type are made of its source's columns.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The source's columns, in their order. A column of which fields are made has the name of the first of them.
    pub columns: Arc<Layout>,
    /// One for each field of the layout, in order.
    pub fields: Vec<Made>,
    /// What is made of what, in words that are equal only for what is made alike. Fingerprints can only be compared
    /// where they are.
    pub definition: String,
    /// Whether a character has as many bytes in the source as in UTF-8; otherwise it has one.
    pub in_utf8: bool,
}

/// Two stages are the same when their definitions are.
impl PartialEq for Stage {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for Stage {}

/// What a field is made of.
#[derive(Debug, Clone)]
pub struct Made {
    /// Where its value comes from.
    pub origin: Origin,
    /// The indicator beside it that says whether it is NULL.
    pub gate: Option<Gate>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The column at this place, as it is.
    Column(usize),
    /// A text that is read as the field's form says.
    Text(Box<FromText>),
    /// The bytes of the column at this place, which a decoder of COBOL's fields reads.
    Cell(usize, Box<FieldSpec>),
}

/// A field that is read from a text.
#[derive(Debug, Clone)]
pub struct FromText {
    /// Where the text comes from.
    pub text: TextSource,
    /// How it is written: blanks, NULL, form.
    pub form: FieldForm,
    /// What the text is a code of, if it is one.
    pub lookup: Option<Lookup>,
}

/// Where a text comes from.
#[derive(Debug, Clone)]
pub enum TextSource {
    /// The job itself: it is the same in every record, and no byte of the source.
    Constant(String),
    /// A column.
    Column(TextColumn),
    /// Several columns, one after the other.
    Concat {
        /// The columns.
        columns: Vec<TextColumn>,
        /// What is put between them. Empty where each column's text has a length of its own.
        separator: String,
    },
    /// A part of a column.
    Part {
        /// The column.
        column: TextColumn,
        /// Which part.
        part: Part,
        /// Whether a part that a record lacks is NULL; otherwise the record is a reject.
        missing_is_null: bool,
        /// Whether what no field is made of is left out; otherwise the record is a reject.
        drops_others: bool,
    },
}

/// A column whose text a field is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextColumn {
    /// Its place among the columns.
    pub column: usize,
    /// How many digits a whole number is written with, zeros in front.
    pub digits: Option<usize>,
    /// How long the text is, filled up with blanks.
    pub width: Option<usize>,
}

impl TextColumn {
    /// How many characters its text has in every record, where that is known.
    pub(crate) fn fixed_length(&self) -> Option<usize> {
        self.width.or(self.digits)
    }
}

/// A part of a column's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What stands between two separators.
    Number {
        /// The separator.
        separator: String,
        /// Which of the parts, from 0.
        number: usize,
    },
    /// Characters at a place.
    Chars {
        /// The place of the first character, from 0.
        start: usize,
        /// How many there are; `None`: all that follow.
        length: Option<usize>,
    },
}

/// An indicator beside a value, which says whether there is one.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The indicator's place among the columns.
    pub column: usize,
    /// The indicators of NULL, the usual one first.
    pub nulls: Vec<Code>,
    /// The indicators of a value, the usual one first.
    pub values: Vec<Code>,
    /// Whether a value under an indicator of NULL is left out; otherwise the record is a reject.
    pub drops_content: bool,
    /// The source's space.
    pub space: u8,
}

/// What an indicator holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A text; blanks are the empty one.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number.
    Integer(i64),
}

impl Stage {
    /// The column that the field at `field` is, if it is one as it stands.
    #[must_use]
    pub fn column_of(&self, field: usize) -> Option<usize> {
        match self.fields.get(field)? {
            Made { origin: Origin::Column(column), gate: None } => Some(*column),
            _ => None,
        }
    }

    /// For each column, the first field that it is part of.
    pub(crate) fn first_fields(&self) -> Vec<usize> {
        let first = |column: usize| {
            let made = self.fields.iter().position(|made| made.columns().contains(&column));
            let gated = || self.fields.iter().position(|made| made.gate_column() == Some(column));
            made.or_else(gated).unwrap_or_default()
        };
        (0..self.columns.fields.len()).map(first).collect()
    }

    /// The parts that are taken of the column at `column`, and whether the others are left out; `None` where all of it
    /// is some field's.
    pub(crate) fn parts_of(&self, column: usize) -> Option<(Vec<&Part>, bool)> {
        let (mut parts, mut drops) = (Vec::new(), false);
        for made in self.fields.iter().filter(|made| made.columns().contains(&column)) {
            match &made.origin {
                Origin::Text(from) => match &from.text {
                    TextSource::Part { part, drops_others, .. } => {
                        parts.push(part);
                        drops |= drops_others;
                    }
                    _ => return None,
                },
                _ => return None,
            }
        }
        (!parts.is_empty()).then_some((parts, drops))
    }
}

impl Made {
    /// The columns that its value comes from; an indicator is none of them.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        match &self.origin {
            Origin::Column(column) | Origin::Cell(column, _) => vec![*column],
            Origin::Text(from) => match &from.text {
                TextSource::Constant(_) => Vec::new(),
                TextSource::Column(of) | TextSource::Part { column: of, .. } => vec![of.column],
                TextSource::Concat { columns, .. } => columns.iter().map(|of| of.column).collect(),
            },
        }
    }

    /// The place of its indicator among the columns.
    #[must_use]
    pub fn gate_column(&self) -> Option<usize> {
        self.gate.as_ref().map(|gate| gate.column)
    }
}
