//! Why the end of a record cannot be found.

use thiserror::Error;

use crate::layouts::LayoutError;

/// Why the end of a record was not found. What comes after it cannot be separated either, so that this is the
/// source's fault and not a reject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// No record ends within the limit.
    #[error("no record ends within {max} bytes")]
    TooLong {
        /// The longest that a record may be, in bytes, its line end included.
        max: usize,
    },
    /// The source ends within a record of fixed length.
    #[error("{} left at the end, but a record has {want}", are(*have))]
    TruncatedRecord {
        /// Bytes that are there.
        have: usize,
        /// Bytes that a record has.
        want: usize,
    },
    /// A quoted field that closes neither within the limit nor before the end.
    #[error("the quote opened at byte {opened_at} of the record does not close")]
    UnclosedQuote {
        /// Position of the opening quote, from the record's first byte.
        opened_at: usize,
    },
    /// The bytes end within those that say how long the record is.
    #[error("{} left, but the length of the record takes {want}", are(*have))]
    TruncatedLength {
        /// Bytes that are there.
        have: usize,
        /// Bytes up to the end of the length.
        want: usize,
    },
    /// A length of zero, as a filled-up file has it.
    #[error("the length is 0")]
    ZeroLength,
    /// A length too small for what it must count.
    #[error("the length is {length}, but it must be at least {least}")]
    LengthTooSmall {
        /// The length that was found.
        length: u64,
        /// The smallest that it can be.
        least: usize,
    },
    /// A length past the limit.
    #[error("the record has {length} bytes with its header, more than `record_bytes_max` ({max})")]
    LengthTooLarge {
        /// The record's or block's length, header included.
        length: u64,
        /// The longest that it may be.
        max: usize,
    },
    /// A length that reaches past the end of the source.
    #[error("the record should have {length} bytes with its header, but only {have} are left")]
    PastEnd {
        /// The record's or block's length, header included.
        length: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A record that reaches past the end of its block.
    #[error("the record should have {length} bytes with its header, but only {have} are left in the block")]
    PastBlock {
        /// The record's length, header included.
        length: usize,
        /// Bytes of the block that are there.
        have: usize,
    },
    /// A segment of a record that lies in several blocks.
    #[error(
        "a segment of a spanned record (segment control x'{control:02x}', expected x'00'): spanned records \
         are not supported"
    )]
    Spanned {
        /// The third byte of its descriptor.
        control: u8,
    },
    /// A descriptor whose other half is not zero.
    #[error(
        "the record or block descriptor has x'{found:04x}' where x'0000' is expected; check endianness and framing"
    )]
    NotZero {
        /// The value found in that half.
        found: u16,
    },
    /// A length field that holds no number.
    #[error("the length field, at byte {at} of the record, does not contain a valid length")]
    NoNumber {
        /// The first byte at fault, from the record's first.
        at: usize,
    },
    /// A block of more records than a chunk may have.
    #[error("the block has more than {max} records")]
    BlockOfTooMany {
        /// How many it may have.
        max: u64,
    },
    /// A source that is shorter than what is to be skipped of it.
    #[error("the source has {have} bytes, but its header and footer alone have {want}")]
    TooShort {
        /// Bytes that are there.
        have: usize,
        /// Bytes of `file_header_bytes` and `file_footer_bytes`.
        want: usize,
    },
    /// A number of occurrences that cannot be, on which the record's length depends.
    #[error(
        "the record's length is not known: {field}, at byte {at} of the `{record}` record{}; nothing after it can be \
         separated",
        said(detail.as_deref())
    )]
    Uncounted {
        /// The record type.
        record: String,
        /// The number's field, with its groups.
        field: String,
        /// Where it begins in the record.
        at: usize,
        /// What is wrong with it; `None` if its bytes are withheld.
        detail: Option<String>,
    },
    /// A record of no type, where the type says how long a record is.
    #[error(
        "the record's length is not known: it is of none of the job's record types{}; nothing after it can be \
         separated",
        looked(fields, found.as_deref())
    )]
    NoType {
        /// The fields that types are told by, with their places.
        fields: String,
        /// What they hold; `None` if their bytes are withheld.
        found: Option<String>,
    },
    /// The source ends within a record that is as long as its layout says.
    #[error("the `{record}` record has {length} bytes by its layout, but {} left", are(*have))]
    CutShort {
        /// The record type.
        record: String,
        /// The record's length in bytes.
        length: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A source with fewer lines than are to be skipped of it.
    #[error("the source ends within the {want} lines that `skip_lines` skips")]
    TooFewLines {
        /// How many lines are to be skipped.
        want: usize,
    },
    /// Lines to be skipped that are longer than anything that precedes records.
    #[error("the lines that `skip_lines` skips have more than {max} bytes")]
    LeadTooLong {
        /// How many bytes they may have together.
        max: usize,
    },
    /// Lines to be skipped that are more than a chunk can hold beside its records.
    #[error(
        "the comment and blank lines here have more than {max} bytes together; if they are records, remove `comment` \
         and `blank_lines` under [source]"
    )]
    SkippedTooLong {
        /// How many bytes they may have together.
        max: usize,
    },
    /// A length or descriptor that cannot be, in a job whose records are not quoted.
    #[error(
        "the length of the record is invalid; its bytes are withheld because the job has sensitive fields"
    )]
    Withheld,
}

impl From<LayoutError> for FrameError {
    fn from(error: LayoutError) -> Self {
        match error {
            LayoutError::Nothing => Self::ZeroLength,
            LayoutError::Uncounted { record, field, at, detail } => {
                Self::Uncounted { record, field, at, detail: Some(detail) }
            }
            LayoutError::NoType { fields, found } => Self::NoType { fields, found: Some(found) },
            LayoutError::CutShort { record, length, have } => Self::CutShort { record, length, have },
        }
    }
}

impl FrameError {
    /// The error without bytes of the source: what was taken for a length may be anything.
    #[must_use]
    pub fn without_contents(self) -> Self {
        match self {
            Self::LengthTooSmall { .. }
            | Self::LengthTooLarge { .. }
            | Self::PastEnd { .. }
            | Self::PastBlock { .. }
            | Self::Spanned { .. }
            | Self::NotZero { .. } => Self::Withheld,
            Self::Uncounted { record, field, at, .. } => Self::Uncounted { record, field, at, detail: None },
            Self::NoType { fields, .. } => Self::NoType { fields, found: None },
            other => other,
        }
    }
}

/// A number of bytes in words, with its verb.
fn are(bytes: usize) -> String {
    if bytes == 1 { "1 byte is".into() } else { format!("{bytes} bytes are") }
}

fn said(detail: Option<&str>) -> String {
    detail
        .map_or_else(|| ", is not valid (its bytes are withheld)".to_owned(), |detail| format!(": {detail}"))
}

fn looked(fields: &str, found: Option<&str>) -> String {
    match found {
        _ if fields.is_empty() => String::new(),
        Some(found) => format!(" ({fields}: {found})"),
        None => format!(" ({fields}: bytes withheld)"),
    }
}

/// A framing error and the record that it befell.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{error}, in the record at byte {offset}")]
pub struct FrameErrorAt {
    /// Where the record begins in the bytes that were given.
    pub offset: usize,
    /// How many whole records precede it in those bytes.
    pub records: u64,
    /// What is wrong with it.
    pub error: FrameError,
}

/// A record that its framing cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnframeableError {
    /// It is longer than its length can say.
    #[error("{bytes} bytes are more than a record's length prefix can hold")]
    TooLong {
        /// The record's length in bytes.
        bytes: usize,
    },
    /// It is empty, and the framing knows no empty records.
    #[error("an empty record cannot be written in this framing")]
    Empty,
}
