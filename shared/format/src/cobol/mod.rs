//! Fields as COBOL lays them down in a record: from their bytes to an exact value in canonical form, or to a reason
//! why not. Never a guess.
//!
//! ```text
//! FieldSpec ─ FieldDecoder::new ─► FieldDecoder ─ decode(bytes) ─┬─ text      characters of a code page
//!  (once for each field)            (for each record)            ├─ number    zoned, packed, binary ─► output
//!                                                                ├─ moment    dates and times spelt by a number
//!                                                                └─ float     its shortest decimal text
//! ```
//!
//! Decoding allocates nothing but room in the buffer it appends to, and the text of a reject.

mod account;
mod binary;
mod decoder;
mod edited;
pub mod elements;
mod float;
mod hexfloat;
mod moment;
mod number;
mod output;
mod packed;
pub mod record;
mod signs;
pub mod spec;
mod text;
mod zoned;

pub use decoder::{FieldDecoder, FieldValue};
pub use record::{LengthSpec, RecordSpec};
pub use spec::{
    AsciiSigns, BinaryRange, ByteOrder, EditedForm, Empty, FieldSpec, Fill, Fills, FloatForm, HighValues,
    Kind, LowValues, MomentForm, NumberForm, OnDate, SignPlace, SignRule, TextForm, Usage,
};

#[cfg(test)]
pub(crate) mod tests;

use domain::constraint::ReasonCode;

use crate::fault::Fault;

/// Why a field's bytes give no value. The detail may quote them: it is kept with the reject and never logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The kind of fault.
    pub code: ReasonCode,
    /// What was found, and what would have been right.
    pub detail: String,
}

impl Reject {
    #[cold]
    fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, detail: fault.detail }
    }
}

/// As many bytes of a field as a reason quotes.
const QUOTED_BYTES_MAX: usize = 20;

/// Bytes as a reason quotes them.
fn quoted(bytes: &[u8]) -> String {
    match bytes.get(..QUOTED_BYTES_MAX) {
        Some(start) if bytes.len() > QUOTED_BYTES_MAX => format!("x'{}…'", domain::hex::encode(start)),
        _ => format!("x'{}'", domain::hex::encode(bytes)),
    }
}
