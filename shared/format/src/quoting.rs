//! Quoted fields: the one place that knows where a quoted field closes. Framing and decoding both ask here,
//! or they would disagree about what a record is.

use memchr::{memchr, memchr2};

use super::spec::Delimited;

/// How fields are quoted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoting {
    /// The byte that opens and closes.
    pub(super) quote: u8,
    /// The byte, other than the quote, that takes away a quote's meaning.
    escape: Option<u8>,
}

/// Where a quoted field closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    /// Position of the closing quote.
    pub(super) at: usize,
    /// Whether doubled or escaped bytes precede it.
    pub(super) escaped: bool,
}

impl Quoting {
    /// `None` when quotes are ordinary bytes.
    pub(super) fn of(form: &Delimited) -> Option<Self> {
        let quote = form.quote?;
        // A quote that escapes itself is the doubling that is understood anyway.
        Some(Self { quote, escape: form.escape.filter(|escape| *escape != quote) })
    }

    /// The closing quote of the field whose content begins at `from`; `None` when it does not close in `bytes`.
    /// A quote that is the last of `bytes` closes: a caller that expects more bytes has to ask again.
    pub(super) fn closing(self, bytes: &[u8], from: usize) -> Option<Closing> {
        let mut at = from;
        let mut escaped = false;
        loop {
            let rest = bytes.get(at..)?;
            at += match self.escape {
                None => memchr(self.quote, rest),
                Some(escape) => memchr2(self.quote, escape, rest),
            }?;
            if self.is_pair(bytes, at) {
                escaped = true;
                at += 2;
            } else if bytes[at] == self.quote {
                return Some(Closing { at, escaped });
            } else {
                // An escape before any other byte is data.
                at += 1;
            }
        }
    }

    /// Whether the byte at `at` only gives its successor as data.
    fn is_pair(self, bytes: &[u8], at: usize) -> bool {
        let Some(&next) = bytes.get(at + 1) else { return false };
        let first = bytes[at];
        (first == self.quote && next == self.quote)
            || (Some(first) == self.escape && (next == self.quote || next == first))
    }

    /// Appends what `content`, taken from between the quotes, stands for.
    pub(super) fn unescape(self, content: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < content.len() {
            if self.is_pair(content, at) {
                at += 1;
            }
            out.push(content[at]);
            at += 1;
        }
    }
}
