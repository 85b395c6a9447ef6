//! What may become of a value, amounts and content, and where in the source a value is that it may become of.

use domain::amount::Amount;
use domain::layout::Layout;
use domain::value::FieldType;
use jiff::ToSpan as _;

use crate::scenario::Scenario;
use crate::sql::{Dialect, text};
use crate::survey::{Owned, Sample};

/// A field of a record that gets another content.
pub(super) struct Change {
    pub(super) place: usize,
    pub(super) record_no: u64,
    pub(super) field: usize,
    pub(super) literal: String,
}

/// What becomes of a value in staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// One unit of the last digit is added.
    UnitAdded,
    /// The sign is flipped.
    SignFlipped,
    /// Two digits are transposed.
    DigitsTransposed,
    /// Two errors cancel out in the total.
    ErrorsCancel,
    /// The decimal point is shifted.
    PointShifted,
    /// A cent is added in a total of more than ten billion.
    CentInTenBillion,
    /// It is rounded at its 29th digit.
    RoundedAt29Digits,
    /// Zero becomes negative zero.
    NegativeZero,
    /// An amount becomes NULL.
    AmountNull,
    /// It gets another scale.
    OtherScale,
    /// The amounts of two records are swapped.
    AmountsExchanged,
    /// It goes through a float.
    ThroughFloat,
    /// NULL becomes empty text.
    NullEmpty,
    /// Empty text becomes NULL.
    EmptyNull,
    /// NULL becomes the text 'null'.
    NullText,
    /// A blank is added at the end.
    BlankAdded,
    /// A character moves to the next field.
    CharacterMoved,
    /// A separator moves to the next field.
    SeparatorMoved,
    /// A composed character is decomposed.
    Decomposed,
    /// The text is decoded in the wrong encoding.
    WrongEncoding,
    /// The case of a letter changes.
    CaseChanged,
    /// The last character is cut off.
    CutOff,
    /// A blank becomes a no-break space.
    NoBreakSpace,
    /// A date is shifted by a day.
    DayShifted,
    /// A timestamp is shifted by an hour.
    HourShifted,
    /// A timestamp is truncated to seconds.
    FractionDropped,
    /// A boolean is inverted.
    BooleanInverted,
    /// An integer is off by one.
    IntegerOff,
    /// One bit of a field of bytes is flipped.
    BitFlipped,
    /// The texts of two records are swapped.
    TextsExchanged,
    /// Leading zeros are dropped.
    ZerosDropped,
    /// A value that is no amount becomes NULL.
    ValueNull,
}

fn name(layout: &Layout, at: usize) -> &str {
    &layout.fields[at].name
}

/// The same field of one sample, changed.
fn one(
    scenario: &Scenario<'_>,
    what: &str,
    new: impl Fn(&Layout, usize, &Owned) -> Option<String>,
) -> Option<(Vec<Change>, String)> {
    let (sample, field, literal) = scenario.find(|_, layout, at, value| new(layout, at, value))?;
    let told = format!("record {}, {}: {what}", sample.record_no, name(scenario.layout(sample), field));
    let change = Change { place: sample.place, record_no: sample.record_no, field, literal };
    Some((vec![change], told))
}

/// The number in an amount field, and the scale that the column has.
fn number(layout: &Layout, at: usize, value: &Owned) -> Option<(Amount, u8, u8)> {
    if !layout.amounts.contains(&at) {
        return None;
    }
    match (value, layout.fields[at].ty) {
        (Owned::Decimal(amount), FieldType::Decimal { precision, scale }) => {
            Some((*amount, precision, scale))
        }
        (Owned::Integer(integer), _) => Some((Amount::from(*integer), 18, 0)),
        _ => None,
    }
}

/// `mantissa` at `scale` as a literal, if it fits and differs from `old`.
fn other(dialect: Dialect, old: Amount, mantissa: Option<i128>, precision: u8, scale: u8) -> Option<String> {
    let new = Amount::new(mantissa?, scale).ok().filter(|new| *new != old && new.digits() <= precision)?;
    Some(match (dialect, scale) {
        // An integer's column.
        (_, 0) if precision == 18 => new.to_string(),
        (Dialect::Sqlite, _) => format!("'{new}'"),
        (Dialect::Postgres, _) => new.to_string(),
    })
}

fn amount(
    scenario: &Scenario<'_>,
    what: &str,
    new: impl Fn(i128, u8) -> Option<i128>,
) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    one(scenario, what, |layout, at, value| {
        let (old, precision, scale) = number(layout, at, value)?;
        other(dialect, old, new(old.mantissa(), scale), precision, scale)
    })
}

fn texts(
    scenario: &Scenario<'_>,
    what: &str,
    new: impl Fn(&str) -> Option<String>,
) -> Option<(Vec<Change>, String)> {
    one(scenario, what, |_, _, value| match value {
        Owned::Text(old) => new(old).filter(|new| new != old).map(|new| text(&new)),
        _ => None,
    })
}

/// The value itself replaced by another of its kind.
fn value(
    scenario: &Scenario<'_>,
    what: &str,
    new: impl Fn(&Layout, usize, &Owned) -> Option<Owned>,
) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    one(scenario, what, |layout, at, old| {
        let new = new(layout, at, old).filter(|new| new != old)?;
        Some(dialect.literal(&new.value()))
    })
}

/// The changes that do `damage`, and their description; `None` when no field of the source holds what they need.
pub(super) fn changes(damage: Damage, scenario: &Scenario<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    match damage {
        Damage::UnitAdded => {
            amount(scenario, "one unit of its last digit is added", |old, _| old.checked_add(1))
        }
        Damage::SignFlipped => amount(scenario, "its sign is flipped", |old, _| (old != 0).then(|| -old)),
        Damage::DigitsTransposed => amount(scenario, "two digits are transposed", |old, _| transposed(old)),
        Damage::ErrorsCancel => cancelling(scenario),
        Damage::PointShifted => amount(scenario, "its decimal point is shifted", |old, _| {
            old.checked_mul(10).filter(|_| old.unsigned_abs() < 10_u128.pow(12)).or(Some(old / 10))
        }),
        Damage::CentInTenBillion => cent_in_ten_billion(scenario),
        Damage::RoundedAt29Digits => amount(scenario, "it is rounded at its 29th digit", |old, _| {
            let digits = u32::try_from(old.unsigned_abs().to_string().len()).ok()?;
            let unit = 10_i128.checked_pow(digits.checked_sub(28).filter(|beyond| *beyond > 0)?)?;
            Some((old + unit / 2 * old.signum()) / unit * unit)
        }),
        Damage::NegativeZero => one(scenario, "zero becomes negative zero", |layout, at, value| {
            let (old, _, scale) = number(layout, at, value)?;
            (old.is_zero() && scale > 0).then(|| format!("'-{}'", Amount::zero(scale)))
        }),
        Damage::AmountNull => one(scenario, "it becomes NULL", |layout, at, value| {
            number(layout, at, value).filter(|(old, ..)| !old.is_zero()).map(|_| "NULL".to_owned())
        }),
        Damage::OtherScale => {
            one(scenario, "a zero is appended after its decimal places", |layout, at, value| {
                let (old, _, scale) = number(layout, at, value)?;
                (scale > 0 && !old.is_zero()).then(|| format!("'{old}0'"))
            })
        }
        Damage::AmountsExchanged => {
            exchanged(scenario, "the amounts are swapped", |layout, at| layout.amounts.contains(&at))
        }
        Damage::ThroughFloat => {
            amount(scenario, "it is converted to a double-precision float and back", |old, _| {
                // What a comparison tool does with it; the exact value is known, so that the harm shows.
                #[allow(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "the defect itself"
                )]
                let through = old as f64 as i128;
                Some(through)
            })
        }
        Damage::NullEmpty => value(scenario, "NULL becomes empty text", |layout, at, old| {
            let is_text = matches!(layout.fields[at].ty, FieldType::Text { .. });
            (is_text && *old == Owned::Null).then(|| Owned::Text(String::new()))
        }),
        Damage::EmptyNull => value(scenario, "empty text becomes NULL", |_, _, old| {
            (*old == Owned::Text(String::new())).then_some(Owned::Null)
        }),
        Damage::NullText => value(scenario, "NULL becomes the text `null`", |layout, at, old| {
            let is_text = matches!(layout.fields[at].ty, FieldType::Text { .. });
            (is_text && *old == Owned::Null).then(|| Owned::Text("null".into()))
        }),
        Damage::BlankAdded => {
            texts(scenario, "a blank is added", |old| (!old.is_empty()).then(|| format!("{old} ")))
        }
        Damage::CharacterMoved => moved(scenario, "a character moves to the next field", |first, second| {
            let last = first.chars().next_back().filter(|_| first.chars().count() > 1)?;
            Some((first[..first.len() - last.len_utf8()].into(), format!("{last}{second}")))
        }),
        Damage::SeparatorMoved => moved(scenario, "a separator moves to the next field", |first, second| {
            let (head, tail) = first.rsplit_once('|')?;
            Some((head.into(), format!("{tail}|{second}")))
        }),
        Damage::Decomposed => texts(scenario, "a composed character is decomposed", decomposed),
        Damage::WrongEncoding => texts(scenario, "its bytes are read as Latin-1", |old| {
            (!old.is_ascii()).then(|| old.bytes().map(char::from).collect())
        }),
        Damage::CaseChanged => texts(scenario, "the case of a letter changes", |old| {
            let at = old.char_indices().find(|(_, c)| c.is_ascii_alphabetic())?.0;
            let mut bytes = old.as_bytes().to_vec();
            bytes[at] ^= 0x20;
            String::from_utf8(bytes).ok()
        }),
        Damage::CutOff => texts(scenario, "its last character is cut off", |old| {
            old.char_indices().next_back().map(|(at, _)| old[..at].to_owned())
        }),
        Damage::NoBreakSpace => texts(scenario, "a blank becomes a no-break space", |old| {
            old.contains(' ').then(|| old.replacen(' ', "\u{a0}", 1))
        }),
        Damage::DayShifted => value(scenario, "a day is added", |_, _, old| match old {
            Owned::Date(date) => date.checked_add(1.day()).ok().map(Owned::Date),
            _ => None,
        }),
        Damage::HourShifted => value(scenario, "an hour is added", |_, _, old| match old {
            Owned::Timestamp(at) => at.checked_add(1.hour()).ok().map(Owned::Timestamp),
            Owned::Instant(at) => at.checked_add(1.hour()).ok().map(Owned::Instant),
            _ => None,
        }),
        Damage::FractionDropped => {
            value(scenario, "its fraction of a second is dropped", |_, _, old| match old {
                Owned::Timestamp(at) => at.with().subsec_nanosecond(0).build().ok().map(Owned::Timestamp),
                _ => None,
            })
        }
        Damage::BooleanInverted => value(scenario, "it is inverted", |_, _, old| match old {
            Owned::Boolean(truth) => Some(Owned::Boolean(!truth)),
            _ => None,
        }),
        Damage::IntegerOff => value(scenario, "one is added", |_, _, old| match old {
            Owned::Integer(integer) => integer.checked_add(1).map(Owned::Integer),
            _ => None,
        }),
        Damage::BitFlipped => value(scenario, "a bit is flipped", |_, _, old| match old {
            Owned::Bytes(bytes) if !bytes.is_empty() => {
                let mut bytes = bytes.clone();
                bytes[0] ^= 1;
                Some(Owned::Bytes(bytes))
            }
            _ => None,
        }),
        Damage::TextsExchanged => exchanged(scenario, "the texts are swapped", |layout, at| {
            matches!(layout.fields[at].ty, FieldType::Text { .. }) && layout.hashed.contains(&at)
        }),
        Damage::ZerosDropped => texts(scenario, "leading zeros are dropped", |old| {
            old.starts_with('0').then(|| old.trim_start_matches('0').to_owned())
        }),
        Damage::ValueNull => one(scenario, "it becomes NULL", |layout, at, old| {
            (*old != Owned::Null && !layout.amounts.contains(&at) && !layout.key.contains(&at)).then(|| {
                let null = Owned::Null;
                dialect.literal(&null.value())
            })
        }),
    }
}

/// The mantissa with two different neighbouring digits exchanged, the last such pair.
fn transposed(mantissa: i128) -> Option<i128> {
    let mut digits = mantissa.unsigned_abs().to_string().into_bytes();
    let at = digits.windows(2).rposition(|pair| pair[0] != pair[1] && pair[1] != b'0')?;
    digits.swap(at, at + 1);
    let swapped: i128 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    Some(swapped * mantissa.signum())
}

/// A unit more here and a unit less there.
fn cancelling(scenario: &Scenario<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    let (one, other_one, field) = same_field(scenario, |layout, at| layout.amounts.contains(&at))?;
    let layout = scenario.layout(one);
    let change = |sample: &Sample, by: i128| {
        let (old, precision, scale) = number(layout, field, &sample.values[field])?;
        let literal = other(dialect, old, old.mantissa().checked_add(by), precision, scale)?;
        Some(Change { place: sample.place, record_no: sample.record_no, field, literal })
    };
    let told = format!(
        "records {} and {}, {}: one unit is moved from the second to the first",
        one.record_no,
        other_one.record_no,
        name(layout, field)
    );
    Some((vec![change(one, 1)?, change(other_one, -1)?], told))
}

/// Two samples of one type with different values, not NULL, in a field for which `wanted` holds.
fn same_field<'a>(
    scenario: &'a Scenario<'_>,
    wanted: impl Fn(&Layout, usize) -> bool,
) -> Option<(&'a Sample, &'a Sample, usize)> {
    scenario
        .fixture
        .job
        .layouts()
        .flat_map(|layout| (0..layout.fields.len()).map(move |at| (layout, at)))
        .find_map(|(layout, at)| {
            if !wanted(layout, at) || !scenario.may_damage(layout, at) {
                return None;
            }
            let (one, other) = scenario.pair(|one, other| {
                one.place == layout.among.place
                    && one.values[at] != other.values[at]
                    && one.values[at] != Owned::Null
                    && other.values[at] != Owned::Null
            })?;
            Some((one, other, at))
        })
}

/// The values of a field of two records are swapped.
fn exchanged(
    scenario: &Scenario<'_>,
    what: &str,
    wanted: impl Fn(&Layout, usize) -> bool,
) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    let (one, other, field) = same_field(scenario, wanted)?;
    let change = |of: &Sample, from: &Sample| Change {
        place: of.place,
        record_no: of.record_no,
        field,
        literal: dialect.literal(&from.values[field].value()),
    };
    let told = format!(
        "records {} and {}, {}: {what}",
        one.record_no,
        other.record_no,
        name(scenario.layout(one), field)
    );
    Some((vec![change(one, other), change(other, one)], told))
}

/// Two text fields side by side in one record.
fn moved(
    scenario: &Scenario<'_>,
    what: &str,
    new: impl Fn(&str, &str) -> Option<(String, String)>,
) -> Option<(Vec<Change>, String)> {
    let (sample, field, (first, second)) = scenario.find(|sample, layout, at, value| {
        let next = sample.values.get(at + 1).filter(|_| scenario.may_damage(layout, at + 1))?;
        match (value, next) {
            (Owned::Text(first), Owned::Text(second)) => new(first, second),
            _ => None,
        }
    })?;
    let change = |field: usize, new: &str| Change {
        place: sample.place,
        record_no: sample.record_no,
        field,
        literal: text(new),
    };
    let layout = scenario.layout(sample);
    let told = format!(
        "record {}, {} and {}: {what}",
        sample.record_no,
        name(layout, field),
        name(layout, field + 1)
    );
    Some((vec![change(field, &first), change(field + 1, &second)], told))
}

/// Changes one amount, of a sum of more than ten billion, by a cent.
fn cent_in_ten_billion(scenario: &Scenario<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scenario.dialect();
    let (job, declared) = (&scenario.fixture.job, &scenario.fixture.survey.declared);
    let ten_billion = Amount::from(10_000_000_000_i64);
    let is_large = |layout: &Layout, at: usize| {
        let field = name(layout, at);
        let full = if job.has_types() { format!("{}.{field}", layout.record) } else { field.to_owned() };
        declared.amounts.get(&full).is_some_and(|sum| sum.abs() > ten_billion)
    };
    one(scenario, "one cent is added", |layout, at, value| {
        let (old, precision, scale) = number(layout, at, value).filter(|_| is_large(layout, at))?;
        let cent = 10_i128.checked_pow(u32::from(scale.checked_sub(2)?))?;
        other(dialect, old, old.mantissa().checked_add(cent), precision, scale)
    })
}

/// The first composed letter as letter and mark.
fn decomposed(old: &str) -> Option<String> {
    const MARKS: [(&str, &str, char); 5] = [
        ("áéíóúÁÉÍÓÚ", "aeiouAEIOU", '\u{301}'),
        ("àèìòùÀÈÌÒÙ", "aeiouAEIOU", '\u{300}'),
        ("äëïöüÄËÏÖÜ", "aeiouAEIOU", '\u{308}'),
        ("âêîôûÂÊÎÔÛ", "aeiouAEIOU", '\u{302}'),
        ("ãñõÃÑÕ", "anoANO", '\u{303}'),
    ];
    let (at, composed, letter, mark) = old.char_indices().find_map(|(at, c)| {
        MARKS.iter().find_map(|(composed, plain, mark)| {
            let place = composed.chars().position(|one| one == c)?;
            Some((at, c, plain.chars().nth(place)?, *mark))
        })
    })?;
    Some(format!("{}{letter}{mark}{}", &old[..at], &old[at + composed.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_transposed_and_letters_decomposed_so_that_something_changes() {
        for (old, new) in
            [(1234, Some(1243)), (-1200, Some(-2100)), (1111, None), (0, None), (10, None), (105, Some(150))]
        {
            assert_eq!(transposed(old), new, "{old}");
        }
        assert_eq!(decomposed("Zürich").as_deref(), Some("Zu\u{308}rich"));
        assert_eq!(decomposed("plain"), None);
    }
}
