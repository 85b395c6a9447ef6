//! Indicators of NULL beside a value: which of them mean what.

use format::codepage::CodePage;
use format::stage::{Code, Gate};
use toml::Spanned;

use super::super::{Checked, fault};
use super::is_second;
use crate::file::{FieldSection, IndicatorSection};

/// What an indicator's column holds.
pub(super) enum Held {
    /// Text in a source that the job describes; blanks are none.
    Text,
    /// Bytes of a copybook's text item, in this page and of this length.
    Bytes(&'static CodePage, usize),
    /// A whole number.
    Integer,
}

/// An indicator in words that are equal only for equal ones.
pub(super) fn shown(of: &IndicatorSection) -> String {
    match of {
        IndicatorSection::Name(name) => name.clone(),
        IndicatorSection::Codes(codes) => {
            let list = |list: &Option<Vec<toml::Value>>| {
                let list = list.iter().flatten().map(ToString::to_string);
                list.collect::<Vec<_>>().join(",")
            };
            let place = codes.start.zip(codes.width).map(|(start, width)| format!("{start}+{width}"));
            let column = codes.column.clone().or(place).unwrap_or_default();
            format!("{column} null {} value {}", list(&codes.null), list(&codes.value))
        }
    }
}

/// The gate of a field whose indicator is the column at `column`.
pub(super) fn gate(
    section: &FieldSection,
    spanned: &Spanned<IndicatorSection>,
    column: usize,
    held: &Held,
    space: u8,
) -> Checked<Gate> {
    let (null, value) = match spanned.get_ref() {
        IndicatorSection::Name(_) => (None, None),
        IndicatorSection::Codes(codes) => (codes.null.as_ref(), codes.value.as_ref()),
    };
    let usual = |codes: [Option<Code>; 3]| codes.into_iter().flatten().collect::<Vec<_>>();
    let byte = |page: &CodePage, char: &str| {
        let mut bytes = Vec::new();
        page.encode_into(char, &mut bytes).is_ok().then_some(Code::Bytes(bytes))
    };
    let text = |text: &str| Some(Code::Text(text.to_owned()));
    let nulls = match (null, held) {
        (Some(list), _) => list.iter().map(|code| parsed(code, spanned, held)).collect::<Checked<_>>()?,
        (None, Held::Text) => usual([text("?"), text("-1"), None]),
        (None, Held::Bytes(page, 1)) => usual([Some(Code::Bytes(vec![0xFF])), byte(page, "?"), None]),
        (None, Held::Bytes(_, length)) => usual([Some(Code::Bytes(vec![0xFF; *length])), None, None]),
        (None, Held::Integer) => usual([Some(Code::Integer(-1)), None, None]),
    };
    let values = match (value, held) {
        (Some(list), _) => list.iter().map(|code| parsed(code, spanned, held)).collect::<Checked<_>>()?,
        (None, Held::Text) => usual([text(""), text("0"), None]),
        (None, Held::Bytes(page, 1)) => usual([Some(Code::Bytes(vec![0])), byte(page, " "), None]),
        (None, Held::Bytes(_, length)) => usual([Some(Code::Bytes(vec![0; *length])), None, None]),
        (None, Held::Integer) => usual([Some(Code::Integer(0)), None, None]),
    };
    if nulls.is_empty() || values.is_empty() {
        return fault(spanned.span(), "an empty list names no indicator");
    }
    if nulls.iter().any(|code| values.contains(code)) {
        return fault(spanned.span(), "an indicator means both NULL and a value");
    }
    let drops_content = is_second(section.null_content.as_ref(), "null_content", ["reject", "drop"])?;
    Ok(Gate { column, nulls, values, drops_content, space })
}

/// An indicator as the job writes it: a text, bytes as `x'FF'`, or a number.
fn parsed(code: &toml::Value, spanned: &Spanned<IndicatorSection>, held: &Held) -> Checked<Code> {
    let refuse = |why: &str| fault(spanned.span(), format!("invalid indicator {code}: {why}"));
    match (code, held) {
        (toml::Value::Integer(number), Held::Integer) => Ok(Code::Integer(*number)),
        (toml::Value::String(text), Held::Text) => Ok(Code::Text(text.trim_matches(' ').to_owned())),
        (toml::Value::String(text), Held::Bytes(page, length)) => {
            let hex = text.strip_prefix("x'").or_else(|| text.strip_prefix("X'"));
            let mut bytes = Vec::new();
            let is_known = match hex.and_then(|hex| hex.strip_suffix('\'')) {
                Some(digits) => domain::hex::decode_into(digits.as_bytes(), &mut bytes),
                None => page.encode_into(text, &mut bytes).is_ok(),
            };
            if !is_known || bytes.len() != *length {
                return refuse(
                    "expected as many characters, or bytes as x'FF', as the indicator's column has",
                );
            }
            Ok(Code::Bytes(bytes))
        }
        (_, Held::Integer) => refuse("the indicator's column is a number"),
        _ => refuse("the indicator's column is a text"),
    }
}
