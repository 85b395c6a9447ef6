//! `numbers`: how numbers are written in a source or a field.

use domain::value::FieldType;
use format::NumberFormat;
use toml::Spanned;

use super::{Checked, fault};
use crate::file::{FieldSection, NumbersSection, SourceSection};

/// How the numbers of a field are written: as the field says, else as the source does; `None` where they are written
/// as SQL writes them, and for fields that are no numbers.
pub(super) fn of(
    section: &FieldSection,
    source: &SourceSection,
    ty: &FieldType,
) -> Checked<Option<NumberFormat>> {
    let is_number = matches!(ty, FieldType::Integer | FieldType::Decimal { .. });
    match (&section.numbers, &source.numbers) {
        (Some(own), _) if !is_number => {
            fault(own.span(), format!("`numbers` applies only to numbers, but the field is {ty}"))
        }
        (Some(own), _) => format(own).map(Some),
        (None, Some(of_source)) if is_number => format(of_source).map(Some),
        _ => Ok(None),
    }
}

fn format(spanned: &Spanned<NumbersSection>) -> Checked<NumberFormat> {
    let (section, span) = (spanned.get_ref(), spanned.span());
    let mark = |given: &Option<String>, key: &str| match given
        .as_deref()
        .map(|text| text.chars().collect::<Vec<_>>())
    {
        None => Ok(None),
        Some(characters) => match characters[..] {
            [c] if !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '(' | ')') => Ok(Some(c)),
            _ => {
                fault(span.clone(), format!("the {key} mark must be one character, no letter, digit or sign"))
            }
        },
    };
    let decimal = mark(&section.decimal, "decimal")?.unwrap_or('.');
    let grouping = mark(&section.grouping, "grouping")?;
    if grouping == Some(decimal) {
        return fault(span, "the decimal mark and the grouping mark must be different");
    }
    for text in section.currencies.iter().chain(&section.negative).chain(&section.positive) {
        let is_word =
            !text.is_empty() && !text.contains(|c: char| c.is_ascii_digit() || "-+(). ,".contains(c));
        if !is_word {
            return fault(span, format!("`{text}` cannot be told from a part of a number"));
        }
    }
    if let Some(both) = section.negative.iter().find(|text| section.positive.contains(text)) {
        return fault(span, format!("`{both}` means both negative and positive"));
    }
    Ok(NumberFormat {
        decimal,
        grouping,
        currencies: section.currencies.clone(),
        trailing_sign: section.trailing_sign,
        parentheses: section.parentheses,
        negative: section.negative.clone(),
        positive: section.positive.clone(),
        exponent: section.exponent,
    })
}
