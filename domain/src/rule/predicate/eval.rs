//! Evaluation of the typed tree on one record's values. Fields, literals and comparisons allocate nothing.

use std::cmp::Ordering;

use super::expr::{Comparison, LikePattern, List, Operator, Scalar, Test};
use super::like::{BadEscape, Pattern};
use super::{Place, PredicateError, Truth, functions, typing};
use crate::amount::{Amount, AmountError};
use crate::value::{Value, compare};

/// A value that an expression yields: borrowed from the record or the predicate, or new text.
#[derive(Debug)]
pub(super) enum Datum<'a> {
    Plain(Value<'a>),
    Text(String),
}

impl Datum<'_> {
    pub(super) const NULL: Self = Self::Plain(Value::Null);

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::Text(text),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Plain(Value::Null))
    }
}

impl From<Amount> for Datum<'_> {
    fn from(amount: Amount) -> Self {
        Self::Plain(Value::Decimal(amount))
    }
}

pub(super) type Evaluated<'a> = Result<Datum<'a>, PredicateError>;

/// The order of two values, `None` if either is NULL.
pub(super) fn order(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, PredicateError> {
    if a.is_null() || b.is_null() {
        return Ok(None);
    }
    compare(a, b).map(Some).ok_or_else(foreign)
}

/// The typing rules this out for values that come from the layout the predicate was parsed against.
pub(super) fn foreign() -> PredicateError {
    Place::default().error("a value does not have the type of its field in the layout")
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Test {
    pub(super) fn truth<'a>(&'a self, row: &'a [Value<'a>]) -> Result<Truth, PredicateError> {
        Ok(match self {
            Self::Scalar(scalar) => match scalar.value(row)?.value() {
                Value::Boolean(holds) => holds.into(),
                Value::Null => Truth::Unknown,
                _ => return Err(foreign()),
            },
            Self::Compare { comparison, left, right } => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                match order(&left.value(), &right.value())? {
                    Some(order) => comparison.holds(order).into(),
                    None => Truth::Unknown,
                }
            }
            Self::Distinct { left, right, negated } => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                let distinct = match order(&left.value(), &right.value())? {
                    Some(order) => order.is_ne(),
                    None => left.is_null() != right.is_null(),
                };
                (distinct != *negated).into()
            }
            Self::In { needle, list, negated } => {
                flipped(list.holds(&needle.value(row)?.value(), row)?, *negated)
            }
            Self::Between { scalar, low, high, negated } => {
                let value = scalar.value(row)?;
                let above = order(&value.value(), &low.value(row)?.value())?;
                // As with AND: below the lower bound, the upper one is not looked at.
                let within = if above.is_some_and(Ordering::is_lt) {
                    Truth::False
                } else {
                    match order(&value.value(), &high.value(row)?.value())? {
                        Some(Ordering::Greater) => Truth::False,
                        Some(_) if above.is_some() => Truth::True,
                        _ => Truth::Unknown,
                    }
                };
                flipped(within, *negated)
            }
            Self::Like { text, pattern, negated } => flipped(like(text, pattern, row)?, *negated),
            Self::Null { scalar, negated } => (scalar.value(row)?.is_null() != *negated).into(),
            Self::Is { test, truth, negated } => ((test.truth(row)? == *truth) != *negated).into(),
            Self::Not(test) => !test.truth(row)?,
            Self::All(tests) => joined(tests, Truth::False, row)?,
            Self::Any(tests) => joined(tests, Truth::True, row)?,
        })
    }
}

fn flipped(truth: Truth, negated: bool) -> Truth {
    if negated { !truth } else { truth }
}

/// AND (decided by `False`) or OR (decided by `True`), left to right, up to the first that decides it.
fn joined<'a>(tests: &'a [Test], decisive: Truth, row: &'a [Value<'a>]) -> Result<Truth, PredicateError> {
    let mut joint = !decisive;
    for test in tests {
        match test.truth(row)? {
            truth if truth == decisive => return Ok(decisive),
            Truth::Unknown => joint = Truth::Unknown,
            _ => {}
        }
    }
    Ok(joint)
}

impl List {
    fn holds<'a>(&'a self, needle: &Value<'_>, row: &'a [Value<'a>]) -> Result<Truth, PredicateError> {
        let mut unknown = self.has_null || needle.is_null();
        if !needle.is_null() {
            let equal =
                |literal: &Value<'_>| order(literal, needle).map(|order| order == Some(Ordering::Equal));
            if self.sorted {
                // One comparison first, so that the search need not deal with a foreign type.
                equal(&self.literals[0].value())?;
                let found = self
                    .literals
                    .binary_search_by(|one| compare(&one.value(), needle).unwrap_or(Ordering::Less));
                if found.is_ok() {
                    return Ok(Truth::True);
                }
            } else {
                for literal in &self.literals {
                    if equal(&literal.value())? {
                        return Ok(Truth::True);
                    }
                }
            }
        }
        for item in &self.others {
            match order(needle, &item.value(row)?.value())? {
                Some(Ordering::Equal) => return Ok(Truth::True),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Ok(if unknown { Truth::Unknown } else { Truth::False })
    }
}

fn like<'a>(
    text: &'a Scalar,
    pattern: &'a LikePattern,
    row: &'a [Value<'a>],
) -> Result<Truth, PredicateError> {
    let text = text.value(row)?;
    let matches = |pattern: &Pattern| match text.value() {
        Value::Text(text) => Ok(Truth::from(pattern.matches(text))),
        Value::Null => Ok(Truth::Unknown),
        _ => Err(foreign()),
    };
    match pattern {
        LikePattern::Fixed(pattern) => matches(pattern),
        LikePattern::Computed { scalar, escape, place } => match scalar.value(row)?.value() {
            Value::Text(written) => {
                let pattern = Pattern::compile(written, *escape);
                matches(&pattern.map_err(|BadEscape| place.error(typing::bad_escape(written)))?)
            }
            Value::Null => Ok(Truth::Unknown),
            _ => Err(foreign()),
        },
    }
}

impl Scalar {
    pub(super) fn value<'a>(&'a self, row: &'a [Value<'a>]) -> Evaluated<'a> {
        Ok(match self {
            Self::Null => Datum::NULL,
            Self::Literal(literal) => Datum::Plain(literal.value()),
            Self::Field(at) => match row.get(*at) {
                Some(value) => Datum::Plain(*value),
                None => {
                    let message =
                        format!("the rule reads field {}, but the record has {} values", at + 1, row.len());
                    return Err(Place::default().error(message));
                }
            },
            Self::Test(test) => Datum::Plain(match test.truth(row)? {
                Truth::True => Value::Boolean(true),
                Truth::False => Value::Boolean(false),
                Truth::Unknown => Value::Null,
            }),
            Self::Negate(scalar) => match scalar.value(row)?.value() {
                Value::Null => Datum::NULL,
                value => value.as_amount().ok_or_else(foreign)?.negated().into(),
            },
            Self::Arithmetic { operator, left, right, place } => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                if left.is_null() || right.is_null() {
                    return Ok(Datum::NULL);
                }
                Datum::Plain(operator.apply(&left.value(), &right.value(), *place)?)
            }
            Self::Days { later, earlier } => match (later.value(row)?.value(), earlier.value(row)?.value()) {
                (Value::Date(later), Value::Date(earlier)) => {
                    Datum::Plain(Value::Integer(later.duration_since(earlier).as_hours() / 24))
                }
                (Value::Null, _) | (_, Value::Null) => Datum::NULL,
                _ => return Err(foreign()),
            },
            Self::Concat(parts) => {
                let mut whole = String::new();
                let mut null = false;
                for part in parts {
                    match part.value(row)?.value() {
                        Value::Text(text) => whole.push_str(text),
                        Value::Null => null = true,
                        _ => return Err(foreign()),
                    }
                }
                if null { Datum::NULL } else { Datum::Text(whole) }
            }
            Self::Call { function, arguments, place } => functions::call(*function, arguments, *place, row)?,
            Self::Cast { scalar, precision, scale, place } => match scalar.value(row)?.value() {
                Value::Null => Datum::NULL,
                value => {
                    let amount = value.as_amount().ok_or_else(foreign)?;
                    match amount.rescale(*scale) {
                        Ok(cast) if cast.digits() <= *precision => cast.into(),
                        _ => {
                            return Err(
                                place.error(format!("{amount} does not fit decimal({precision},{scale})"))
                            );
                        }
                    }
                }
            },
            Self::Case { branches, otherwise } => {
                for (condition, result) in branches {
                    if condition.truth(row)? == Truth::True {
                        return result.value(row);
                    }
                }
                otherwise.value(row)?
            }
            Self::Switch { operand, branches, otherwise } => {
                let operand = operand.value(row)?;
                for (value, result) in branches {
                    if order(&operand.value(), &value.value(row)?.value())? == Some(Ordering::Equal) {
                        return result.value(row);
                    }
                }
                otherwise.value(row)?
            }
        })
    }
}

impl Operator {
    fn apply(self, a: &Value<'_>, b: &Value<'_>, place: Place) -> Result<Value<'static>, PredicateError> {
        if let (Value::Integer(a), Value::Integer(b)) = (a, b) {
            let short = match self {
                Self::Add => a.checked_add(*b),
                Self::Subtract => a.checked_sub(*b),
                Self::Multiply => a.checked_mul(*b),
                Self::Remainder => a.checked_rem(*b),
            };
            if let Some(short) = short {
                return Ok(Value::Integer(short));
            }
        }
        let (a, b) = (a.as_amount().ok_or_else(foreign)?, b.as_amount().ok_or_else(foreign)?);
        let (sign, result) = match self {
            Self::Add => ("+", a.checked_add(b)),
            Self::Subtract => ("-", a.checked_sub(b)),
            Self::Multiply => ("*", a.checked_mul(b)),
            Self::Remainder if b.is_zero() => {
                return Err(place.error(format!("{a} % {b}: the divisor is zero")));
            }
            Self::Remainder => ("%", remainder(a, b)),
        };
        result.map(Value::Decimal).map_err(|e| place.error(format!("{a} {sign} {b}: {e}")))
    }
}

/// What is left of `a` after taking away `b` as often as it goes, with the sign of `a`.
fn remainder(a: Amount, b: Amount) -> Result<Amount, AmountError> {
    let scale = a.scale().max(b.scale());
    let (a, b) = (a.rescale(scale)?, b.rescale(scale)?);
    Amount::new(a.mantissa() % b.mantissa(), scale)
}
