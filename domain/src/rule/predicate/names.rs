//! Finding the field that a name means, and naming an expression in a message.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Function, Ident, UnaryOperator, Value as Written};
use sqlparser::tokenizer::Span;

use super::expr::Kind;
use super::{Place, PredicateError};
use crate::layout::Layout;

/// How many fields a message lists.
const LISTED_MAX: usize = 12;

/// How much of an expression or literal a message shows.
const SHOWN_CHARS_MAX: usize = 40;

/// The index of the field that `name` means: as written, or else whatever the case of its letters.
pub(super) fn field(name: &Ident, layout: &Layout) -> Result<usize, PredicateError> {
    if let Some(at) = layout.index_of(&name.value) {
        return Ok(at);
    }
    let wanted = name.value.to_lowercase();
    let alike = |(_, field): &(usize, &crate::layout::Field)| field.name.to_lowercase() == wanted;
    let mut found = layout.fields.iter().enumerate().filter(alike);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some((_, one)), Some((_, other))) => Err(Place::from(name.span.start).error(format!(
            "{} could be {} or {}; write the name as in the layout, in double quotes",
            name.value, one.name, other.name
        ))),
        _ => Err(unknown(name, layout)),
    }
}

fn unknown(name: &Ident, layout: &Layout) -> PredicateError {
    let wanted = name.value.to_lowercase();
    let mut near: Vec<(usize, &str)> = layout
        .fields
        .iter()
        .map(|field| (strsim::levenshtein(&wanted, &field.name.to_lowercase()), field.name.as_str()))
        .filter(|(distance, field)| {
            *distance <= 1 + wanted.chars().count() / 4
                || (wanted.len() >= 3 && field.to_lowercase().contains(&wanted))
        })
        .collect();
    near.sort();
    let listed = |names: &mut dyn Iterator<Item = &str>| {
        names.take(LISTED_MAX).map(quoted_if_needed).collect::<Vec<_>>().join(", ")
    };
    let mut message = format!("{} has no field {}", layout.record, name.value);
    if near.is_empty() {
        let more = if layout.fields.len() > LISTED_MAX { ", ..." } else { "" };
        let all = listed(&mut layout.fields.iter().map(|field| field.name.as_str()));
        message += &format!("; it has {all}{more}");
    } else {
        message += &format!("; similar names: {}", listed(&mut near.iter().map(|(_, field)| *field)));
    }
    if name.quote_style.is_some() {
        message += "; write text in single quotes";
    }
    Place::from(name.span.start).error(message)
}

/// The name as it must be written in a predicate: a copybook's `ACCT-ID` would be a subtraction.
fn quoted_if_needed(name: &str) -> String {
    if name.chars().all(|char| char.is_alphanumeric() || char == '_') {
        name.into()
    } else {
        format!("\"{name}\"")
    }
}

/// Where an expression begins, as far as its tokens kept their places. A loop: the left side may be deep.
pub(super) fn place(expr: &Expr) -> Place {
    let mut expr = expr;
    let span = loop {
        expr = match expr {
            Expr::Identifier(name) => break name.span,
            Expr::CompoundIdentifier(names) => break names.first().map_or(Span::empty(), |name| name.span),
            Expr::Value(value) => break value.span,
            Expr::TypedString(typed) => break typed.value.span,
            Expr::Function(function) => break function_span(function),
            Expr::Case { case_token, .. } => break case_token.0.span,
            Expr::Tuple(all) => match all.first() {
                Some(first) => first,
                None => break Span::empty(),
            },
            Expr::BinaryOp { left, .. }
            | Expr::IsDistinctFrom(left, _)
            | Expr::IsNotDistinctFrom(left, _)
            | Expr::AnyOp { left, .. }
            | Expr::AllOp { left, .. } => left,
            Expr::Nested(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => inner,
            Expr::UnaryOp { expr, .. }
            | Expr::InList { expr, .. }
            | Expr::InUnnest { expr, .. }
            | Expr::Between { expr, .. }
            | Expr::Like { expr, .. }
            | Expr::ILike { expr, .. }
            | Expr::SimilarTo { expr, .. }
            | Expr::RLike { expr, .. }
            | Expr::Cast { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::Ceil { expr, .. }
            | Expr::Floor { expr, .. }
            | Expr::Position { expr, .. }
            | Expr::Substring { expr, .. }
            | Expr::Trim { expr, .. }
            | Expr::Collate { expr, .. } => expr,
            Expr::AtTimeZone { timestamp, .. } => timestamp,
            Expr::Interval(interval) => &interval.value,
            _ => break Span::empty(),
        };
    };
    span.start.into()
}

fn function_span(function: &Function) -> Span {
    let name = function.name.0.first().and_then(|part| part.as_ident());
    name.map_or(Span::empty(), |name| name.span)
}

/// An operand and its type, for a message: `amt (decimal(11,2))`.
pub(super) fn described(expr: &Expr, kind: Kind, layout: &Layout) -> String {
    let mut bare = expr;
    while let Expr::Nested(inner) = bare {
        bare = inner;
    }
    let name = match bare {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    match name.and_then(|name| field(name, layout).ok()) {
        Some(at) => format!("{} ({})", layout.fields[at].name, layout.fields[at].ty),
        None if kind == Kind::Null => "NULL".into(),
        None => format!("{} ({kind})", shown(bare, 3)),
    }
}

/// The outline of an expression, as deep as `levels`.
fn shown(expr: &Expr, levels: u8) -> String {
    if levels == 0 {
        return "...".into();
    }
    let text = match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::TypedString(_) => {
            expr.to_string()
        }
        Expr::Nested(inner) => format!("({})", shown(inner, levels - 1)),
        Expr::UnaryOp { op, expr } => {
            let blank = if *op == UnaryOperator::Not { " " } else { "" };
            format!("{op}{blank}{}", shown(expr, levels - 1))
        }
        Expr::BinaryOp { left, op, right } => {
            format!("{} {op} {}", shown(left, levels - 1), shown(right, levels - 1))
        }
        Expr::Function(function) => format!("{}(...)", function.name),
        Expr::Substring { .. } => "substring(...)".into(),
        Expr::Trim { .. } => "trim(...)".into(),
        Expr::Position { .. } => "position(...)".into(),
        Expr::Extract { .. } => "extract(...)".into(),
        Expr::Cast { .. } => "cast(...)".into(),
        Expr::Case { .. } => "CASE ... END".into(),
        _ => "the condition".into(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// What two operands that do not go together want instead, or nothing.
pub(super) fn advice(one: (&Expr, Kind), other: (&Expr, Kind)) -> String {
    for ((expr, _), (_, opposite)) in [(one, other), (other, one)] {
        let Expr::Value(value) = expr else { continue };
        match (&value.value, opposite) {
            (Written::SingleQuotedString(text), Kind::Date) => return format!(": write DATE '{text}'"),
            (Written::SingleQuotedString(text), Kind::Timestamp) => {
                return format!(": write TIMESTAMP '{text}'");
            }
            (Written::SingleQuotedString(text), Kind::Instant) => {
                return format!(": write TIMESTAMPTZ '{text}'");
            }
            (Written::SingleQuotedString(_), Kind::Integer | Kind::Decimal) => {
                return ": write the number without quotes".into();
            }
            (Written::SingleQuotedString(_), Kind::Boolean) => return ": write TRUE or FALSE".into(),
            (Written::Number(number, _), Kind::Text) => return format!(": write '{number}'"),
            _ => {}
        }
    }
    String::new()
}

/// The name of an operator that is not evaluated, with advice where there is some.
pub(super) fn refused_operator(operator: &BinaryOperator) -> String {
    match operator {
        BinaryOperator::Divide | BinaryOperator::MyIntegerDivide | BinaryOperator::DuckIntegerDivide => {
            "division is not supported in rules, because its result may not be exact; multiply the other side instead"
                .into()
        }
        other => format!("the operator {other} is not supported in rules"),
    }
}

/// Why a CAST is refused.
pub(super) fn refused_cast(from: &str, to: &DataType) -> String {
    format!("CAST of {from} to {to} is not supported in rules: only an integer to DECIMAL is exact")
}
