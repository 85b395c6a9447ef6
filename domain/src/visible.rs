//! Text from outside (file names, reasons, operators, messages of databases, values of fields) made safe to show.
//!
//! A terminal acts on control characters: it can be made to hide lines, to move over what was printed, to retitle its
//! window. Bidirectional controls make a line read other than it is, and a line end begins a line that looks like
//! ours. What a reader would not see is written out instead.

use std::fmt::Write as _;

/// Whether a character is not seen, or alters how others are: control characters, marks that reverse or hide text,
/// separators of lines and paragraphs.
#[must_use]
pub const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A text on one line: everything in it that a reader would not see is written out.
#[must_use]
pub fn visible(text: &str) -> String {
    escaped(text, |_| false)
}

/// A text of several lines, of which the line ends are ours: as [`visible`], but for line ends and tabs.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

/// A text of several lines with colours (`ESC [ … m`) of ours: as [`visible_lines`], but for these.
#[must_use]
pub fn visible_coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        out.push_str(&visible_lines(before));
        let code = from.strip_prefix("\u{1b}[").map(|code| {
            let digits = code.len() - code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
            (digits, code[digits..].starts_with('m'))
        });
        match code {
            Some((digits, true)) => {
                let end = 2 + digits + 1;
                out.push_str(&from[..end]);
                rest = &from[end..];
            }
            _ => {
                out.push_str(&visible_lines("\u{1b}"));
                rest = &from[1..];
            }
        }
    }
    out + &visible_lines(rest)
}

/// A JSON text with everything in its strings written as `\uXXXX` that a reader would not see. Line ends and blanks
/// between values stay.
#[must_use]
pub fn visible_json(text: &str) -> String {
    if !text.chars().any(|c| is_unseen(c) && !c.is_ascii_whitespace()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) && !character.is_ascii_whitespace() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn escaped(text: &str, is_ours: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if is_ours(character) => out.push(character),
            '\n' | '\r' | '\t' => out.extend(character.escape_default()),
            _ if is_unseen(character) => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_reader_would_not_see_is_written_out() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\n"), "a\\u{1b}[31mb\\u{202e}c\\n");
        assert_eq!(visible("Zürich 東京"), "Zürich 東京");
        assert_eq!(visible_lines("a\tb\nc\r\u{2066}"), "a\tb\nc\\r\\u{2066}");
        assert_eq!(
            visible_coloured("\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;x\u{7}"),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J\\u{1b}]0;x\\u{7}"
        );
        let json = visible_json("{\n  \"a\": \"x\u{202e}y\u{e0001}\"\n}");
        assert_eq!(json, "{\n  \"a\": \"x\\u202ey\\udb40\\udc01\"\n}");
    }

    proptest! {
        #[test]
        fn nothing_unseen_is_left(text in "\\PC{0,10}[\u{0}-\u{ff}\u{2000}-\u{2070}\u{e0000}-\u{e0080}]{0,20}") {
            prop_assert!(!visible(&text).chars().any(is_unseen));
            let lines = visible_lines(&text);
            prop_assert!(!lines.chars().any(|c| is_unseen(c) && c != '\n' && c != '\t'));
            prop_assert!(visible(&visible(&text)) == visible(&text));
        }
    }
}
