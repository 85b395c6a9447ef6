//! The header row: what the source calls its columns.

use thiserror::Error;

use super::delimited::{Piece, SplitError, Splitter, State};
use super::encoding::Charset;
use super::framing::Framer;
use super::spec::{Encoding, Form, FormatSpec};

/// Why the header row names no columns.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The source ends before it.
    #[error("the source has no header row")]
    Missing,
    /// Its quotes are at fault.
    #[error("the header row has unbalanced quotes at column {column}")]
    Quoting {
        /// The column, from 1.
        column: usize,
    },
    /// A name is not text in the source's encoding.
    #[error("the header row is not text in the source's encoding, at column {column}")]
    Encoding {
        /// The column, from 1.
        column: usize,
    },
    /// It does not end with the separator that all rows end with.
    #[error("the header row does not end with the separator")]
    TrailingSeparator,
}

/// The names in the header row, as written. `preamble` is what [`super::Framer::preamble`] measured. No names when the
/// form has no header row.
///
/// # Errors
/// [`HeaderError`].
pub fn header_names(spec: &FormatSpec, preamble: &[u8]) -> Result<Vec<String>, HeaderError> {
    let Form::Delimited(form) = &spec.form else { return Ok(Vec::new()) };
    if !form.header {
        return Ok(Vec::new());
    }
    let row = Framer::new(spec).header_row(preamble);
    if row.is_empty() {
        return Err(HeaderError::Missing);
    }
    let (mut scratch, mut pieces) = (Vec::new(), Vec::new());
    Splitter::new(form).split(row, &mut scratch, &mut pieces).map_err(|error| match error {
        SplitError::Unclosed(_) => HeaderError::Quoting { column: pieces.len() + 1 },
        SplitError::TrailingSeparator => HeaderError::TrailingSeparator,
    })?;
    let name = |(at, piece): (usize, &Piece)| {
        let column = at + 1;
        if piece.state == State::Misquoted {
            return Err(HeaderError::Quoting { column });
        }
        let bytes = piece.bytes(row, &scratch);
        match spec.encoding {
            Encoding::Utf8 => String::from_utf8(bytes.to_vec()),
            encoding @ (Encoding::Latin1 { .. } | Encoding::Foreign { .. }) => {
                let mut out = Vec::new();
                let decoded = Charset::of(encoding).map_or(Ok(()), |charset| charset.append(bytes, &mut out));
                decoded.map_err(|_| HeaderError::Encoding { column })?;
                String::from_utf8(out)
            }
            Encoding::Page(page) => {
                let mut out = Vec::new();
                page.decode_into(bytes, &mut out).map_err(|_| HeaderError::Encoding { column })?;
                String::from_utf8(out)
            }
        }
        .map_err(|_| HeaderError::Encoding { column })
    };
    pieces.iter().enumerate().map(name).collect()
}
