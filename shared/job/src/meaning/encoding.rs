//! `source.encoding`: what a file's characters are written in.

use format::codepage::CodePage;
use format::spec::Encoding;
use toml::Spanned;

use super::{Checked, fault, fault_advised};
use crate::file::SourceSection;

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
    let encoding = match &source.encoding {
        None => Encoding::Utf8,
        Some(spanned) => named(spanned, keeps_controls)?,
    };
    match (&source.control_characters, encoding) {
        (Some(spanned), Encoding::Utf8 | Encoding::Page(_)) => {
            fault(spanned.span(), "`control_characters` does not apply to this encoding")
        }
        _ => Ok(encoding),
    }
}

fn named(spanned: &Spanned<String>, keeps_controls: bool) -> Checked<Encoding> {
    let name = spanned.get_ref().to_ascii_lowercase();
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
            spanned.span(),
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
            spanned.span(),
            format!(
                "{} does not contain ASCII, so that lines and separators cannot be found",
                encoding.name()
            ),
            "convert the file to UTF-8 first: iconv -f UTF-16 -t UTF-8",
        ),
        None => {
            let pages: Vec<_> = CodePage::all().map(CodePage::name).collect();
            fault_advised(
                spanned.span(),
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
