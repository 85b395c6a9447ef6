//! Encodings of text other than UTF-8 and EBCDIC: from a field's bytes to UTF-8.

use super::spec::Encoding;
use super::text::latin1_to_utf8;

/// An encoding whose text is rewritten field by field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charset {
    /// `None`: ISO 8859-1, in which each byte is the character of that number.
    encoding: Option<&'static encoding_rs::Encoding>,
    keeps_controls: bool,
}

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoText {
    /// They are not valid in the encoding.
    Undecodable,
    /// They encode a C1 control character (U+0080 to U+009F), which no text has: in truth, the file is of an encoding
    /// that has a letter or sign there.
    Control,
}

impl Charset {
    /// `None` where bytes stand as they are, or a code page is asked.
    pub(super) const fn of(encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::Utf8 | Encoding::Page(_) => None,
            Encoding::Latin1 { keeps_controls } => Some(Self { encoding: None, keeps_controls }),
            Encoding::Foreign { encoding, keeps_controls } => {
                Some(Self { encoding: Some(encoding), keeps_controls })
            }
        }
    }

    /// Appends the text in UTF-8; in error, leaves `out` as it was.
    pub(super) fn append(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NoText> {
        let start = out.len();
        match self.encoding {
            None => latin1_to_utf8(bytes, out),
            Some(encoding) => {
                let text = encoding
                    .decode_without_bom_handling_and_without_replacement(bytes)
                    .ok_or(NoText::Undecodable)?;
                out.extend_from_slice(text.as_bytes());
            }
        }
        // In UTF-8, U+0080 to U+009F are C2 80 to C2 9F.
        let has_control =
            || out[start..].windows(2).any(|two| two[0] == 0xC2 && (0x80..0xA0).contains(&two[1]));
        if !self.keeps_controls && has_control() {
            out.truncate(start);
            return Err(NoText::Control);
        }
        Ok(())
    }
}
