//! The reference format: which characters of a copybook's lines are code.

use std::borrow::Cow;

use super::error::{Checked, Fault, shown};

/// How the lines of a copybook are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferenceFormat {
    /// Columns 1-6 number the line, 7 is the indicator, 8-72 are code, 73-80 tag the change ("Reference format",
    /// IBM Enterprise COBOL Language Reference). A `*>` that follows a blank begins a comment.
    #[default]
    Fixed,
    /// The whole line is code, but for `*>` comments.
    Free,
}

/// The last column of code in the fixed format, from 1.
const CODE_END: usize = 72;

/// The last column of a line in the fixed format: that of a punched card.
const LINE_END: usize = 80;

/// A character of code and the byte it is at. A line's end is a `\n`.
pub(super) type Code = Vec<(char, usize)>;

/// The distance between tab stops.
const TAB_STOP: usize = 8;

/// The text as its columns are counted: up to the end-of-file character of CP/M and DOS (x'1A') if nothing but blanks
/// and more of these follow it, and with tabs as blanks up to the next tab stop where columns count.
pub(super) fn text_of(text: &str, format: ReferenceFormat) -> Cow<'_, str> {
    let is_end = |c: char| c == '\u{1a}' || c.is_whitespace();
    let text = match text.trim_end_matches(is_end) {
        kept if text[kept.len()..].contains('\u{1a}') => &text[..kept.len()],
        _ => text,
    };
    if format == ReferenceFormat::Free || !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let (mut expanded, mut column) = (String::with_capacity(text.len() + 64), 0);
    for c in text.chars() {
        let blanks = if c == '\t' { TAB_STOP - column % TAB_STOP } else { 0 };
        expanded.extend(std::iter::repeat_n(' ', blanks));
        match c {
            '\t' => column += blanks,
            '\n' => column = 0,
            '\u{feff}' => {}
            _ => column += 1,
        }
        if c != '\t' {
            expanded.push(c);
        }
    }
    Cow::Owned(expanded)
}

/// The code of `text`, lines joined where they are continued.
pub(super) fn code_of(text: &str, format: ReferenceFormat) -> Checked<Code> {
    let mut joiner = Joiner { code: Vec::with_capacity(text.len() / 2), open: None, column: 0 };
    // A byte-order mark is not a column.
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for line in text[start..].split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        match format {
            ReferenceFormat::Fixed => joiner.fixed(content, start)?,
            ReferenceFormat::Free => joiner.line(content, start),
        }
        start += line.len();
    }
    Ok(joiner.code)
}

struct Joiner {
    code: Code,
    /// The quote of the literal that the last line of code left open.
    open: Option<char>,
    /// Where the last line of code ended, in columns.
    column: usize,
}

impl Joiner {
    fn fixed(&mut self, line: &str, start: usize) -> Checked<()> {
        let mut columns = line.char_indices().enumerate();
        let (mut code_from, mut indicator, mut code_to) = (line.len(), None, line.len());
        for (column, (at, c)) in columns.by_ref() {
            match column + 1 {
                7 => indicator = Some((at, c)),
                8 => code_from = at,
                73 => {
                    code_to = at;
                    break;
                }
                _ => {}
            }
        }
        let Some((at, indicator)) = indicator else {
            return Self::short(line, start);
        };
        let numbering = &line[..at];
        match indicator {
            // A debugging line is a comment unless a program asks for it, and a copybook is no program.
            '*' | '/' | 'D' | 'd' => return Ok(()),
            ' ' | '-' => {}
            other => {
                return Err(Fault::new(
                    start + at..start + at + other.len_utf8(),
                    format!(
                        "found {} in column 7, expected a blank or one of `*`, `/`, `-`, `D`",
                        shown(&other.to_string())
                    ),
                )
                .advise(
                    "if the lines are not in fixed format (code in columns 8 to 72), set copybook_format = \"free\"",
                ));
            }
        }
        if let Some((column, (at, _))) =
            columns.find(|(column, (_, c))| *column >= LINE_END && !c.is_whitespace())
        {
            return Err(Fault::new(
                start + at..start + line.len(),
                format!(
                    "found text in column {}, past the {LINE_END} columns of the fixed format",
                    column + 1
                ),
            )
            .advise("break the line, or set copybook_format = \"free\""));
        }
        let code = &line[code_from..code_to];
        if code.trim().is_empty() {
            return Self::only_numbering(numbering, start);
        }
        if indicator == '-' {
            return self.continued(code, start + code_from, start + at);
        }
        self.line(code, start + code_from);
        Ok(())
    }

    /// A line that ends before column 7.
    fn short(line: &str, start: usize) -> Checked<()> {
        Self::only_numbering(line, start)
    }

    /// A line without code may be numbered. Words in its first columns are more likely code in the wrong place.
    fn only_numbering(numbering: &str, start: usize) -> Checked<()> {
        let text = numbering.trim();
        if text.is_empty() || text.starts_with('*') || text.chars().all(|c| c.is_ascii_digit()) {
            return Ok(());
        }
        let at = start + numbering.len() - numbering.trim_start().len();
        Err(Fault::new(
            at..at + text.len(),
            format!(
                "found {} in columns 1 to 6, which hold line numbers, on a line without code",
                shown(text)
            ),
        )
        .advise("fixed format reads columns 8 to 72; for other layouts, set copybook_format = \"free\""))
    }

    fn line(&mut self, code: &str, start: usize) {
        if !self.code.is_empty() {
            let end = start.saturating_sub(1);
            self.code.push(('\n', end));
        }
        self.open = None;
        self.column = 7;
        self.scan(code, start);
    }

    fn continued(&mut self, code: &str, start: usize, indicator: usize) -> Checked<()> {
        if self.code.is_empty() {
            return Err(Fault::new(
                indicator..indicator + 1,
                "found `-` in column 7, and no line before it to continue",
            ));
        }
        let blanks = code.len() - code.trim_start().len();
        let Some(quote) = self.open else {
            while self.code.last().is_some_and(|(c, _)| c.is_whitespace()) {
                self.code.pop();
            }
            self.column = 7 + code[..blanks].chars().count();
            self.scan(&code[blanks..], start + blanks);
            return Ok(());
        };
        // The literal reaches to column 72, blanks included, and goes on after the quote of the next line.
        let Some(rest) = code[blanks..].strip_prefix(quote) else {
            return Err(Fault::new(
                start + blanks..start + code.len(),
                format!(
                    "found {}, expected `{quote}` at the start of a continued literal",
                    shown(code.trim())
                ),
            ));
        };
        let end = self.code.last().map_or(start, |(_, at)| *at);
        for _ in self.column..CODE_END {
            self.code.push((' ', end));
        }
        self.column = 7 + code[..blanks].chars().count() + 1;
        self.scan(rest, start + blanks + quote.len_utf8());
        Ok(())
    }

    /// Takes the characters of a line, up to a comment, and notes whether a literal is left open.
    fn scan(&mut self, code: &str, start: usize) {
        let mut before = ' ';
        for (at, c) in code.char_indices() {
            match self.open {
                None if c == '*' && before.is_whitespace() && code[at..].starts_with("*>") => return,
                None if c == '"' || c == '\'' => self.open = Some(c),
                Some(quote) if c == quote => self.open = None,
                _ => {}
            }
            self.code.push((c, start + at));
            self.column += 1;
            before = c;
        }
    }
}
