//! Words, literals and periods.

use std::ops::Range;

use super::error::{Checked, Fault, shown};
use super::source::Code;

/// One token and the bytes it is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word or a number, in capitals.
    Word(String),
    /// What follows PICTURE, in capitals.
    Picture(String),
    /// A literal in quotes: its prefix, such as `X`, and what is between the quotes.
    Literal { prefix: String, text: String },
    /// The period that ends an entry.
    Period,
    /// A parenthesis outside a picture.
    Parenthesis(char),
}

impl Token {
    /// How it is named in a message.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::Word(word) => shown(word),
            Kind::Picture(picture) => shown(picture),
            Kind::Literal { prefix, text } => shown(&format!("{prefix}'{text}'")),
            Kind::Period => "a period".to_owned(),
            Kind::Parenthesis(c) => shown(&c.to_string()),
        }
    }
}

/// Prefixes of literals ("Literals", IBM Enterprise COBOL Language Reference).
const PREFIXES: [&str; 9] = ["X", "N", "NX", "G", "Z", "B", "BX", "U", "UX"];

/// The tokens of `code`.
pub(super) fn tokens_of(code: &Code) -> Checked<Vec<Token>> {
    let mut lexer = Lexer { code, next: 0, tokens: Vec::new(), picture: false };
    while lexer.token()? {}
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    code: &'a Code,
    next: usize,
    tokens: Vec<Token>,
    /// Whether the next word is a picture, or an IS before it.
    picture: bool,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.code.get(self.next).map(|(c, _)| *c)
    }

    /// The bytes of the characters from `from` up to the next one.
    fn span(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.code.get(from).map_or(0, |(_, at)| *at);
        let end =
            to.checked_sub(1).and_then(|last| self.code.get(last)).map_or(start, |(c, at)| at + c.len_utf8());
        start..end.max(start)
    }

    fn push(&mut self, kind: Kind, from: usize, to: usize) {
        let span = self.span(from, to);
        self.tokens.push(Token { kind, span });
    }

    /// Takes one token; false at the end.
    fn token(&mut self) -> Checked<bool> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
        let from = self.next;
        let Some(first) = self.peek() else { return Ok(false) };
        if self.picture {
            self.run(|c| !c.is_whitespace());
            self.word(from)?;
            return Ok(true);
        }
        match first {
            '"' | '\'' => self.literal(String::new(), from)?,
            '(' | ')' => {
                self.next += 1;
                self.push(Kind::Parenthesis(first), from, self.next);
            }
            _ => {
                self.run(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '(' | ')'));
                if matches!(self.peek(), Some('"' | '\'')) {
                    let prefix = self.text(from, self.next);
                    if !PREFIXES.contains(&prefix.as_str()) {
                        return Err(Fault::new(
                            self.span(from, self.next),
                            format!(
                                "found {} right before a quote, expected a blank between them",
                                shown(&prefix)
                            ),
                        ));
                    }
                    self.literal(prefix, from)?;
                } else {
                    self.word(from)?;
                }
            }
        }
        Ok(true)
    }

    fn run(&mut self, within: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&within) {
            self.next += 1;
        }
    }

    fn text(&self, from: usize, to: usize) -> String {
        self.code[from..to].iter().map(|(c, _)| c.to_ascii_uppercase()).collect()
    }

    /// A run of characters and the separators at its end.
    fn word(&mut self, from: usize) -> Checked<()> {
        let mut to = self.next;
        let period = self.code[to - 1].0 == '.';
        if period {
            to -= 1;
        }
        if to > from && matches!(self.code[to - 1].0, ',' | ';') {
            to -= 1;
        }
        if to > from {
            let text = self.text(from, to);
            let span = self.span(from, to);
            if self.picture && text != "IS" {
                self.picture = false;
                self.tokens.push(Token { kind: Kind::Picture(text), span });
            } else {
                if !self.picture {
                    check(&text, &span)?;
                }
                self.picture = self.picture || matches!(text.as_str(), "PIC" | "PICTURE");
                self.tokens.push(Token { kind: Kind::Word(text), span });
            }
        }
        if period {
            self.picture = false;
            self.push(Kind::Period, self.next - 1, self.next);
        }
        Ok(())
    }

    fn literal(&mut self, prefix: String, from: usize) -> Checked<()> {
        let quote = self.peek().unwrap_or('"');
        self.next += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some(c) if c == quote => {
                    self.next += 1;
                    // A quote inside is written twice.
                    if self.peek() != Some(quote) {
                        break;
                    }
                    text.push(quote);
                }
                None | Some('\n') => {
                    return Err(Fault::new(
                        self.span(from, self.next),
                        format!("the literal that starts here is not closed by `{quote}` on its line"),
                    )
                    .advise(
                        "close it, or continue it with `-` in column 7 of the next line (fixed format)",
                    ));
                }
                Some(c) => text.push(c),
            }
            self.next += 1;
        }
        // A closing quote is followed by a separator ("Separators", Language Reference).
        if let Some(c) = self.peek()
            && !c.is_whitespace()
            && !matches!(c, '.' | ',' | ';' | ')')
        {
            return Err(Fault::new(
                self.span(self.next, self.next + 1),
                format!("found {} right after a literal, expected a blank", shown(&c.to_string())),
            ));
        }
        self.push(Kind::Literal { prefix, text }, from, self.next);
        while matches!(self.peek(), Some(',' | ';')) {
            self.next += 1;
        }
        Ok(())
    }
}

/// Refuses what only a compiler or preprocessor gives a meaning.
fn check(text: &str, at: &Range<usize>) -> Checked<()> {
    if text.contains(':') || text.contains("==") {
        return Err(Fault::new(
            at.clone(),
            format!("found {}, a placeholder for COPY ... REPLACING", shown(text)),
        )
        .advise(
            "set copybook_replacing = { \":TAG:\" = \"…\" } under [source] (for `crossfoot init`: --replacing :TAG:=…)",
        ));
    }
    if text.starts_with(">>") {
        return Err(Fault::new(
            at.clone(),
            format!("found the compiler directive {}, which is not supported", shown(text)),
        )
        .advise("remove it; set the reference format with copybook_format"));
    }
    Ok(())
}
