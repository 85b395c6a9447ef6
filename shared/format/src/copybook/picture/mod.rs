//! PICTURE character-strings: the category, size and scale of what they describe.
//!
//! After "PICTURE clause" of the IBM Enterprise COBOL for z/OS Language Reference. External floating point (`E`) and
//! UTF-8 (`U`) pictures are refused.

mod edited;

use std::sync::Arc;

use super::error::shown;
use super::limits::{DIGITS_MAX, PICTURE_CHARS_MAX, RECORD_BYTES_MAX};

/// What kind of data an item holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Letters and blanks: a picture of A alone.
    Alphabetic,
    /// Any characters: a picture of X, or of X, A and 9 mixed.
    Alphanumeric,
    /// Characters among which others (`B`, `0`, `/`) were inserted.
    AlphanumericEdited,
    /// Digits, with or without sign, with an implied decimal point.
    Numeric,
    /// A number as printed.
    NumericEdited,
    /// Double-byte characters (DBCS), two bytes each.
    Dbcs,
    /// UTF-16 characters, two bytes each.
    National,
    /// Internal floating point: COMP-1 and COMP-2, which have no picture.
    FloatingPoint,
    /// An address or table index, which means nothing outside its program.
    Address,
}

/// What a picture says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// As written, in capitals.
    pub text: String,
    /// The kind of data.
    pub category: Category,
    /// Digit positions (numbers only), `P` not counted.
    pub digits: u8,
    /// Where the decimal point is: this many digits to the left of the number's end. With `P` it lies outside the
    /// digits: negative for `P` on the right (`99P` holds tens, scale -1), greater than `digits` for `P` on the left.
    pub scale: i16,
    /// Whether a sign is part of it: `S`, or `+`, `-`, `CR`, `DB` in an edited one.
    pub signed: bool,
    /// Character positions. A separate sign is not counted.
    pub chars: usize,
    /// Position by position, what an edited number prints; empty for all else.
    pub edits: Arc<[Edit]>,
}

/// What an edited number prints in one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// `9`: a digit, zero or not.
    Digit,
    /// `Z`: a digit, or a blank for a leading zero.
    Suppressed,
    /// `*`: a digit, or `*` for a leading zero.
    Star,
    /// `+`, `-` or a currency sign more than once: a digit, the sign before the first digit, or a blank.
    Floating(char),
    /// `+` or `-` once.
    Sign(char),
    /// A currency sign once.
    Currency(char),
    /// `B` (a blank), `0`, `/` or the comma, printed as it is among digits.
    Insertion(char),
    /// The decimal point, as the character that prints it.
    Point(char),
    /// `V`: the decimal point, which takes no position.
    ImpliedPoint,
    /// `CR` for a negative number, else two blanks.
    Credit,
    /// `DB` for a negative number, else two blanks.
    Debit,
}

impl Edit {
    /// How many characters it takes.
    #[must_use]
    pub const fn chars(self) -> usize {
        match self {
            Self::ImpliedPoint => 0,
            Self::Credit | Self::Debit => 2,
            _ => 1,
        }
    }
}

/// Which characters stand for what in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbols {
    pub(super) currency: char,
    /// Whether `.` and `,` have changed places.
    pub(super) decimal_comma: bool,
}

/// A symbol and how often in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    symbol: Symbol,
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Nine,
    X,
    A,
    N,
    G,
    S,
    V,
    P,
    /// `B`, `0`, `/` or the comma: characters put between others.
    Blank,
    Zero,
    Slash,
    Comma,
    Point,
    Z,
    Star,
    Plus,
    Minus,
    Currency,
    Credit,
    Debit,
}

/// What is wrong with a picture, at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureError {
    pub(super) at: usize,
    pub(super) message: String,
}

type Result<T> = std::result::Result<T, PictureError>;

fn wrong<T>(message: impl Into<String>) -> Result<T> {
    Err(PictureError { at: 0, message: message.into() })
}

/// What the picture `text`, in capitals, describes.
pub(super) fn picture_of(text: &str, symbols: Symbols) -> Result<Picture> {
    if text.len() > PICTURE_CHARS_MAX {
        return wrong(format!("the picture {} is longer than {PICTURE_CHARS_MAX} characters", shown(text)));
    }
    let runs = runs_of(text, symbols)?;
    let has = |symbol| runs.iter().any(|run| run.symbol == symbol);
    let picture = if has(Symbol::X) || has(Symbol::A) {
        characters(text, &runs)
    } else if has(Symbol::N) || has(Symbol::G) {
        wide(text, &runs)
    } else if runs.iter().all(|run| matches!(run.symbol, Symbol::Nine | Symbol::S | Symbol::V | Symbol::P)) {
        number(text, &runs)
    } else {
        edited::edited(text, &runs, symbols)
    }?;
    let positions = usize::from(picture.digits) + picture.scale.unsigned_abs() as usize;
    if picture.scale < 0 && positions > DIGITS_MAX || picture.scale.unsigned_abs() as usize > DIGITS_MAX {
        return wrong(format!(
            "the picture {} has more than {DIGITS_MAX} digit positions, `P` counted",
            shown(text)
        ));
    }
    if picture.chars > RECORD_BYTES_MAX {
        return wrong(format!("the picture {} is longer than {RECORD_BYTES_MAX} bytes", shown(text)));
    }
    Ok(picture)
}

fn runs_of(text: &str, symbols: Symbols) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let fail = |message: String| PictureError { at, message };
        let pair = |rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>, second| {
            rest.next_if(|(_, c)| *c == second).is_some()
        };
        let symbol = match c {
            '9' => Symbol::Nine,
            'X' => Symbol::X,
            'A' => Symbol::A,
            'N' => Symbol::N,
            'G' => Symbol::G,
            'S' => Symbol::S,
            'V' => Symbol::V,
            'P' => Symbol::P,
            'B' => Symbol::Blank,
            '0' => Symbol::Zero,
            '/' => Symbol::Slash,
            ',' if symbols.decimal_comma => Symbol::Point,
            '.' if symbols.decimal_comma => Symbol::Comma,
            ',' => Symbol::Comma,
            '.' => Symbol::Point,
            'Z' => Symbol::Z,
            '*' => Symbol::Star,
            '+' => Symbol::Plus,
            '-' => Symbol::Minus,
            'C' if pair(&mut rest, 'R') => Symbol::Credit,
            'D' if pair(&mut rest, 'B') => Symbol::Debit,
            c if c == symbols.currency => Symbol::Currency,
            'E' => return Err(fail(format!("{}: external floating point is not supported", shown(text)))),
            'U' => return Err(fail(format!("{}: UTF-8 items are not supported", shown(text)))),
            c => {
                let found = shown(&c.to_string());
                return Err(fail(format!(
                    "found {found}, which is not a picture symbol, in {}",
                    shown(text)
                )));
            }
        };
        let count = if rest.next_if(|(_, c)| *c == '(').is_some() {
            let mut digits = String::new();
            let mut closed = false;
            for (_, c) in rest.by_ref() {
                match c {
                    ')' => {
                        closed = true;
                        break;
                    }
                    c if c.is_ascii_digit() => digits.push(c),
                    _ => break,
                }
            }
            match digits.parse::<usize>() {
                Ok(count) if closed && (1..=RECORD_BYTES_MAX).contains(&count) => count,
                _ => {
                    return Err(fail(format!(
                        "expected a count from 1 to {RECORD_BYTES_MAX} in parentheses, such as `9(5)`, in {}",
                        shown(text)
                    )));
                }
            }
        } else {
            1
        };
        match runs.last_mut() {
            Some(last) if last.symbol == symbol => last.count = last.count.saturating_add(count),
            _ => runs.push(Run { symbol, count }),
        }
    }
    Ok(runs)
}

/// The positions that `runs` take.
fn chars(runs: &[Run]) -> usize {
    let width = |run: &Run| match run.symbol {
        Symbol::S | Symbol::V | Symbol::P => 0,
        Symbol::Credit | Symbol::Debit => 2_usize.saturating_mul(run.count),
        _ => run.count,
    };
    runs.iter().map(width).fold(0, usize::saturating_add)
}

const fn is_insertion(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::Blank | Symbol::Zero | Symbol::Slash)
}

fn characters(text: &str, runs: &[Run]) -> Result<Picture> {
    let plain = |symbol| matches!(symbol, Symbol::X | Symbol::A | Symbol::Nine);
    if !runs.iter().all(|run| plain(run.symbol) || is_insertion(run.symbol)) {
        return wrong(format!("{} mixes characters (`X`, `A`) with the symbols of numbers", shown(text)));
    }
    let category = if runs.iter().any(|run| is_insertion(run.symbol)) {
        Category::AlphanumericEdited
    } else if runs.iter().all(|run| run.symbol == Symbol::A) {
        Category::Alphabetic
    } else {
        Category::Alphanumeric
    };
    Ok(no_number(text, category, runs))
}

/// A picture of anything but a number.
fn no_number(text: &str, category: Category, runs: &[Run]) -> Picture {
    Picture {
        text: text.to_owned(),
        category,
        digits: 0,
        scale: 0,
        signed: false,
        chars: chars(runs),
        edits: Arc::default(),
    }
}

fn wide(text: &str, runs: &[Run]) -> Result<Picture> {
    let national = runs.iter().any(|run| run.symbol == Symbol::N);
    let fits = |symbol| match symbol {
        Symbol::N => true,
        Symbol::G => !national,
        Symbol::Blank => true,
        symbol => national && is_insertion(symbol),
    };
    if !runs.iter().all(|run| fits(run.symbol)) {
        return wrong(format!("{} mixes double-byte characters with other symbols", shown(text)));
    }
    let category = if national { Category::National } else { Category::Dbcs };
    Ok(no_number(text, category, runs))
}

fn number(text: &str, runs: &[Run]) -> Result<Picture> {
    let (signed, body) = match runs {
        [Run { symbol: Symbol::S, count: 1 }, body @ ..] => (true, body),
        body => (false, body),
    };
    if body.iter().any(|run| run.symbol == Symbol::S) {
        return wrong(format!("{}: `S` must occur only once, at the left end", shown(text)));
    }
    let of: Vec<_> = body.iter().map(|run| (run.symbol, run.count)).collect();
    use Symbol::{Nine, P, V};
    let (digits, scale) = match of[..] {
        [(Nine, n)] | [(Nine, n), (V, 1)] => (n, Scale::Right(0)),
        [(V, 1), (Nine, n)] => (n, Scale::Right(n)),
        [(Nine, n), (V, 1), (Nine, m)] => (n.saturating_add(m), Scale::Right(m)),
        [(Nine, n), (P, p)] | [(Nine, n), (P, p), (V, 1)] => (n, Scale::Left(p)),
        [(P, p), (Nine, n)] | [(V, 1), (P, p), (Nine, n)] => (n, Scale::Right(n.saturating_add(p))),
        _ => {
            return wrong(format!(
                "{} is not a number: expected `9`, at most one `V`, and `P` only at one end",
                shown(text)
            ));
        }
    };
    let (digits, scale) = sized(text, digits, scale)?;
    Ok(Picture {
        text: text.to_owned(),
        category: Category::Numeric,
        digits,
        scale,
        signed,
        chars: digits.into(),
        edits: Arc::default(),
    })
}

/// How many digits are after the decimal point, or how many zeros are implied before it.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Right(usize),
    Left(usize),
}

fn sized(text: &str, digits: usize, scale: Scale) -> Result<(u8, i16)> {
    let too_many = || format!("{} has more than {DIGITS_MAX} digit positions", shown(text));
    if digits == 0 {
        return wrong(format!("{} has no digit position", shown(text)));
    }
    let count = match scale {
        Scale::Right(count) | Scale::Left(count) => count,
    };
    let (Ok(digits), Ok(count)) = (u8::try_from(digits), i16::try_from(count)) else {
        return wrong(too_many());
    };
    if usize::from(digits) > DIGITS_MAX || usize::from(count.unsigned_abs()) > DIGITS_MAX {
        return wrong(too_many());
    }
    Ok((digits, if matches!(scale, Scale::Left(_)) { -count } else { count }))
}
