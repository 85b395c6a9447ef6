//! Equalities: what two values may differ in and still count as the same, each of them declared and named.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::record::{RawField, Tag, put, put_raw};
use crate::value::FieldType;

crate::named! {
    /// What two values may differ in and still count as the same.
    #[derive(Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Equality {
        /// Blanks (U+0020) at the end of a text: a CHAR column fills its values up with them.
        TrailingBlanks = "trailing-blanks",
        /// An empty text and NULL: some databases store the one as the other.
        EmptyIsNull = "empty-is-null",
        /// Upper and lower case of a text.
        Case = "case",
        /// The Unicode normal form of a text: one character, or a letter and its accent.
        NormalForm = "normal-form",
        /// Zeros at the end of a number's fraction: 1.5 and 1.50.
        Scale = "scale",
        /// A decimal and the binary floating point number that is nearest to it.
        NearestFloat = "nearest-float",
        /// A number, date or time and the text that writes it in canonical form.
        AsText = "as-text",
        /// What a time has below the second.
        Seconds = "seconds",
        /// What a time has below the millisecond.
        Milliseconds = "milliseconds",
        /// A date and the midnight with which it begins.
        Midnight = "midnight",
        /// A time without a zone and the same time in UTC.
        Utc = "utc",
    }
}

impl Equality {
    /// Whether values of a field of this type can be equal by it.
    #[must_use]
    pub const fn concerns(self, ty: &FieldType) -> bool {
        match self {
            Self::TrailingBlanks | Self::EmptyIsNull | Self::Case | Self::NormalForm => {
                matches!(ty, FieldType::Text { .. })
            }
            Self::Scale | Self::NearestFloat => matches!(ty, FieldType::Decimal { .. } | FieldType::Integer),
            Self::AsText => !matches!(ty, FieldType::Text { .. } | FieldType::Bytes),
            Self::Seconds | Self::Milliseconds | Self::Utc => {
                matches!(ty, FieldType::Timestamp | FieldType::Instant)
            }
            Self::Midnight => matches!(ty, FieldType::Date | FieldType::Timestamp),
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Several equalities at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EqualitySet(u16);

impl EqualitySet {
    /// Values must be the same to the last digit and blank.
    pub const NONE: Self = Self(0);
    /// Every equality there is.
    pub const ALL: Self = Self((1 << Equality::ALL.len()) - 1);

    /// These and one more.
    #[must_use]
    pub const fn with(self, one: Equality) -> Self {
        Self(self.0 | one.bit())
    }

    /// These without that one.
    #[must_use]
    pub const fn without(self, one: Equality) -> Self {
        Self(self.0 & !one.bit())
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn has(self, one: Equality) -> bool {
        self.0 & one.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that concern values of a type.
    #[must_use]
    pub fn concerning(self, ty: &FieldType) -> Self {
        self.iter().filter(|one| one.concerns(ty)).collect()
    }

    /// The equalities, in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = Equality> {
        Equality::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

impl FromIterator<Equality> for EqualitySet {
    fn from_iter<I: IntoIterator<Item = Equality>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Their names, with commas between them.
impl fmt::Display for EqualitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Equality::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// They are the same, to the last digit and blank.
    Exact,
    /// They are the same under these equalities, and not under fewer.
    Under(EqualitySet),
    /// They are not the same.
    Different,
}

/// Compares a source's field of type `ty` with what the target holds, under the equalities `declared`.
#[must_use]
pub fn same(ty: &FieldType, declared: EqualitySet, source: &RawField<'_>, target: &RawField<'_>) -> Sameness {
    if source == target {
        return Sameness::Exact;
    }
    if declared.is_empty() {
        return Sameness::Different;
    }
    if declared.has(Equality::NearestFloat) && is_nearest_float(source, target) {
        return Sameness::Under(EqualitySet::NONE.with(Equality::NearestFloat));
    }
    let declared = declared.concerning(ty).without(Equality::NearestFloat);
    let under = |set: EqualitySet| normal(ty, set, source) == normal(ty, set, target);
    if !under(declared) {
        return Sameness::Different;
    }
    // Each that can be done without is left out, so that only what was needed is counted.
    let needed = declared.iter().fold(declared, |needed, one| {
        let less = needed.without(one);
        if under(less) { less } else { needed }
    });
    Sameness::Under(needed)
}

/// The beginning of what stands for a binary floating point number in a record, of double precision and of single; see
/// [`super::put_cell`].
pub(super) const FLOAT: &str = "float ";
pub(super) const SINGLE: &str = "single float ";

/// Whether the target's value is a float, and no other float is nearer to the source's decimal.
fn is_nearest_float(source: &RawField<'_>, target: &RawField<'_>) -> bool {
    let number = match (source.tag, source.content.try_into()) {
        (Tag::Decimal, _) => String::from_utf8_lossy(source.content).into_owned(),
        (Tag::Integer, Ok(bytes)) => i64::from_be_bytes(bytes).to_string(),
        _ => return false,
    };
    let found = match (target.tag, std::str::from_utf8(target.content)) {
        (Tag::Foreign, Ok(text)) => text,
        _ => return false,
    };
    // Bit by bit: NaN is no number's nearest, and a zero with a sign is not the zero without.
    if let Some(digits) = found.strip_prefix(FLOAT) {
        let sides = (number.parse::<f64>(), digits.parse::<f64>());
        return matches!(sides, (Ok(number), Ok(found)) if number.to_bits() == found.to_bits());
    }
    let Some(digits) = found.strip_prefix(SINGLE) else { return false };
    let sides = (number.parse::<f32>(), digits.parse::<f32>());
    matches!(sides, (Ok(number), Ok(found)) if number.to_bits() == found.to_bits())
}

/// The form that all values share which are equal under `set`.
pub(super) fn normal<'a>(ty: &FieldType, set: EqualitySet, field: &RawField<'a>) -> (Tag, Cow<'a, [u8]>) {
    let (mut tag, mut content) = (field.tag, Cow::Borrowed(field.content));
    if set.has(Equality::AsText)
        && tag == Tag::Text
        && let Some((typed, form)) = typed(ty, &content)
    {
        (tag, content) = (typed, Cow::Owned(form));
    }
    match tag {
        Tag::Text => text(set, tag, content),
        Tag::Integer | Tag::Decimal if set.has(Equality::Scale) => {
            (Tag::Decimal, Cow::Owned(without_zeros(tag, &content)))
        }
        Tag::Date if set.has(Equality::Midnight) => {
            (Tag::Timestamp, Cow::Owned([&content[..], b" 00:00:00.000000"].concat()))
        }
        Tag::Timestamp | Tag::Instant => time(set, tag, content),
        _ => (tag, content),
    }
}

/// Appends the normal form of a field, as a field of a record.
pub(super) fn put_normal(out: &mut Vec<u8>, ty: &FieldType, set: EqualitySet, field: &RawField<'_>) {
    if set.is_empty() {
        return put_raw(out, field.tag, field.content);
    }
    let (tag, content) = normal(ty, set, field);
    put_raw(out, tag, &content);
}

/// The value of a field of type `ty` that a text writes, if it is written in canonical form.
fn typed(ty: &FieldType, text: &[u8]) -> Option<(Tag, Vec<u8>)> {
    let tag = Tag::of(ty);
    if matches!(ty, FieldType::Decimal { .. }) {
        return is_number(text).then(|| (tag, text.to_vec()));
    }
    let mut form = Vec::new();
    match ty {
        FieldType::Integer => {
            let integer: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            return (integer.to_string().as_bytes() == text).then(|| (tag, integer.to_be_bytes().to_vec()));
        }
        FieldType::Boolean => return None,
        _ => {
            let value = RawField { tag, content: text }.value(ty)?;
            put(&mut form, &value);
        }
    }
    let content = crate::record::encoded(&form)?.content;
    (content == text).then(|| (tag, text.to_vec()))
}

/// Whether these bytes are a number in plain notation: digits, perhaps a minus before them and a point among them.
#[must_use]
pub fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    parts.next().is_some_and(all_digits) && parts.next().is_none_or(all_digits)
}

fn text(set: EqualitySet, tag: Tag, content: Cow<'_, [u8]>) -> (Tag, Cow<'_, [u8]>) {
    let mut content = content;
    if set.has(Equality::TrailingBlanks) {
        let end = content.iter().rposition(|byte| *byte != b' ').map_or(0, |at| at + 1);
        content = match content {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(end);
                Cow::Owned(bytes)
            }
        };
    }
    if set.has(Equality::EmptyIsNull) && content.is_empty() {
        return (Tag::Null, content);
    }
    if !set.has(Equality::Case) && !set.has(Equality::NormalForm) {
        return (tag, content);
    }
    let Ok(text) = std::str::from_utf8(&content) else { return (tag, content) };
    let mut text = text.to_owned();
    if set.has(Equality::Case) {
        text = text.to_lowercase();
    }
    if set.has(Equality::NormalForm) {
        text = text.nfc().collect();
    }
    (tag, Cow::Owned(text.into_bytes()))
}

/// A number without the zeros that end its fraction.
fn without_zeros(tag: Tag, content: &[u8]) -> Vec<u8> {
    let mut digits = match (tag, content.try_into()) {
        (Tag::Integer, Ok(bytes)) => i64::from_be_bytes(bytes).to_string().into_bytes(),
        _ => content.to_vec(),
    };
    if digits.contains(&b'.') {
        let end = digits.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
        digits.truncate(end);
        if digits.last() == Some(&b'.') {
            digits.pop();
        }
    }
    if digits == b"-0" {
        digits.remove(0);
    }
    digits
}

/// A time without what the equalities pass over: `YYYY-MM-DD HH:MM:SS.ffffff`, and more digits where a target has them.
fn time(set: EqualitySet, tag: Tag, content: Cow<'_, [u8]>) -> (Tag, Cow<'_, [u8]>) {
    let kept = match (set.has(Equality::Seconds), set.has(Equality::Milliseconds)) {
        (true, _) => 20,
        (false, true) => 23,
        (false, false) => 26,
    };
    let is_to_utc = set.has(Equality::Utc) && tag == Tag::Timestamp;
    if (kept == 26 && !is_to_utc) || content.len() < 26 {
        return (tag, content);
    }
    let mut form = content.into_owned();
    if let Some(below) = form.get_mut(kept..26).filter(|below| !below.is_empty()) {
        below.fill(b'0');
        // What is finer than a microsecond is below as well.
        let finer = form[26..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        form.drain(26..26 + finer);
    }
    if is_to_utc {
        form.push(b'Z');
    }
    (if is_to_utc { Tag::Instant } else { tag }, Cow::Owned(form))
}
