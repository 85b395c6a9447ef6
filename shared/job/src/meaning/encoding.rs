//! `source.encoding`: what a file's characters are written in.

use std::ops::Range;

use format::codepage::CodePage;
use format::spec::{Encoding, Form};
use toml::Spanned;

use super::{Checked, fault, fault_advised};
use crate::Job;
use crate::encodings::Encodings;
use crate::file::{NamesOrOne, SourceSection};

/// How many encodings a job may list.
const LISTED_MAX: usize = 8;

/// The encoding of a delimited or fixed source. Names are those of the WHATWG Encoding Standard; but where it takes a
/// name for a Windows code page that has letters in place of control characters, that code page must be named.
pub(super) fn of(source: &SourceSection) -> Checked<Encoding> {
    let keeps_controls = match &source.control_characters {
        None => false,
        Some(spanned) => match spanned.get_ref().as_str() {
            "reject" => false,
            "keep" => true,
            other => {
                return fault(
                    spanned.span(),
                    format!("invalid control_characters `{other}`: expected reject or keep"),
                );
            }
        },
    };
    let encoding = match name(source) {
        None => Encoding::Utf8,
        Some((name, span)) => named(name, span, keeps_controls)?,
    };
    match (&source.control_characters, encoding) {
        (Some(spanned), Encoding::Utf8 | Encoding::Page(_)) => {
            fault(spanned.span(), "`control_characters` does not apply to this encoding")
        }
        _ => Ok(encoding),
    }
}

/// The source's encoding, and where the job says so; of several, the first, until one is found.
pub(super) fn name(source: &SourceSection) -> Option<(&str, Range<usize>)> {
    let spanned = source.encoding.as_ref()?;
    Some((spanned.get_ref().names().first().map_or("", String::as_str), spanned.span()))
}

/// The encodings of which a source is in one, if the job lists them. Each must make a job of its own.
pub(super) fn listed(source: &SourceSection, job: &Job) -> Checked<Option<Encodings>> {
    let Some(spanned) = source.encoding.as_ref() else { return Ok(None) };
    let NamesOrOne::Names(names) = spanned.get_ref() else { return Ok(None) };
    if !(2..=LISTED_MAX).contains(&names.len()) {
        return fault(
            spanned.span(),
            format!("a list of encodings has 2 to {LISTED_MAX}; write a single one without brackets"),
        );
    }
    if let Some(twice) =
        names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name))
    {
        return fault(spanned.span(), format!("`{twice}` stands twice in the list"));
    }
    let is_delimited = matches!(job.format.form, Form::Delimited(_));
    if is_delimited || job.records.iter().all(|record| record.when.is_empty()) {
        return fault_advised(
            spanned.span(),
            "a list of encodings is for the formats fixed and copybook, and needs a record type with a `when`: records \
             whose types are told show which encoding a source is in",
            "name the encoding",
        );
    }
    let listed = Encodings { names: names.clone(), span: spanned.span() };
    for name in names {
        if let Err(error) = Job::parse(&job.name, &listed.chosen(&job.text, name)) {
            return fault(spanned.span(), format!("with the encoding `{name}`: {}", error.message));
        }
    }
    Ok(Some(listed))
}

fn named(name: &str, span: Range<usize>, keeps_controls: bool) -> Checked<Encoding> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "utf-8" | "utf8" => return Ok(Encoding::Utf8),
        "latin-1" | "latin1" | "iso-8859-1" => return Ok(Encoding::Latin1 { keeps_controls }),
        _ => {}
    }
    if let Some(page) = CodePage::by_name(&name) {
        return Ok(Encoding::Page(page));
    }
    match encoding_rs::Encoding::for_label(name.as_bytes()) {
        Some(encoding) if is_another(&name, encoding) => fault(
            span,
            format!(
                "`{name}` is read as {0} here, which has letters where it has control characters; set \
                 encoding = \"{0}\" if that is what the file is",
                encoding.name()
            ),
        ),
        Some(encoding) if encoding.is_ascii_compatible() => {
            Ok(Encoding::Foreign { encoding, keeps_controls })
        }
        Some(encoding) => fault_advised(
            span,
            format!(
                "{} does not contain ASCII, so that lines and separators cannot be found",
                encoding.name()
            ),
            "convert the file to UTF-8 first: iconv -f UTF-16 -t UTF-8",
        ),
        None => {
            let pages: Vec<_> = CodePage::all().map(CodePage::name).collect();
            fault_advised(
                span,
                format!("unknown encoding `{name}`"),
                format!(
                    "encodings: utf-8, latin-1, windows-1250 to windows-1258, iso-8859-2 to iso-8859-16 (not 9, 11 and 12), koi8-r, \
                     shift_jis, euc-jp, gbk, gb18030, big5, euc-kr, {}",
                    pages.join(", ")
                ),
            )
        }
    }
}

/// Whether a name stands for a Windows code page that it does not mean, such as `us-ascii` for windows-1252.
fn is_another(name: &str, encoding: &'static encoding_rs::Encoding) -> bool {
    encoding.name().strip_prefix("windows-").is_some_and(|number| !name.contains(number))
}

/// Refuses a separator, quote or escape that could be the second byte of a character: in the encodings of East Asia
/// these are the digits and all from `@` on.
pub(super) fn tells_apart(encoding: Encoding, what: &str, mark: u8, source: &SourceSection) -> Checked<()> {
    let Encoding::Foreign { encoding, .. } = encoding else { return Ok(()) };
    if encoding.is_single_byte() || mark < b'0' || (b':'..=b'?').contains(&mark) {
        return Ok(());
    }
    let span = source.encoding.as_ref().map_or(source.format.span(), Spanned::span);
    fault(
        span,
        format!(
            "the {what} `{}` can be the second byte of a character in {}, so that fields cannot be told apart",
            char::from(mark),
            encoding.name()
        ),
    )
}
