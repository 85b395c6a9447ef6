//! Which half bytes and characters are signs.

use super::spec::{AsciiSigns, SignRule};

/// What one byte or half byte says about the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
    Neither,
}

/// What each of the sixteen half bytes says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    by_nibble: [Sign; 16],
    negative_zero: bool,
}

impl Signs {
    pub(super) const fn new(rule: SignRule, signed: bool) -> Self {
        use Sign::{Minus, Neither, Plus};
        const NONE: [Sign; 10] = [Neither; 10];
        const fn last(six: [Sign; 6]) -> [Sign; 16] {
            let mut all = [Neither; 16];
            let mut at = 0;
            while at < six.len() {
                all[NONE.len() + at] = six[at];
                at += 1;
            }
            all
        }
        //               A     B        C        D        E        F
        let by_nibble = match (signed, rule) {
            (true, SignRule::Preferred) => last([Neither, Neither, Plus, Minus, Neither, Neither]),
            (true, SignRule::Usual) => last([Neither, Neither, Plus, Minus, Neither, Plus]),
            (true, SignRule::Any) => last([Plus, Minus, Plus, Minus, Plus, Plus]),
            (false, SignRule::Preferred | SignRule::Usual) => {
                last([Neither, Neither, Neither, Neither, Neither, Plus])
            }
            (false, SignRule::Any) => last([Plus, Neither, Plus, Neither, Plus, Plus]),
        };
        Self { by_nibble, negative_zero: !matches!(rule, SignRule::Preferred) }
    }

    /// What the low half of `nibble` says.
    pub(super) const fn of(&self, nibble: u8) -> Sign {
        self.by_nibble[(nibble & 0x0F) as usize]
    }

    /// Whether a minus sign on zero is accepted.
    pub(super) const fn negative_zero(&self) -> bool {
        self.negative_zero
    }
}

/// The digit and sign that a character with an ASCII overpunch is; `None` when it is none.
pub(super) const fn overpunched(byte: u8, form: AsciiSigns, signs: &Signs) -> Option<(u8, Sign)> {
    match (form, byte) {
        (AsciiSigns::Translated, b'{') => Some((0, Sign::Plus)),
        (AsciiSigns::Translated, b'A'..=b'I') => Some((byte - b'A' + 1, Sign::Plus)),
        (AsciiSigns::Translated, b'}') => Some((0, Sign::Minus)),
        (AsciiSigns::Translated, b'J'..=b'R') => Some((byte - b'J' + 1, Sign::Minus)),
        // The character of F0 to F9: a positive number where F is a sign.
        (AsciiSigns::Translated, b'0'..=b'9') => match signs.of(0x0F) {
            Sign::Plus => Some((byte - b'0', Sign::Plus)),
            _ => None,
        },
        (AsciiSigns::MicroFocus, b'0'..=b'9') => Some((byte - b'0', Sign::Plus)),
        (AsciiSigns::MicroFocus, b'p'..=b'y') => Some((byte - b'p', Sign::Minus)),
        _ => None,
    }
}
