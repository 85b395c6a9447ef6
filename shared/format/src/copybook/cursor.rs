//! Going through tokens.

use std::ops::Range;

use super::error::{Checked, Fault};
use super::limits::{CONDITION_VALUES_MAX, RECORD_BYTES_MAX};
use super::token::{Kind, Token};
use super::value::{Literal, Values, begins_literal, literal_of};

/// The tokens that are still to be read.
pub(super) struct Cursor<'a> {
    tokens: &'a [Token],
    next: usize,
    text_length: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(tokens: &'a [Token], text_length: usize) -> Self {
        Self { tokens, next: 0, text_length }
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    pub(super) fn word(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => Some(word),
            _ => None,
        }
    }

    pub(super) const fn advance(&mut self) {
        self.next += 1;
    }

    /// The position of the next token.
    pub(super) fn span(&self) -> Range<usize> {
        self.peek().map_or(self.text_length..self.text_length, |token| token.span.clone())
    }

    /// Where the last token ends.
    pub(super) fn end(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |token| token.span.end)
    }

    pub(super) fn take(&mut self, word: &str) -> bool {
        let taken = self.word() == Some(word);
        self.next += usize::from(taken);
        taken
    }

    pub(super) fn take_period(&mut self) -> bool {
        let taken = matches!(self.peek(), Some(Token { kind: Kind::Period, .. }));
        self.next += usize::from(taken);
        taken
    }

    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        let found = self.peek().map_or_else(|| "the end of the copybook".to_owned(), Token::shown);
        Fault::new(self.span(), format!("found {found}, expected {expected}"))
    }

    pub(super) fn expect(&mut self, word: &str) -> Checked<()> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    pub(super) fn period(&mut self) -> Checked<()> {
        if self.take_period() { Ok(()) } else { Err(self.unexpected("the period that ends the entry")) }
    }

    pub(super) fn integer(&mut self, expected: &str) -> Checked<usize> {
        let word = self.word().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(word) = word else { return Err(self.unexpected(expected)) };
        match word.parse() {
            Ok(count) if count <= RECORD_BYTES_MAX => {
                self.advance();
                Ok(count)
            }
            _ => Err(self.unexpected(&format!("a number up to {RECORD_BYTES_MAX}"))),
        }
    }

    pub(super) fn literal(&mut self, decimal_comma: bool) -> Checked<Literal> {
        let all = self.take("ALL");
        let Some(token) = self.peek() else { return Err(self.unexpected("a value")) };
        let literal = match (all, literal_of(token, decimal_comma)?) {
            (false, Some(literal)) => literal,
            (true, Some(Literal::Text(text))) => Literal::All(text),
            // ALL before a figurative constant is redundant.
            (true, Some(Literal::Figurative(figurative))) => Literal::Figurative(figurative),
            (true, Some(_)) => return Err(self.unexpected("characters in quotes after ALL")),
            (_, None) => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(literal)
    }

    /// Values and ranges, as level 88 has them.
    pub(super) fn values(&mut self, decimal_comma: bool) -> Checked<Vec<Values>> {
        let mut values = Vec::new();
        loop {
            let from = self.literal(decimal_comma)?;
            let through = if self.take("THRU") || self.take("THROUGH") {
                Some(self.literal(decimal_comma)?)
            } else {
                None
            };
            if values.len() == CONDITION_VALUES_MAX {
                return Err(Fault::new(
                    self.span(),
                    format!("found more than {CONDITION_VALUES_MAX} values"),
                ));
            }
            values.push(Values { from, through });
            if !self.peek().is_some_and(|token| begins_literal(token, decimal_comma)) {
                return Ok(values);
            }
        }
    }
}
