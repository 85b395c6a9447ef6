//! Code pages: which character each byte is. EBCDIC pages as mainframes use them, ASCII and ISO 8859-1.
//!
//! The tables are IBM's (CDRA), taken from ICU; the tests compare them with glibc's `iconv`, with CPython and with
//! ICU itself wherever these are installed. Each EBCDIC page maps its 256 bytes to 256 different characters, so
//! nothing is lost and any text comes back as the bytes it was. Where the sources disagree:
//!
//! | page, byte | here | and elsewhere |
//! |---|---|---|
//! | every EBCDIC page, 0x15 and 0x25 | U+0085 (NEL) and U+000A (LF), as CDRA, ICU, glibc and CPython have it | Java reads both as LF (and 1047 swapped); z/OS UNIX swaps them. No two bytes may be one character, and a file of fixed records holds neither as a line end |
//! | 273 0xBC | U+00AF (ICU, glibc, Java) | CPython: U+203E |
//! | 278 0x71, 0xE0 | `\`, É (ICU, Java; 1143 in all sources) | glibc: the other way round |
//! | 285 0xA1 | U+00AF (ICU, Java; 1146 in all sources) | glibc: U+203E |
//! | 870 0xB0 | U+02D9 (ICU, Java) | glibc: U+00B7 |
//! | 871 0x4A, 0xC0 | Þ, þ (ICU, Java; 1149 in all sources) | glibc: the other way round |
//! | 1026 0x9A | U+00AA (CPython, glibc, Java) | ICU: U+20BA, the lira sign of 2012 |
//! | 1026 0x9D, 0xBC | U+00B8, U+00AF (ICU, CPython, Java) | glibc: U+02DB, U+2014 |
//!
//! 1140 to 1149 are 37, 273, 277, 278, 280, 284, 285, 297, 500 and 871 with the euro sign in the place of `¤`.

mod tables;
#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

use tables::BASE;

/// How many bytes are looked up before asking whether all of them were ASCII.
const BLOCK: usize = 16;

/// Marks, in [`CodePage::ascii`], a byte that is no ASCII character.
const NOT_ASCII: u8 = 0x80;

/// One code page: what each byte means.
pub struct CodePage {
    name: &'static str,
    ccsid: u16,
    is_ebcdic: bool,
    /// Each byte's character where it is ASCII.
    ascii: [u8; 256],
    /// Each byte's character in UTF-8, and how many bytes that takes; none where there is no such character.
    utf8: [([u8; 3], u8); 256],
}

/// A byte stands for no character of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("byte {index} (x'{byte:02x}') is not a character of the code page")]
pub struct Undecodable {
    /// Where it is, from 0.
    pub index: usize,
    /// The byte that stands for no character.
    pub byte: u8,
}

/// A character that the page lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the code page does not have the character U+{:04X}", u32::from(*.0))]
pub struct Unencodable(pub char);

/// Every code page known here.
static PAGES: [CodePage; 25] = [
    ebcdic("cp037", 37, &[]),
    ebcdic("cp273", 273, tables::P273),
    ebcdic("cp277", 277, tables::P277),
    ebcdic("cp278", 278, tables::P278),
    ebcdic("cp280", 280, tables::P280),
    ebcdic("cp284", 284, tables::P284),
    ebcdic("cp285", 285, tables::P285),
    ebcdic("cp297", 297, tables::P297),
    ebcdic("cp500", 500, tables::P500),
    ebcdic("cp870", 870, tables::P870),
    ebcdic("cp871", 871, tables::P871),
    ebcdic("cp1026", 1026, tables::P1026),
    ebcdic("cp1047", 1047, tables::P1047),
    ebcdic("cp1140", 1140, tables::P1140),
    ebcdic("cp1141", 1141, tables::P1141),
    ebcdic("cp1142", 1142, tables::P1142),
    ebcdic("cp1143", 1143, tables::P1143),
    ebcdic("cp1144", 1144, tables::P1144),
    ebcdic("cp1145", 1145, tables::P1145),
    ebcdic("cp1146", 1146, tables::P1146),
    ebcdic("cp1147", 1147, tables::P1147),
    ebcdic("cp1148", 1148, tables::P1148),
    ebcdic("cp1149", 1149, tables::P1149),
    byte_is_char("ascii", 367, 0x80),
    byte_is_char("latin1", 819, 0x100),
];

/// Other names in use, without punctuation: those of the IANA registry, and of everyday use.
const ALIASES: [(&str, u16); 21] = [
    ("ebcdiccpus", 37),
    ("ebcdiccpca", 37),
    ("ebcdiccpwt", 37),
    ("ebcdiccpnl", 37),
    ("ebcdiccpdk", 277),
    ("ebcdiccpno", 277),
    ("ebcdiccpfi", 278),
    ("ebcdiccpse", 278),
    ("ebcdiccpit", 280),
    ("ebcdiccpes", 284),
    ("ebcdiccpgb", 285),
    ("ebcdiccpfr", 297),
    ("ebcdiccpbe", 500),
    ("ebcdiccpch", 500),
    ("ebcdiccproece", 870),
    ("ebcdiccpyu", 870),
    ("ebcdiccpis", 871),
    ("usascii", 367),
    ("iso88591", 819),
    ("iso885911", 819),
    ("l1", 819),
];

const fn ebcdic(name: &'static str, ccsid: u16, differences: &[(u8, char)]) -> CodePage {
    let mut chars = BASE;
    let mut at = 0;
    while at < differences.len() {
        chars[differences[at].0 as usize] = differences[at].1;
        at += 1;
    }
    page(name, ccsid, true, &chars, 256)
}

const fn byte_is_char(name: &'static str, ccsid: u16, end: usize) -> CodePage {
    let mut chars = ['\0'; 256];
    let mut byte = 0_u8;
    loop {
        chars[byte as usize] = byte as char;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    page(name, ccsid, false, &chars, end)
}

const fn page(name: &'static str, ccsid: u16, is_ebcdic: bool, chars: &[char; 256], end: usize) -> CodePage {
    let mut page = CodePage { name, ccsid, is_ebcdic, ascii: [NOT_ASCII; 256], utf8: [([0; 3], 0); 256] };
    let mut byte = 0;
    while byte < end {
        let mut buffer = [0; 4];
        let length = chars[byte].encode_utf8(&mut buffer).len();
        // Every character of every page is in the basic plane: three bytes are enough.
        page.utf8[byte] = ([buffer[0], buffer[1], buffer[2]], length as u8);
        if length == 1 {
            page.ascii[byte] = buffer[0];
        }
        byte += 1;
    }
    page
}

impl CodePage {
    /// The page of this name, in any of the ways to write it: `cp037`, `037`, `37`, `IBM037`, `ibm-37`, `IBM-1047`,
    /// `CCSID 1140`, `IBM01140`, `ascii`, `latin1`, `ISO-8859-1`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name: String =
            name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
        if let Some(page) = PAGES.iter().find(|page| page.name == name) {
            return Some(page);
        }
        let digits = ["ccsid", "ibm", "cp"].iter().find_map(|prefix| name.strip_prefix(prefix));
        let ccsid = match digits.unwrap_or(&name).parse() {
            Ok(ccsid) => ccsid,
            Err(_) => ALIASES.iter().find(|(alias, _)| *alias == name)?.1,
        };
        PAGES.iter().find(|page| page.ccsid == ccsid)
    }

    /// Every code page there is.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        PAGES.iter()
    }

    /// Its name, such as `cp037`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// IBM's number for it.
    #[must_use]
    pub const fn ccsid(&self) -> u16 {
        self.ccsid
    }

    /// Whether digits are 0xF0 to 0xF9 and a space is 0x40 (true) or as in ASCII (false).
    #[must_use]
    pub const fn is_ebcdic(&self) -> bool {
        self.is_ebcdic
    }

    /// The byte of a space.
    #[must_use]
    pub const fn space(&self) -> u8 {
        if self.is_ebcdic { 0x40 } else { b' ' }
    }

    /// The byte's character where it is ASCII; any byte past 0x7F where it is not.
    #[must_use]
    pub const fn ascii_of(&self, byte: u8) -> u8 {
        self.ascii[byte as usize]
    }

    /// Appends the text in UTF-8.
    ///
    /// # Errors
    /// [`Undecodable`], which only ASCII can be; `out` then holds what comes before that byte.
    pub fn decode_into(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
        out.reserve(bytes.len());
        let mut start = 0;
        while start < bytes.len() {
            let rest = &bytes[start..];
            if let Some(block) = rest.first_chunk::<BLOCK>() {
                let mut text = [0; BLOCK];
                let mut seen = 0;
                for (char, byte) in text.iter_mut().zip(block) {
                    *char = self.ascii[usize::from(*byte)];
                    seen |= *char;
                }
                if seen < NOT_ASCII {
                    out.extend_from_slice(&text);
                    start += BLOCK;
                    continue;
                }
            }
            let length = rest.len().min(BLOCK);
            for (at, &byte) in rest[..length].iter().enumerate() {
                let ascii = self.ascii[usize::from(byte)];
                if ascii < NOT_ASCII {
                    out.push(ascii);
                    continue;
                }
                match &self.utf8[usize::from(byte)] {
                    (_, 0) => return Err(Undecodable { index: start + at, byte }),
                    (char, length) => out.extend_from_slice(&char[..usize::from(*length)]),
                }
            }
            start += length;
        }
        Ok(())
    }

    /// Appends the text in this page.
    ///
    /// # Errors
    /// [`Unencodable`] on a character that the page lacks; `out` then holds what comes before it.
    pub fn encode_into(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        for char in text.chars() {
            let mut buffer = [0; 4];
            let wanted = char.encode_utf8(&mut buffer).as_bytes();
            let is_wanted = |(utf8, length): &([u8; 3], u8)| &utf8[..usize::from(*length)] == wanted;
            let byte = self.utf8.iter().position(is_wanted).and_then(|byte| u8::try_from(byte).ok());
            out.push(byte.ok_or(Unencodable(char))?);
        }
        Ok(())
    }
}

impl PartialEq for CodePage {
    fn eq(&self, other: &Self) -> bool {
        self.ccsid == other.ccsid
    }
}

impl Eq for CodePage {}

impl fmt::Debug for CodePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodePage({})", self.name)
    }
}
