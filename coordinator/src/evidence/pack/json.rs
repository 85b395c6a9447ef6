//! The forms that JSON has in a pack: one for writing, and the same for reading, so that nothing can be slipped in
//! between.

use std::io::{BufRead, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::error::PackError;

/// No line of a pack is longer: a reject and its reasons lie far below.
const LINE_MAX: u64 = 64 << 20;

/// Indented, with a line end.
pub(super) fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| PackError::Unmade(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

/// On one line, without a line end.
pub(super) fn compact<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    serde_json::to_vec(value).map_err(|error| PackError::Unmade(error.to_string()))
}

/// On one line, with a line end.
pub(super) fn line<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    let mut text = compact(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Why bytes are not a value in its form.
#[derive(Debug, Error)]
pub(super) enum NotInForm {
    /// They spell no such value.
    #[error("cannot be parsed: {0}")]
    Unparsed(serde_json::Error),
    /// Its form cannot be made.
    #[error("{0}")]
    Unmade(PackError),
    /// They spell it in another way.
    #[error("differs from what crossfoot writes, starting at byte {at}")]
    Differs {
        /// The first byte that differs.
        at: usize,
    },
}

/// A line that is not in the form that crossfoot writes.
#[derive(Debug, Error)]
#[error("line {number} {error}")]
pub(super) struct BadLine {
    number: u64,
    error: NotInForm,
}

/// The value that `bytes` are, if they are what `form` makes of it. Where they are not quite, `is_strict` decides.
pub(super) fn parse<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    form: fn(&T) -> Result<Vec<u8>, PackError>,
    is_strict: bool,
) -> Result<T, NotInForm> {
    let value: T = serde_json::from_slice(bytes).map_err(NotInForm::Unparsed)?;
    let again = form(&value).map_err(NotInForm::Unmade)?;
    if is_strict && again != bytes {
        let at = again.iter().zip(bytes).take_while(|(one, other)| one == other).count();
        return Err(NotInForm::Differs { at });
    }
    Ok(value)
}

/// Hands each line to `take`, to the end or to the first that is not in the form that crossfoot writes. Returns how
/// many there were, or which is not.
pub(super) fn lines<T: DeserializeOwned + Serialize>(
    input: &mut dyn BufRead,
    mut take: impl FnMut(T),
) -> std::io::Result<Result<u64, BadLine>> {
    let (mut number, mut text) = (0, Vec::new());
    loop {
        text.clear();
        if input.take(LINE_MAX).read_until(b'\n', &mut text)? == 0 {
            return Ok(Ok(number));
        }
        number += 1;
        match parse(&text, line, true) {
            Ok(value) => take(value),
            Err(error) => return Ok(Err(BadLine { number, error })),
        }
    }
}
