//! Escapes without quotes, as PostgreSQL's COPY and mysqldump write text: an escape takes away the meaning of the
//! separator, a line end or itself; a backslash also spells control characters.
//!
//! Sources: PostgreSQL, COPY, "Text Format"; MySQL, LOAD DATA, "FIELDS ESCAPED BY". What both spell alike is read. What
//! neither writes, or what the two disagree about (`\x41`), is a reject.

use memchr::memchr2;

use super::spec::Delimited;

/// How bytes are escaped where there are no quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaping {
    escape: u8,
    separator: u8,
}

impl Escaping {
    /// `None` where quotes hide separators and line ends, or nothing does.
    pub(super) fn of(form: &Delimited) -> Option<Self> {
        let escape = form.escape.filter(|_| form.quote.is_none())?;
        Some(Self { escape, separator: form.separator })
    }

    /// Whether anything in `bytes` is escaped.
    pub(super) fn is_in(self, bytes: &[u8]) -> bool {
        memchr::memchr(self.escape, bytes).is_some()
    }

    /// The line feed that ends a record, which no escape precedes.
    pub(super) fn line_end(self, bytes: &[u8]) -> Option<usize> {
        self.unescaped(b'\n', bytes, 0)
    }

    /// The separator, from `from` on, that ends a field.
    pub(super) fn field_end(self, bytes: &[u8], from: usize) -> Option<usize> {
        self.unescaped(self.separator, bytes, from)
    }

    fn unescaped(self, wanted: u8, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at += memchr2(wanted, self.escape, bytes.get(at..)?)?;
            if bytes[at] == wanted {
                return Some(at);
            }
            at += 2;
        }
    }

    /// Appends what `field` stands for; `false` at an escape that stands for nothing known.
    #[must_use]
    pub(super) fn unescape(self, field: &[u8], out: &mut Vec<u8>) -> bool {
        let mut bytes = field.iter().copied();
        while let Some(byte) = bytes.next() {
            if byte != self.escape {
                out.push(byte);
                continue;
            }
            match bytes.next().and_then(|escaped| self.meaning(escaped)) {
                Some(meant) => out.push(meant),
                None => return false,
            }
        }
        true
    }

    fn meaning(self, escaped: u8) -> Option<u8> {
        let is_itself = escaped == self.escape
            || escaped == self.separator
            || matches!(escaped, b'\n' | b'\r' | b'"' | b'\'');
        let letter = match escaped {
            b'b' => Some(0x08),
            b't' => Some(b'\t'),
            b'n' => Some(b'\n'),
            b'v' => Some(0x0B),
            b'f' => Some(0x0C),
            b'r' => Some(b'\r'),
            b'0' => Some(0),
            b'Z' => Some(0x1A),
            _ => None,
        };
        if is_itself { Some(escaped) } else { letter.filter(|_| self.escape == b'\\') }
    }
}
