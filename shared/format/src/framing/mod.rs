//! Where records end. The splitter asks with a growing buffer, a processor with a chunk of whole records.

mod error;
mod iterate;
mod preamble;
mod prefix;
mod skips;

use std::sync::Arc;

use memchr::{memchr, memchr2};

use super::escaping::Escaping;
use super::layouts::Layouts;
use super::quoting::Quoting;
use super::spec::{
    Encoding, FixedFraming, Form, FormatSpec, LengthField, LinePrefix, Outside, Prefix, Skips,
};

pub use error::{FrameError, FrameErrorAt, UnframeableError};
pub use iterate::{Frames, frames};

/// The byte-order mark in UTF-8, which may precede the first record.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The extent of one record, from the start of the bytes that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The record's content is `bytes[start..end]`: neither a length before it nor the line end is part of it.
    pub start: usize,
    /// Where the content ends: the place after its last byte.
    pub end: usize,
    /// The next record begins at `bytes[total..]`.
    pub total: usize,
}

impl Frame {
    /// How many of its bytes are framing: a length or a block's before the content, a line end after it.
    #[must_use]
    pub const fn framing(&self) -> usize {
        self.start + (self.total - self.end)
    }
}

/// How much of a buffer is whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// How many records are whole.
    pub records: u64,
    /// Their length together, framing included.
    pub bytes: usize,
}

#[derive(Debug, Clone)]
enum Ends {
    /// By this byte, wherever it is, and the carriage return before it if that is dropped.
    Line { end: u8, drops_return: bool },
    /// By a line feed that is not within quotes.
    QuotedLine { separator: u8, quoting: Quoting },
    /// By a line feed that is not escaped.
    EscapedLine(Escaping),
    /// By a line feed after which no line continues the record.
    Continued(LinePrefix),
    /// After this many bytes.
    Length(usize),
    /// Where the length before it says.
    Prefix(Prefix),
    /// Likewise, in blocks that have their own lengths.
    Blocks(Prefix),
    /// Where one of its fields says.
    Field(LengthField),
    /// Where its layout says.
    Layout(Arc<Layouts>),
}

/// Lines that end at LF or CRLF.
const LINE: Ends = Ends::Line { end: b'\n', drops_return: true };

pub use preamble::LEAD_LINES_MAX;

/// A block is never divided among chunks: it has no more records than a chunk may have.
const BLOCK_RECORDS_MAX: u64 = domain::limits::CHUNK_RECORDS_MAX;

/// Finds where records end. It remembers nothing from one record to the next; where records lie in blocks, the caller
/// keeps how much of the block is left.
///
/// Blocks (VB as it comes off a tape or through FTP with its descriptors) are kept whole: [`Framer::take`] ends only
/// where a block does, so that a chunk can be framed by itself. A block's descriptor belongs to its first record.
///
/// Lines end at LF or CRLF; a lone CR is data. Every line is a record, empty ones too: skipping one would make
/// a count of lines and a count of records differ. Only lines that the job says are none ([`Skips`]) are skipped: they
/// belong to the framing of the record before them, so that a chunk of whole records still has all bytes. The last line
/// may lack its end.
#[derive(Debug, Clone)]
pub struct Framer {
    ends: Ends,
    record_bytes_max: usize,
    may_have_mark: bool,
    has_header: bool,
    lead_lines: usize,
    skips: Skips,
    outside: Outside,
}

impl Framer {
    /// The framing that `spec` describes.
    #[must_use]
    pub fn new(spec: &FormatSpec) -> Self {
        let (lead_lines, skips) = match &spec.form {
            Form::Delimited(form) => (form.lead_lines, form.skips),
            _ => (0, Skips::default()),
        };
        let (ends, has_header) = match &spec.form {
            Form::Delimited(form) => (
                match (form.continuation, Quoting::of(form)) {
                    (Some(continuation), _) => Ends::Continued(continuation),
                    (None, Some(quoting)) => Ends::QuotedLine { separator: form.separator, quoting },
                    (None, None) => Escaping::of(form).map_or(LINE, Ends::EscapedLine),
                },
                form.header,
            ),
            Form::Fixed(form) => (Ends::of(form.framing, form.record_bytes), false),
            Form::Copybook(form) => (
                match (form.framing, &form.layouts) {
                    (FixedFraming::Layout, Some(layouts)) => Ends::Layout(Arc::clone(layouts)),
                    _ => Ends::of(form.framing, form.record_bytes),
                },
                false,
            ),
        };
        Self {
            record_bytes_max: spec.record_bytes_max,
            may_have_mark: spec.encoding == Encoding::Utf8 && !ends.is_binary(),
            ends,
            has_header,
            lead_lines,
            skips,
            outside: spec.outside,
        }
    }

    /// How many bytes are needed to take at least one record, or one block of them.
    #[must_use]
    pub fn unit_bytes_max(&self) -> usize {
        match &self.ends {
            Ends::Blocks(_) => self.record_bytes_max.max(prefix::BLOCK_BYTES_MAX),
            // A length is read before it can be told to be more than the limit.
            Ends::Prefix(prefix) => self.record_bytes_max.max(prefix.width()),
            Ends::Field(field) => self.record_bytes_max.max(field.start + field.width),
            _ => self.record_bytes_max + self.skips.bytes_max(),
        }
    }

    /// The first record of `bytes`, which begin where a record does, or where a block of them does. `at_end`: no more
    /// bytes will follow.
    ///
    /// `None` means that more bytes are needed; with `at_end` it means that there are none. To tell a record that
    /// is too long from one that has not arrived yet takes one byte more than the limit.
    ///
    /// # Errors
    /// [`FrameError`]; the same one whatever blocks the bytes came in.
    pub fn next(&self, bytes: &[u8], at_end: bool) -> Result<Option<Frame>, FrameError> {
        self.next_within(&mut 0, bytes, at_end)
    }

    /// As [`Self::next`], when `block_left` bytes are left of the block in which `bytes` begin: none where they begin
    /// with a block, and always none where there are no blocks. It is brought up to date.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_within(
        &self,
        block_left: &mut usize,
        bytes: &[u8],
        at_end: bool,
    ) -> Result<Option<Frame>, FrameError> {
        let Some(mut frame) = self.record(block_left, bytes, at_end)? else { return Ok(None) };
        let Some(skipped) = self.skips.skipped(&bytes[frame.total..], at_end)? else { return Ok(None) };
        frame.total += skipped;
        Ok(Some(frame))
    }

    /// The first record, without the lines after it that are none.
    pub(super) fn record(
        &self,
        block_left: &mut usize,
        bytes: &[u8],
        at_end: bool,
    ) -> Result<Option<Frame>, FrameError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let max = self.record_bytes_max;
        let within = &bytes[..bytes.len().min(max)];
        let frame = |start, told: Option<usize>| Ok(told.map(|end| Frame { start, end, total: end }));
        let (line_end, drops_return, open_quote) = match &self.ends {
            Ends::Layout(layouts) => return frame(0, layouts.record(bytes, at_end)?),
            Ends::Length(want) => return self.by_length(bytes.len(), *want, at_end),
            Ends::Prefix(prefix) => return frame(prefix.width(), prefix.record(bytes, at_end, max)?),
            Ends::Field(field) => return frame(0, field.record(bytes, at_end, max)?),
            Ends::Blocks(prefix) => return self.in_block(*prefix, block_left, bytes, at_end),
            Ends::Continued(continuation) => return self.continued(bytes, *continuation, at_end),
            Ends::Line { end, drops_return } => (memchr(*end, within), *drops_return, None),
            Ends::EscapedLine(escaping) => (escaping.line_end(within), true, None),
            Ends::QuotedLine { separator, quoting } => {
                let (line_feed, open_quote) = quoted_line(within, *separator, *quoting);
                (line_feed, true, open_quote)
            }
        };
        if let Some(at) = line_end {
            let end = if drops_return && at > 0 && bytes[at - 1] == b'\r' { at - 1 } else { at };
            return Ok(Some(Frame { start: 0, end, total: at + 1 }));
        }
        let is_past_limit = bytes.len() > max;
        match open_quote {
            Some(opened_at) if is_past_limit || at_end => Err(FrameError::UnclosedQuote { opened_at }),
            _ if is_past_limit => Err(FrameError::TooLong { max }),
            _ if at_end => frame(0, Some(bytes.len())),
            _ => Ok(None),
        }
    }

    fn in_block(
        &self,
        prefix: Prefix,
        block_left: &mut usize,
        bytes: &[u8],
        at_end: bool,
    ) -> Result<Option<Frame>, FrameError> {
        let (begin, inside) = match *block_left {
            0 => match prefix.block(bytes, at_end, self.record_bytes_max)? {
                Some(block) => (prefix.width(), block - prefix.width()),
                None => return Ok(None),
            },
            left => (0, left),
        };
        let Some(rest) = bytes.get(begin..begin + inside) else {
            let (length, have) = (begin + inside, bytes.len());
            return if at_end { Err(FrameError::PastEnd { length, have }) } else { Ok(None) };
        };
        let told = prefix.record(rest, true, self.record_bytes_max).map_err(|error| match error {
            FrameError::PastEnd { length, have } => FrameError::PastBlock { length, have },
            other => other,
        })?;
        let Some(length) = told else { return Ok(None) };
        *block_left = inside - length;
        Ok(Some(Frame { start: begin + prefix.width(), end: begin + length, total: begin + length }))
    }

    /// Appends a record with this content as the source would have it. A line ends with the line end (LF, where
    /// CRLF would do as well); each record of a blocked source is a block by itself.
    ///
    /// # Errors
    /// [`UnframeableError`] when the framing cannot hold it.
    pub fn write(&self, content: &[u8], out: &mut Vec<u8>) -> Result<(), UnframeableError> {
        match self.ends {
            Ends::Prefix(prefix) => prefix.write(content.len(), out)?,
            Ends::Blocks(prefix) => {
                let before = out.len();
                let block = content.len() + prefix.width();
                prefix
                    .write(block, out)
                    .and_then(|()| prefix.write(content.len(), out))
                    .inspect_err(|_| out.truncate(before))?;
            }
            _ => {}
        }
        out.extend_from_slice(content);
        match self.ends {
            Ends::Line { end, .. } => out.push(end),
            Ends::QuotedLine { .. } | Ends::Continued(_) => out.push(b'\n'),
            _ => {}
        }
        Ok(())
    }

    /// Where a record ends is known when the line after it is seen. What has to be seen of that line counts towards
    /// the limit, so that the same records are too long however the bytes come in.
    fn continued(
        &self,
        bytes: &[u8],
        continuation: LinePrefix,
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
                return Ok(Some(Frame { start: 0, end: content, total: end }));
            }
            from = end;
        }
        if bytes.len() + prefix.len() > max {
            return Err(FrameError::TooLong { max });
        }
        Ok(at_end.then_some(Frame { start: 0, end: bytes.len(), total: bytes.len() }))
    }

    fn by_length(&self, have: usize, want: usize, at_end: bool) -> Result<Option<Frame>, FrameError> {
        if want > self.record_bytes_max {
            Err(FrameError::TooLong { max: self.record_bytes_max })
        } else if have >= want {
            Ok(Some(Frame { start: 0, end: want, total: want }))
        } else if at_end {
            Err(FrameError::TruncatedRecord { have, want })
        } else {
            Ok(None)
        }
    }

    /// As many whole records as fit: no more than `records_max`, and no more than `bytes_max` bytes of them unless
    /// the very first is longer. Where records lie in blocks, whole blocks in the place of whole records. `bytes` begin
    /// where a record does; `at_end` as in [`Self::next`].
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
            let unit = self.unit(&bytes[taken.bytes..], at_end).map_err(|at| FrameErrorAt {
                offset: taken.bytes + at.offset,
                records: taken.records + at.records,
                error: at.error,
            })?;
            let fits = unit.bytes <= bytes_max.saturating_sub(taken.bytes)
                && unit.records <= records_max - taken.records;
            if unit.records == 0 || (taken.records > 0 && !fits) {
                break;
            }
            taken.records += unit.records;
            taken.bytes += unit.bytes;
        }
        Ok(taken)
    }

    /// The first record, or the first block of them; nothing when more bytes are needed.
    fn unit(&self, bytes: &[u8], at_end: bool) -> Result<Taken, FrameErrorAt> {
        let (mut unit, mut block_left) = (Taken::default(), 0);
        loop {
            let at = |error| FrameErrorAt { offset: unit.bytes, records: unit.records, error };
            let frame = self.next_within(&mut block_left, &bytes[unit.bytes..], at_end).map_err(at)?;
            // A block is at hand from its first record on.
            let Some(frame) = frame else { return Ok(unit) };
            if unit.records == BLOCK_RECORDS_MAX {
                return Err(at(FrameError::BlockOfTooMany { max: BLOCK_RECORDS_MAX }));
            }
            unit.records += 1;
            unit.bytes += frame.total;
            if block_left == 0 {
                return Ok(unit);
            }
        }
    }
}

impl Ends {
    fn of(framing: FixedFraming, record_bytes: usize) -> Self {
        match framing {
            FixedFraming::Line => LINE,
            FixedFraming::LineEnd { end, drops_return } => Self::Line { end, drops_return },
            // A record of no bytes would never come to an end of them.
            // A job that frames by layout says how its types are laid out; without that there is one length.
            FixedFraming::Length | FixedFraming::Layout => Self::Length(record_bytes.max(1)),
            FixedFraming::Prefix(prefix) => Self::Prefix(prefix),
            FixedFraming::Blocks(prefix) => Self::Blocks(prefix),
            FixedFraming::Field(field) => Self::Field(field),
        }
    }

    /// Whether the source begins with a length, in which a byte-order mark would be a number.
    const fn is_binary(&self) -> bool {
        matches!(self, Self::Prefix(_) | Self::Blocks(_) | Self::Field(_) | Self::Layout(_))
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
