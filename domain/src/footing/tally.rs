//! One declared value over all controls of its kind: how often it was right, and the first time it was not.

use super::builder::DeclaredValue;
use super::measured::Measured;
use super::plan::{Demand, Expected, Kept, Total, Wanted, What};
use super::{FootingError, Given};
use crate::amount::Amount;
use crate::ids::RecordNo;
use crate::layout::Layout;
use crate::mask::Masks;
use crate::value::Value;

/// Why one declared value is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) record_no: RecordNo,
    pub(super) expected: String,
    pub(super) actual: String,
    /// What else there is to say.
    pub(super) why: Option<String>,
}

/// A declared total, over all its controls.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) foot: u64,
    pub(super) failed: u64,
    /// Both sides added up; `None` when they do not fit, or one of them is not known.
    pub(super) declared: Sum,
    pub(super) computed: Sum,
    pub(super) first_miss: Option<Miss>,
}

/// A sum for the eye: where it does not fit, there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(pub(super) Option<Amount>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(Amount::zero(0)))
    }
}

impl Sum {
    fn add(&mut self, amount: Option<Amount>) {
        self.0 = self.0.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount).ok());
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(sum) => sum.fmt(f),
            None => f.write_str("not known"),
        }
    }
}

/// How what a field declares is shown: masked if the field is sensitive, like the value it is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shows<'a>(Option<(&'a Masks, &'a str)>);

impl<'a> Shows<'a> {
    /// Of the field at `at`.
    pub(super) fn of(layout: &'a Layout, at: usize) -> Self {
        let sensitive = layout.fields.get(at).filter(|field| field.sensitive);
        Self(sensitive.map(|field| (&layout.masks, field.name.as_str())))
    }

    /// Whether it is masked.
    pub(super) const fn is_masked(self) -> bool {
        self.0.is_some()
    }

    fn text(self, text: &str) -> String {
        match self.0 {
            None => text.to_owned(),
            Some((masks, field)) => masks.value(field, &Value::Text(text)),
        }
    }

    /// Equal amounts have equal masks, whatever their scales.
    pub(super) fn amount(self, amount: Amount) -> String {
        let mut amount = amount;
        while self.is_masked() && amount.scale() > 0 {
            match amount.rescale(amount.scale() - 1) {
                Ok(shorter) => amount = shorter,
                Err(_) => break,
            }
        }
        self.text(&amount.to_string())
    }

    pub(super) fn sum(self, sum: Sum) -> String {
        sum.0.map_or_else(|| sum.to_string(), |amount| self.amount(amount))
    }
}

impl Tally {
    /// Holds one declared total against what was measured.
    pub(super) fn take(
        &mut self,
        total: &Total,
        kept: &Kept,
        (record_no, said): (RecordNo, &DeclaredValue),
        measured: &Measured,
        shows: Shows<'_>,
    ) -> Result<Option<Miss>, FootingError> {
        let declared = declared(total, said);
        let computed = computed(total, kept, measured)?;
        self.declared.add(declared.ok());
        self.computed.add(computed.ok());
        let why = match (&declared, &computed) {
            (Ok(declared), Ok(computed)) if declared == computed && measured.unreadable == 0 => {
                self.foot += 1;
                return Ok(None);
            }
            (Err(why), _) | (Ok(_), Err(why)) => Some((*why).to_owned()),
            // Were they equal, it would be by chance.
            _ if measured.unreadable > 0 => {
                let n = measured.unreadable;
                let records = if n == 1 { "record" } else { "records" };
                Some(format!("{n} {records} could not be read, so the total is unknown"))
            }
            _ => None,
        };
        let shown = |side: Result<Amount, &'static str>| side.map_or("not known".into(), |n| shows.amount(n));
        let (expected, actual) = (shown(declared), shown(computed));
        let miss = Miss { record_no, expected, actual, why };
        self.failed += 1;
        self.first_miss.get_or_insert_with(|| miss.clone());
        Ok(Some(miss))
    }
}

fn declared(total: &Total, said: &DeclaredValue) -> Result<Amount, &'static str> {
    let written = match said {
        DeclaredValue::Number(written) => *written,
        DeclaredValue::Nothing => return Err("nothing declared"),
        DeclaredValue::Unreadable => return Err("the declared value could not be read"),
        DeclaredValue::Text(text) => text.trim().parse().map_err(|_| "the declared value is not a number")?,
    };
    let scale = written.scale().saturating_add(total.scale);
    Amount::new(written.mantissa(), scale).map_err(|_| "the declared value does not fit 38 digits")
}

fn computed(
    total: &Total,
    kept: &Kept,
    measured: &Measured,
) -> Result<Result<Amount, &'static str>, FootingError> {
    let exact = match kept.measure.what {
        What::Records => Amount::new(measured.records.into(), 0),
        What::Lines | What::Sum { .. } => measured.sum.total(kept.scale),
    };
    let Ok(exact) = exact else { return Ok(Err("the sum does not fit 38 digits")) };
    let mut mantissa = exact.mantissa();
    if let Some(blocks_of) = total.blocks_of.map(i128::from).filter(|of| *of > 0) {
        let more = mantissa.checked_add(blocks_of - 1).ok_or(FootingError::Overflow)?;
        mantissa = more / blocks_of;
    }
    // 38 digits are all that a sum may have.
    if let Some(modulus) = total.last_digits.and_then(|digits| 10_i128.checked_pow(digits.into())) {
        mantissa %= modulus;
    }
    Ok(Amount::new(mantissa, exact.scale()).map_err(|_| "the sum does not fit 38 digits"))
}

/// A declared value that is no total, over all its controls.
#[derive(Debug, Clone, Default)]
pub(super) struct Demanded {
    pub(super) met: u64,
    pub(super) failed: u64,
    /// Of which there was nothing to compare with.
    pub(super) unknown: u64,
    /// What was expected and found last.
    pub(super) last: Option<(String, String)>,
    /// Of a sequence: the last number.
    pub(super) number: Option<i64>,
    pub(super) first_miss: Option<Miss>,
}

impl Demanded {
    /// Holds one declared value against what it must be; `name` is what the run before knows it by.
    pub(super) fn take(
        &mut self,
        demand: &Demand,
        name: &str,
        given: &Given,
        (record_no, said): (RecordNo, &DeclaredValue),
        shows: Shows<'_>,
    ) -> Option<Miss> {
        let actual = match said {
            DeclaredValue::Nothing => "nothing".to_owned(),
            DeclaredValue::Unreadable => "not readable".to_owned(),
            DeclaredValue::Number(amount) => shows.amount(*amount),
            DeclaredValue::Text(text) => shows.text(text),
        };
        let mut why = None;
        let (expected, is_met) = match &demand.wanted {
            Wanted::Equals(Expected(literal)) => {
                let value = literal.value();
                let is_met = match (said, value.as_amount()) {
                    (DeclaredValue::Number(declared), Some(wanted)) => *declared == wanted,
                    (DeclaredValue::Text(text), None) => *text == plain(&value),
                    _ => false,
                };
                (value.as_amount().map_or_else(|| shows.text(&plain(&value)), |n| shows.amount(n)), is_met)
            }
            Wanted::Given(value) => match given.values.get(value) {
                Some(wanted) => {
                    let is_met = match said {
                        DeclaredValue::Number(declared) => {
                            wanted.parse::<Amount>().is_ok_and(|n| n == *declared)
                        }
                        DeclaredValue::Text(text) => text == wanted,
                        DeclaredValue::Nothing | DeclaredValue::Unreadable => false,
                    };
                    let number =
                        wanted.parse::<Amount>().ok().filter(|_| matches!(said, DeclaredValue::Number(_)));
                    (
                        number
                            .filter(|_| shows.is_masked())
                            .map_or_else(|| shows.text(wanted), |n| shows.amount(n)),
                        is_met,
                    )
                }
                None => {
                    why = Some(format!("no value `{value}` is declared; add it under values"));
                    ("not given".to_owned(), false)
                }
            },
            Wanted::Sequence { first, last } => {
                let declared = match said {
                    DeclaredValue::Number(amount) => whole(*amount),
                    DeclaredValue::Text(text) => text.trim().parse().ok().and_then(whole),
                    DeclaredValue::Nothing | DeclaredValue::Unreadable => None,
                };
                let before = match (self.number, given.previous.get(name)) {
                    (Some(number), _) => Some(number.to_string()),
                    (None, before) => before.cloned(),
                };
                self.number = declared.or(self.number);
                match (before.map(|text| text.parse::<i64>()), declared) {
                    (None, Some(_)) => {
                        self.unknown += 1;
                        self.last = Some(("the first".into(), actual));
                        return None;
                    }
                    (Some(Ok(before)), declared) => {
                        let next = if *last == Some(before) { Some(*first) } else { before.checked_add(1) };
                        why = Some(format!("the previous one was {before}"));
                        (next.map_or("none".into(), |n| n.to_string()), next.is_some() && next == declared)
                    }
                    (Some(Err(_)), _) => {
                        why = Some("the number of the previous run cannot be read".into());
                        ("not known".into(), false)
                    }
                    (None, None) => ("a number".into(), false),
                }
            }
        };
        self.last = Some((expected.clone(), actual.clone()));
        if is_met {
            self.met += 1;
            return None;
        }
        let miss = Miss { record_no, expected, actual, why };
        self.failed += 1;
        self.first_miss.get_or_insert_with(|| miss.clone());
        Some(miss)
    }
}

fn whole(amount: Amount) -> Option<i64> {
    amount.rescale(0).ok().and_then(|whole| whole.mantissa().try_into().ok())
}

/// A value as it is written, text without quotes.
fn plain(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => (*text).to_owned(),
        other => other.to_string(),
    }
}
