//! Infers the type of a column from its values, with room for values that are not in the sample.

use std::fmt;

use super::dates::{self, Form};

/// A type in the notation of the job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Text(usize),
    Integer,
    Decimal { precision: usize, scale: usize },
    Date(String),
    Timestamp(String),
    Instant,
    Boolean,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(chars_max) => write!(f, "text({chars_max})"),
            Self::Integer => f.write_str("integer"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Date(form) => write!(f, "date({form})"),
            Self::Timestamp(form) => write!(f, "timestamp({form})"),
            Self::Instant => f.write_str("timestamptz"),
            Self::Boolean => f.write_str("boolean"),
        }
    }
}

/// A type, and a remark for the user about how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) ty: Type,
    pub(super) remark: Option<String>,
}

impl Typed {
    fn plainly(ty: Type) -> Self {
        Self { ty, remark: None }
    }

    fn with(ty: Type, remark: impl Into<String>) -> Self {
        Self { ty, remark: Some(remark.into()) }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.ty, Type::Text(_))
    }
}

/// The maximum number of digits in a decimal.
const DIGITS_MAX: usize = 38;

/// The lengths for text columns; the first that exceeds the sample's longest value by half is used.
const LENGTHS: [usize; 12] = [10, 20, 40, 60, 100, 200, 400, 1000, 2000, 4000, 10_000, 100_000];

/// The length of a text column without values in the sample.
const LENGTH_UNKNOWN: usize = 200;

/// Words in a name that mean that digits are not a number.
const IDENTIFIER_WORDS: [&str; 14] = [
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "phone",
    "tel",
    "telephone",
    "fax",
    "mobile",
    "iban",
    "ssn",
    "isbn",
    "ean",
];

/// Infers the type of the column `name` from its `values`, without NULLs and surrounding spaces.
pub(super) fn of(name: &str, values: &[&str]) -> Typed {
    if values.is_empty() {
        return Typed::with(Type::Text(LENGTH_UNKNOWN), "no values in the sample, so the type is a guess");
    }
    boolean(values).or_else(|| day_or_time(values)).or_else(|| number(name, values)).unwrap_or_else(|| {
        let remark = nearly(values);
        Typed { ty: text(values), remark }
    })
}

fn text(values: &[&str]) -> Type {
    text_of(values.iter().map(|value| value.chars().count()).max().unwrap_or(0))
}

/// Returns the text type for a longest value of this many characters.
pub(super) fn text_of(longest: usize) -> Type {
    let wanted = longest + longest / 2;
    Type::Text(
        LENGTHS.into_iter().find(|length| *length >= wanted).unwrap_or_else(|| wanted.next_power_of_two()),
    )
}

/// Recognises booleans in any case. Single letters count only if both occur, because `Y` may appear with letters
/// other than `N`.
fn boolean(values: &[&str]) -> Option<Typed> {
    for (yes, no, both) in [("true", "false", false), ("t", "f", true), ("yes", "no", true), ("y", "n", true)]
    {
        let has = |word: &str| values.iter().any(|value| value.eq_ignore_ascii_case(word));
        let only =
            values.iter().all(|value| value.eq_ignore_ascii_case(yes) || value.eq_ignore_ascii_case(no));
        if only && (!both || (has(yes) && has(no))) {
            return Some(Typed::plainly(Type::Boolean));
        }
    }
    None
}

fn day_or_time(values: &[&str]) -> Option<Typed> {
    local(values).or_else(|| instant(values))
}

/// Recognises timestamps with an offset from UTC.
fn instant(values: &[&str]) -> Option<Typed> {
    let is_exact = |at: jiff::civil::DateTime| at.subsec_nanosecond() % 1000 == 0;
    let are_instants = !values.is_empty()
        && values.iter().all(|value| domain::instant::parse(value.as_bytes()).is_some_and(is_exact));
    are_instants.then(|| {
        Typed::with(Type::Instant, "times with a time zone offset: they are loaded as instants, in UTC")
    })
}

fn local(values: &[&str]) -> Option<Typed> {
    let (form, ty): (Form, fn(String) -> Type) = match dates::day(values) {
        Some(form) => (form, Type::Date),
        None => (dates::timestamp(values)?, Type::Timestamp),
    };
    let remark = match &form.or {
        Some(other) => Some(format!("ambiguous: every value also matches {other}, as a different date")),
        None if form.text == "%Y%m%d" => {
            Some("eight digits that are all valid dates: check that they are not numbers".into())
        }
        None if form.text.ends_with('Z') => Some("times in UTC: the Z is parsed but not stored".into()),
        None => None,
    };
    Some(Typed { ty: ty(form.text), remark })
}

/// A number in the loader's notation.
struct Number {
    /// The number of digits before the point, without leading zeros.
    whole: usize,
    /// The number of digits after the point.
    scale: usize,
    leading_zero: bool,
    plus: bool,
    fits_i64: bool,
}

fn read(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(behind) || whole.len() + behind.len() == 0 {
        return None;
    }
    Some(Number {
        whole: whole.trim_start_matches('0').len(),
        scale: behind.len(),
        leading_zero: whole.len() > 1 && whole.starts_with('0'),
        plus: text.starts_with('+'),
        fits_i64: text.parse::<i64>().is_ok(),
    })
}

/// Whether the loader reads the text as a number.
pub(super) fn is_number(text: &str) -> bool {
    read(text).is_some()
}

fn number(name: &str, values: &[&str]) -> Option<Typed> {
    let numbers: Vec<Number> = values.iter().map(|value| read(value)).collect::<Option<_>>()?;
    let has_point = values.iter().any(|value| value.contains('.'));
    let whole = numbers.iter().map(|number| number.whole).max().unwrap_or(0);
    if numbers.iter().any(|number| number.leading_zero) {
        return Some(Typed::with(
            text(values),
            "digits with leading zeros: looks like an identifier, not a number",
        ));
    }
    if !has_point && numbers.iter().any(|number| number.plus) {
        return Some(Typed::with(text(values), "digits after a plus sign, which a number would drop"));
    }
    if !has_point && name.split('_').any(|word| IDENTIFIER_WORDS.contains(&word)) {
        return Some(Typed::with(text(values), "digits, but the name suggests an identifier, not a number"));
    }
    let too_long = || Typed::with(text(values), "numbers with more than 38 digits");
    if !has_point {
        return Some(if numbers.iter().all(|number| number.fits_i64) {
            Typed::plainly(Type::Integer)
        } else if whole <= DIGITS_MAX {
            Typed::with(
                Type::Decimal { precision: DIGITS_MAX, scale: 0 },
                "more digits than an integer can hold",
            )
        } else {
            too_long()
        });
    }
    let seen = numbers.iter().map(|number| number.scale).max().unwrap_or(0);
    let varies = numbers.iter().any(|number| number.scale != seen);
    // If trailing zeros are omitted, values with one decimal place do not rule out a second.
    let scale = if varies { seen.max(2) } else { seen };
    let scale = if whole + scale > DIGITS_MAX { seen } else { scale };
    let wanted = whole + scale;
    if wanted > DIGITS_MAX {
        return Some(too_long());
    }
    let precision = [15, 18, 28].into_iter().find(|room| *room >= wanted + 3).unwrap_or(DIGITS_MAX);
    let ty = Type::Decimal { precision, scale };
    Some(if varies {
        Typed::with(
            ty,
            format!("up to {seen} decimal places in the sample; a value with more than {scale} is a reject"),
        )
    } else {
        Typed::plainly(ty)
    })
}

/// Returns a remark for text that looks like another type.
fn nearly(values: &[&str]) -> Option<String> {
    let numeric = |value: &str| {
        value.bytes().any(|byte| byte.is_ascii_digit())
            && value.chars().all(|c| c.is_ascii_digit() || ".,'+-() %$€£eE\u{a0}".contains(c))
    };
    if values.iter().all(|value| numeric(value) && value.contains([',', '%', '$', '€', '£'])) {
        return Some(
            "looks like numbers with commas or currency signs; only digits and a decimal point are parsed as numbers"
                .into(),
        );
    }
    if values.iter().all(|value| {
        value.len() > 19 && dates::timestamp(&[&value[..value.floor_char_boundary(19)]]).is_some()
    }) {
        return Some(
            "looks like timestamps with a time zone; a type timestamptz(form) with %z can parse them".into(),
        );
    }
    let others: Vec<_> = values.iter().filter(|value| !is_number(value)).collect();
    (values.len() >= 10 && others.len() * 10 <= values.len())
        .then(|| format!("numbers, except {} of {} values", others.len(), values.len()))
}
