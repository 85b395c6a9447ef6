//! Which bytes of a delimited record are which field.

use memchr::{memchr, memchr_iter};

use super::escaping::Escaping;
use super::quoting::Quoting;
use super::spec::Delimited;

/// Where a field's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the record, byte for byte.
    Record,
    /// In the decoder's scratch: they had to be rewritten.
    Scratch,
}

/// What is known of a field's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Text that may be padded, and may stand for NULL.
    Plain,
    /// Text from between quotes, which never stands for NULL.
    Quoted,
    /// Text after the closing quote: its meaning is unclear.
    Misquoted,
    /// Text with an escape that stands for nothing known.
    Misescaped,
    /// Bytes that are no text in the source's encoding.
    Undecodable,
    /// Text with a C1 control character, which says that it is of another encoding.
    Control,
    /// Bytes, to be taken as they are.
    Raw,
    /// Nothing was written: the field is missing from the record, or is computed.
    Absent,
}

/// One field's bytes: positions rather than slices, so that the list can be kept from record to record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) place: Place,
    pub(super) state: State,
    /// How many bytes of the source it stands for, wherever it is now.
    pub(super) source_bytes: usize,
}

impl Piece {
    pub(super) const fn of_record(start: usize, end: usize, state: State) -> Self {
        Self { start, end, place: Place::Record, state, source_bytes: end - start }
    }

    pub(super) fn bytes<'a>(&self, record: &'a [u8], scratch: &'a [u8]) -> &'a [u8] {
        match self.place {
            Place::Record => &record[self.start..self.end],
            Place::Scratch => &scratch[self.start..self.end],
        }
    }
}

/// Why a record has no fields to speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SplitError {
    /// A quote, opened at this position, that does not close.
    Unclosed(usize),
    /// The separator that ends every record is missing.
    TrailingSeparator,
}

/// Cuts records at their separators.
#[derive(Debug, Clone)]
pub(super) struct Splitter {
    separator: u8,
    quoting: Option<Quoting>,
    escaping: Option<Escaping>,
    /// What stands for NULL, escapes and all.
    null: Vec<u8>,
    trailing_separator: bool,
}

impl Splitter {
    pub(super) fn new(form: &Delimited) -> Self {
        Self {
            separator: form.separator,
            quoting: Quoting::of(form),
            escaping: Escaping::of(form),
            null: form.null.as_bytes().to_vec(),
            trailing_separator: form.trailing_separator,
        }
    }

    /// Puts the record's fields into `pieces`; those that hold escapes are rewritten to the end of `scratch`. Returns
    /// how many bytes were separators and quotes.
    pub(super) fn split(
        &self,
        record: &[u8],
        scratch: &mut Vec<u8>,
        pieces: &mut Vec<Piece>,
    ) -> Result<usize, SplitError> {
        if let Some(escaping) = self.escaping.filter(|escaping| escaping.is_in(record)) {
            return self.split_escaped(record, escaping, scratch, pieces);
        }
        let record = match record.split_last() {
            Some((last, rest)) if self.trailing_separator && *last == self.separator => rest,
            _ if self.trailing_separator => return Err(SplitError::TrailingSeparator),
            _ => record,
        };
        let mut framing = usize::from(self.trailing_separator);
        match self.quoting {
            Some(quoting) if memchr(quoting.quote, record).is_some() => {
                framing += self.split_quoted(record, quoting, scratch, pieces)?;
            }
            _ => {
                let mut start = 0;
                for end in memchr_iter(self.separator, record) {
                    pieces.push(Piece::of_record(start, end, State::Plain));
                    framing += 1;
                    start = end + 1;
                }
                pieces.push(Piece::of_record(start, record.len(), State::Plain));
            }
        }
        Ok(framing)
    }

    fn split_escaped(
        &self,
        record: &[u8],
        escaping: Escaping,
        scratch: &mut Vec<u8>,
        pieces: &mut Vec<Piece>,
    ) -> Result<usize, SplitError> {
        let (mut start, mut framing) = (0, 0);
        loop {
            let end = escaping.field_end(record, start);
            let (field, place) = (&record[start..end.unwrap_or(record.len())], scratch.len());
            let piece = if field == self.null || !escaping.is_in(field) {
                Piece::of_record(start, start + field.len(), State::Plain)
            } else if escaping.unescape(field, scratch) {
                // Text that was escaped never stands for NULL.
                Piece {
                    start: place,
                    end: scratch.len(),
                    place: Place::Scratch,
                    state: State::Quoted,
                    source_bytes: field.len(),
                }
            } else {
                scratch.truncate(place);
                Piece::of_record(start, start + field.len(), State::Misescaped)
            };
            match end {
                Some(end) => {
                    pieces.push(piece);
                    framing += 1;
                    start = end + 1;
                }
                // After the separator that ends every record, nothing follows.
                None if self.trailing_separator && field.is_empty() && start > 0 => return Ok(framing),
                None if self.trailing_separator => return Err(SplitError::TrailingSeparator),
                None => {
                    pieces.push(piece);
                    return Ok(framing);
                }
            }
        }
    }

    fn split_quoted(
        &self,
        record: &[u8],
        quoting: Quoting,
        scratch: &mut Vec<u8>,
        pieces: &mut Vec<Piece>,
    ) -> Result<usize, SplitError> {
        let (mut start, mut framing) = (0, 0);
        loop {
            let (piece, behind) = if record.get(start) == Some(&quoting.quote) {
                let closing = quoting.closing(record, start + 1).ok_or(SplitError::Unclosed(start))?;
                let content = Piece::of_record(start + 1, closing.at, State::Quoted);
                (
                    if closing.escaped { rewritten(content, record, quoting, scratch) } else { content },
                    closing.at + 1,
                )
            } else {
                (Piece::of_record(start, start, State::Plain), start)
            };
            let end = memchr(self.separator, &record[behind..]).map_or(record.len(), |found| behind + found);
            pieces.push(match piece.state {
                State::Quoted if end == behind => {
                    // The quote before it and the one after it.
                    framing += 2;
                    piece
                }
                State::Quoted => Piece::of_record(start, end, State::Misquoted),
                _ => Piece::of_record(start, end, State::Plain),
            });
            if end == record.len() {
                return Ok(framing);
            }
            framing += 1;
            start = end + 1;
        }
    }
}

fn rewritten(content: Piece, record: &[u8], quoting: Quoting, scratch: &mut Vec<u8>) -> Piece {
    let start = scratch.len();
    quoting.unescape(&record[content.start..content.end], scratch);
    Piece { start, end: scratch.len(), place: Place::Scratch, ..content }
}
