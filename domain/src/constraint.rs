//! Field constraints, and the reasons for which a record becomes a reject.

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Literal, Value, compare};

/// What a field's value must satisfy beyond its type. NULL satisfies all of them; `required` is what forbids it.
#[derive(Debug, Clone)]
pub enum Constraint {
    /// The value is this one or above it.
    Min(Literal),
    /// The value is this one or below it.
    Max(Literal),
    /// The value equals one of these.
    OneOf(Vec<Literal>),
    /// The whole text matches this regular expression.
    Pattern(Regex),
    /// The least length in characters (in bytes, for a field of bytes).
    LengthMin(u32),
    /// The greatest length in characters (in bytes, for a field of bytes).
    LengthMax(u32),
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The kind of a reason, by which rejects are grouped. Its name is in ledgers and packs: none is ever changed
        /// or taken away.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ReasonCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ReasonCode {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is stored and printed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reason_codes! {
    /// Too few or too many fields, or a record of the wrong length.
    FieldCount = "field-count";
    /// Quotes that do not close, or text after a closing quote.
    Quoting = "quoting";
    /// The bytes are not text in the source's encoding.
    Encoding = "encoding";
    /// The text is not of the field's type.
    Type = "type";
    /// A number or text longer than the field.
    TooLong = "too-long";
    /// NULL where a value is required.
    Required = "required";
    /// Below the minimum or above the maximum.
    Range = "range";
    /// Not among the allowed values.
    NotAllowed = "not-allowed";
    /// Does not match the pattern.
    Pattern = "pattern";
    /// Too short or too long by the length constraint.
    Length = "length";
    /// Of none of the job's record types.
    RecordType = "record-type";
    /// Bytes that belong to no field hold something where padding is expected.
    Padding = "padding";
    /// What was decoded, encoded again, is not the record.
    RoundTrip = "round-trip";
    /// The record whose table it is an element of was rejected.
    Parent = "parent";
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One reason why a record was rejected. A record has as many as were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The field, if it is one field's fault.
    pub field: Option<String>,
    /// What kind of fault.
    pub code: ReasonCode,
    /// What was expected and what was found. May quote the record: kept with the reject, never logged.
    pub detail: String,
}

/// Appends to `reasons` every constraint that `value` breaks. If there is a `mask`, it is shown in place of the value,
/// and the value's length is left out.
pub fn violations(
    field: &str,
    constraints: &[Constraint],
    value: &Value<'_>,
    mask: Option<&str>,
    reasons: &mut Vec<Reason>,
) {
    if value.is_null() {
        return;
    }
    let shown = || mask.map_or_else(|| value.to_string(), str::to_owned);
    for constraint in constraints {
        let broken = match constraint {
            Constraint::Min(min) => (compare(value, &min.value()) == Some(Ordering::Less))
                .then(|| (ReasonCode::Range, format!("{} is below the minimum {}", shown(), min.value()))),
            Constraint::Max(max) => (compare(value, &max.value()) == Some(Ordering::Greater))
                .then(|| (ReasonCode::Range, format!("{} is above the maximum {}", shown(), max.value()))),
            Constraint::OneOf(allowed) => (!allowed
                .iter()
                .any(|one| compare(value, &one.value()) == Some(Ordering::Equal)))
            .then(|| {
                let count = allowed.len();
                (ReasonCode::NotAllowed, format!("{} is not one of the {count} allowed values", shown()))
            }),
            Constraint::Pattern(pattern) => match value {
                Value::Text(text) if !pattern.is_match(text) => {
                    Some((ReasonCode::Pattern, format!("{} does not match {}", shown(), pattern.as_str())))
                }
                _ => None,
            },
            Constraint::LengthMin(min) => length(value).filter(|length| length < min).map(|length| {
                let has = mask
                    .map_or_else(|| format!("{length} characters"), |mask| format!("{mask} is too short"));
                (ReasonCode::Length, format!("{has}; the minimum is {min}"))
            }),
            Constraint::LengthMax(max) => length(value).filter(|length| length > max).map(|length| {
                let has =
                    mask.map_or_else(|| format!("{length} characters"), |mask| format!("{mask} is too long"));
                (ReasonCode::Length, format!("{has}; the maximum is {max}"))
            }),
        };
        if let Some((code, detail)) = broken {
            reasons.push(Reason { field: Some(field.into()), code, detail });
        }
    }
}

fn length(value: &Value<'_>) -> Option<u32> {
    let length = match value {
        Value::Text(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        _ => return None,
    };
    Some(u32::try_from(length).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_constraint_is_a_reason_of_its_own() {
        let constraints = [
            Constraint::Min(Literal::Text("b".into())),
            Constraint::OneOf(vec![Literal::Text("x".into())]),
            Constraint::Pattern(Regex::new("^[0-9]+$").unwrap()),
            Constraint::LengthMin(2),
            Constraint::LengthMax(9),
        ];
        let mut reasons = Vec::new();
        violations("f", &constraints, &Value::Text("a"), None, &mut reasons);
        let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
        assert_eq!(
            codes,
            [ReasonCode::Range, ReasonCode::NotAllowed, ReasonCode::Pattern, ReasonCode::Length]
        );
        violations("f", &constraints, &Value::Null, None, &mut reasons);
        assert_eq!(reasons.len(), 4);
    }

    #[test]
    fn a_masked_value_and_its_length_are_in_no_reason() {
        let constraints = [
            Constraint::Min(Literal::Text("b".into())),
            Constraint::Max(Literal::Text("A".into())),
            Constraint::OneOf(vec![Literal::Text("x".into())]),
            Constraint::Pattern(Regex::new("^[0-9]+$").unwrap()),
            Constraint::LengthMin(20),
            Constraint::LengthMax(3),
        ];
        let mut reasons = Vec::new();
        violations("f", &constraints, &Value::Text("aCANARY"), Some("masked:0"), &mut reasons);
        assert_eq!(reasons.len(), 6);
        for reason in &reasons {
            assert!(!reason.detail.contains("CANARY") && !reason.detail.contains('7'), "{reason:?}");
            assert!(reason.detail.starts_with("masked:0 "), "{reason:?}");
        }
    }

    #[test]
    fn bounds_are_inclusive_and_exact() {
        let amount = |text: &str| text.parse().unwrap();
        let bounds =
            [Constraint::Min(Literal::Decimal(amount("-0.5"))), Constraint::Max(Literal::Integer(3))];
        for (value, broken) in [("-0.5", 0), ("-0.51", 1), ("3.00", 0), ("3.000000000000000000000000001", 1)]
        {
            let mut reasons = Vec::new();
            violations("f", &bounds, &Value::Decimal(amount(value)), None, &mut reasons);
            assert_eq!(reasons.len(), broken, "{value}");
        }
    }
}
