//! How one field is written, whatever the form of its record.

use super::numbers::NumberFormat;

/// The length of a field that takes all of the record from its first byte on.
pub const REST: usize = usize::MAX;

/// Which blanks around a field's text are padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trim {
    /// None: every blank is data.
    #[default]
    None,
    /// Those at the end.
    Right,
    /// Those at either end.
    Both,
}

/// How one field is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldForm {
    /// Fixed form: the offset of its first byte in the record (from 0) and its length in bytes, [`REST`] for all that
    /// the record has.
    pub span: Option<(usize, usize)>,
    /// Which blanks are padding. Text that is nothing but padding is NULL in the fixed form.
    pub trim: Trim,
    /// Dates and timestamps: the strptime form, such as `%Y-%m-%d`.
    pub pattern: Option<String>,
    /// Dates and timestamps: further strptime forms. A text must mean the same in each of all that it fits.
    pub or_patterns: Vec<String>,
    /// Dates and timestamps: the first of the hundred years that a year of two digits (`%y`) belongs to; `None`: 1969.
    pub year_window: Option<i16>,
    /// Timestamps: whether `24:00:00` is the next day's midnight; otherwise it is a reject.
    pub hour_24: bool,
    /// The texts that stand for NULL, in place of the source's; in the fixed form, besides blanks.
    pub nulls: Option<Vec<String>>,
    /// The text, as it would be written in the field, of the value that stands where the source has NULL.
    pub default: Option<String>,
    /// Booleans: the texts for true and for false.
    pub truths: Option<(Vec<String>, Vec<String>)>,
    /// Decimals: the digits after the point are the last ones, and the point is not written.
    pub implied_point: bool,
    /// Numbers: how they are written, if not as SQL writes them.
    pub numbers: Option<NumberFormat>,
    /// Delimited form: the name of its column in the header row, exactly, if that is not the field's own.
    pub header: Option<String>,
    /// Delimited form: which of the columns of that name it is, from 1.
    pub nth: Option<usize>,
    /// Delimited form: all that is left of the record, separators included.
    pub rest: bool,
    /// Delimited form: the field is not written at all, but summed over groups of values in another.
    pub sum_of: Option<GroupSum>,
}

/// A sum over groups of values that repeat within one field: BAI2's amounts in an account record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSum {
    /// The place of the field that holds the groups.
    pub of: usize,
    /// How many values a group has.
    pub group: usize,
    /// Which of them is summed, from 0.
    pub amount: usize,
    /// Which of them, the last, says what further values the group has.
    pub extra: Vec<(String, Extra)>,
}

/// Values that a group has beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// This many values follow.
    Values(usize),
    /// A value that says how many times this many values follow.
    Times(usize),
}
