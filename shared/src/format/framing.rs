//! Where records end. The splitter asks with a growing buffer, a processor with a chunk of whole records.

use std::iter::FusedIterator;

use memchr::{memchr, memchr2};
use thiserror::Error;

use super::quoting::Quoting;
use super::spec::{Continuation, Encoding, FixedFraming, Form, FormatSpec};

/// UTF-8's byte-order mark.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why no record could be told from the bytes. What comes behind it cannot be told either, so that this is the
/// source's fault and not a reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// No record ends within the limit.
    #[error("no record ends within {max} bytes")]
    TooLong {
        /// The longest that a record may be, in bytes, its line end included.
        max: usize,
    },
    /// The source ends within a record of fixed length.
    #[error("{have} bytes are left at the end, a record has {want}")]
    TruncatedRecord {
        /// Bytes that are there.
        have: usize,
        /// Bytes that a record has.
        want: usize,
    },
    /// A quoted field that closes neither within the limit nor before the end.
    #[error("the quote opened at byte {opened_at} of the record does not close")]
    UnclosedQuote {
        /// Position of the opening quote, from the record's first byte.
        opened_at: usize,
    },
}

/// A framing error and the record that it befell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{error}, in the record at byte {offset}")]
pub struct FrameErrorAt {
    /// Where the record begins in the bytes that were given.
    pub offset: usize,
    /// How many whole records stand before it in those bytes.
    pub records: u64,
    /// What is wrong with it.
    pub error: FrameError,
}

/// The extent of one record, from the start of the bytes that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The record's content is `bytes[..content]`: the line end is no part of it.
    pub content: usize,
    /// The next record begins at `bytes[total..]`.
    pub total: usize,
}

/// How much of a buffer is whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// How many records.
    pub records: u64,
    /// Their length together, line ends included.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    /// By a line feed, wherever one stands.
    Line,
    /// By a line feed that is not within quotes.
    QuotedLine { separator: u8, quoting: Quoting },
    /// By a line feed behind which no line goes on with the record.
    Continued(Continuation),
    /// After so many bytes.
    Length(usize),
}

/// Finds where records end. It remembers nothing from one record to the next.
///
/// Lines end at LF or CRLF; a lone CR is data. Every line is a record, empty ones too: skipping one would make
/// a count of lines and a count of records differ. The last line may lack its end.
#[derive(Debug, Clone, Copy)]
pub struct Framer {
    ends: Ends,
    record_bytes_max: usize,
    may_have_mark: bool,
    has_header: bool,
}

impl Framer {
    /// The framing that `spec` describes.
    #[must_use]
    pub fn new(spec: &FormatSpec) -> Self {
        let fixed = |framing: FixedFraming, record_bytes: usize| match framing {
            FixedFraming::Line => Ends::Line,
            // A record of no bytes would never come to an end of them.
            FixedFraming::Length => Ends::Length(record_bytes.max(1)),
        };
        let (ends, has_header) = match &spec.form {
            Form::Delimited(form) => (
                match (form.continuation, Quoting::of(form)) {
                    (Some(continuation), _) => Ends::Continued(continuation),
                    (None, Some(quoting)) => Ends::QuotedLine { separator: form.separator, quoting },
                    (None, None) => Ends::Line,
                },
                form.header,
            ),
            Form::Fixed(form) => (fixed(form.framing, form.record_bytes), false),
            Form::Copybook(form) => (fixed(form.framing, form.record_bytes), false),
        };
        Self {
            ends,
            record_bytes_max: spec.record_bytes_max,
            may_have_mark: spec.encoding == Encoding::Utf8,
            has_header,
        }
    }

    /// The first record of `bytes`, which begin where a record does. `at_end`: no more bytes will follow.
    ///
    /// `None` means that more bytes are needed; with `at_end` it means that there are none. To tell a record that
    /// is too long from one that has not arrived yet takes one byte more than the limit.
    ///
    /// # Errors
    /// [`FrameError`]; the same one whatever blocks the bytes came in.
    pub fn next(&self, bytes: &[u8], at_end: bool) -> Result<Option<Frame>, FrameError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let max = self.record_bytes_max;
        let within = &bytes[..bytes.len().min(max)];
        let (line_feed, open_quote) = match self.ends {
            Ends::Length(want) => return self.by_length(bytes.len(), want, at_end),
            Ends::Line => (memchr(b'\n', within), None),
            Ends::Continued(continuation) => return self.continued(bytes, continuation, at_end),
            Ends::QuotedLine { separator, quoting } => quoted_line(within, separator, quoting),
        };
        if let Some(at) = line_feed {
            let content = if at > 0 && bytes[at - 1] == b'\r' { at - 1 } else { at };
            return Ok(Some(Frame { content, total: at + 1 }));
        }
        let is_past_limit = bytes.len() > max;
        match open_quote {
            Some(opened_at) if is_past_limit || at_end => Err(FrameError::UnclosedQuote { opened_at }),
            _ if is_past_limit => Err(FrameError::TooLong { max }),
            _ if at_end => Ok(Some(Frame { content: bytes.len(), total: bytes.len() })),
            _ => Ok(None),
        }
    }

    /// Where a record ends is known when the line behind it is seen. What has to be seen of that line counts towards
    /// the limit, so that the same records are too long however the bytes come in.
    fn continued(
        &self,
        bytes: &[u8],
        continuation: Continuation,
        at_end: bool,
    ) -> Result<Option<Frame>, FrameError> {
        let (prefix, max) = (continuation.prefix(), self.record_bytes_max);
        let mut from = 0;
        while let Some(found) = memchr(b'\n', &bytes[from..]) {
            let end = from + found + 1;
            if end + prefix.len() > max {
                return Err(FrameError::TooLong { max });
            }
            let behind = &bytes[end..];
            if !behind.starts_with(prefix) {
                if behind.len() < prefix.len() && prefix.starts_with(behind) && !at_end {
                    return Ok(None);
                }
                let content = if end > 1 && bytes[end - 2] == b'\r' { end - 2 } else { end - 1 };
                return Ok(Some(Frame { content, total: end }));
            }
            from = end;
        }
        if bytes.len() + prefix.len() > max {
            return Err(FrameError::TooLong { max });
        }
        Ok(at_end.then_some(Frame { content: bytes.len(), total: bytes.len() }))
    }

    fn by_length(&self, have: usize, want: usize, at_end: bool) -> Result<Option<Frame>, FrameError> {
        if want > self.record_bytes_max {
            Err(FrameError::TooLong { max: self.record_bytes_max })
        } else if have >= want {
            Ok(Some(Frame { content: want, total: want }))
        } else if at_end {
            Err(FrameError::TruncatedRecord { have, want })
        } else {
            Ok(None)
        }
    }

    /// Length of what stands before the first record: a byte-order mark and the header row. `bytes` are the
    /// source's first. Validates nothing; `None` as in [`Self::next`], but never with `at_end`.
    ///
    /// # Errors
    /// [`FrameError`] when the header row does not end.
    pub fn preamble(&self, bytes: &[u8], at_end: bool) -> Result<Option<usize>, FrameError> {
        let mark = if !self.may_have_mark {
            0
        } else if bytes.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else if BYTE_ORDER_MARK.starts_with(bytes) && !at_end {
            return Ok(None);
        } else {
            0
        };
        if !self.has_header {
            return Ok(Some(mark));
        }
        match self.next(&bytes[mark..], at_end)? {
            Some(header) => Ok(Some(mark + header.total)),
            None if at_end => Ok(Some(mark)),
            None => Ok(None),
        }
    }

    /// As many whole records as fit: no more than `records_max`, and no more than `bytes_max` bytes of them unless
    /// the very first is longer. `bytes` begin where a record does; `at_end` as in [`Self::next`].
    ///
    /// # Errors
    /// The first [`FrameError`] met before either limit, with the number of records before it.
    pub fn take(
        &self,
        bytes: &[u8],
        at_end: bool,
        records_max: u64,
        bytes_max: usize,
    ) -> Result<Taken, FrameErrorAt> {
        let mut taken = Taken::default();
        while taken.records < records_max && (taken.bytes < bytes_max || taken.records == 0) {
            let frame = self.next(&bytes[taken.bytes..], at_end).map_err(|error| FrameErrorAt {
                offset: taken.bytes,
                records: taken.records,
                error,
            })?;
            match frame {
                Some(frame) if taken.records == 0 || frame.total <= bytes_max - taken.bytes => {
                    taken.records += 1;
                    taken.bytes += frame.total;
                }
                _ => break,
            }
        }
        Ok(taken)
    }
}

/// The line feed that ends the record, or the opening quote that hides whatever follows it.
fn quoted_line(bytes: &[u8], separator: u8, quoting: Quoting) -> (Option<usize>, Option<usize>) {
    let mut at = 0;
    while let Some(found) = memchr2(b'\n', quoting.quote, &bytes[at..]) {
        let found = at + found;
        if bytes[found] == b'\n' {
            return (Some(found), None);
        }
        // A quote opens at the start of a field only; anywhere else it is data.
        if found > 0 && bytes[found - 1] != separator {
            at = found + 1;
            continue;
        }
        match quoting.closing(bytes, found + 1) {
            Some(closing) => at = closing.at + 1,
            None => return (None, Some(found)),
        }
    }
    (None, None)
}

/// The records of a chunk: each one's offset in it, and its content.
///
/// ```text
/// for record in frames(&framer, chunk) { let (offset, content) = record?; … }
/// ```
#[must_use]
pub fn frames<'a>(framer: &Framer, chunk: &'a [u8]) -> Frames<'a> {
    Frames { framer: *framer, chunk, offset: 0, records: 0 }
}

/// See [`frames`]. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    framer: Framer,
    chunk: &'a [u8],
    offset: usize,
    records: u64,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(usize, &'a [u8]), FrameErrorAt>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = &self.chunk[offset..];
        match self.framer.next(rest, true) {
            Ok(None) => None,
            Ok(Some(frame)) => {
                self.offset += frame.total;
                self.records += 1;
                Some(Ok((offset, &rest[..frame.content])))
            }
            Err(error) => {
                self.offset = self.chunk.len();
                Some(Err(FrameErrorAt { offset, records: self.records, error }))
            }
        }
    }
}

impl FusedIterator for Frames<'_> {}
