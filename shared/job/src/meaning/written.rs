//! How dates, times and NULL are written in a field (`format`, `year_window`, `hour_24`, `null`), and which lines of a
//! source are no records (`skip_lines`, `comment`, `blank_lines`, `end_of_file`).

use domain::value::FieldType;
use format::spec::{FieldForm, LinePrefix, Skips};
use toml::Spanned;

use super::{Checked, fault, fault_advised, made};
use crate::file::{FieldSection, RecordSection, SourceSection};

/// Refuses in a copybook's record what is for text that the job describes.
pub(super) fn refused(record: &RecordSection) -> Checked<()> {
    for field in record.field.iter().filter(|field| !made::is_made(field)) {
        let keys = [
            ("format", field.format.as_ref().map(Spanned::span)),
            ("null", field.null.as_ref().map(Spanned::span)),
            ("default", field.default.as_ref().map(Spanned::span)),
            ("year_window", field.year_window.as_ref().map(Spanned::span)),
            ("hour_24", field.hour_24.as_ref().map(Spanned::span)),
        ];
        if let Some((key, Some(span))) = keys.into_iter().find(|(_, span)| span.is_some()) {
            return fault_advised(
                span,
                format!("`{key}` applies only to the delimited and fixed formats"),
                "in a copybook's record, the type names the form, and `cobol` has the policies",
            );
        }
    }
    Ok(())
}

/// What stands for NULL in the source: the text that the splitter knows, which with an escape outside quotes is the one
/// that has the escape in it.
pub(super) fn null_of_source(source: &SourceSection, escape: Option<u8>) -> Checked<String> {
    let Some(spanned) = &source.null else { return Ok(String::new()) };
    let names = spanned.get_ref().names();
    let is_escaped = |name: &&String| escape.is_some_and(|escape| name.as_bytes().contains(&escape));
    let mut escaped = names.iter().filter(is_escaped);
    match (escaped.next(), escaped.next(), names.first()) {
        (_, Some(second), _) => fault(
            spanned.span(),
            format!("only one text for NULL can have the escape in it; `{second}` is a second one"),
        ),
        (Some(only), None, _) => Ok(only.clone()),
        (None, None, Some(first)) => Ok(first.clone()),
        (None, None, None) => fault(spanned.span(), "an empty list names no text for NULL"),
    }
}

/// How many lines of text precede the header row or the first record.
pub(super) fn lead_lines(source: &SourceSection) -> Checked<usize> {
    match &source.skip_lines {
        None => Ok(0),
        Some(spanned) if (1..=format::LEAD_LINES_MAX).contains(spanned.get_ref()) => Ok(*spanned.get_ref()),
        Some(spanned) => fault(spanned.span(), format!("skip_lines must be 1 to {}", format::LEAD_LINES_MAX)),
    }
}

/// Which lines between records are none.
pub(super) fn skips(source: &SourceSection, separator: u8, quote: Option<u8>) -> Checked<Skips> {
    let mut skips = Skips::default();
    if let Some(spanned) = &source.comment {
        let text = spanned.get_ref().as_bytes();
        skips.comment = LinePrefix::new(text);
        if skips.comment.is_none() {
            return fault(spanned.span(), "a comment must start with 1 to 8 bytes, such as \"#\"");
        }
        let first = text.first().copied();
        if first == Some(separator) || first == quote || first == Some(b' ') {
            return fault(spanned.span(), "a comment cannot start with the separator, the quote or a space");
        }
    }
    let is_skip = |key: &str, given: &Option<Spanned<String>>| match given {
        None => Ok(false),
        Some(spanned) => match spanned.get_ref().as_str() {
            "record" => Ok(false),
            "skip" => Ok(true),
            other => fault(spanned.span(), format!("invalid {key} `{other}`: expected record or skip")),
        },
    };
    skips.blank = is_skip("blank_lines", &source.blank_lines)?;
    skips.end_of_file = is_skip("end_of_file", &source.end_of_file)?;
    if let Some(spanned) = source.blank_lines.as_ref().filter(|_| skips.blank && separator == b' ') {
        return fault(spanned.span(), "where the separator is a space, a line of spaces is a record");
    }
    let (of_continuation, any) = (&source.continuation, skips != Skips::default());
    if let Some(spanned) = of_continuation.as_ref().filter(|_| any) {
        return fault(
            spanned.span(),
            "`continuation` does not go with `comment`, `blank_lines` and `end_of_file`: a line after a skipped one \
             would continue which record?",
        );
    }
    Ok(skips)
}

/// The keys of a field that say how its dates and its NULL are written.
pub(super) fn form(
    section: &FieldSection,
    ty: &FieldType,
    pattern: Option<String>,
    source: &SourceSection,
    is_fixed: bool,
) -> Checked<FieldForm> {
    let is_moment = matches!(ty, FieldType::Date | FieldType::Timestamp | FieldType::Instant);
    let (mut pattern, mut or_patterns) = (pattern, Vec::new());
    if let Some(spanned) = &section.format {
        let forms = spanned.get_ref().names();
        if !is_moment {
            return fault(
                spanned.span(),
                format!("`format` applies only to dates and timestamps, but the field is {ty}"),
            );
        }
        if pattern.is_some() {
            return fault(spanned.span(), "the type already has a format; keep one of the two");
        }
        let Some((first, others)) = forms.split_first() else {
            return fault(spanned.span(), "an empty list names no format");
        };
        (pattern, or_patterns) = (Some(first.clone()), others.to_vec());
    }
    let has_short_year = pattern.iter().chain(&or_patterns).any(|form| form.contains("%y"));
    let year_window = match (&section.year_window, &source.year_window) {
        (Some(own), _) if !has_short_year => {
            return fault(
                own.span(),
                "`year_window` is for years of two digits, and no format of the field has %y",
            );
        }
        (Some(given), _) | (None, Some(given)) if !(1..=9900).contains(given.get_ref()) => {
            return fault(given.span(), "year_window must be 1 to 9900");
        }
        (Some(given), _) | (None, Some(given)) => Some(*given.get_ref()).filter(|_| has_short_year),
        (None, None) => None,
    };
    let hour_24 = match &section.hour_24 {
        None => false,
        Some(spanned) => match (spanned.get_ref().as_str(), ty) {
            ("reject", _) => false,
            ("next-day", FieldType::Timestamp) => true,
            ("next-day", _) => {
                return fault(
                    spanned.span(),
                    format!("`hour_24` applies only to timestamp, but the field is {ty}"),
                );
            }
            (other, _) => {
                return fault(
                    spanned.span(),
                    format!("invalid hour_24 `{other}`: expected reject or next-day"),
                );
            }
        },
    };
    let nulls = nulls(section, ty, source, is_fixed)?;
    let default = default(section, ty)?;
    Ok(FieldForm { pattern, or_patterns, year_window, hour_24, nulls, default, ..FieldForm::default() })
}

/// The text of the value for NULL.
fn default(section: &FieldSection, ty: &FieldType) -> Checked<Option<String>> {
    match &section.default {
        Some(spanned) if *ty == FieldType::Bytes => fault(spanned.span(), "bytes have no `default`"),
        Some(spanned) if section.sum_of.is_some() => {
            fault(spanned.span(), "a sum has no `default`: it is never NULL")
        }
        given => Ok(given.as_ref().map(|spanned| spanned.get_ref().clone())),
    }
}

/// The texts for NULL, where they are not the one of the source.
fn nulls(
    section: &FieldSection,
    ty: &FieldType,
    source: &SourceSection,
    is_fixed: bool,
) -> Checked<Option<Vec<String>>> {
    let of_source = source.null.as_ref().filter(|spanned| !is_fixed && spanned.get_ref().names().len() > 1);
    let Some(own) = &section.null else {
        return Ok(of_source.map(|spanned| spanned.get_ref().names().to_vec()));
    };
    let is_off = |key: Option<&Spanned<String>>| key.is_none_or(|text| text.get_ref().is_empty());
    let has_escape = !is_off(source.escape.as_ref());
    if has_escape && source.quote.as_ref().is_some_and(|quote| quote.get_ref().is_empty()) {
        return fault(
            own.span(),
            "a field's `null` does not go with an `escape` outside quotes; set `null` under [source]",
        );
    }
    if is_fixed && *ty == FieldType::Bytes {
        return fault(own.span(), "bytes at fixed positions are never NULL");
    }
    if own.get_ref().names().is_empty() {
        return fault(own.span(), "an empty list names no text for NULL");
    }
    Ok(Some(own.get_ref().names().to_vec()))
}
