//! Literals, and the values that level 88 entries name.

use super::error::{Checked, Fault, shown};
use super::token::{Kind, Token};

/// A value as a copybook writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// Characters in quotes, without the quotes.
    Text(String),
    /// Bytes in hexadecimal: `X'0D'`.
    Bytes(Vec<u8>),
    /// A number: an optional sign, digits, and at most one point, whatever DECIMAL-POINT says.
    Number(String),
    /// A figurative constant, such as ZERO or SPACES.
    Figurative(Figurative),
    /// `ALL 'ab'`: the characters over and over, to the item's length.
    All(String),
}

/// A figurative constant: as many of the same character as the item is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figurative {
    /// ZERO: the number, or the character.
    Zero,
    /// SPACE: the blank of the encoding.
    Space,
    /// HIGH-VALUE: the byte X'FF'.
    High,
    /// LOW-VALUE: the byte X'00'.
    Low,
    /// QUOTE: the quotation mark.
    Quote,
    /// NULL: an address of nothing, X'00'.
    Null,
}

/// One value, or all from one to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// The value, or the least.
    pub from: Literal,
    /// The greatest, where it is a range.
    pub through: Option<Literal>,
}

/// A level 88 entry: a name for values of the item above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The name in capitals.
    pub name: String,
    /// The values and ranges that the name stands for.
    pub values: Vec<Values>,
}

fn figurative(word: &str) -> Option<Figurative> {
    Some(match word {
        "ZERO" | "ZEROS" | "ZEROES" => Figurative::Zero,
        "SPACE" | "SPACES" => Figurative::Space,
        "HIGH-VALUE" | "HIGH-VALUES" => Figurative::High,
        "LOW-VALUE" | "LOW-VALUES" => Figurative::Low,
        "QUOTE" | "QUOTES" => Figurative::Quote,
        "NULL" | "NULLS" => Figurative::Null,
        _ => return None,
    })
}

fn number(word: &str, decimal_comma: bool) -> Option<String> {
    let point = if decimal_comma { ',' } else { '.' };
    let body = word.strip_prefix(['+', '-']).unwrap_or(word);
    let digits = body.chars().filter(char::is_ascii_digit).count();
    let points = body.chars().filter(|c| *c == point).count();
    let is_number =
        digits > 0 && points <= 1 && digits + points == body.chars().count() && !body.ends_with(point);
    is_number.then(|| word.replace(point, "."))
}

/// Whether a literal can begin with `token`.
pub(super) fn begins_literal(token: &Token, decimal_comma: bool) -> bool {
    match &token.kind {
        Kind::Literal { .. } => true,
        Kind::Word(word) => {
            word == "ALL" || figurative(word).is_some() || number(word, decimal_comma).is_some()
        }
        _ => false,
    }
}

/// The literal that `token` is; `ALL` is not one by itself.
pub(super) fn literal_of(token: &Token, decimal_comma: bool) -> Checked<Option<Literal>> {
    Ok(match &token.kind {
        Kind::Word(word) => match figurative(word) {
            Some(figurative) => Some(Literal::Figurative(figurative)),
            None => number(word, decimal_comma).map(Literal::Number),
        },
        Kind::Literal { prefix, text } => Some(match prefix.as_str() {
            "" => Literal::Text(text.clone()),
            "X" => match hexadecimal(text) {
                Some(bytes) => Literal::Bytes(bytes),
                None => {
                    return Err(Fault::new(
                        token.span.clone(),
                        format!("found {}, expected an even number of hexadecimal digits", token.shown()),
                    ));
                }
            },
            // A null-terminated literal ends with X'00' ("Null-terminated nonnumeric literals", Language Reference).
            "Z" => Literal::Text(format!("{text}\0")),
            prefix => {
                return Err(Fault::new(
                    token.span.clone(),
                    format!("found a literal with the prefix {}, which is not supported here", shown(prefix)),
                ));
            }
        }),
        _ => None,
    })
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    (!digits.is_empty() && digits.len() % 2 == 0)
        .then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
