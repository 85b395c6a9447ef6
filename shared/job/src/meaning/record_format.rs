//! The source's form: delimited or fixed, encoding, padding, compression.

use std::sync::Arc;

use domain::value::FieldType;
use format::Padding;
use format::cobol::RecordSpec;
use format::codepage::CodePage;
use format::spec::{
    Copybook, Delimited, Encoding, FieldForm, Fixed, FixedFraming, Form, FormatSpec, REST, Trim,
};
use toml::Spanned;

use super::framing::{framing, outside, refuse_framing};
use super::{Checked, encoding, fault, fault_advised, made, numbers, repeated, written};
use crate::file::{FieldSection, RecordSection, SourceSection, WidthSection};

/// No record is longer than this unless the job says so: 1 MiB.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Which blanks are padding, if that is said.
pub(super) fn trim(spanned: Option<&Spanned<String>>) -> Checked<Option<Trim>> {
    let Some(spanned) = spanned else { return Ok(None) };
    Ok(Some(match spanned.get_ref().as_str() {
        "none" => Trim::None,
        "right" => Trim::Right,
        "both" => Trim::Both,
        other => {
            return fault(spanned.span(), format!("invalid trim `{other}`: expected none, right or both"));
        }
    }))
}

pub(super) fn field_form(
    section: &FieldSection,
    ty: &FieldType,
    pattern: Option<String>,
    source: &SourceSection,
    is_fixed: bool,
) -> Checked<FieldForm> {
    let span = match (&section.start, &section.width, is_fixed) {
        (Some(start), Some(width), true) => {
            let bytes = match width.get_ref() {
                WidthSection::Bytes(bytes) => *bytes,
                WidthSection::Word(word) if word == "rest" && matches!(ty, FieldType::Bytes) => REST,
                WidthSection::Word(word) => {
                    return fault(
                        width.span(),
                        format!(
                            "invalid width `{word}`: expected a number of bytes, or \"rest\" for all bytes up \
                             to the end of the record"
                        ),
                    );
                }
            };
            if *start.get_ref() == 0 || bytes == 0 {
                return fault(start.span(), "positions start at 1, and a width must be at least 1");
            }
            Some((start.get_ref() - 1, bytes))
        }
        (None, None, false) => None,
        (None, None, true) if made::has_no_column(section) => None,
        (_, _, true) => {
            return fault(
                section.name.span(),
                format!("field `{}` needs `start` (from 1) and `width`, in bytes", section.name.get_ref()),
            );
        }
        (start, width, false) => {
            let span = start.as_ref().map(Spanned::span).or(width.as_ref().map(Spanned::span));
            let span = span.unwrap_or(section.name.span());
            return fault(span, "`start` and `width` apply only to the fixed format");
        }
    };
    if let Some(of) = &section.length_from {
        return fault(of.span(), "`length_from` applies only to the copybook format");
    }
    let truths = truths(section, ty)?;
    let default = if is_fixed { Trim::Right } else { Trim::None };
    let trim = match trim(section.trim.as_ref())? {
        Some(own) => own,
        None => trim_default(source, ty, default)?,
    };
    let implied_point = match &section.point {
        None => false,
        Some(spanned) => match (spanned.get_ref().as_str(), ty) {
            ("written", _) => false,
            ("implied", FieldType::Decimal { .. }) => true,
            ("implied", _) => {
                return fault(
                    spanned.span(),
                    format!("`point` applies only to decimals, but the field is {ty}"),
                );
            }
            (other, _) => {
                return fault(
                    spanned.span(),
                    format!("invalid point `{other}`: expected written or implied"),
                );
            }
        },
    };
    let numbers = numbers::of(section, source, ty)?;
    if let (Some(_), true, Some(spanned)) = (&numbers, implied_point, &section.point) {
        return fault(
            spanned.span(),
            "an implied point does not go with `numbers`, which says how it is written",
        );
    }
    let header = match &section.from {
        Some(from) if is_fixed => {
            return fault(from.span(), "`from` applies only to the delimited and copybook formats");
        }
        Some(from)
            if !made::is_made(section) && source.header.as_ref().is_none_or(|header| !*header.get_ref()) =>
        {
            return fault(
                from.span(),
                "`from` names a column of the header row; set header = true under [source]",
            );
        }
        from => from.as_ref().map(|from| from.get_ref().clone()),
    };
    let nth = match &section.nth {
        None => None,
        Some(spanned) if source.header.as_ref().is_none_or(|header| !*header.get_ref()) => {
            return fault(
                spanned.span(),
                "`nth` counts columns of the header row; set header = true under [source]",
            );
        }
        Some(spanned) if *spanned.get_ref() == 0 => return fault(spanned.span(), "`nth` counts from 1"),
        Some(spanned) => Some(*spanned.get_ref()),
    };
    let rest = section.rest.as_ref().is_some_and(|spanned| *spanned.get_ref());
    let written = written::form(section, ty, pattern, source, is_fixed)?;
    Ok(FieldForm { span, trim, truths, implied_point, numbers, header, nth, rest, ..written })
}

/// The texts for true and for false, if they are said.
pub(super) fn truths(section: &FieldSection, ty: &FieldType) -> Checked<Option<(Vec<String>, Vec<String>)>> {
    match (&section.true_texts, &section.false_texts) {
        (None, None) => Ok(None),
        (Some(yes), Some(no)) if matches!(ty, FieldType::Boolean) => {
            if let Some(both) = yes.iter().find(|text| no.contains(text)) {
                return fault(section.name.span(), format!("`{both}` means both true and false"));
            }
            Ok(Some((yes.clone(), no.clone())))
        }
        (Some(_), Some(_)) => fault(
            section.name.span(),
            format!("`true` and `false` apply only to booleans, but the field is {ty}"),
        ),
        _ => fault(section.name.span(), "set both `true` and `false`"),
    }
}

/// In the fixed form numbers are often right-aligned, so blanks on both sides are padding there.
pub(super) fn trim_default(source: &SourceSection, ty: &FieldType, default: Trim) -> Checked<Trim> {
    Ok(match trim(source.trim.as_ref())? {
        Some(of_source) => of_source,
        None if default == Trim::Right && !matches!(ty, FieldType::Text { .. } | FieldType::Bytes) => {
            Trim::Both
        }
        None => default,
    })
}

pub(super) fn format(
    source: &SourceSection,
    record: &RecordSection,
    mut fields: Vec<FieldForm>,
    names: &[String],
    reach: usize,
) -> Checked<FormatSpec> {
    let encoding = encoding::of(source)?;
    for (key, span) in [
        ("copybook", source.copybook.as_ref().or(record.copybook.as_ref()).map(Spanned::span)),
        ("copybook_format", source.copybook_format.as_ref().map(Spanned::span)),
        ("copybook_folders", source.copybook_folders.as_ref().map(Spanned::span)),
        ("copybook_replacing", source.copybook_replacing.as_ref().map(Spanned::span)),
        ("cobol", source.cobol.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = span {
            return fault(span, format!("`{key}` applies only to the copybook format"));
        }
    }
    let record_bytes_max = record_bytes_max(source)?;
    let form = match source.format.get_ref().as_str() {
        "delimited" => {
            repeated::delimited(delimited(source, record, encoding)?, source, record, &mut fields)?
        }
        "fixed" => {
            repeated::refused(record)?;
            fixed(source, record, (&fields, names), reach, encoding)?
        }
        other => {
            return fault(
                source.format.span(),
                format!("invalid format `{other}`: expected delimited, fixed or copybook"),
            );
        }
    };
    let outside = outside(source)?;
    Ok(FormatSpec { form, encoding, record_bytes_max, outside, fields, stage: None })
}

fn record_bytes_max(source: &SourceSection) -> Checked<usize> {
    match &source.record_bytes_max {
        None => Ok(RECORD_BYTES_MAX),
        // A record travels in one message, and no message is above 16 MiB.
        Some(spanned) if (1..=4 << 20).contains(spanned.get_ref()) => Ok(*spanned.get_ref()),
        Some(spanned) => fault(spanned.span(), "record_bytes_max must be 1 to 4194304 (4 MiB)"),
    }
}

/// Whether only their length separates a copybook's records.
pub(super) fn is_cut_by_length(source: &SourceSection) -> bool {
    source.framing.as_ref().is_none_or(|framing| framing.get_ref() == "fixed")
}

/// The format of a record type that a copybook lays out. `longest` is the longest that any of the source's types is.
pub(super) fn copybook_format(
    source: &SourceSection,
    record: Arc<RecordSpec>,
    longest: usize,
    page: &'static CodePage,
) -> Checked<FormatSpec> {
    let framing = framing(source, FixedFraming::Length, Some(page))?;
    let record_bytes = source.record_bytes.as_ref().map_or(longest, |spanned| *spanned.get_ref());
    let needed = record.plan.taken_min;
    if framing == FixedFraming::Length && record_bytes < needed {
        let span = source.record_bytes.as_ref().map_or(source.format.span(), Spanned::span);
        return fault(span, format!("a record has {record_bytes} bytes, but the copybook needs {needed}"));
    }
    Ok(FormatSpec {
        form: Form::Copybook(Copybook { framing, record_bytes, record, layouts: None }),
        encoding: Encoding::Page(page),
        record_bytes_max: record_bytes_max(source)?,
        outside: outside(source)?,
        fields: Vec::new(),
        stage: None,
    })
}

pub(super) fn one_byte(spanned: &Spanned<String>, what: &str) -> Checked<u8> {
    match spanned.get_ref().as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'\n' && *byte != b'\r' => Ok(*byte),
        _ => fault(spanned.span(), format!("the {what} must be one ASCII character other than a line end")),
    }
}

/// `""` switches quoting off; absent means the usual.
fn optional_byte(spanned: Option<&Spanned<String>>, absent: Option<u8>, what: &str) -> Checked<Option<u8>> {
    match spanned {
        None => Ok(absent),
        Some(spanned) if spanned.get_ref().is_empty() => Ok(None),
        Some(spanned) => one_byte(spanned, what).map(Some),
    }
}

fn delimited(source: &SourceSection, record: &RecordSection, encoding: Encoding) -> Checked<Delimited> {
    refuse_framing(source)?;
    for (key, is_there) in [
        ("short_lines", source.short_lines.as_ref().map(Spanned::span)),
        ("record_bytes", record.record_bytes.as_ref().map(Spanned::span)),
        ("rest", record.rest.as_ref().map(Spanned::span)),
        ("padding", record.padding.as_ref().map(Spanned::span)),
        ("filler", record.filler.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = is_there {
            return fault(span, format!("`{key}` applies only to the fixed format"));
        }
    }
    if let (Encoding::Page(page), Some((_, span))) = (encoding, encoding::name(source)) {
        let advice = if page.is_ebcdic() {
            "code pages go with format = \"fixed\" and format = \"copybook\""
        } else {
            "ASCII is a part of utf-8, the default: leave `encoding` out"
        };
        return fault_advised(
            span,
            format!("the delimited format does not take the code page {}", page.name()),
            advice,
        );
    }
    let separator = source.separator.as_ref().map_or(Ok(b','), |spanned| one_byte(spanned, "separator"))?;
    let quote = optional_byte(source.quote.as_ref(), Some(b'"'), "quote")?;
    let escape = optional_byte(source.escape.as_ref(), None, "escape")?;
    if quote == Some(separator) || escape == Some(separator) {
        return fault(source.format.span(), "separator, quote and escape must be different");
    }
    let marks = [("separator", Some(separator)), ("quote", quote), ("escape", escape)];
    for (what, mark) in marks.into_iter().filter_map(|(what, mark)| Some((what, mark?))) {
        encoding::tells_apart(encoding, what, mark, source)?;
    }
    Ok(Delimited {
        separator,
        quote,
        // An escape that is the quote itself is the usual doubling.
        escape: escape.filter(|byte| Some(*byte) != quote),
        header: source.header.as_ref().is_some_and(|spanned| *spanned.get_ref()),
        null: written::null_of_source(source, quote.is_none().then_some(escape).flatten())?,
        trailing_separator: source.trailing_separator.as_ref().is_some_and(|spanned| *spanned.get_ref()),
        terminator: None,
        continuation: None,
        missing_is_null: false,
        columns: None,
        lead_lines: written::lead_lines(source)?,
        skips: written::skips(source, separator, quote)?,
    })
}

/// Refuses the keys of a source between separators where its fields have places.
pub(super) fn refuse_delimited(source: &SourceSection) -> Checked<()> {
    let foreign = [
        ("separator", source.separator.as_ref().map(Spanned::span)),
        ("quote", source.quote.as_ref().map(Spanned::span)),
        ("escape", source.escape.as_ref().map(Spanned::span)),
        ("null", source.null.as_ref().map(Spanned::span)),
        ("skip_lines", source.skip_lines.as_ref().map(Spanned::span)),
        ("comment", source.comment.as_ref().map(Spanned::span)),
        ("blank_lines", source.blank_lines.as_ref().map(Spanned::span)),
        ("end_of_file", source.end_of_file.as_ref().map(Spanned::span)),
        ("header", source.header.as_ref().map(Spanned::span)),
        ("trailing_separator", source.trailing_separator.as_ref().map(Spanned::span)),
        ("terminator", source.terminator.as_ref().map(Spanned::span)),
        ("continuation", source.continuation.as_ref().map(Spanned::span)),
    ];
    for (key, span) in foreign {
        if let Some(span) = span {
            return fault(span, format!("`{key}` applies only to the delimited format"));
        }
    }
    Ok(())
}

/// What may stand in a record's bytes that belong to no field. `rest = "ignore"` is how 0.1.0 wrote `padding = "any"`.
pub(super) fn padding(record: &RecordSection) -> Checked<Padding> {
    match (&record.padding, &record.rest) {
        (None, None) => Ok(Padding::LaidOut),
        (Some(_), Some(rest)) => fault(rest.span(), "`rest` and `padding` say the same; keep `padding`"),
        (None, Some(rest)) if rest.get_ref() == "ignore" => Ok(Padding::Any),
        (None, Some(rest)) => {
            fault(rest.span(), format!("invalid rest `{}`: expected ignore", rest.get_ref()))
        }
        (Some(spanned), None) => match spanned.get_ref().as_str() {
            "blank" => Ok(Padding::Blank),
            "any" => Ok(Padding::Any),
            other => fault(spanned.span(), format!("invalid padding `{other}`: expected blank or any")),
        },
    }
}

/// Whether FILLER may hold anything without a warning.
pub(super) fn filler_any(record: &RecordSection) -> Checked<bool> {
    match &record.filler {
        None => Ok(false),
        Some(spanned) if spanned.get_ref() == "any" => Ok(true),
        Some(spanned) => {
            fault(spanned.span(), format!("invalid filler `{}`: expected any", spanned.get_ref()))
        }
    }
}

/// How far into the record its fields reach, in bytes.
pub(super) fn reach(fields: &[FieldForm]) -> usize {
    let ends = fields.iter().filter_map(|form| form.span).map(|(start, width)| match width {
        REST => start,
        width => start.saturating_add(width),
    });
    ends.max().unwrap_or(0)
}

/// `longest` is how far the fields of any of the source's record types reach.
fn fixed(
    source: &SourceSection,
    record: &RecordSection,
    (fields, names): (&[FieldForm], &[String]),
    longest: usize,
    encoding: Encoding,
) -> Checked<Form> {
    refuse_delimited(source)?;
    if let Some(span) = record.missing.as_ref().map(Spanned::span) {
        return fault(span, "`missing` applies only to the delimited format");
    }
    let page = if let Encoding::Page(page) = encoding { Some(page) } else { None };
    let framing = framing(source, FixedFraming::Line, page)?;
    let own = record.record_bytes.as_ref();
    if let Some(own) = own.filter(|_| framing == FixedFraming::Length) {
        return fault(own.span(), "framing `fixed` needs the record length: set source.record_bytes");
    }
    let padding = padding(record)?;
    // Lengths that the source tells may differ from type to type; lines are expected to be of one length.
    let is_cut_alike =
        matches!(framing, FixedFraming::Length | FixedFraming::Line | FixedFraming::LineEnd { .. });
    let has_rest = fields.iter().any(|form| matches!(form.span, Some((_, REST))));
    let own_reach = self::reach(fields);
    let reach = if is_cut_alike && !has_rest && !padding.is_open() { longest } else { own_reach };
    let given = own.or(source.record_bytes.as_ref());
    let record_bytes = match given {
        Some(given) => *given.get_ref(),
        None if framing == FixedFraming::Length => longest,
        None => reach,
    };
    let needed = if framing == FixedFraming::Length { longest } else { own_reach };
    if record_bytes < needed {
        let span = given.map_or(source.format.span(), Spanned::span);
        return fault(span, format!("a record has {record_bytes} bytes, but a field ends at byte {needed}"));
    }
    for (at, (name, form)) in names.iter().zip(fields).enumerate() {
        let overlapped = names.iter().zip(fields).enumerate().find(|(of, (_, other))| {
            let (Some((a, a_width)), Some((b, b_width))) = (form.span, other.span) else { return false };
            *of != at && a < b.saturating_add(b_width) && b < a.saturating_add(a_width) && a <= b
        });
        if let Some((_, (other, _))) = overlapped {
            let own = record.field.iter().find(|section| section.name.get_ref() == other);
            let span = own.map_or(record.name.span(), |section| section.name.span());
            return fault(span, format!("field `{other}` overlaps field `{name}`"));
        }
    }
    let pads = match &source.short_lines {
        None => false,
        Some(spanned) => match (spanned.get_ref().as_str(), framing) {
            ("reject", _) => false,
            ("pad", FixedFraming::Line | FixedFraming::LineEnd { .. }) => true,
            ("pad", _) => return fault(spanned.span(), "`short_lines` applies only to framing `line`"),
            (other, _) => {
                return fault(
                    spanned.span(),
                    format!("invalid short_lines `{other}`: expected reject or pad"),
                );
            }
        },
    };
    Ok(Form::Fixed(Fixed { framing, record_bytes, pads, padding }))
}
