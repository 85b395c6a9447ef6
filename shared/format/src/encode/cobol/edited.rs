//! Numbers as an edited picture prints them.
//!
//! After "Editing rules" of the PICTURE clause in the IBM Enterprise COBOL for z/OS Language Reference: leading zeros
//! are suppressed up to the decimal point, with the insertions among them; a floating sign stands before the first
//! digit that is printed; zero leaves a field blank in which all digits can be suppressed by blanks.

use std::sync::Arc;

use super::digits::Stored;
use crate::copybook::Edit;

/// Prints the numbers of one field.
#[derive(Debug, Clone)]
pub(super) struct Edited {
    edits: Arc<[Edit]>,
    floating: Option<char>,
    has_stars: bool,
    /// Whether every digit can be suppressed.
    is_all_suppressed: bool,
}

/// How far the printed form is from the usual one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// How many digits before the point are printed at least, zeros too.
    pub(super) least: usize,
    /// Whether the sign is a minus although the number is zero.
    pub(super) minus: bool,
}

impl Edited {
    pub(super) fn new(edits: &Arc<[Edit]>) -> Self {
        let floating = edits.iter().find_map(|edit| match edit {
            Edit::Floating(symbol) => Some(*symbol),
            _ => None,
        });
        Self {
            floating,
            has_stars: edits.contains(&Edit::Star),
            is_all_suppressed: !edits.contains(&Edit::Digit),
            edits: Arc::clone(edits),
        }
    }

    /// The number as text; `None` where the picture has no room for it, or no sign.
    pub(super) fn print(&self, number: &Stored, manner: Manner) -> Option<String> {
        let digits = number.digits();
        let is_negative = number.is_negative || manner.minus;
        let is_zero = number.is_zero();
        let is_signed = self.edits.iter().any(|edit| {
            matches!(edit, Edit::Sign(_) | Edit::Credit | Edit::Debit | Edit::Floating('+' | '-'))
        });
        if is_negative && !is_signed {
            return None;
        }
        let is_suppressed = is_zero && self.is_all_suppressed && manner.least == 0;
        if is_suppressed && !self.has_stars {
            return Some(" ".repeat(self.edits.iter().map(|edit| edit.chars()).sum()));
        }
        let first = if is_suppressed { usize::MAX } else { self.first_printed(digits, manner.least) };
        let sign = |symbol: char| match (symbol, is_negative) {
            (_, true) => '-',
            ('+', false) => '+',
            _ => ' ',
        };
        let filler = if self.has_stars { '*' } else { ' ' };
        let suppresses = self.has_stars || self.floating.is_some() || self.edits.contains(&Edit::Suppressed);
        let mut text = String::with_capacity(self.edits.len() + 1);
        let mut numbers = digits.iter();
        let (mut floats, mut float_at) = (0, 0);
        for (place, edit) in self.edits.iter().enumerate() {
            let is_printed = place >= first;
            let mut digit = || numbers.next().map(|digit| char::from(*digit));
            match *edit {
                Edit::Digit => text.push(digit()?),
                Edit::Suppressed | Edit::Star => {
                    let digit = digit()?;
                    text.push(if is_printed { digit } else { filler });
                }
                Edit::Floating(_) => {
                    floats += 1;
                    // The first position is the sign's alone.
                    let digit = if floats > 1 { digit()? } else { ' ' };
                    if is_printed && floats > 1 {
                        text.push(digit);
                    } else {
                        float_at = text.chars().count();
                        text.push(' ');
                    }
                }
                Edit::Insertion(symbol) if is_printed || !suppresses => text.push(symbol),
                Edit::Insertion(_) => {
                    if self.floating.is_some() && floats > 0 {
                        float_at = text.chars().count();
                    }
                    text.push(filler);
                }
                Edit::Currency(symbol) | Edit::Point(symbol) => text.push(symbol),
                Edit::ImpliedPoint => {}
                Edit::Sign(symbol) => text.push(sign(symbol)),
                Edit::Credit => text.push_str(if is_negative { "CR" } else { "  " }),
                Edit::Debit => text.push_str(if is_negative { "DB" } else { "  " }),
            }
        }
        if numbers.next().is_some() {
            return None;
        }
        match self.floating {
            None => Some(text),
            Some(symbol) => {
                let symbol = if matches!(symbol, '+' | '-') { sign(symbol) } else { symbol };
                Some(
                    text.chars().enumerate().map(|(at, c)| if at == float_at { symbol } else { c }).collect(),
                )
            }
        }
    }

    /// The place among the edits from which on digits are printed: the first digit that is not a leading zero, or must
    /// be printed all the same, or the decimal point.
    fn first_printed(&self, digits: &[u8], least: usize) -> usize {
        let whole = self.digits_before_point();
        let mut floats = 0;
        let mut at = 0;
        for (place, edit) in self.edits.iter().enumerate() {
            let is_digit = match edit {
                Edit::Point(_) | Edit::ImpliedPoint => return place,
                Edit::Digit => return place,
                Edit::Suppressed | Edit::Star => true,
                Edit::Floating(_) => {
                    floats += 1;
                    floats > 1
                }
                _ => false,
            };
            if is_digit {
                if digits.get(at).is_some_and(|digit| *digit != b'0') || at + least >= whole && least > 0 {
                    return place;
                }
                at += 1;
            }
        }
        usize::MAX
    }

    /// How many digits are before the point.
    pub(super) fn digits_before_point(&self) -> usize {
        let before =
            self.edits.iter().take_while(|edit| !matches!(edit, Edit::Point(_) | Edit::ImpliedPoint));
        let (mut digits, mut floats) = (0, 0);
        for edit in before {
            match edit {
                Edit::Digit | Edit::Suppressed | Edit::Star => digits += 1,
                Edit::Floating(_) => {
                    floats += 1;
                    digits += usize::from(floats > 1);
                }
                _ => {}
            }
        }
        digits
    }
}
