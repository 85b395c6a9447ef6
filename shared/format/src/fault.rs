//! Why a field's text gives no value, and how a reason quotes it.

use domain::constraint::ReasonCode;

/// How much of a value a reason quotes: enough to recognise it, not enough to spread the record.
const QUOTED_CHARS_MAX: usize = 40;

/// Why a field's text gives no value.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: ReasonCode,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// The text as a reason quotes it.
pub(super) fn quoted(text: &[u8]) -> String {
    // No character has more than 4 bytes; one more tells that something was left out.
    let start = &text[..text.len().min((QUOTED_CHARS_MAX + 1) * 4)];
    let start = String::from_utf8_lossy(start);
    let mut chars = start.chars();
    let shown: String = chars.by_ref().take(QUOTED_CHARS_MAX).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("'{}{more}'", shown.escape_debug())
}

/// The text is not of the type, unless it is not even text.
#[cold]
pub(super) fn not_a(text: &[u8], what: &str) -> Fault {
    match std::str::from_utf8(text) {
        Ok(_) => Fault::new(ReasonCode::Type, format!("{} {what}", quoted(text))),
        Err(error) => bad_utf8(&error),
    }
}

#[cold]
pub(super) fn bad_utf8(error: &std::str::Utf8Error) -> Fault {
    Fault::new(ReasonCode::Encoding, format!("not valid UTF-8 at byte {} of the field", error.valid_up_to()))
}
