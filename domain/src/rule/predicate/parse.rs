//! From text to sqlparser's syntax tree, within bounds that keep every later step off the end of its stack.

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::{Place, PredicateError};

/// The longest predicate that is taken: room for an IN of tens of thousands of literals.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// How many words and operators it may have. Each can deepen sqlparser's tree by one level, and that tree is
/// dropped recursively; literals, commas and parentheses are not counted.
const OPERATORS_MAX: usize = 2_000;

/// How deep parentheses, NOT, CASE and calls may nest while parsing.
const NESTING_MAX: usize = 50;

/// How deep `position(... position(` may nest: sqlparser tries each twice, so each level doubles the time.
const POSITION_NESTING_MAX: usize = 4;

impl From<Location> for Place {
    fn from(at: Location) -> Self {
        Self { line: at.line, column: at.column }
    }
}

/// Standard SQL expressions with PostgreSQL's precedence, and Unicode letters in names.
///
/// Not sqlparser's own PostgreSQL dialect: that one reads `a>-1` as an operator `>-`.
#[derive(Debug)]
struct RuleDialect;

impl Dialect for RuleDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || matches!(ch, '_' | '$' | '#' | '@')
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    /// Words that start an expression of their own grammar. Were they not reserved, sqlparser would read a
    /// mistake inside one a second time as a call, at every level: minutes for a dozen open parentheses.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        matches!(
            keyword,
            Keyword::CASE
                | Keyword::CAST
                | Keyword::CEIL
                | Keyword::CONVERT
                | Keyword::EXISTS
                | Keyword::EXTRACT
                | Keyword::FLOOR
                | Keyword::INTERVAL
                | Keyword::NOT
                | Keyword::OVERLAY
                | Keyword::POSITION
                | Keyword::SAFE_CAST
                | Keyword::SUBSTR
                | Keyword::SUBSTRING
                | Keyword::TRIM
                | Keyword::TRY_CAST
        )
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 200,
            Precedence::DoubleColon => 140,
            Precedence::AtTz => 110,
            Precedence::Caret => 100,
            Precedence::MulDivModOp => 90,
            Precedence::PlusMinus => 80,
            Precedence::Xor => 75,
            Precedence::Ampersand | Precedence::Pipe | Precedence::PgOther => 70,
            Precedence::Between | Precedence::Like => 60,
            Precedence::Eq => 50,
            Precedence::Is => 40,
            Precedence::UnaryNot => 30,
            Precedence::And => 20,
            Precedence::Or => 10,
        }
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        // sqlparser gives `||` the precedence of `*`; in PostgreSQL it binds less than `+`.
        (parser.peek_token_ref().token == Token::StringConcat)
            .then(|| Ok(self.prec_value(Precedence::PgOther)))
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        // Only to refuse it by name.
        true
    }
}

/// Parses one expression that takes up the whole text.
pub(super) fn expression(text: &str) -> Result<Expr, PredicateError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Place::default()
            .error(format!("the predicate has {} bytes; the maximum is {TEXT_BYTES_MAX}", text.len())));
    }
    let dialect = RuleDialect;
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|e| Place::from(e.location).error(format!("invalid syntax: {}", e.message)))?;
    let end = examine(&tokens)?;
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(|e| translate(e, end))?;
    let rest = parser.peek_token();
    match rest.token {
        Token::EOF => Ok(expr),
        Token::Comma | Token::SemiColon => {
            Err(Place::from(rest.span.start).error("a predicate must be a single expression"))
        }
        token => Err(Place::from(rest.span.start).error(format!("unexpected {token}"))),
    }
}

/// Refuses what must not reach the parser, and returns where the text ends.
fn examine(tokens: &[TokenWithSpan]) -> Result<Place, PredicateError> {
    let mut operators = 0;
    let (mut open, mut positions_open) = (Vec::new(), 0);
    let mut before: Option<&Token> = None;
    let mut end = Place { line: 1, column: 1 };
    for TokenWithSpan { token, span } in tokens {
        let place = Place::from(span.start);
        match token {
            Token::Whitespace(_) => continue,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma => {}
            Token::LParen => {
                open.push(is_word(before, Keyword::POSITION));
                positions_open += usize::from(is_word(before, Keyword::POSITION));
            }
            Token::RParen => positions_open -= usize::from(open.pop() == Some(true)),
            // A sign of a literal in a list.
            Token::Minus | Token::Plus if matches!(before, Some(Token::Comma | Token::LParen)) => {}
            Token::DoubleEq => return Err(place.error("== is not an SQL operator; write =")),
            Token::Word(word) if word.keyword == Keyword::SELECT || word.keyword == Keyword::VALUES => {
                if matches!(before, None | Some(Token::LParen)) {
                    return Err(place.error("subqueries are not supported in rules: a rule sees one record"));
                }
                operators += 1;
            }
            // Types nest without a bound in sqlparser, and none of these is evaluated.
            Token::Lt | Token::LBracket if is_word(before, Keyword::ARRAY) => {
                return Err(place.error("arrays are not supported in rules"));
            }
            _ => operators += 1,
        }
        if operators > OPERATORS_MAX {
            return Err(
                place.error(format!("the predicate has more than {OPERATORS_MAX} names and operators"))
            );
        }
        if positions_open > POSITION_NESTING_MAX {
            return Err(place.error(format!("position is nested more than {POSITION_NESTING_MAX} deep")));
        }
        if *token == Token::LParen && is_word(before, Keyword::TABLE) {
            return Err(place.error("TABLE is not supported in rules"));
        }
        before = Some(token);
        end = Place::from(span.end);
    }
    match before {
        None => Err(end.error("the predicate is empty")),
        Some(_) => Ok(end),
    }
}

fn is_word(token: Option<&Token>, keyword: Keyword) -> bool {
    matches!(token, Some(Token::Word(word)) if word.keyword == keyword)
}

/// sqlparser's message with the place taken out of its tail, where it has one.
fn translate(error: ParserError, end: Place) -> PredicateError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return Place::default().error(format!("nested more than {NESTING_MAX} deep"));
        }
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
    };
    let (message, place) = match message.rsplit_once(" at Line: ") {
        Some((head, tail)) => match tail.split_once(", Column: ") {
            Some((line, column)) => {
                let number = |text: &str| text.trim().parse().unwrap_or(0);
                (head, Place { line: number(line), column: number(column) })
            }
            None => (message.as_str(), Place::default()),
        },
        // It names no place for what is missing at the end.
        None => (message.as_str(), end),
    };
    let message = message
        .replacen("Expected: ", "expected ", 1)
        .replace("found: EOF", "found the end")
        .replace("found: ", "found ");
    place.error(format!("invalid syntax: {message}"))
}
