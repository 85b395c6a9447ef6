//! How bytes become records: where each begins and ends ([`framing`]), and what its fields hold ([`decode`]).
//!
//! ```text
//! bytes ─ Framer ─► frames ─ Decoder ─┬─ delimited or fixed: which bytes are which field
//!                                     └─ text, time: which value those bytes spell
//! ```
//!
//! Framing never looks into a field's content beyond its quotes, and decoding never looks past its record: so the
//! splitter and a processor find the same records, however the bytes were cut into blocks and chunks.

mod cells;
pub mod cobol;
pub mod codepage;
pub mod copybook;
pub mod decode;
mod delimited;
pub mod encode;
mod encoding;
mod escaping;
mod fault;
mod field;
mod fixed;
pub mod framing;
mod groups;
mod header;
mod instant;
mod layouts;
mod lines;
mod numbers;
mod padding;
mod patterns;
mod quoting;
pub mod spec;
pub mod stage;
mod text;
mod time;

#[cfg(test)]
mod tests;

pub use cells::{Cell, cells};
pub use decode::{Decoded, Decoder};
pub use encode::{CannotWrite, DecodeProof, Differs, FieldWriter};
pub use framing::{
    Frame, FrameError, FrameErrorAt, Framer, Frames, LEAD_LINES_MAX, Taken, UnframeableError, frames,
};
pub use header::{HeaderError, header_names};
pub use lines::lines;
pub use numbers::NumberFormat;
pub use padding::Padding;
pub use spec::{
    Columns, Copybook, Delimited, Encoding, FieldForm, Fixed, FixedFraming, Form, FormatSpec, LengthField,
    LengthKind, Outside, Prefix, PrefixForm, REST, Trim,
};
