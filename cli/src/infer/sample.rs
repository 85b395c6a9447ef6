//! Decodes the sample's bytes as text, or says why it cannot.

use std::borrow::Cow;

use super::InferError;

/// The encoding of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Latin1,
    /// Bytes that are control characters in Latin-1 are letters and signs in it.
    Windows1252,
}

/// The first bytes of files that are not plain text, and what to do with them.
const FOREIGN: [(&[u8], &str); 7] = [
    (b"\x1f\x8b", "is compressed with gzip; decompress it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it first"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet; export it as delimited text"),
    (b"PAR1", "is a Parquet file; export it as delimited text"),
    (b"%PDF", "is a PDF document; export it as delimited text"),
    (b"\xff\xfe", "is UTF-16 text; convert it to UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; convert it to UTF-8"),
];

/// The number of bytes per allowed control character other than tabs and line ends.
const BYTES_PER_CONTROL_MIN: usize = 100;

pub(super) fn text(sample: &[u8], whole_file: bool) -> Result<(Cow<'_, str>, Encoding), InferError> {
    if let Some((_, what)) = FOREIGN.iter().find(|(start, _)| sample.starts_with(start)) {
        return Err(InferError::Foreign(what));
    }
    let bytes = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(InferError::Empty);
    }
    let is_control = |byte: &&u8| byte.is_ascii_control() && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let controls = bytes.iter().filter(is_control).count();
    if bytes.contains(&0) || controls * BYTES_PER_CONTROL_MIN > bytes.len() {
        return Err(InferError::NotText { controls, bytes: bytes.len() });
    }
    if !bytes.contains(&b'\n') && bytes.iter().filter(|byte| **byte == b'\r').count() > 1 {
        return Err(InferError::CrOnly);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((Cow::Borrowed(text), Encoding::Utf8)),
        // The sample ends within a character; the text before it is valid.
        Err(error) if !whole_file && error.error_len().is_none() => {
            let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            Ok((Cow::Borrowed(text), Encoding::Utf8))
        }
        Err(_) if sample.iter().any(|byte| (0x80..0xA0).contains(byte)) => {
            let text = encoding_rs::WINDOWS_1252.decode_without_bom_handling(sample).0;
            Ok((Cow::Owned(text.into_owned()), Encoding::Windows1252))
        }
        Err(_) => {
            let text = sample.iter().map(|byte| char::from(*byte)).collect();
            Ok((Cow::Owned(text), Encoding::Latin1))
        }
    }
}
