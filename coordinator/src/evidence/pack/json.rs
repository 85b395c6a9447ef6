//! The forms that JSON has in a pack: one for writing, and the same for reading, so that nothing can be slipped in
//! between.

use std::io::{BufRead, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// The value that `bytes` are, if they are what `form` makes of it. Where they are not quite, `is_strict` decides.
pub(super) fn parse<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    form: fn(&T) -> Result<Vec<u8>, PackError>,
    is_strict: bool,
) -> Result<T, String> {
    let value: T = serde_json::from_slice(bytes).map_err(|error| format!("cannot be parsed: {error}"))?;
    let again = form(&value).map_err(|error| error.to_string())?;
    if is_strict && again != bytes {
        let at = again.iter().zip(bytes).take_while(|(one, other)| one == other).count();
        return Err(format!("differs from what crossfoot writes, starting at byte {at}"));
    }
    Ok(value)
}

/// Hands each line to `take`, to the end or to the first that is not in the form that crossfoot writes. Returns how
/// many there were, or in words which is not.
pub(super) fn lines<T: DeserializeOwned + Serialize>(
    input: &mut dyn BufRead,
    mut take: impl FnMut(T),
) -> std::io::Result<Result<u64, String>> {
    let (mut number, mut text) = (0, Vec::new());
    loop {
        text.clear();
        if input.take(LINE_MAX).read_until(b'\n', &mut text)? == 0 {
            return Ok(Ok(number));
        }
        number += 1;
        match parse(&text, line, true) {
            Ok(value) => take(value),
            Err(why) => return Ok(Err(format!("line {number} {why}"))),
        }
    }
}
