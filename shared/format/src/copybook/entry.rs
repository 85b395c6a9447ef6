//! One data description entry: its level, its name, and what its clauses say.

use std::ops::Range;

use super::cursor::Cursor;
use super::error::{Checked, Fault, shown};
use super::item::{SignPlace, Usage};
use super::limits::NAME_CHARS_MAX;
use super::occurs::{OccursClause, occurs};
use super::picture::{Picture, Symbols, picture_of};
use super::token::Kind;
use super::value::{Condition, begins_literal};

/// A name and where it is written.
pub(super) type Named = (String, Range<usize>);

/// A name with the groups that tell it from others: `COUNT OF HEADER`.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) name: Named,
    pub(super) of: Vec<Named>,
}

/// An entry of level 01 to 49, or 77, as written.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) level: u8,
    pub(super) name: Option<String>,
    pub(super) span: Range<usize>,
    pub(super) redefines: Option<Named>,
    pub(super) picture: Option<(Picture, Range<usize>)>,
    pub(super) usage: Option<(Usage, Range<usize>)>,
    pub(super) occurs: Option<OccursClause>,
    pub(super) sign: Option<(SignPlace, Range<usize>)>,
    pub(super) synchronized: Option<Range<usize>>,
    pub(super) blank_when_zero: Option<Range<usize>>,
    pub(super) justified: Option<Range<usize>>,
}

impl Entry {
    /// The entry of a record that is not written.
    pub(super) const fn implied(span: Range<usize>) -> Self {
        Self {
            level: 0,
            name: None,
            span,
            redefines: None,
            picture: None,
            usage: None,
            occurs: None,
            sign: None,
            synchronized: None,
            blank_when_zero: None,
            justified: None,
        }
    }
}

/// The tokens between two periods.
#[derive(Debug, Clone)]
pub(super) enum Statement {
    Entry(Box<Entry>),
    Condition(Condition, Range<usize>),
    Renames { name: Named, from: Reference, through: Option<Reference> },
}

/// Words with which a clause begins, so that an entry whose next word is one of them has no name.
pub(super) const CLAUSES: [&str; 30] = [
    "REDEFINES",
    "PIC",
    "PICTURE",
    "USAGE",
    "OCCURS",
    "SIGN",
    "LEADING",
    "TRAILING",
    "SYNC",
    "SYNCHRONIZED",
    "BLANK",
    "JUST",
    "JUSTIFIED",
    "VALUE",
    "VALUES",
    "EXTERNAL",
    "GLOBAL",
    "BINARY",
    "COMP",
    "COMP-1",
    "COMP-2",
    "COMP-3",
    "COMP-4",
    "COMP-5",
    "COMP-6",
    "PACKED-DECIMAL",
    "DISPLAY",
    "DISPLAY-1",
    "NATIONAL",
    "POINTER",
];

/// Text that belongs to programs, or that a preprocessor takes away.
const OTHER_TEXT: [&str; 19] = [
    "COPY",
    "EXEC",
    "REPLACE",
    "IDENTIFICATION",
    "ID",
    "ENVIRONMENT",
    "DATA",
    "PROCEDURE",
    "FILE",
    "FD",
    "SD",
    "WORKING-STORAGE",
    "LOCAL-STORAGE",
    "LINKAGE",
    "PROGRAM-ID",
    "CBL",
    "PROCESS",
    "BASIS",
    "++INCLUDE",
];

/// The usage that a word names, and those that are known but not supported.
pub(super) fn usage_of(word: &str) -> Option<Result<Usage, &'static str>> {
    let word = word.replace("COMPUTATIONAL", "COMP");
    Some(Ok(match word.as_str() {
        "DISPLAY" => Usage::Display,
        "COMP" | "COMP-4" | "BINARY" => Usage::Binary,
        "COMP-1" => Usage::Float,
        "COMP-2" => Usage::Double,
        "COMP-3" | "PACKED-DECIMAL" => Usage::Packed,
        "COMP-5" => Usage::NativeBinary,
        "COMP-6" => Usage::PackedUnsigned,
        "NATIONAL" => Usage::National,
        "DISPLAY-1" => Usage::Dbcs,
        "INDEX" => Usage::Index,
        "POINTER" => Usage::Pointer,
        "COMP-0" => {
            return Some(Err(
                "a binary number whose form depends on the compiler; write `COMP` if it is one",
            ));
        }
        "COMP-X" | "COMP-N" => return Some(Err("a native binary whose length depends on the compiler")),
        "PROCEDURE-POINTER" | "FUNCTION-POINTER" | "POINTER-32" | "OBJECT" => return Some(Err("an address")),
        "UTF-8" => return Some(Err("text whose length depends on its content")),
        _ => return None,
    }))
}

/// A statement, or none at the end of the text.
pub(super) fn statement(cursor: &mut Cursor<'_>, symbols: Symbols) -> Checked<Option<Statement>> {
    // Listing controls mean nothing to a layout; they may lack a period.
    while let Some(word) = cursor.word()
        && matches!(word, "EJECT" | "SKIP1" | "SKIP2" | "SKIP3")
    {
        cursor.advance();
        cursor.take_period();
    }
    let Some(token) = cursor.peek() else { return Ok(None) };
    let span = token.span.clone();
    let level = match &token.kind {
        Kind::Word(word) if OTHER_TEXT.contains(&word.as_str()) => {
            return Err(Fault::new(
                span,
                format!("found {}, which is not supported in copybooks", shown(word)),
            )
            .advise("only data description entries are supported; replace it with the text it stands for"));
        }
        Kind::Word(word) if word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()) => {
            word.parse::<u8>().unwrap_or(0)
        }
        _ => return Err(cursor.unexpected("a level number (01 to 49, 66, 77 or 88)")),
    };
    cursor.advance();
    match level {
        1..=49 | 77 => {
            entry(cursor, level, span, symbols).map(|entry| Some(Statement::Entry(Box::new(entry))))
        }
        66 => renames(cursor).map(Some),
        88 => condition(cursor, symbols).map(Some),
        _ => Err(Fault::new(span, format!("found level {level:02}, expected 01 to 49, 66, 77 or 88"))),
    }
}

/// Checks a data name: letters, digits, hyphens and underscores, at least one letter ("User-defined words",
/// Language Reference).
fn data_name(cursor: &mut Cursor<'_>, what: &str) -> Checked<Named> {
    let Some(word) = cursor.word().map(str::to_owned) else { return Err(cursor.unexpected(what)) };
    let span = cursor.span();
    let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && word.chars().any(|c| c.is_ascii_alphabetic())
        && !word.starts_with(['-', '_'])
        && !word.ends_with('-');
    if !is_name {
        return Err(Fault::new(span, format!("found {}, expected {what}", shown(&word))).advise(
            "a name has letters, digits and hyphens, at least one letter, and no hyphen at either end",
        ));
    }
    if word.len() > NAME_CHARS_MAX {
        return Err(Fault::new(
            span,
            format!("the name {} is longer than {NAME_CHARS_MAX} characters", shown(&word)),
        ));
    }
    cursor.advance();
    Ok((word, span))
}

pub(super) fn reference(cursor: &mut Cursor<'_>, what: &str) -> Checked<Reference> {
    let name = data_name(cursor, what)?;
    let mut of = Vec::new();
    while cursor.take("OF") || cursor.take("IN") {
        of.push(data_name(cursor, "the name of a group")?);
    }
    Ok(Reference { name, of })
}

fn renames(cursor: &mut Cursor<'_>) -> Checked<Statement> {
    let name = data_name(cursor, "a name")?;
    cursor.expect("RENAMES")?;
    let from = reference(cursor, "the name of an item")?;
    let through = if cursor.take("THRU") || cursor.take("THROUGH") {
        Some(reference(cursor, "the name of an item")?)
    } else {
        None
    };
    cursor.period()?;
    Ok(Statement::Renames { name, from, through })
}

fn condition(cursor: &mut Cursor<'_>, symbols: Symbols) -> Checked<Statement> {
    let (name, span) = data_name(cursor, "a condition's name")?;
    if !(cursor.take("VALUE") || cursor.take("VALUES")) {
        return Err(cursor.unexpected("VALUE"));
    }
    let _ = cursor.take("IS") || cursor.take("ARE");
    let values = cursor.values(symbols.decimal_comma)?;
    let _ = cursor.take("WHEN");
    if cursor.take("SET") || cursor.word() == Some("FALSE") {
        let _ = cursor.take("TO");
        cursor.expect("FALSE")?;
        let _ = cursor.take("IS");
        cursor.literal(symbols.decimal_comma)?;
    }
    cursor.period()?;
    Ok(Statement::Condition(Condition { name, values }, span))
}

fn entry(cursor: &mut Cursor<'_>, level: u8, span: Range<usize>, symbols: Symbols) -> Checked<Entry> {
    let mut entry = Entry { level, ..Entry::implied(span) };
    if cursor.take("FILLER") {
        entry.span = entry.span.start..cursor.end();
    } else if cursor.word().is_some_and(|word| {
        let is_usage = word != "INDEX" && word != "OBJECT" && usage_of(word).is_some();
        !CLAUSES.contains(&word) && !is_usage
    }) {
        let (name, span) = data_name(cursor, "a name, FILLER, a clause or the period that ends the entry")?;
        entry.name = Some(name);
        entry.span = span;
    }
    let mut seen: Vec<&'static str> = Vec::new();
    while !cursor.take_period() {
        let Some(word) = cursor.word().map(str::to_owned) else {
            return Err(cursor.unexpected("a clause or the period that ends the entry"));
        };
        let span = cursor.span();
        let kind = clause(cursor, &mut entry, &word, symbols)?;
        if seen.contains(&kind) {
            return Err(Fault::new(span, format!("found a second {kind} clause in one entry")));
        }
        seen.push(kind);
    }
    Ok(entry)
}

/// Takes one clause and tells its kind.
fn clause(cursor: &mut Cursor<'_>, entry: &mut Entry, word: &str, symbols: Symbols) -> Checked<&'static str> {
    let span = cursor.span();
    cursor.advance();
    Ok(match word {
        "REDEFINES" => {
            entry.redefines = Some(data_name(cursor, "the name of the item to redefine")?);
            "REDEFINES"
        }
        "PIC" | "PICTURE" => {
            let _ = cursor.take("IS");
            let Some(Kind::Picture(text)) = cursor.peek().map(|token| &token.kind) else {
                return Err(cursor.unexpected("a picture"));
            };
            let span = cursor.span();
            let picture = picture_of(text, symbols).map_err(|error| {
                let start = (span.start + error.at).min(span.end);
                Fault::new(start..span.end, error.message)
            })?;
            entry.picture = Some((picture, span));
            cursor.advance();
            "PICTURE"
        }
        "OCCURS" => {
            entry.occurs = Some(occurs(cursor, span)?);
            "OCCURS"
        }
        "SIGN" | "LEADING" | "TRAILING" => {
            let mut word = word.to_owned();
            if word == "SIGN" {
                let _ = cursor.take("IS");
                word = cursor.word().unwrap_or_default().to_owned();
                if !matches!(word.as_str(), "LEADING" | "TRAILING") {
                    return Err(cursor.unexpected("LEADING or TRAILING"));
                }
                cursor.advance();
            }
            let separate = cursor.take("SEPARATE");
            if separate {
                let _ = cursor.take("CHARACTER");
            }
            entry.sign = Some((SignPlace { leading: word == "LEADING", separate }, span));
            "SIGN"
        }
        "SYNC" | "SYNCHRONIZED" => {
            // LEFT and RIGHT are checked by the compiler and change nothing.
            let _ = cursor.take("LEFT") || cursor.take("RIGHT");
            entry.synchronized = Some(span);
            "SYNCHRONIZED"
        }
        "BLANK" => {
            let _ = cursor.take("WHEN");
            if !["ZERO", "ZEROS", "ZEROES"].iter().any(|zero| cursor.take(zero)) {
                return Err(cursor.unexpected("ZERO"));
            }
            entry.blank_when_zero = Some(span);
            "BLANK WHEN ZERO"
        }
        "JUST" | "JUSTIFIED" => {
            let _ = cursor.take("RIGHT");
            entry.justified = Some(span);
            "JUSTIFIED"
        }
        "VALUE" | "VALUES" => {
            // What a program's storage holds at first says nothing of a file's records.
            let _ = cursor.take("IS") || cursor.take("ARE");
            cursor.literal(symbols.decimal_comma)?;
            if cursor.peek().is_some_and(|token| begins_literal(token, symbols.decimal_comma)) {
                return Err(cursor.unexpected("one value; only level 88 has several"));
            }
            "VALUE"
        }
        "IS" if matches!(cursor.word(), Some("EXTERNAL" | "GLOBAL")) => {
            cursor.advance();
            "EXTERNAL or GLOBAL"
        }
        "EXTERNAL" => "EXTERNAL",
        "GLOBAL" => "GLOBAL",
        "VOLATILE" => "VOLATILE",
        word => {
            let (word, span) = if word == "USAGE" {
                let _ = cursor.take("IS");
                let Some(word) = cursor.word().map(str::to_owned) else {
                    return Err(cursor.unexpected("a usage"));
                };
                let span = cursor.span();
                cursor.advance();
                (word, span)
            } else {
                (word.to_owned(), span)
            };
            match usage_of(&word) {
                Some(Ok(usage)) => entry.usage = Some((usage, span)),
                Some(Err(what)) => {
                    return Err(Fault::new(
                        span,
                        format!("usage {} ({what}) is not supported", shown(&word)),
                    ));
                }
                None => return Err(unknown(&word, span)),
            }
            "USAGE"
        }
    })
}

fn unknown(word: &str, span: Range<usize>) -> Fault {
    let known = ["TYPE", "TYPEDEF", "LIKE", "DYNAMIC", "GROUP-USAGE", "DATE", "ANY", "THREAD-LOCAL"];
    if known.contains(&word) {
        return Fault::new(span, format!("the clause {} is not supported", shown(word)));
    }
    if OTHER_TEXT.contains(&word) {
        return Fault::new(span, format!("found {}, which is not supported in copybooks", shown(word)));
    }
    let fault = Fault::new(
        span,
        format!("found {}, expected a clause or the period that ends the entry", shown(word)),
    );
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return fault.advise("the previous entry may lack its period, or the period is after column 72");
    }
    fault
}
