//! LIKE patterns, matched character by character without allocating.

use std::str::Chars;

/// A compiled LIKE pattern: its pieces, from left to right.
#[derive(Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Exactly this one character.
    Char(char),
    /// `_`: any one character.
    One,
    /// `%`: any number of characters.
    Any,
}

/// The escape character stands before something other than `%`, `_` or itself, which the standard forbids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEscape;

impl Pattern {
    pub(super) fn compile(pattern: &str, escape: Option<char>) -> Result<Self, BadEscape> {
        let mut pieces = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            pieces.push(if Some(char) == escape {
                match chars.next() {
                    Some(next) if matches!(next, '%' | '_') || Some(next) == escape => Piece::Char(next),
                    _ => return Err(BadEscape),
                }
            } else {
                match char {
                    '%' if pieces.last() == Some(&Piece::Any) => continue,
                    '%' => Piece::Any,
                    '_' => Piece::One,
                    _ => Piece::Char(char),
                }
            });
        }
        Ok(Self { pieces })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let mut chars = text.chars();
        let mut at = 0;
        // Where to go on after the last `%` when what follows it did not match: only that one can take more
        // characters to any effect, so the time is bounded by text times pattern.
        let mut retry: Option<(usize, Chars<'_>)> = None;
        loop {
            match self.pieces.get(at) {
                Some(Piece::Any) => {
                    at += 1;
                    retry = Some((at, chars.clone()));
                    continue;
                }
                None if chars.as_str().is_empty() => return true,
                // A `%` at the end takes all that is left.
                None if self.pieces.last() == Some(&Piece::Any) => return true,
                None => {}
                Some(piece) => {
                    let Some(char) = chars.next() else { return false };
                    if *piece == Piece::One || *piece == Piece::Char(char) {
                        at += 1;
                        continue;
                    }
                }
            }
            let Some((resume, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            chars = from.clone();
            at = *resume;
        }
    }
}
