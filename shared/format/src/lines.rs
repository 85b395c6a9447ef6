//! From a record's lines to the text that its fields are cut from: terminators off, continuations joined, short
//! lines filled up.

use memchr::{memchr, memchr_iter};

use super::spec::{Form, LinePrefix};

/// On how many lines a record is; `content` is what framing gave.
#[must_use]
pub fn lines(content: &[u8]) -> u64 {
    1 + memchr_iter(b'\n', content).count() as u64
}

/// What has to be done to a record before its fields are cut.
#[derive(Debug, Clone)]
pub(super) enum Lines {
    /// Nothing: the fields are cut from the record as it is.
    AsTheyAre,
    /// Blanks fill it up to this many bytes.
    Padded(usize),
    /// Terminators are taken off, and the lines joined.
    Joined { separator: u8, terminator: Option<u8>, continuation: Option<LinePrefix> },
}

/// Where a record's text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whole {
    /// It is this many bytes at the record's start.
    Start(usize),
    /// It had to be rewritten.
    Rewritten,
}

/// Bytes of a record that are not of its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// Terminators, what continuation lines begin with, carriage returns. The line feeds between lines became bytes of
    /// the text.
    pub(super) framing: usize,
    /// Blanks after terminators.
    pub(super) blanks: usize,
}

impl Around {
    /// Adds what of a line comes after `end`, where its text ends: a terminator, then blanks.
    const fn after(&mut self, line: &[u8], end: Option<usize>) {
        if let Some(end) = end {
            self.framing += 1;
            self.blanks += line.len() - end - 1;
        }
    }
}

impl Lines {
    pub(super) fn of(form: &Form) -> Self {
        match form {
            Form::Fixed(fixed) if fixed.pads => Self::Padded(fixed.record_bytes),
            Form::Delimited(form) if form.terminator.is_some() || form.continuation.is_some() => {
                Self::Joined {
                    separator: form.separator,
                    terminator: form.terminator,
                    continuation: form.continuation,
                }
            }
            _ => Self::AsTheyAre,
        }
    }

    /// The record's text, which is put into `out` where it is not a part of the record as it stands; and what is around
    /// it.
    ///
    /// Lines are joined by the separator: where a line ends its last field ends, and the next begins. A line that
    /// lacks the terminator ended within a field: the line feed is then a part of that field's text.
    pub(super) fn whole(&self, record: &[u8], out: &mut Vec<u8>) -> (Whole, Around) {
        let mut around = Around::default();
        let whole = match self {
            Self::Padded(want) if record.len() < *want => {
                out.clear();
                out.extend_from_slice(record);
                out.resize(*want, b' ');
                Whole::Rewritten
            }
            Self::AsTheyAre | Self::Padded(_) => Whole::Start(record.len()),
            Self::Joined { separator, terminator, continuation } => {
                let Some(continuation) = continuation.filter(|_| memchr(b'\n', record).is_some()) else {
                    let end = ended(record, *terminator);
                    around.after(record, end);
                    return (Whole::Start(end.unwrap_or(record.len())), around);
                };
                out.clear();
                let mut joint = None;
                for (at, line) in record.split(|byte| *byte == b'\n').enumerate() {
                    let line = match line.strip_suffix(b"\r") {
                        Some(rest) => {
                            around.framing += 1;
                            rest
                        }
                        None => line,
                    };
                    let line = match line.strip_prefix(continuation.prefix()) {
                        Some(rest) if at > 0 => {
                            around.framing += continuation.prefix().len();
                            rest
                        }
                        _ => line,
                    };
                    out.extend(joint);
                    let end = ended(line, *terminator);
                    around.after(line, end);
                    out.extend_from_slice(&line[..end.unwrap_or(line.len())]);
                    joint = Some(if end.is_some() || terminator.is_none() { *separator } else { b'\n' });
                }
                Whole::Rewritten
            }
        };
        (whole, around)
    }
}

/// The line's length without its terminator and the blanks after it; `None` when it has none.
fn ended(line: &[u8], terminator: Option<u8>) -> Option<usize> {
    let last = line.iter().rposition(|byte| *byte != b' ')?;
    (Some(line[last]) == terminator).then_some(last)
}
