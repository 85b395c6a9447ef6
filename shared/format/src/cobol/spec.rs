//! What is to be known about a field to decode it: the nouns. Field names and positions are the record's affair.

use std::sync::Arc;

use domain::value::FieldType;

use crate::codepage::CodePage;
use crate::copybook::Edit;
use crate::field::Trim;

/// How one field is written.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// How its bytes are to be read.
    pub kind: Kind,
    /// How many bytes it takes.
    pub bytes: usize,
    /// What its characters and zoned digits are written in. Its being EBCDIC or not decides which bytes are digits.
    pub page: &'static CodePage,
    /// What the value is to be. `Bytes` takes any field as it is.
    pub column: FieldType,
}

/// How a field's bytes are to be read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Characters: pictures of X and A; edited ones (`Z,ZZ9.99-`) too, as printed, unless they are to be numbers.
    Text(TextForm),
    /// A number in zoned, packed or binary form.
    Number(NumberForm),
    /// A number as an edited picture prints it (`Z,ZZ9.99-`), as the number that it is.
    Edited(EditedForm),
    /// A number whose digits spell a date or a time.
    Moment {
        /// What the digits spell.
        form: MomentForm,
        /// How the digits are written. A date in a picture of X is [`Usage::Zoned`] without a sign.
        digits: NumberForm,
        /// What a date of zeros is.
        zeros: OnDate,
        /// What a date of nines (as many as the form or the picture has) is.
        nines: OnDate,
        /// Whether the hour 24 of a timestamp is the next day's midnight; otherwise the record is a reject.
        hour_24: bool,
    },
    /// A timestamp as Db2 unloads it, `2022-06-10-19.27.53.000000`, with 0 to 12 digits after the seconds.
    /// Digits past the sixth must be zeros, because a timestamp is exact to the microsecond. In a column of instants it
    /// ends in an offset from UTC, as `+02:00`.
    Db2Timestamp {
        /// What a field that holds no timestamp at all is.
        fills: Fills,
        /// Whether `24.00.00` is the next day's midnight; otherwise the record is a reject.
        hour_24: bool,
    },
    /// A floating-point number (COMP-1 of 4 bytes, COMP-2 of 8). Its column must be text: a float is never an
    /// amount.
    Float(FloatForm),
}

/// How characters are read.
#[derive(Debug, Clone)]
pub struct TextForm {
    /// Which blanks are padding. `Right` means the padded end, which is the left one of a justified field.
    pub trim: Trim,
    /// JUSTIFIED RIGHT: the padding is in front.
    pub justified: bool,
    /// What a field is that holds nothing but padding.
    pub empty: Empty,
    /// What low-values (0x00) are. One that is neither padding nor NULL is a reject: no text column can hold it.
    pub low_values: LowValues,
    /// What a field of nothing but high-values (0xFF) is. A single 0xFF among others is the character that the
    /// page says.
    pub high_values: HighValues,
    /// The strptime form, when the column is a date or a timestamp.
    pub pattern: Option<String>,
    /// The texts for true and for false, when the column is a boolean.
    pub truths: Option<(Vec<String>, Vec<String>)>,
}

impl Default for TextForm {
    /// Trailing blanks are padding, nothing but padding is NULL, low-values and high-values are rejects.
    fn default() -> Self {
        Self {
            trim: Trim::Right,
            justified: false,
            empty: Empty::Null,
            low_values: LowValues::Reject,
            high_values: HighValues::Reject,
            pattern: None,
            truths: None,
        }
    }
}

/// What text that is nothing but padding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The text is NULL.
    Null,
    /// The text is empty, not NULL.
    Keep,
}

/// What low-values (0x00) in text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowValues {
    /// A reject, wherever they are.
    Reject,
    /// A field of nothing else is NULL; elsewhere they are a reject.
    Null,
    /// Padding, at the padded end, as blanks are; elsewhere they are a reject.
    Padding,
}

/// What text of nothing but high-values (0xFF) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HighValues {
    /// The record is a reject.
    Reject,
    /// The field is NULL.
    Null,
    /// The characters that the page says.
    Keep,
}

/// How a number is read that an edited picture prints.
#[derive(Debug, Clone)]
pub struct EditedForm {
    /// What it prints, position by position.
    pub edits: Arc<[Edit]>,
    /// The picture, for what a reject says.
    pub picture: Arc<str>,
    /// How many digits it prints.
    pub digits: u8,
    /// How many of them are after the decimal point, printed or implied; as [`NumberForm::scale`].
    pub scale: i8,
    /// What a field that holds no number at all is.
    pub fills: Fills,
    /// BLANK WHEN ZERO: spaces are zero, whatever `fills` says.
    pub blank_when_zero: bool,
}

/// How a decimal number is read.
///
/// The value is the picture's digits times ten to the power of `-scale`:
///
/// | picture | digits | scale |
/// |---|---|---|
/// | `9(5)V99` | 7 | 2 |
/// | `9(4)` | 4 | 0 |
/// | `99PPP` | 2 | -3 |
/// | `VPP99` (or `PP99`) | 2 | 4 |
#[derive(Debug, Clone)]
pub struct NumberForm {
    /// How its digits are stored.
    pub usage: Usage,
    /// How many digits are stored: the picture's 9s, without its Ps. 1 to 38.
    pub digits: u8,
    /// How many digits are after the decimal point; below zero, how many zeros are to be added in front of it.
    pub scale: i8,
    /// Which signs are accepted.
    pub signs: SignRule,
    /// What a field that holds no number at all is. In binary fields only spaces count, which a field that may hold any
    /// number is taken to hold only if they are a reject here. Of no effect on low-values and spaces in COMP-6, which
    /// are the numbers 0 and 4040….
    pub fills: Fills,
    /// BLANK WHEN ZERO: spaces are zero, whatever `fills` says.
    pub blank_when_zero: bool,
}

/// What fields are that hold none of their digits, because nobody moved a number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fills {
    /// For a field that holds nothing but spaces.
    pub spaces: Fill,
    /// For a field of low-values: nothing but 0x00.
    pub low_values: Fill,
    /// For a field of high-values: nothing but 0xFF.
    pub high_values: Fill,
}

/// What to take for the value of a field that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fill {
    /// The record is a reject.
    #[default]
    Reject,
    /// The field is NULL.
    Null,
    /// The number is zero.
    Zero,
}

/// How the digits of a number are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// DISPLAY: one byte a digit, and one more for a separate sign.
    Zoned(SignPlace),
    /// COMP-3, PACKED-DECIMAL: two digits a byte, the last half byte being the sign. `digits / 2 + 1` bytes; with
    /// an even number of digits the first half byte is unused, and must be zero.
    Packed {
        /// Whether the picture has an S.
        signed: bool,
    },
    /// COMP-6: packed without a sign. `(digits + 1) / 2` bytes; with an odd number of digits the first half byte
    /// is unused, and must be zero.
    PackedUnsigned,
    /// COMP, COMP-4, COMP-5, BINARY: a two's complement integer of 1 to 16 bytes (IBM: 2 up to 4 digits, 4 up to
    /// 9, 8 up to 18), without its negative half when unsigned.
    Binary {
        /// Whether the picture has an S.
        signed: bool,
        /// Which byte comes first. Mainframes: the high one.
        order: ByteOrder,
        /// Whether a number may have more digits than the picture.
        range: BinaryRange,
    },
}

/// Where the sign of a zoned number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignPlace {
    /// Nowhere: the picture has no S.
    Unsigned,
    /// In the zone of the last digit, which is COBOL's default, or as [`AsciiSigns`] says.
    Trailing(AsciiSigns),
    /// In the zone of the first digit, or as [`AsciiSigns`] says.
    Leading(AsciiSigns),
    /// SIGN TRAILING SEPARATE: a `+` or `-` after the digits.
    TrailingSeparate,
    /// SIGN LEADING SEPARATE: a `+` or `-` before the digits.
    LeadingSeparate,
}

/// How a sign is punched over a digit in ASCII. In an EBCDIC page it is of no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsciiSigns {
    /// As the characters that EBCDIC's bytes are: `{` and `A` to `I` for +0 to +9, `}` and `J` to `R` for -0 to -9.
    #[default]
    Translated,
    /// As Micro Focus and GnuCOBOL store it: a plain digit is positive, 0x70 to 0x79 (`p` to `y`) are -0 to -9.
    MicroFocus,
}

/// Which signs are accepted in zones (leading, trailing) and in the sign half byte of packed numbers.
///
/// | | A | B | C | D | E | F | unsigned | -0 |
/// |---|---|---|---|---|---|---|---|---|
/// | `Preferred` | | | + | - | | | F | reject |
/// | `Usual` | | | + | - | | + | F | 0 |
/// | `Any` | + | - | + | - | + | + | A, C, E, F | 0 |
///
/// The first is what NUMPROC(PFD) takes for granted, the second what the numeric class test passes under
/// NUMPROC(NOPFD) and NUMPROC(MIG) with NUMCLS(PRIM), their default; the third is NUMCLS(ALT), and what the
/// machine's decimal instructions compute with (Enterprise COBOL Programming Guide, NUMPROC, NUMCLS and "Checking
/// for incompatible data"; z/Architecture Principles of Operation, "Decimal operand data codes"). One addition:
/// under `Any` an unsigned field may hold a positive sign, as data from other languages do. A negative one is a
/// reject: COBOL would drop it, which changes the value.
///
/// In ASCII, a digit without overpunch counts as F where [`AsciiSigns::Translated`] are expected. A separate sign
/// is `+` or `-` by every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignRule {
    /// The preferred signs, NUMPROC(PFD): C, D and, unsigned, F.
    Preferred,
    /// What the numeric class test passes under NUMPROC(NOPFD) and NUMPROC(MIG).
    #[default]
    Usual,
    /// Whatever the machine takes for a sign.
    Any,
}

/// Which byte of a binary number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The one of the highest value: mainframes, and COMP everywhere.
    BigEndian,
    /// The one of the lowest value: COMP-5 on today's small machines.
    LittleEndian,
}

/// How large a binary number may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryRange {
    /// TRUNC(STD): no more digits than the picture; what is larger is a reject.
    Picture,
    /// TRUNC(BIN), COMP-5: whatever the bytes hold.
    Native,
}

/// How a floating-point number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatForm {
    /// IBM's hexadecimal form, which COMP-1 and COMP-2 have on z/OS.
    Hexadecimal,
    /// IEEE 754 binary32 and binary64.
    Ieee(ByteOrder),
}

/// What a number's digits spell. Years of two digits lie in the hundred years from `window_start` on, as with
/// COBOL's YEARWINDOW: with 1950, 49 is 2049 and 50 is 1950.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "`window_start` is explained above, the letters are the digits")]
pub enum MomentForm {
    /// Year, month and day: `20240229`.
    YyyyMmDd,
    /// Year without its century, month and day: `240229`.
    YyMmDd { window_start: i16 },
    /// `2024060`: the day of the year.
    YyyyDdd,
    /// Year without its century, and day of the year: `24060`.
    YyDdd { window_start: i16 },
    /// `1240229`: the first digit counts centuries, 0 being 1900 to 1999.
    CyyMmDd,
    /// Century digit, year, and day of the year: `124060`.
    CyyDdd,
    /// Day, month and year: `29022024`.
    DdMmYyyy,
    /// Day, month, and year without its century: `290224`.
    DdMmYy { window_start: i16 },
    /// Month, day and year: `02292024`.
    MmDdYyyy,
    /// Month, day, and year without its century: `022924`.
    MmDdYy { window_start: i16 },
    /// The number of a day from 1582-10-15 on, which is 1 (Language Environment's CEEDAYS): `161210`.
    Lilian,
    /// A timestamp to the second: `20240229235959`.
    YyyyMmDdHhMmSs,
    /// `235959`. There is no column type for a time of day: it becomes the text `23:59:59`.
    HhMmSs,
    /// `23595999`, with hundredths of a second, as ACCEPT FROM TIME gives it. It becomes the text `23:59:59.99`.
    HhMmSsHh,
}

/// What a date of zeros or nines is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDate {
    /// The record is a reject.
    #[default]
    Reject,
    /// The field is NULL.
    Null,
}

impl NumberForm {
    /// A number with the usual signs, rejecting whatever is none.
    #[must_use]
    pub const fn new(usage: Usage, digits: u8, scale: i8) -> Self {
        Self {
            usage,
            digits,
            scale,
            signs: SignRule::Usual,
            fills: Fills { spaces: Fill::Reject, low_values: Fill::Reject, high_values: Fill::Reject },
            blank_when_zero: false,
        }
    }

    /// How many bytes IBM's compilers give it: for binary numbers 2, 4 or 8, and 16 past 18 digits.
    #[must_use]
    pub fn usual_bytes(&self) -> usize {
        let digits = usize::from(self.digits);
        match self.usage {
            Usage::Zoned(SignPlace::TrailingSeparate | SignPlace::LeadingSeparate) => digits + 1,
            Usage::Zoned(_) => digits,
            Usage::Packed { .. } => digits / 2 + 1,
            Usage::PackedUnsigned => digits.div_ceil(2),
            Usage::Binary { .. } => match digits {
                ..=4 => 2,
                5..=9 => 4,
                10..=18 => 8,
                _ => 16,
            },
        }
    }
}
