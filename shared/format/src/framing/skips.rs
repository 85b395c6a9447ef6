//! Lines between records that are none: comments, blank lines, the byte that ends a file in DOS.

use memchr::memchr;

use super::FrameError;
use crate::spec::Skips;

/// How many bytes such lines may have together, from one record to the next.
const SKIPPED_BYTES_MAX: usize = 64 << 10;

/// The byte with which DOS ends a text.
const END_OF_FILE: u8 = 0x1A;

/// What is known of the line with which bytes begin.
enum Line {
    /// It is skipped, with its end: so many bytes.
    Skipped(usize),
    /// It is a record's.
    Record,
    /// More bytes decide.
    Open,
}

impl Skips {
    /// The most bytes that have to be seen of what follows a record.
    pub(super) const fn bytes_max(&self) -> usize {
        if self.is_none() { 0 } else { SKIPPED_BYTES_MAX + 1 }
    }

    const fn is_none(&self) -> bool {
        self.comment.is_none() && !self.blank && !self.end_of_file
    }

    /// How many of `bytes`, which begin where a line does, are lines that are no records. `None`: more bytes are
    /// needed to tell; never with `at_end`.
    pub(super) fn skipped(&self, bytes: &[u8], at_end: bool) -> Result<Option<usize>, FrameError> {
        if self.is_none() {
            return Ok(Some(0));
        }
        let is_cut = bytes.len() > SKIPPED_BYTES_MAX;
        let (within, at_end) = (&bytes[..bytes.len().min(SKIPPED_BYTES_MAX)], at_end && !is_cut);
        let mut skipped = 0;
        loop {
            match self.line(&within[skipped..], at_end) {
                Line::Skipped(length) => skipped += length,
                Line::Record => return Ok(Some(skipped)),
                Line::Open if is_cut => return Err(FrameError::SkippedTooLong { max: SKIPPED_BYTES_MAX }),
                Line::Open => return Ok(None),
            }
        }
    }

    fn line(&self, bytes: &[u8], at_end: bool) -> Line {
        let (line, length) = match memchr(b'\n', bytes) {
            Some(at) => (bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]), at + 1),
            None if at_end && bytes.is_empty() => return Line::Record,
            None if at_end => (bytes, bytes.len()),
            None if self.may_become(bytes) => return Line::Open,
            None => return Line::Record,
        };
        let is_comment = self.comment.is_some_and(|prefix| line.starts_with(prefix.prefix()));
        let is_blank = self.blank && line.iter().all(|byte| *byte == b' ');
        let is_end = self.end_of_file && line == [END_OF_FILE];
        if is_comment || is_blank || is_end { Line::Skipped(length) } else { Line::Record }
    }

    /// Whether a line that begins so, and has not ended, can still be one that is skipped.
    fn may_become(&self, bytes: &[u8]) -> bool {
        let as_comment = self
            .comment
            .is_some_and(|prefix| bytes.starts_with(prefix.prefix()) || prefix.prefix().starts_with(bytes));
        let text = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let as_blank = self.blank && text.iter().all(|byte| *byte == b' ');
        let as_end = self.end_of_file && (text.is_empty() || text == [END_OF_FILE]);
        as_comment || as_blank || as_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::LinePrefix;

    #[test]
    fn which_lines_are_skipped_and_when_more_bytes_decide() {
        let all = Skips { comment: LinePrefix::new(b"--"), blank: true, end_of_file: true };
        let blank = Skips { blank: true, ..Skips::default() };
        for (skips, bytes, at_end, expected) in [
            (all, &b""[..], true, Some(0)),
            (all, b"", false, None),
            (all, b"a", false, Some(0)),
            (all, b"-", false, None),
            (all, b"-1", false, Some(0)),
            (all, b"-", true, Some(0)),
            (all, b"-- note", false, None),
            (all, b"-- note", true, Some(7)),
            (all, b"-- note\n", false, None),
            (all, b"-- note\r\n\r\n  \n\x1A\nb", false, Some(16)),
            (all, b"\n\n\x1A", true, Some(3)),
            (all, b"\n\x1A", false, None),
            (all, b"\x1Ab", false, Some(0)),
            (all, b"\t\n", true, Some(0)),
            (all, b" b", false, Some(0)),
            (all, b"\r", false, None),
            (all, b"\rb", false, Some(0)),
            (blank, b"-- note\n", true, Some(0)),
            (blank, b"\x1A", true, Some(0)),
            (Skips::default(), b"\n\n", false, Some(0)),
        ] {
            assert_eq!(
                skips.skipped(bytes, at_end),
                Ok(expected),
                "{:?} {at_end}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn more_of_them_than_can_be_held_are_an_error_however_the_bytes_come() {
        let skips = Skips { blank: true, ..Skips::default() };
        let lines = |count| vec![b'\n'; count];
        assert_eq!(skips.skipped(&lines(SKIPPED_BYTES_MAX), true), Ok(Some(SKIPPED_BYTES_MAX)));
        assert_eq!(skips.skipped(&lines(SKIPPED_BYTES_MAX), false), Ok(None));
        for at_end in [true, false] {
            let error = FrameError::SkippedTooLong { max: SKIPPED_BYTES_MAX };
            assert_eq!(skips.skipped(&lines(SKIPPED_BYTES_MAX + 1), at_end), Err(error));
        }
    }
}
