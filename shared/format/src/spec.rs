//! How records lie in the source's bytes: the nouns that framing and decoding share.

use crate::padding::Padding;
use std::sync::Arc;

use super::cobol::{ByteOrder, RecordSpec};
use super::codepage::CodePage;
pub use super::field::{Extra, FieldForm, GroupSum, REST, Trim};
pub use super::layouts::{LaidOutType, Layouts, Telling};
pub use super::stage::Stage;

/// Everything about the source's form that the layout (names, types, constraints) does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSpec {
    /// How records and fields are separated.
    pub form: Form,
    /// How bytes become text.
    pub encoding: Encoding,
    /// No record is longer than this, in bytes, framing included. Past it the framing itself is at fault.
    pub record_bytes_max: usize,
    /// What of the source is no record.
    pub outside: Outside,
    /// One for each of the source's columns, which are the fields of the layout, in order, unless there is a stage.
    pub fields: Vec<FieldForm>,
    /// How the fields are made of the columns, where they are not the columns.
    pub stage: Option<Arc<Stage>>,
}

impl FormatSpec {
    /// Whether the value of the field at `index` of the layout comes from more than bytes of its own.
    #[must_use]
    pub fn is_computed(&self, index: usize) -> bool {
        match &self.stage {
            None => self.fields.get(index).is_some_and(|form| form.sum_of.is_some()),
            Some(stage) => stage.column_of(index).is_none(),
        }
    }
}

/// Bytes of the source that are no records. They are hashed, and counted among the bytes that tile it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outside {
    /// How many bytes precede the first record.
    pub header_bytes: usize,
    /// How many bytes follow the last record.
    pub footer_bytes: usize,
}

/// How records and fields are separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Fields between separators, records on lines.
    Delimited(Delimited),
    /// Fields at fixed positions of the record.
    Fixed(Fixed),
    /// Fields as a COBOL copybook lays them out.
    Copybook(Copybook),
}

impl Form {
    /// The copybook's form, if it is one.
    #[must_use]
    pub const fn as_copybook(&self) -> Option<&Copybook> {
        match self {
            Self::Copybook(copybook) => Some(copybook),
            _ => None,
        }
    }
}

/// A record of fields between separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delimited {
    /// The byte between fields.
    pub separator: u8,
    /// The byte around fields that hold separators or line ends; `None`: quotes are ordinary bytes.
    pub quote: Option<u8>,
    /// The byte before a quote (or itself) that takes away its meaning inside quotes. `None`: a quote inside
    /// quotes is written twice, which is understood in either case.
    pub escape: Option<u8>,
    /// How many lines precede the header row or the first record, and are no records.
    pub lead_lines: usize,
    /// Which lines are no records, wherever they are between records.
    pub skips: Skips,
    /// Whether the first row names the columns. It is no record.
    pub header: bool,
    /// The unquoted text that stands for NULL.
    pub null: String,
    /// Whether each row ends with a separator before its line end (`a|b|`), as TPC-H's generators write it.
    pub trailing_separator: bool,
    /// The byte that ends a record before its line end, as BAI2's `/`; blanks may follow it. It is no part of a field.
    pub terminator: Option<u8>,
    /// What a line begins with that goes on with the record before it, as BAI2's `88,`. Without quotes only.
    pub continuation: Option<LinePrefix>,
    /// Whether fields that are missing at a record's end are NULL; otherwise the record is a reject.
    pub missing_is_null: bool,
    /// Which columns the fields are in; `None`: every column is a field, in the fields' order.
    pub columns: Option<Columns>,
}

/// Which lines between records are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skips {
    /// Lines that begin with this.
    pub comment: Option<LinePrefix>,
    /// Lines of nothing, or of spaces.
    pub blank: bool,
    /// Lines of x'1A' alone, the byte with which DOS ends a text.
    pub end_of_file: bool,
}

/// Which columns of a source its fields are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// How many columns each record has.
    pub count: usize,
    /// For each field of the layout, the place of its column, from 0.
    pub of_fields: Vec<usize>,
    /// The places of the columns that become no field.
    pub left_out: Vec<usize>,
}

/// What lines of a kind begin with, such as those that continue a record, or comments: 1 to 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePrefix {
    bytes: [u8; 8],
    length: usize,
}

impl LinePrefix {
    /// `None` when there are no bytes, or too many.
    #[must_use]
    pub fn new(prefix: &[u8]) -> Option<Self> {
        let mut bytes = [0; 8];
        let is_possible = !prefix.is_empty() && !prefix.contains(&b'\n');
        bytes.get_mut(..prefix.len()).filter(|_| is_possible)?.copy_from_slice(prefix);
        Some(Self { bytes, length: prefix.len() })
    }

    /// The bytes of the prefix.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A record of fields at fixed positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// How one record ends and the next begins.
    pub framing: FixedFraming,
    /// The record's length in bytes, framing not counted.
    pub record_bytes: usize,
    /// Whether a shorter line stands for one that blanks fill up; otherwise the record is a reject.
    pub pads: bool,
    /// What may follow the last field, unless a field takes all the rest.
    pub padding: Padding,
}

/// Fields as a COBOL copybook lays them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copybook {
    /// How one record ends and the next begins.
    pub framing: FixedFraming,
    /// The length that every record has, in bytes, where that is how they are framed.
    pub record_bytes: usize,
    /// Where the fields are, and how each is written.
    pub record: Arc<RecordSpec>,
    /// All record types of the source, where records are framed by their layout.
    pub layouts: Option<Arc<Layouts>>,
}

/// How one fixed record ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixedFraming {
    /// By a line end (LF or CRLF).
    Line,
    /// By a line end of another code page.
    LineEnd {
        /// The byte that ends a line.
        end: u8,
        /// Whether a carriage return (0x0D, in EBCDIC too) before it belongs to the line end.
        drops_return: bool,
    },
    /// By its length alone.
    Length,
    /// By a length that precedes it.
    Prefix(Prefix),
    /// In blocks: a descriptor before each block says how long that is, one before each record how long this is.
    Blocks(Prefix),
    /// By a length that one of its own fields holds.
    Field(LengthField),
    /// By their layout alone: each record is as long as its type and its numbers of occurrences say. See
    /// [`Copybook::layouts`].
    Layout,
}

/// A length before a record, or before a block of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// How the length is stored: its width and layout.
    pub form: PrefixForm,
    /// Which byte of it comes first.
    pub order: ByteOrder,
    /// Whether the length counts the prefix itself.
    pub includes_itself: bool,
}

/// The form of a length before a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixForm {
    /// A record or block descriptor word (IBM, z/OS DFSMS Using Data Sets, "Variable-Length Record Formats"): four
    /// bytes, of which the first two are the length and the others zero. Least significant byte first, all four are
    /// turned around: two zeros, then the length.
    Descriptor,
    /// Two bytes, all of them the length.
    Two,
    /// Four bytes, all of them the length.
    Four,
}

/// The field of a record that says how long the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthField {
    /// Where it begins in the record, from 0.
    pub start: usize,
    /// Its length in bytes.
    pub width: usize,
    /// How the number is written.
    pub kind: LengthKind,
    /// What makes the record's length in bytes of the number when added to it.
    pub adds: i64,
}

/// How a length is written in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthKind {
    /// An unsigned binary number.
    Binary(ByteOrder),
    /// Digits; this byte is zero, and the others follow it.
    Digits(u8),
    /// Packed decimal (COMP-3), not negative.
    Packed,
}

/// How bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; a byte-order mark at the very start is skipped.
    Utf8,
    /// ISO 8859-1: each byte is the character of that number.
    Latin1 {
        /// Whether C1 control characters (0x80 to 0x9F) are text; otherwise they are a reject.
        keeps_controls: bool,
    },
    /// Another encoding that has ASCII in it.
    Foreign {
        /// The encoding, as `encoding_rs` names it.
        encoding: &'static encoding_rs::Encoding,
        /// Whether C1 control characters are text; otherwise they are a reject.
        keeps_controls: bool,
    },
    /// A code page of one byte a character, such as an EBCDIC page.
    Page(&'static CodePage),
}
