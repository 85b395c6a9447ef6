//! COPY statements and their REPLACING: one text made of several copybooks, line by line, before it is read.
//!
//! A COPY statement begins a line, ends one with its period, and may span lines. What it stands for takes its place,
//! and the statement stays as a comment. Words are replaced as compilers do ("COPY statement", IBM Enterprise COBOL
//! Language Reference): a placeholder between colons (`:TAG:`) wherever it is in a word, what follows LEADING or
//! TRAILING as the beginning or end of a word, anything else as whole words, capitals or not. Literals and comments
//! stay as they are.

use std::ops::Range;

use super::source::{ReferenceFormat, text_of};

/// How deep copybooks may copy copybooks.
const DEPTH_MAX: usize = 16;

/// The columns of code in the fixed format.
const CODE_CHARS: usize = 65;

/// What is replaced, and by what.
pub type Pair = (String, String);

/// Which part of the text is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Whole words, or a placeholder within one.
    Words,
    /// The beginning of a word.
    Leading,
    /// The end of a word.
    Trailing,
}

/// What is replaced, where in a word, and by what.
#[derive(Debug, Clone)]
struct Replacement {
    from: String,
    to: String,
    part: Part,
}

/// The text with what its COPY statements stand for; without one it stays as it is. `read` reads a copybook by its
/// name, with its library before it where the statement names one: `LIBRARY/NAME`.
///
/// # Errors
/// In words, with the line: a statement that is not understood, or a copybook that cannot be read.
pub fn expanded(
    text: &str,
    format: ReferenceFormat,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    within(text, format, read, &mut Vec::new())
}

fn within(
    text: &str,
    format: ReferenceFormat,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
    around: &mut Vec<String>,
) -> Result<String, String> {
    let original = text;
    let text = text_of(text, format);
    let is_copy = |line: &str| {
        let code = &line[code_of(line, format)];
        words(code).into_iter().next().is_some_and(|word| code[word].eq_ignore_ascii_case("COPY"))
    };
    if !text.lines().any(is_copy) {
        return Ok(original.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if !is_copy(line) {
            push(&mut out, line);
            continue;
        }
        let wrong = |what: &str| format!("line {}: {what}", at + 1);
        let mut statement = line[code_of(line, format)].trim().to_owned();
        comment(&mut out, line, format);
        while !statement.ends_with('.') {
            let Some((_, line)) = lines.next() else { return Err(wrong("the COPY statement has no period")) };
            statement.push(' ');
            statement.push_str(line[code_of(line, format)].trim());
            comment(&mut out, line, format);
        }
        let Copy { name, replacements } =
            Copy::parse(statement.trim_end_matches('.')).map_err(|what| wrong(&what))?;
        if around.contains(&name) {
            return Err(wrong(&format!("`{name}` copies itself")));
        }
        if around.len() == DEPTH_MAX {
            return Err(wrong(&format!("copybooks copy each other more than {DEPTH_MAX} deep")));
        }
        let inner = read(&name).map_err(|what| wrong(&what))?;
        around.push(name.clone());
        let inner = within(&inner, format, read, around)
            .and_then(|inner| replace(&inner, format, &replacements))
            .map_err(|what| format!("{name}, {what}"))?;
        around.pop();
        inner.lines().for_each(|line| push(&mut out, line));
    }
    Ok(out)
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// Keeps a line as a comment.
fn comment(out: &mut String, line: &str, format: ReferenceFormat) {
    match format {
        ReferenceFormat::Fixed => {
            let code: String = line.chars().skip(7).take(CODE_CHARS).collect();
            push(out, format!("      *{code}").trim_end());
        }
        ReferenceFormat::Free => push(out, &format!("*> {line}")),
    }
}

/// The bytes of a line that are code: none of a comment.
fn code_of(line: &str, format: ReferenceFormat) -> Range<usize> {
    let column = |number: usize| line.char_indices().nth(number).map_or(line.len(), |(at, _)| at);
    let (start, end) = match format {
        ReferenceFormat::Free => (0, line.len()),
        ReferenceFormat::Fixed if line.chars().nth(6).is_some_and(|c| matches!(c, '*' | '/' | 'D' | 'd')) => {
            (0, 0)
        }
        ReferenceFormat::Fixed => (column(7), column(7 + CODE_CHARS)),
    };
    let code = &line[start..end];
    let comment = words(code).into_iter().find(|word| code[word.clone()].starts_with("*>"));
    start..comment.map_or(end, |word| start + word.start)
}

/// The words of a line of code: literals are words, and a period or comma at a word's end is one by itself.
fn words(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut open) = (None, None);
    let mut end_at = |from: usize, to: usize| {
        let word = &code[from..to];
        match word.chars().next_back() {
            Some('.' | ',' | ';') if word.len() > 1 => found.extend([from..to - 1, to - 1..to]),
            _ => found.push(from..to),
        }
    };
    for (at, c) in code.char_indices() {
        match (open, start) {
            (Some(quote), _) if c == quote => open = None,
            (Some(_), _) => {}
            (None, Some(from)) if c.is_whitespace() => {
                end_at(from, at);
                start = None;
            }
            (None, None) if c.is_whitespace() => {}
            _ => {
                open = (c == '"' || c == '\'').then_some(c);
                start = start.or(Some(at));
            }
        }
    }
    if let Some(from) = start {
        end_at(from, code.len());
    }
    found
}

/// A COPY statement.
struct Copy {
    name: String,
    replacements: Vec<Replacement>,
}

impl Copy {
    fn parse(statement: &str) -> Result<Self, String> {
        let mut rest = Operands(statement);
        rest.next()?;
        let name = rest.next()?.ok_or("COPY names no copybook")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.$#@".contains(c);
        let name_of = |word: &str| {
            let word = word.trim_matches(['"', '\'']).to_owned();
            match !word.is_empty() && word.chars().all(plain) && !word.starts_with('.') {
                true => Ok(word),
                false => Err(format!("`{word}` is no name of a copybook")),
            }
        };
        let mut copy = Self { name: name_of(&name)?, replacements: Vec::new() };
        let mut next = rest.next()?;
        if next.as_deref().is_some_and(|word| is(word, "OF") || is(word, "IN")) {
            let library = rest.next()?.ok_or("COPY names no library after OF")?;
            copy.name = format!("{}/{}", name_of(&library)?, copy.name);
            next = rest.next()?;
        }
        if next.as_deref().is_some_and(|word| is(word, "SUPPRESS")) {
            next = rest.next()?;
        }
        match next {
            None => return Ok(copy),
            Some(word) if is(&word, "REPLACING") => {}
            Some(word) => return Err(format!("found `{word}`, expected REPLACING or a period")),
        }
        while let Some(first) = rest.next()? {
            let part = match () {
                () if is(&first, "LEADING") => Part::Leading,
                () if is(&first, "TRAILING") => Part::Trailing,
                () => Part::Words,
            };
            let from = match part {
                Part::Words => first,
                _ => rest.next()?.ok_or_else(|| format!("expected a part of a word after {first}"))?,
            };
            if part != Part::Words && pattern(&from).len() != 1 {
                return Err(format!("`{from}` is no part of a word"));
            }
            match rest.next()? {
                Some(by) if is(&by, "BY") => {}
                _ => return Err(format!("expected BY after `{from}`")),
            }
            let to = rest.next()?.ok_or_else(|| format!("expected what replaces `{from}`"))?;
            if part != Part::Words && pattern(&to).len() > 1 {
                return Err(format!("`{to}` is no part of a word"));
            }
            copy.replacements.push(Replacement { from, to, part });
        }
        match copy.replacements.is_empty() {
            true => Err("REPLACING replaces nothing".into()),
            false => Ok(copy),
        }
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

/// The operands of a COPY statement: words, and pseudo-text without its `==`.
struct Operands<'a>(&'a str);

impl Operands<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        self.0 = self.0.trim_start();
        if let Some(text) = self.0.strip_prefix("==") {
            let end = text.find("==").ok_or("a pseudo-text has no `==` at its end")?;
            self.0 = &text[end + 2..];
            return Ok(Some(text[..end].trim().to_owned()));
        }
        let Some(word) = words(self.0).into_iter().next() else { return Ok(None) };
        let found = self.0[word.clone()].to_owned();
        self.0 = &self.0[word.end..];
        Ok(Some(found))
    }
}

/// The text with each pair's first replaced by its second, all at once.
///
/// # Errors
/// In words, with the line: a replacement that is empty where it may not be, is in two lines, or does not fit in one.
pub fn replaced(text: &str, format: ReferenceFormat, pairs: &[Pair]) -> Result<String, String> {
    let of = |(from, to): &Pair| Replacement { from: from.clone(), to: to.clone(), part: Part::Words };
    replace(text, format, &pairs.iter().map(of).collect::<Vec<_>>())
}

fn replace(text: &str, format: ReferenceFormat, all: &[Replacement]) -> Result<String, String> {
    if let Some(empty) = all.iter().find(|one| one.from.trim().is_empty()) {
        return Err(format!("line 1: `{}` cannot be replaced, because it is empty", empty.from));
    }
    if all.is_empty() {
        return Ok(text.to_owned());
    }
    let text = text_of(text, format);
    let mut out = String::with_capacity(text.len());
    let mut before: Vec<String> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = code_of(line, format);
        let found = words(&line[code.clone()]);
        let now: Vec<String> = found.iter().map(|word| line[code.clone()][word.clone()].to_owned()).collect();
        if let Some(from) = split(&before, &now, all) {
            return Err(format!(
                "line {}: `{from}` is to be replaced, but is divided by a line's end",
                at + 1
            ));
        }
        let changed = of_line(&line[code.clone()], &found, all);
        if !now.is_empty() {
            before = now;
        }
        match (changed, format) {
            (None, _) => push(&mut out, line),
            (Some(changed), ReferenceFormat::Free) => {
                push(&mut out, &format!("{}{changed}{}", &line[..code.start], &line[code.end..]));
            }
            (Some(changed), ReferenceFormat::Fixed) => {
                wrap(&mut out, &line[..code.start], &changed)
                    .map_err(|what| format!("line {}: {what}", at + 1))?;
            }
        }
    }
    Ok(out)
}

/// What a pair replaces, as words.
fn pattern(from: &str) -> Vec<&str> {
    words(from).into_iter().map(|word| &from[word]).collect()
}

/// Whether something to be replaced begins on the line before and ends on this one.
fn split<'a>(before: &[String], now: &[String], all: &'a [Replacement]) -> Option<&'a str> {
    let same = |words: &[String], of: &[&str]| {
        words.len() == of.len() && words.iter().zip(of).all(|(word, of)| word.eq_ignore_ascii_case(of))
    };
    let is_split = |from: &str| {
        let pattern = pattern(from);
        (1..pattern.len()).any(|cut| {
            let (head, tail) = pattern.split_at(cut);
            before.len() >= head.len()
                && same(&before[before.len() - head.len()..], head)
                && now.get(..tail.len()).is_some_and(|now| same(now, tail))
        })
    };
    all.iter().map(|one| one.from.as_str()).find(|from| is_split(from))
}

/// A line's code with its replacements; `None`: there are none.
fn of_line(code: &str, found: &[Range<usize>], all: &[Replacement]) -> Option<String> {
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    let mut any = false;
    'words: while let Some(word) = found.get(at) {
        let text = &code[word.clone()];
        for Replacement { from, to, .. } in all.iter().filter(|one| one.part == Part::Words) {
            let pattern = pattern(from);
            let these = found.get(at..at + pattern.len()).unwrap_or_default();
            let is_here = !these.is_empty()
                && these.iter().zip(&pattern).all(|(word, of)| code[word.clone()].eq_ignore_ascii_case(of));
            if let (true, Some(last)) = (is_here, these.last()) {
                out.push_str(&code[copied..word.start]);
                out.push_str(to);
                (copied, any) = (last.end, true);
                at += pattern.len();
                continue 'words;
            }
        }
        let is_literal = text.contains(['"', '\'']);
        let in_part = (!is_literal).then(|| in_word(text, all).or_else(|| at_an_end(text, all))).flatten();
        if let Some(changed) = in_part {
            out.push_str(&code[copied..word.start]);
            out.push_str(&changed);
            (copied, any) = (word.end, true);
        }
        at += 1;
    }
    out.push_str(&code[copied..]);
    any.then_some(out)
}

/// A word with the placeholders in it replaced; `None`: there are none.
fn in_word(word: &str, all: &[Replacement]) -> Option<String> {
    let is_placeholder = |from: &str| from.len() > 2 && from.starts_with(':') && from.ends_with(':');
    let placeholders = all.iter().filter(|one| one.part == Part::Words && is_placeholder(&one.from));
    let mut changed: Option<String> = None;
    for Replacement { from, to, .. } in placeholders {
        let current = changed.as_deref().unwrap_or(word);
        let (lower, wanted) = (current.to_ascii_lowercase(), from.to_ascii_lowercase());
        let mut out = String::new();
        let mut copied = 0;
        for (at, _) in lower.match_indices(&wanted) {
            out.push_str(&current[copied..at]);
            out.push_str(to);
            copied = at + wanted.len();
        }
        if copied > 0 {
            out.push_str(&current[copied..]);
            changed = Some(out);
        }
    }
    changed
}

/// A word with its beginning or end replaced, by the first replacement that fits; `None`: none does.
fn at_an_end(word: &str, all: &[Replacement]) -> Option<String> {
    all.iter().find_map(|Replacement { from, to, part }| {
        let cut = word.len().checked_sub(from.len())?;
        match part {
            Part::Words => None,
            Part::Leading => {
                let is_here = word.get(..from.len())?.eq_ignore_ascii_case(from);
                is_here.then(|| format!("{to}{}", &word[from.len()..]))
            }
            Part::Trailing => {
                let is_here = word.get(cut..)?.eq_ignore_ascii_case(from);
                is_here.then(|| format!("{}{to}", &word[..cut]))
            }
        }
    })
}

/// Writes a line of code in the fixed format, on two lines if it has become too long for one.
fn wrap(out: &mut String, numbering: &str, code: &str) -> Result<(), String> {
    let code = code.trim_end();
    if code.chars().count() <= CODE_CHARS {
        push(out, &format!("{numbering}{code}"));
        return Ok(());
    }
    let fits = |word: &Range<usize>| {
        let before = code[..word.start].trim_end();
        !before.trim().is_empty() && before.chars().count() <= CODE_CHARS
    };
    let cut = words(code).into_iter().rev().find(fits).map(|word| word.start);
    let Some(cut) = cut else {
        return Err("a word becomes longer than a line by what it is replaced by".into());
    };
    push(out, format!("{numbering}{}", code[..cut].trim_end()).trim_end());
    // The rest begins in area B.
    wrap(out, "       ", &format!("    {}", code[cut..].trim_start()))
}
