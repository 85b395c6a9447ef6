//! Field types, constants of those types, and constraints.

use std::ops::Range;

use domain::amount::{Amount, DIGITS_MAX};
use domain::constraint::Constraint;
use domain::value::{FieldType, Literal};
use toml::Spanned;

use super::{Checked, fault, fault_advised};
use crate::file::{FieldSection, LengthSection};

pub(super) fn field_type(spanned: &Spanned<String>) -> Checked<(FieldType, Option<String>)> {
    let text = spanned.get_ref().trim();
    let (name, argument) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (name.trim(), Some(argument)),
            None => {
                return fault(
                    spanned.span(),
                    format!("invalid type `{text}`: the parenthesis is not closed"),
                );
            }
        },
    };
    let refuse = |message: String| {
        fault_advised(
            spanned.span(),
            message,
            "types: text(n), integer, decimal(p,s), date, date(form), timestamp, timestamp(form), \
             timestamptz, timestamptz(form), boolean, bytes",
        )
    };
    Ok(match (name, argument) {
        ("text", Some(argument)) => match argument.trim().parse() {
            Ok(chars_max) if chars_max > 0 => (FieldType::Text { chars_max }, None),
            _ => {
                return refuse(format!(
                    "invalid type `{text}`: text needs its maximum length, such as text(40)"
                ));
            }
        },
        ("integer", None) => (FieldType::Integer, None),
        ("decimal", Some(argument)) => {
            let numbers: Vec<Option<u8>> = argument.split(',').map(|part| part.trim().parse().ok()).collect();
            match numbers[..] {
                [Some(precision @ 1..=38), Some(scale)] if scale <= precision => {
                    (FieldType::Decimal { precision, scale }, None)
                }
                [Some(precision @ 1..=38)] => (FieldType::Decimal { precision, scale: 0 }, None),
                _ => {
                    return refuse(format!(
                        "invalid type `{text}`: decimal needs precision (1 to 38) and scale, such as decimal(15,2)"
                    ));
                }
            }
        }
        ("date", form) => (FieldType::Date, form.map(Into::into)),
        ("timestamp", form) => (FieldType::Timestamp, form.map(Into::into)),
        ("timestamptz" | "timestamp with time zone", form) => (FieldType::Instant, form.map(Into::into)),
        ("boolean", None) => (FieldType::Boolean, None),
        ("bytes", None) => (FieldType::Bytes, None),
        _ => return refuse(format!("unknown type `{text}`")),
    })
}

pub(super) fn literal(ty: &FieldType, value: &toml::Value, span: Range<usize>) -> Checked<Literal> {
    let wrong = |expected: &str| {
        fault(span.clone(), format!("`{value}` is not {expected}, as the type {ty} of the field requires"))
    };
    let not_an_instant =
        || wrong("an instant such as \"2024-02-29 13:45:00Z\" or \"2024-02-29 13:45:00+02:00\"");
    Ok(match (ty, value) {
        (_, toml::Value::Float(_)) => {
            return fault_advised(
                span,
                format!("`{value}` would be parsed as a float"),
                format!("write it as text: \"{value}\""),
            );
        }
        (FieldType::Text { .. }, toml::Value::String(text)) => Literal::Text(text.clone()),
        (FieldType::Integer, toml::Value::Integer(integer)) => Literal::Integer(*integer),
        (FieldType::Decimal { .. }, toml::Value::Integer(integer)) => Literal::Decimal((*integer).into()),
        (FieldType::Decimal { .. }, toml::Value::String(text)) => match text.parse() {
            Ok(amount) => Literal::Decimal(amount),
            Err(error) => return wrong(&format!("an exact amount ({error})")),
        },
        (FieldType::Date, toml::Value::String(text)) => match text.parse() {
            Ok(date) => Literal::Date(date),
            Err(_) => return wrong("a date such as \"2024-02-29\""),
        },
        (FieldType::Date, toml::Value::Datetime(datetime)) => match datetime.to_string().parse() {
            Ok(date) => Literal::Date(date),
            Err(_) => return wrong("a date such as 2024-02-29"),
        },
        (FieldType::Timestamp, toml::Value::String(text)) => match text.parse() {
            Ok(span) => Literal::Timestamp(span),
            Err(_) => return wrong("a timestamp such as \"2024-02-29 13:45:00\""),
        },
        (FieldType::Instant, toml::Value::String(text)) => instant(text).map_or_else(not_an_instant, Ok)?,
        (FieldType::Instant, toml::Value::Datetime(at)) => {
            instant(&at.to_string()).map_or_else(not_an_instant, Ok)?
        }
        (FieldType::Boolean, toml::Value::Boolean(truth)) => Literal::Boolean(*truth),
        _ => return wrong("a value"),
    })
}

/// An instant that has a canonical form: to the microsecond.
fn instant(text: &str) -> Option<Literal> {
    let at = domain::instant::parse(text.as_bytes()).filter(|at| at.subsec_nanosecond() % 1000 == 0);
    at.map(Literal::Instant)
}

pub(super) fn amount(value: &toml::Value, span: Range<usize>) -> Checked<Amount> {
    match literal(&FieldType::Decimal { precision: DIGITS_MAX, scale: 0 }, value, span.clone())? {
        Literal::Decimal(amount) => Ok(amount),
        _ => fault(span, "expected an exact amount"),
    }
}

pub(super) fn constraints(section: &FieldSection, ty: &FieldType) -> Checked<Vec<Constraint>> {
    let mut constraints = Vec::new();
    if let Some(min) = &section.min {
        constraints.push(Constraint::Min(literal(ty, min.get_ref(), min.span())?));
    }
    if let Some(max) = &section.max {
        constraints.push(Constraint::Max(literal(ty, max.get_ref(), max.span())?));
    }
    if let Some(allowed) = &section.allowed {
        if allowed.get_ref().is_empty() {
            return fault(allowed.span(), "an empty list would allow no value");
        }
        let literals = allowed.get_ref().iter().map(|value| literal(ty, value, allowed.span()));
        constraints.push(Constraint::OneOf(literals.collect::<Checked<_>>()?));
    }
    if let Some(pattern) = &section.pattern {
        if !matches!(ty, FieldType::Text { .. }) {
            return fault(pattern.span(), format!("`pattern` applies only to text, but the field is {ty}"));
        }
        // Anchored: the whole text must match.
        match regex::Regex::new(&format!("^(?:{})$", pattern.get_ref())) {
            Ok(regex) => constraints.push(Constraint::Pattern(regex)),
            Err(error) => {
                return fault(pattern.span(), format!("invalid regular expression: {error}"));
            }
        }
    }
    if let Some(length) = &section.length {
        if !matches!(ty, FieldType::Text { .. } | FieldType::Bytes) {
            return fault(
                length.span(),
                format!("`length` applies only to text and bytes, but the field is {ty}"),
            );
        }
        let (min, max) = match length.get_ref() {
            LengthSection::Exactly(length) => (Some(*length), Some(*length)),
            LengthSection::Between(bounds) => (bounds.min, bounds.max),
        };
        constraints.extend(min.map(Constraint::LengthMin));
        constraints.extend(max.map(Constraint::LengthMax));
    }
    Ok(constraints)
}
