//! How a copybook's fields are written where the copybook does not say: `[source.cobol]`, and a field's own `cobol`.

use std::ops::Range;

use format::cobol::{
    AsciiSigns, BinaryRange, ByteOrder, Empty, Fill, Fills, HighValues, LowValues, OnDate, SignRule,
};
use format::copybook::plan::Following;

use super::{Checked, fault};
use crate::file::CobolSection;

/// How fields are written, as far as the copybook does not say.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) fills: Fills,
    pub(super) low_values: LowValues,
    pub(super) high_values: HighValues,
    pub(super) empty: Empty,
    pub(super) signs: SignRule,
    pub(super) ascii_signs: AsciiSigns,
    pub(super) range: BinaryRange,
    /// The order of native numbers, where the job says it.
    pub(super) order: Option<ByteOrder>,
    /// Whether floats are IEEE 754, where the job says it.
    pub(super) ieee: Option<bool>,
    /// Whether a pair of level 49 is a Db2 VARCHAR.
    pub(super) varchar: bool,
    pub(super) zeros: OnDate,
    pub(super) nines: OnDate,
    pub(super) hour_24: bool,
    pub(super) window_start: i16,
    pub(super) following: Following,
    pub(super) conditions: bool,
}

/// One of a few words, or what it is otherwise.
fn choice<T: Copy>(
    given: Option<&String>,
    key: &str,
    otherwise: T,
    of: &[(&str, T)],
    span: &Range<usize>,
) -> Checked<T> {
    let Some(given) = given else { return Ok(otherwise) };
    match of.iter().find(|(word, _)| word == given) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let words: Vec<_> = of.iter().map(|(word, _)| *word).collect();
            fault(span.clone(), format!("invalid {key} `{given}`: expected {}", words.join(" or ")))
        }
    }
}

impl Policy {
    /// What `[source.cobol]` says, and what is usual where it says nothing.
    pub(super) fn of(section: &CobolSection, span: Range<usize>) -> Checked<Self> {
        let usual = Self {
            fills: Fills::default(),
            low_values: LowValues::Reject,
            high_values: HighValues::Reject,
            empty: Empty::Null,
            signs: SignRule::Usual,
            ascii_signs: AsciiSigns::Translated,
            range: BinaryRange::Picture,
            order: None,
            ieee: None,
            varchar: true,
            zeros: OnDate::Reject,
            nines: OnDate::Reject,
            hour_24: false,
            window_start: 1950,
            following: Following::Shift,
            conditions: false,
        };
        usual.with(section, &span)
    }

    /// This policy, but for what `section` says.
    pub(super) fn with(&self, section: &CobolSection, span: &Range<usize>) -> Checked<Self> {
        let fills = [("reject", Fill::Reject), ("null", Fill::Null), ("zero", Fill::Zero)];
        let dates = [("reject", OnDate::Reject), ("null", OnDate::Null)];
        let fill = |given, key, otherwise| choice(given, key, otherwise, &fills, span);
        Ok(Self {
            fills: Fills {
                spaces: fill(section.spaces.as_ref(), "spaces", self.fills.spaces)?,
                low_values: fill(section.low_values.as_ref(), "low_values", self.fills.low_values)?,
                high_values: fill(section.high_values.as_ref(), "high_values", self.fills.high_values)?,
            },
            low_values: choice(
                section.text_low_values.as_ref(),
                "text_low_values",
                self.low_values,
                &[("reject", LowValues::Reject), ("null", LowValues::Null), ("padding", LowValues::Padding)],
                span,
            )?,
            high_values: choice(
                section.text_high_values.as_ref(),
                "text_high_values",
                self.high_values,
                &[("reject", HighValues::Reject), ("null", HighValues::Null), ("keep", HighValues::Keep)],
                span,
            )?,
            empty: choice(
                section.empty_text.as_ref(),
                "empty_text",
                self.empty,
                &[("null", Empty::Null), ("keep", Empty::Keep)],
                span,
            )?,
            signs: choice(
                section.signs.as_ref(),
                "signs",
                self.signs,
                &[("preferred", SignRule::Preferred), ("usual", SignRule::Usual), ("any", SignRule::Any)],
                span,
            )?,
            ascii_signs: choice(
                section.ascii_signs.as_ref(),
                "ascii_signs",
                self.ascii_signs,
                &[("translated", AsciiSigns::Translated), ("micro-focus", AsciiSigns::MicroFocus)],
                span,
            )?,
            range: choice(
                section.binary.as_ref(),
                "binary",
                self.range,
                &[("picture", BinaryRange::Picture), ("native", BinaryRange::Native)],
                span,
            )?,
            order: choice(
                section.native_order.as_ref(),
                "native_order",
                self.order,
                &[("big", Some(ByteOrder::BigEndian)), ("little", Some(ByteOrder::LittleEndian))],
                span,
            )?,
            ieee: choice(
                section.floats.as_ref(),
                "floats",
                self.ieee,
                &[("hexadecimal", Some(false)), ("ieee", Some(true))],
                span,
            )?,
            varchar: choice(
                section.level_49.as_ref(),
                "level_49",
                self.varchar,
                &[("varchar", true), ("plain", false)],
                span,
            )?,
            zeros: choice(section.date_zeros.as_ref(), "date_zeros", self.zeros, &dates, span)?,
            nines: choice(section.date_nines.as_ref(), "date_nines", self.nines, &dates, span)?,
            hour_24: choice(
                section.hour_24.as_ref(),
                "hour_24",
                self.hour_24,
                &[("reject", false), ("next-day", true)],
                span,
            )?,
            window_start: section.year_window.unwrap_or(self.window_start),
            following: choice(
                section.behind_tables.as_ref(),
                "behind_tables",
                self.following,
                &[("shift", Following::Shift), ("stay", Following::Stay)],
                span,
            )?,
            conditions: section.conditions.unwrap_or(self.conditions),
        })
    }
}
