//! From text to the bytes of the source's encoding.

use domain::round_trip::{Equivalence, Equivalences};

use crate::codepage::CodePage;
use crate::spec::Encoding;

/// The characters up to U+00FF have a table of their own; the few others of a page are searched.
const TABLE: usize = 256;

/// Which byte each character of a code page is.
#[derive(Debug, Clone)]
pub(super) struct PageBytes {
    /// The byte of each character below U+0100, if the page has it.
    bytes: [Option<u8>; TABLE],
    /// The byte of each ASCII character, if the page has all of them, as most have.
    ascii: Option<[u8; 128]>,
    /// Every other character of the page, in ascending order.
    others: Vec<(char, u8)>,
    pub(super) space: u8,
}

impl PageBytes {
    pub(super) fn new(page: &CodePage) -> Self {
        let mut bytes = [None; TABLE];
        let mut others = Vec::new();
        let mut text = Vec::new();
        for byte in 0..=u8::MAX {
            text.clear();
            if page.decode_into(&[byte], &mut text).is_err() {
                continue;
            }
            let Some(char) = std::str::from_utf8(&text).ok().and_then(|text| text.chars().next()) else {
                continue;
            };
            match bytes.get_mut(char as usize) {
                Some(slot) => {
                    slot.get_or_insert(byte);
                }
                None => others.push((char, byte)),
            }
        }
        others.sort_unstable();
        let mut ascii = Some([0; 128]);
        for at in 0..128 {
            match (&mut ascii, bytes[at]) {
                (Some(table), Some(byte)) => table[at] = byte,
                _ => ascii = None,
            }
        }
        Self { bytes, ascii, others, space: page.space() }
    }

    /// The byte of each ASCII character, if the page has all of them.
    pub(super) const fn ascii(&self) -> Option<&[u8; 128]> {
        self.ascii.as_ref()
    }

    /// Appends the text; `None` on a character that the page lacks.
    pub(super) fn append(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if text.is_ascii() {
            if let Some(table) = &self.ascii {
                // Every character is below 128: the mask only tells the compiler so.
                out.extend(text.iter().map(|char| table[usize::from(*char & 0x7F)]));
                return Some(());
            }
            for char in text {
                out.push(self.bytes[usize::from(*char)]?);
            }
            return Some(());
        }
        for char in std::str::from_utf8(text).ok()?.chars() {
            let byte = match self.bytes.get(char as usize) {
                Some(byte) => *byte,
                None => {
                    let found = self.others.binary_search_by_key(&char, |(char, _)| *char).ok();
                    found.and_then(|at| self.others.get(at)).map(|(_, byte)| *byte)
                }
            };
            out.push(byte?);
        }
        Some(())
    }
}

/// How text is written in delimited and fixed records.
#[derive(Debug, Clone)]
pub(super) enum Characters {
    Utf8,
    Latin1,
    Foreign(&'static encoding_rs::Encoding),
    Page(Box<PageBytes>),
}

impl Characters {
    pub(super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8 => Self::Utf8,
            Encoding::Latin1 { .. } => Self::Latin1,
            Encoding::Foreign { encoding, .. } => Self::Foreign(encoding),
            Encoding::Page(page) => Self::Page(Box::new(PageBytes::new(page))),
        }
    }

    /// The texts in the source's encoding; one that it cannot write is in no source.
    pub(super) fn nulls(&self, texts: &[String]) -> Vec<Vec<u8>> {
        let encoded = texts.iter().filter_map(|text| {
            let mut out = Vec::with_capacity(text.len());
            self.append(text.as_bytes(), &mut out).map(|()| out)
        });
        encoded.collect()
    }

    /// The byte of a space.
    pub(super) fn space(&self) -> u8 {
        match self {
            Self::Page(page) => page.space,
            _ => b' ',
        }
    }

    /// Appends the text in the source's encoding; `None` on a character that this lacks.
    pub(super) fn append(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Page(page) => page.append(text, out),
            _ if text.is_ascii() => {
                out.extend_from_slice(text);
                Some(())
            }
            Self::Utf8 => {
                out.extend_from_slice(text);
                Some(())
            }
            Self::Latin1 => {
                for char in std::str::from_utf8(text).ok()?.chars() {
                    out.push(u8::try_from(u32::from(char)).ok()?);
                }
                Some(())
            }
            Self::Foreign(encoding) => {
                let (bytes, _, lacks) = encoding.encode(std::str::from_utf8(text).ok()?);
                out.extend_from_slice(&bytes);
                (!lacks).then_some(())
            }
        }
    }

    /// Whether bytes other than those that [`Self::append`] gives are the same text: some encodings have several codes
    /// for a character.
    pub(super) fn other_codes(&self, text: &[u8], bytes: &[u8]) -> Option<Equivalences> {
        let Self::Foreign(encoding) = self else { return None };
        let read = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        (read.as_bytes() == text).then_some(Equivalences::only(Equivalence::Character))
    }

    /// The bytes as text; `None` where they are none. Only to compare notations.
    pub(super) fn text(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Page(page) => bytes.iter().map(|byte| page.char_of(*byte)).collect(),
            Self::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Foreign(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
        }
    }
}

impl PageBytes {
    /// The character that a byte is. Searched: only other notations than the usual ask for it.
    pub(super) fn char_of(&self, byte: u8) -> Option<char> {
        let low = self.bytes.iter().position(|of| *of == Some(byte));
        match low {
            Some(at) => u8::try_from(at).ok().map(char::from),
            None => self.others.iter().find(|(_, of)| *of == byte).map(|(char, _)| *char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_code_page_is_the_byte_of_its_character() {
        for page in CodePage::all() {
            let of = PageBytes::new(page);
            for byte in 0..=u8::MAX {
                let (mut text, mut bytes) = (Vec::new(), Vec::new());
                if page.decode_into(&[byte], &mut text).is_ok() {
                    of.append(&text, &mut bytes).unwrap();
                    assert_eq!(bytes, [byte], "{}", page.name());
                    assert_eq!(of.char_of(byte).map(String::from).unwrap().as_bytes(), text);
                }
            }
        }
    }
}
