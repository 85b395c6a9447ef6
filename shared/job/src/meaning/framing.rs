//! How a source is cut into records: the framing keys of `[source]`.

use std::ops::Range;

use format::cobol::ByteOrder;
use format::codepage::CodePage;
use format::spec::{FixedFraming, LengthField, LengthKind, Outside, Prefix, PrefixForm};
use toml::Spanned;

use super::{Checked, fault, fault_advised};
use crate::file::{LengthFieldSection, SourceSection};

/// A file header or footer is no longer than this: 1 MiB. As much is held back from the end of the source.
const OUTSIDE_BYTES_MAX: usize = 1 << 20;

/// A key, where it is given, and the framings that it says something of.
type Key<'a> = (&'a str, Option<Range<usize>>, &'a [&'a str]);

/// How the records of a fixed or copybook source are framed. `absent`: the framing when the job names none; `page`: the
/// source's code page, none where its text is UTF-8.
pub(super) fn framing(
    source: &SourceSection,
    absent: FixedFraming,
    page: Option<&CodePage>,
) -> Checked<FixedFraming> {
    let (name, span) = match &source.framing {
        Some(spanned) => (spanned.get_ref().as_str(), spanned.span()),
        None => {
            let name = if absent == FixedFraming::Length { "fixed" } else { "line" };
            (name, source.format.span())
        }
    };
    const FRAMINGS: [&str; 7] = ["fixed", "line", "rdw", "bdw", "length-prefix", "length-field", "layout"];
    if !FRAMINGS.contains(&name) {
        return fault(span, format!("invalid framing `{name}`: expected {}", FRAMINGS.join(", ")));
    }
    let binary_field = source.length_field.as_ref().is_some_and(|field| field.get_ref().kind == "binary");
    let keys: [Key<'_>; 6] = [
        ("length_endian", span_of(&source.length_endian), &FRAMINGS[2..6]),
        ("length_includes_header", span_of(&source.length_includes_header), &FRAMINGS[2..5]),
        ("prefix_bytes", span_of(&source.prefix_bytes), &FRAMINGS[4..5]),
        ("length_field", span_of(&source.length_field), &FRAMINGS[5..6]),
        ("line_end", span_of(&source.line_end), &FRAMINGS[1..2]),
        ("record_bytes", span_of(&source.record_bytes), &FRAMINGS[..2]),
    ];
    for (key, key_at, framings) in keys {
        if let Some(key_at) = key_at.filter(|_| !framings.contains(&name)) {
            return fault(
                key_at,
                format!("`{key}` does not apply to framing `{name}`, only to {}", framings.join(", ")),
            );
        }
    }
    let order = || match &source.length_endian {
        None => Ok(ByteOrder::BigEndian),
        Some(spanned) => match spanned.get_ref().as_str() {
            "big" => Ok(ByteOrder::BigEndian),
            "little" => Ok(ByteOrder::LittleEndian),
            other => {
                fault(spanned.span(), format!("invalid length_endian `{other}`: expected big or little"))
            }
        },
    };
    let prefix = |form, includes_itself| {
        let includes_itself =
            source.length_includes_header.as_ref().map_or(includes_itself, |spanned| *spanned.get_ref());
        Ok::<_, super::Fault>(Prefix { form, order: order()?, includes_itself })
    };
    Ok(match name {
        "fixed" => FixedFraming::Length,
        "layout" if source.format.get_ref() == "copybook" => FixedFraming::Layout,
        "layout" => return fault(span, "framing `layout` applies only to the copybook format"),
        "rdw" => FixedFraming::Prefix(prefix(PrefixForm::Descriptor, true)?),
        "bdw" => FixedFraming::Blocks(prefix(PrefixForm::Descriptor, true)?),
        "length-prefix" => FixedFraming::Prefix(prefix(prefix_form(source)?, false)?),
        "length-field" => {
            let Some(field) = &source.length_field else {
                return fault_advised(
                    span,
                    "framing `length-field` needs a `length_field`",
                    "set it, such as length_field = { start = 1, width = 4, kind = \"text\" }",
                );
            };
            if let Some(span) = span_of(&source.length_endian).filter(|_| !binary_field) {
                return fault(span, "`length_endian` applies only to a binary length field");
            }
            FixedFraming::Field(length_field(field.get_ref(), field.span(), order()?, page)?)
        }
        _ => line(source, page)?,
    })
}

fn span_of<T>(spanned: &Option<Spanned<T>>) -> Option<Range<usize>> {
    spanned.as_ref().map(Spanned::span)
}

fn prefix_form(source: &SourceSection) -> Checked<PrefixForm> {
    match source.prefix_bytes.as_ref().map(|spanned| (*spanned.get_ref(), spanned)) {
        None | Some((4, _)) => Ok(PrefixForm::Four),
        Some((2, _)) => Ok(PrefixForm::Two),
        Some((other, spanned)) => {
            fault(spanned.span(), format!("invalid prefix_bytes {other}: expected 2 or 4"))
        }
    }
}

/// In EBCDIC a line feed is 0x25 and a next line 0x15 (CDRA, as [`CodePage`] has it). FTP and z/OS UNIX write either.
fn line(source: &SourceSection, page: Option<&CodePage>) -> Checked<FixedFraming> {
    let is_ebcdic = page.is_some_and(CodePage::is_ebcdic);
    let end = source.line_end.as_ref().map(|spanned| (spanned.get_ref().as_str(), spanned));
    match end {
        None | Some(("lf", _)) if is_ebcdic => Ok(FixedFraming::LineEnd { end: 0x25, drops_return: true }),
        None | Some(("lf", _)) => Ok(FixedFraming::Line),
        Some(("nel", _)) if is_ebcdic => Ok(FixedFraming::LineEnd { end: 0x15, drops_return: false }),
        Some(("nel", spanned)) => {
            fault(spanned.span(), "line_end `nel` applies only to EBCDIC sources; see `encoding`")
        }
        Some((other, spanned)) => {
            fault(spanned.span(), format!("invalid line_end `{other}`: expected lf or nel"))
        }
    }
}

fn length_field(
    section: &LengthFieldSection,
    span: Range<usize>,
    order: ByteOrder,
    page: Option<&CodePage>,
) -> Checked<LengthField> {
    let zero = if page.is_some_and(CodePage::is_ebcdic) { 0xF0 } else { b'0' };
    let (kind, width_max) = match section.kind.as_str() {
        "binary" => (LengthKind::Binary(order), 8),
        "text" => (LengthKind::Digits(zero), 18),
        "packed" => (LengthKind::Packed, 10),
        other => {
            return fault(
                span,
                format!("invalid length_field kind `{other}`: expected binary, text or packed"),
            );
        }
    };
    if section.start == 0 || section.start > OUTSIDE_BYTES_MAX {
        return fault(
            span,
            "the `start` of a length field counts from 1 and must be within the first MiB of the record",
        );
    }
    if section.width == 0 || section.width > width_max {
        return fault(span, format!("a {} length field must have 1 to {width_max} bytes", section.kind));
    }
    if section.adds.unsigned_abs() > OUTSIDE_BYTES_MAX as u64 {
        return fault(span, "`adds` must be at most 1 MiB");
    }
    Ok(LengthField { start: section.start - 1, width: section.width, kind, adds: section.adds })
}

/// What of the source is no record.
pub(super) fn outside(source: &SourceSection) -> Checked<Outside> {
    let bytes = |spanned: Option<&Spanned<usize>>| match spanned {
        None => Ok(0),
        Some(spanned) if *spanned.get_ref() <= OUTSIDE_BYTES_MAX => Ok(*spanned.get_ref()),
        Some(spanned) => fault(spanned.span(), "a file header or footer can have at most 1 MiB"),
    };
    Ok(Outside {
        header_bytes: bytes(source.file_header_bytes.as_ref())?,
        footer_bytes: bytes(source.file_footer_bytes.as_ref())?,
    })
}

/// Refuses the framing keys where records are lines of fields.
pub(super) fn refuse_framing(source: &SourceSection) -> Checked<()> {
    let keys = [
        ("framing", span_of(&source.framing)),
        ("record_bytes", span_of(&source.record_bytes)),
        ("length_endian", span_of(&source.length_endian)),
        ("length_includes_header", span_of(&source.length_includes_header)),
        ("prefix_bytes", span_of(&source.prefix_bytes)),
        ("length_field", span_of(&source.length_field)),
        ("line_end", span_of(&source.line_end)),
        ("file_header_bytes", span_of(&source.file_header_bytes)),
        ("file_footer_bytes", span_of(&source.file_footer_bytes)),
    ];
    for (key, span) in keys {
        if let Some(span) = span {
            return fault(span, format!("`{key}` does not apply to the delimited format"));
        }
    }
    Ok(())
}
