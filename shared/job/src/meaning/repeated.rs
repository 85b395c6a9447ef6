//! Delimited records that stand on several lines, end early, or repeat groups of values: BAI2's way of writing.
//!
//! ```toml
//! [source]
//! quote        = ""      # continuations and rests are for sources without quotes
//! terminator   = "/"     # ends a record before its line end
//! continuation = "88,"   # a line that begins so goes on with the record before it
//!
//! [[record]]
//! missing = "null"       # fields missing at the end are NULL; "reject" if it does not say
//!
//! [[record.field]]       # the last that is written: all that is left, separators included
//! name = "summary"
//! rest = true
//! ...
//! [[record.field]]       # not written: the sum of the second value of each group of four
//! name = "summary_total"
//! sum_of = { rest = "summary", group = 4, amount = 2, extra = { S = 3, V = 2, D = { times = 2 } } }
//! ```

use domain::value::FieldType;
use format::spec::{Delimited, Extra, FieldForm, Form, GroupSum, LinePrefix};
use toml::Spanned;

use super::record_format::one_byte;
use super::types::field_type;
use super::{Checked, fault, fault_advised};
use crate::file::{ExtraSection, RecordSection, SourceSection, SumOfSection};

/// A group has no more values than this, with those that its last one announces.
const GROUP_MAX: usize = 1000;

/// Refuses in another format what is for this one.
pub(super) fn refused(record: &RecordSection) -> Checked<()> {
    for field in &record.field {
        let keys = [
            ("rest", field.rest.as_ref().map(Spanned::span)),
            ("sum_of", field.sum_of.as_ref().map(Spanned::span)),
        ];
        if let Some((key, Some(span))) = keys.into_iter().find(|(_, span)| span.is_some()) {
            return fault(span, format!("`{key}` applies only to the delimited format"));
        }
    }
    Ok(())
}

/// What the source and the record say beyond separators and quotes.
pub(super) fn delimited(
    mut form: Delimited,
    source: &SourceSection,
    record: &RecordSection,
    fields: &mut [FieldForm],
) -> Checked<Form> {
    if let Some(spanned) = &source.terminator {
        let terminator = one_byte(spanned, "terminator")?;
        if terminator == form.separator || terminator == b' ' {
            return fault(spanned.span(), "a terminator cannot be the separator or a space");
        }
        without_escapes(&form, spanned, "terminator")?;
        form.terminator = Some(terminator);
    }
    if let Some(spanned) = &source.continuation {
        form.continuation = LinePrefix::new(spanned.get_ref().as_bytes());
        if form.continuation.is_none() {
            return fault(spanned.span(), "a continuation must start with 1 to 8 bytes, such as \"88,\"");
        }
        without_quotes(&form, spanned, "continuation")?;
        without_escapes(&form, spanned, "continuation")?;
    }
    if let Some(spanned) = &record.missing {
        form.missing_is_null = match spanned.get_ref().as_str() {
            "null" => true,
            "reject" => false,
            other => {
                return fault(spanned.span(), format!("invalid missing `{other}`: expected null or reject"));
            }
        };
        if form.trailing_separator && form.missing_is_null {
            return fault(spanned.span(), "with `trailing_separator`, no field can be missing");
        }
    }
    let written = record.field.iter().take_while(|field| field.sum_of.is_none()).count();
    for (index, field) in record.field.iter().enumerate() {
        if let Some(spanned) = field.rest.as_ref().filter(|spanned| *spanned.get_ref()) {
            without_quotes(&form, spanned, "rest")?;
            without_escapes(&form, spanned, "rest")?;
            if index + 1 != written {
                return fault(spanned.span(), "only the last field in the record can take the rest");
            }
        }
        match &field.sum_of {
            Some(sum_of) => fields[index].sum_of = Some(group_sum(sum_of, record, written)?),
            None if index >= written => {
                return fault(field.name.span(), "summed fields must follow the fields in the record");
            }
            None => {}
        }
        if field.sum_of.is_some() {
            let Some(named) = &field.ty else {
                return fault(field.name.span(), "a sum needs a `type`");
            };
            let (ty, _) = field_type(named)?;
            if !matches!(ty, FieldType::Decimal { .. } | FieldType::Integer) {
                return fault(named.span(), format!("a sum must be decimal or integer, not {ty}"));
            }
        }
    }
    if written == 0 {
        return fault(record.name.span(), "the record has no fields of its own");
    }
    Ok(Form::Delimited(form))
}

fn without_quotes<T>(form: &Delimited, spanned: &Spanned<T>, key: &str) -> Checked<()> {
    match form.quote {
        None => Ok(()),
        Some(_) => fault_advised(
            spanned.span(),
            format!("`{key}` applies only to sources without quotes"),
            "set quote = \"\" under [source]",
        ),
    }
}

fn without_escapes<T>(form: &Delimited, spanned: &Spanned<T>, key: &str) -> Checked<()> {
    match form.escape {
        Some(_) if form.quote.is_none() => {
            fault(spanned.span(), format!("`{key}` does not go with an `escape` outside quotes"))
        }
        _ => Ok(()),
    }
}

fn group_sum(spanned: &Spanned<SumOfSection>, record: &RecordSection, written: usize) -> Checked<GroupSum> {
    let (span, section) = (spanned.span(), spanned.get_ref());
    let rest = |field: &&crate::file::FieldSection| {
        *field.name.get_ref() == section.rest && field.rest.as_ref().is_some_and(|rest| *rest.get_ref())
    };
    let of = written.checked_sub(1).filter(|last| record.field.get(*last).as_ref().is_some_and(rest));
    let Some(of) = of else {
        return fault(span, format!("`{}` is not a field that takes the rest of the record", section.rest));
    };
    if !(1..=GROUP_MAX).contains(&section.group) || !(1..=section.group).contains(&section.amount) {
        return fault(span, "values count from 1, and the amount must be in the group");
    }
    let mut extra = Vec::new();
    for (variant, further) in &section.extra {
        let further = match further {
            ExtraSection::Values(n) => Extra::Values(*n),
            ExtraSection::Times(section) => Extra::Times(section.times),
        };
        if matches!(further, Extra::Values(n) | Extra::Times(n) if n > GROUP_MAX) {
            return fault(span, format!("`{variant}`: at most {GROUP_MAX} values"));
        }
        extra.push((variant.clone(), further));
    }
    Ok(GroupSum { of, group: section.group, amount: section.amount - 1, extra })
}
