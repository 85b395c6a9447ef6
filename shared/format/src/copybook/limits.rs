//! What a copybook cannot exceed here. Nothing that it says makes memory or time grow past these.

/// A copybook's text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// A record, in bytes. The greatest logical record of a spanned data set is far below.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Data items of one copybook.
pub const ITEMS_MAX: usize = 10_000;

/// Level 88 entries and their values, in one copybook.
pub const CONDITION_VALUES_MAX: usize = 10_000;

/// Columns of one plan, occurrences counted one by one. PostgreSQL has 1,600 columns at most, less when they are wide.
pub const FIELDS_MAX: usize = 1_600;

/// Tables of varying length in one plan, those inside occurrences of others counted one by one.
pub const TABLES_MAX: usize = 1_600;

/// Digit positions of a number: what an exact amount holds. The compiler's own limits are 18, and 31 with
/// ARITH(EXTEND).
pub const DIGITS_MAX: usize = 38;

/// Digit positions of a binary number, which eight bytes hold. Sixteen-byte binaries are not IBM's, and other
/// compilers differ in where they begin.
pub const BINARY_DIGITS_MAX: u8 = 18;

/// A picture's text. The compiler takes 50 characters.
pub(super) const PICTURE_CHARS_MAX: usize = 256;

/// A name. The compiler takes 30 characters, the standard 31, other compilers more.
pub(super) const NAME_CHARS_MAX: usize = 63;

/// A column's name: PostgreSQL's limit for identifiers, in bytes.
pub const COLUMN_CHARS_MAX: usize = 63;
