//! What precedes the first record.

use memchr::memchr;

use super::{BYTE_ORDER_MARK, FrameError, Framer};
use crate::spec::Outside;

/// How many lines may precede the header row or the first record.
pub const LEAD_LINES_MAX: usize = 1000;

/// How many bytes those lines may have together: 1 MiB, as a file header may.
const LEAD_BYTES_MAX: usize = 1 << 20;

impl Framer {
    /// Length of what precedes the first record: a byte-order mark, the bytes that the job says are a file header,
    /// lines that are no records, the header row. `bytes` are the source's first. Validates nothing; `None` as in
    /// [`Self::next`], but never with `at_end`.
    ///
    /// # Errors
    /// [`FrameError`] when the header row does not end, or the source is shorter than its header and footer.
    pub fn preamble(&self, bytes: &[u8], at_end: bool) -> Result<Option<usize>, FrameError> {
        let Outside { header_bytes, footer_bytes } = self.outside;
        if header_bytes + footer_bytes > 0 {
            let (have, want) = (bytes.len(), header_bytes + footer_bytes);
            return match have >= want {
                true => Ok(Some(header_bytes)),
                false if at_end => Err(FrameError::TooShort { have, want }),
                false => Ok(None),
            };
        }
        let mark = if !self.may_have_mark {
            0
        } else if bytes.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else if BYTE_ORDER_MARK.starts_with(bytes) && !at_end {
            return Ok(None);
        } else {
            0
        };
        let Some(lead) = self.lead(&bytes[mark..], at_end)? else { return Ok(None) };
        let Some(skipped) = self.skips.skipped(&bytes[mark + lead..], at_end)? else { return Ok(None) };
        let before = mark + lead + skipped;
        if !self.has_header {
            return Ok(Some(before));
        }
        match self.next(&bytes[before..], at_end)? {
            Some(header) => Ok(Some(before + header.total)),
            None if at_end => Ok(Some(before)),
            None => Ok(None),
        }
    }

    /// The header row within a preamble: without the lines before and after it that are none, and without its end.
    pub(crate) fn header_row<'a>(&self, preamble: &'a [u8]) -> &'a [u8] {
        let text = match self.may_have_mark {
            true => preamble.strip_prefix(BYTE_ORDER_MARK).unwrap_or(preamble),
            false => preamble,
        };
        // What is a preamble was found by the same steps, so that none of them fails here.
        let lead = self.lead(text, true).ok().flatten().unwrap_or(text.len());
        let text = &text[lead..];
        let text = &text[self.skips.skipped(text, true).ok().flatten().unwrap_or(text.len())..];
        match self.record(&mut 0, text, true) {
            Ok(Some(row)) => &text[row.start..row.end],
            Ok(None) => &[],
            // A quote that does not close: told where the row is taken apart.
            Err(_) => text.strip_suffix(b"\n").unwrap_or(text),
        }
    }

    /// The most bytes that lines before the header row may have; none where there are no such lines.
    #[must_use]
    pub const fn lead_bytes_max(&self) -> usize {
        let lead = if self.lead_lines == 0 { 0 } else { LEAD_BYTES_MAX };
        lead + self.skips.bytes_max()
    }

    /// Length of the lines that precede the header row or the first record.
    fn lead(&self, bytes: &[u8], at_end: bool) -> Result<Option<usize>, FrameError> {
        let within = &bytes[..bytes.len().min(LEAD_BYTES_MAX)];
        let mut lead = 0;
        for _ in 0..self.lead_lines {
            match memchr(b'\n', &within[lead..]) {
                Some(found) => lead += found + 1,
                None if bytes.len() > LEAD_BYTES_MAX => {
                    return Err(FrameError::LeadTooLong { max: LEAD_BYTES_MAX });
                }
                None if at_end => return Err(FrameError::TooFewLines { want: self.lead_lines }),
                None => return Ok(None),
            }
        }
        Ok(Some(lead))
    }
}
