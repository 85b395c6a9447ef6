//! Where a message belongs in a trace: the W3C's `traceparent`, which travels beside a message.
//!
//! It is not sealed, so anyone who reaches the broker can write it. It is read strictly, decides nothing, and names at
//! most which span a span is a child of.

use std::fmt;

use crate::hex;
use crate::ids::RunId;

/// The length of the text: version, trace, span and flags in hexadecimal digits, with hyphens between them.
const LENGTH: usize = 55;

/// The only version that is read. Others are none of ours.
const VERSION: &str = "00";

/// A span of a trace, as the next process is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace. A run's trace has the run's own 16 bytes.
    pub trace: [u8; 16],
    /// The span that the message was sent in.
    pub span: [u8; 8],
}

impl TraceParent {
    /// Reads `text`; `None` unless it is exactly as [`TraceParent`] is written, but for the flags.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        if version != VERSION || parts.next().is_some() {
            return None;
        }
        let _: [u8; 1] = bytes_of(flags)?;
        let read = Self { trace: bytes_of(trace)?, span: bytes_of(span)? };
        (read.trace != [0; 16] && read.span != [0; 8]).then_some(read)
    }

    /// Whether the trace is that of a run.
    #[must_use]
    pub fn is_of(&self, run_id: RunId) -> bool {
        self.trace == run_id.to_bytes()
    }
}

/// Small hexadecimal digits, exactly as many as `N` bytes have.
fn bytes_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(digits)?.try_into().ok()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sampled: whoever exports spans exports all of them.
        write!(f, "{VERSION}-{}-{}-01", hex::encode(&self.trace), hex::encode(&self.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_read_again() {
        let read = TraceParent::parse(GOOD).unwrap();
        assert_eq!(read.to_string(), GOOD);
        assert_eq!((read.trace[0], read.span[7]), (0x0a, 0x31));
        assert!(read.is_of(RunId::from_bytes(read.trace)) && !read.is_of(RunId::from_bytes([1; 16])));
        assert_eq!(TraceParent::parse(&GOOD.replace("-01", "-00")), Some(read));
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in [
            "",
            "00",
            &GOOD[1..],
            &format!("{GOOD}0"),
            &format!("{GOOD}-"),
            &GOOD.replace("00-", "01-"),
            &GOOD.replace("00-", "ff-"),
            &GOOD.to_uppercase(),
            &GOOD.replace('-', "_"),
            &GOOD.replace("b7ad", "b7-d"),
            &GOOD.replace("b7ad", "b7xd"),
            &GOOD.replace("-01", "-0g"),
            &GOOD.replace("-01", "--1"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319\u{e9}-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331\n01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text:?}");
        }
    }
}
