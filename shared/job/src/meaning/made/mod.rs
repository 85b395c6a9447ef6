//! Fields that are made of columns: constants, several columns joined, parts of one, codes of a lookup table, and
//! values beside an indicator of NULL.

pub(super) mod copybook;
pub(super) mod indicator;
pub(super) mod lookups;
pub(super) mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::layout::{Field, Layout};
use format::spec::Stage;
use format::stage::{FromText, Made, Origin, Part, TextColumn, TextSource};
use toml::Spanned;

use super::{Checked, fault};
use crate::RecordType;
use crate::file::{FieldSection, PartSection, RecordSection};

/// The texts of lookup tables, by the files' names.
pub(super) type Tables = BTreeMap<String, Spanned<String>>;

/// What the fields of a record type are made of, until its layout is known.
pub(super) struct Draft {
    /// The source's columns.
    pub(super) columns: Vec<Field>,
    /// One for each field.
    pub(super) made: Vec<Made>,
    pub(super) definition: String,
    pub(super) in_utf8: bool,
}

impl Draft {
    /// The stage of a record type that consists of `own`.
    pub(super) fn stage(mut self, own: &Layout, section: &RecordSection) -> Checked<Arc<Stage>> {
        for (made, field) in self.made.iter().zip(&own.fields) {
            if let Origin::Column(column) = made.origin
                && let Some(of) = self.columns.get_mut(column)
            {
                of.required = field.required;
            }
        }
        for column in 0..self.columns.len() {
            let mut users =
                self.made.iter().zip(&own.fields).filter(|(made, _)| made.columns().contains(&column));
            let Some((_, first)) = users.next() else { continue };
            if let Some((_, other)) = users.find(|(_, other)| other.sensitive != first.sensitive) {
                let span =
                    section_of(section, &other.name).map_or(section.name.span(), |one| one.name.span());
                return fault(
                    span,
                    format!(
                        "`{}` and `{}` come from one column: mark both as sensitive, or neither",
                        first.name, other.name
                    ),
                );
            }
        }
        let columns = Layout {
            key: Vec::new(),
            amounts: Vec::new(),
            hashed: (0..self.columns.len()).collect(),
            fields: self.columns,
            ..own.clone()
        };
        let stage = Stage {
            columns: Arc::new(columns),
            fields: self.made,
            definition: self.definition,
            in_utf8: self.in_utf8,
        };
        parts_agree(&stage, own, section)?;
        Ok(Arc::new(stage))
    }
}

fn section_of<'a>(record: &'a RecordSection, name: &str) -> Option<&'a FieldSection> {
    record.field.iter().find(|field| field.name.get_ref() == name)
}

/// The parts of one column are told apart in one way.
fn parts_agree(stage: &Stage, own: &Layout, section: &RecordSection) -> Checked<()> {
    let parts = |made: &Made| match &made.origin {
        Origin::Text(from) => match &from.text {
            TextSource::Part { column, part, .. } => Some((column.column, part.clone())),
            _ => None,
        },
        _ => None,
    };
    let all: Vec<_> =
        stage.fields.iter().enumerate().filter_map(|(at, made)| Some((at, parts(made)?))).collect();
    for (at, (column, part)) in &all {
        let differs = all.iter().find(|(_, (of, other))| {
            of == column
                && match (part, other) {
                    (Part::Number { separator: a, .. }, Part::Number { separator: b, .. }) => a != b,
                    (Part::Chars { .. }, Part::Chars { .. }) => false,
                    _ => true,
                }
        });
        if let Some((other, _)) = differs {
            let (one, two) = (&own.fields[*at].name, &own.fields[*other].name);
            let span = section_of(section, two).map_or(section.name.span(), |one| one.name.span());
            return fault(span, format!("`{one}` and `{two}` take their column apart in different ways"));
        }
    }
    Ok(())
}

/// Refuses a record type that is told by a field that is made of columns, for its columns are not known before it is;
/// and constants, defaults and lookup tables that hold what the field cannot.
pub(super) fn check_stages(records: &[RecordType], sections: &[RecordSection]) -> Checked<()> {
    for (record, section) in records.iter().zip(sections) {
        let Some(stage) = &record.format.stage else { continue };
        if let Err(error) = format::Decoder::new(&record.format, Arc::clone(&record.own)) {
            return fault(section.name.span(), error);
        }
        if let Some(when) = record.when.iter().find(|when| stage.column_of(when.field).is_none())
            && let Some(field) = record.own.fields.get(when.field)
        {
            let span = section.when.as_ref().map_or(section.name.span(), Spanned::span);
            return fault(
                span,
                format!("`{}` is made of columns, and so cannot tell a record's type", field.name),
            );
        }
    }
    Ok(())
}

/// Whether a field's text is made, and is not that of a column.
pub(super) const fn is_made(section: &FieldSection) -> bool {
    section.constant.is_some()
        || section.concat.is_some()
        || section.part.is_some()
        || section.lookup.is_some()
}

/// Whether a field has no column of its own.
pub(super) const fn has_no_column(section: &FieldSection) -> bool {
    section.constant.is_some() || section.concat.is_some()
}

/// Whether any field is made of columns, or has an indicator.
pub(super) fn any(record: &RecordSection) -> bool {
    record.field.iter().any(|field| is_made(field) || field.null_indicator.is_some())
}

/// Refuses keys of a field that say nothing, or nothing together.
pub(super) fn check(section: &FieldSection) -> Checked<()> {
    let of = [
        ("constant", section.constant.as_ref().map(Spanned::span)),
        ("concat", section.concat.as_ref().map(Spanned::span)),
        ("part", section.part.as_ref().map(Spanned::span)),
    ];
    let given: Vec<_> = of.iter().filter_map(|(key, span)| Some((key, span.clone()?))).collect();
    if let [(one, _), (other, span), ..] = &given[..] {
        return fault(span.clone(), format!("`{one}` and `{other}` do not go together"));
    }
    let with_part = [
        ("missing_part", section.missing_part.as_ref().map(Spanned::span)),
        ("uncovered", section.uncovered.as_ref().map(Spanned::span)),
    ];
    if let Some((key, Some(span))) = with_part.into_iter().find(|(_, span)| span.is_some())
        && section.part.is_none()
    {
        return fault(span, format!("`{key}` goes with `part`"));
    }
    let is_number =
        section.part.as_ref().is_some_and(|part| matches!(part.get_ref(), PartSection::Number(_)));
    match &section.separator {
        Some(separator) if !is_number && section.concat.is_none() => {
            return fault(separator.span(), "`separator` goes with `concat`, or with the number of a `part`");
        }
        Some(separator) if separator.get_ref().is_empty() && is_number => {
            return fault(separator.span(), "nothing separates no parts");
        }
        _ => {}
    }
    if has_no_column(section) {
        let own = [
            ("from", section.from.as_ref().map(Spanned::span)),
            ("nth", section.nth.as_ref().map(Spanned::span)),
            ("start", section.start.as_ref().map(Spanned::span)),
            ("width", section.width.as_ref().map(Spanned::span)),
            ("null_indicator", section.null_indicator.as_ref().map(Spanned::span)),
        ];
        if let Some((key, Some(span))) = own.into_iter().find(|(_, span)| span.is_some()) {
            return fault(span, format!("`{key}` is for a field with a column of its own"));
        }
    }
    if let (Some(constant), true) = (&section.constant, section.default.is_some() || section.lookup.is_some())
    {
        return fault(constant.span(), "a constant is never NULL, and no code");
    }
    if let (Some(indicator), true) = (&section.null_indicator, section.part.is_some()) {
        return fault(indicator.span(), "a part has no indicator of its own");
    }
    if let (Some(content), None) = (&section.null_content, &section.null_indicator) {
        return fault(content.span(), "`null_content` goes with `null_indicator`");
    }
    if (is_made(section) || section.null_indicator.is_some())
        && (section.rest.is_some() || section.sum_of.is_some())
    {
        return fault(section.name.span(), "a field that is made of columns has no `rest` and no `sum_of`");
    }
    Ok(())
}

/// Whether a key with two words has the second one.
pub(super) fn is_second(given: Option<&Spanned<String>>, key: &str, words: [&str; 2]) -> Checked<bool> {
    let Some(spanned) = given else { return Ok(false) };
    match spanned.get_ref().as_str() {
        word if word == words[0] => Ok(false),
        word if word == words[1] => Ok(true),
        other => {
            fault(spanned.span(), format!("invalid {key} `{other}`: expected {} or {}", words[0], words[1]))
        }
    }
}

/// The part of a column that a field is.
fn part(section: &FieldSection, column: TextColumn) -> Checked<Option<TextSource>> {
    let Some(spanned) = &section.part else { return Ok(None) };
    let part = match spanned.get_ref() {
        PartSection::Number(0) => return fault(spanned.span(), "parts are counted from 1"),
        PartSection::Number(number) => {
            let Some(separator) = &section.separator else {
                return fault(spanned.span(), "the number of a part needs a `separator`");
            };
            Part::Number { separator: separator.get_ref().clone(), number: number - 1 }
        }
        PartSection::Chars(chars) if chars.start == 0 || chars.length == Some(0) => {
            return fault(spanned.span(), "characters are counted from 1, and a part has at least one");
        }
        PartSection::Chars(chars) => Part::Chars { start: chars.start - 1, length: chars.length },
    };
    Ok(Some(TextSource::Part {
        column,
        part,
        missing_is_null: is_second(section.missing_part.as_ref(), "missing_part", ["reject", "null"])?,
        drops_others: is_second(section.uncovered.as_ref(), "uncovered", ["reject", "drop"])?,
    }))
}

/// What a field is made of, in words that are equal only for what is made alike.
fn definition(section: &FieldSection, tables: &Tables) -> String {
    let mut out = format!("{}:", section.name.get_ref());
    let mut add = |key: &str, value: String| out.push_str(&format!(" {key}={value:?}"));
    if let Some(constant) = &section.constant {
        add("constant", constant.get_ref().clone());
    }
    if let Some(from) = &section.from {
        add("from", from.get_ref().clone());
    }
    if let Some(concat) = &section.concat {
        let names = concat.get_ref().iter().map(text::shown);
        add("concat", names.collect::<Vec<_>>().join("\n"));
    }
    if let Some(separator) = &section.separator {
        add("separator", separator.get_ref().clone());
    }
    if let Some(part) = &section.part {
        add(
            "part",
            match part.get_ref() {
                PartSection::Number(number) => number.to_string(),
                PartSection::Chars(chars) => match chars.length {
                    Some(length) => format!("{}+{length}", chars.start),
                    None => format!("{}+", chars.start),
                },
            },
        );
    }
    for (key, policy) in [
        ("missing_part", &section.missing_part),
        ("uncovered", &section.uncovered),
        ("null_content", &section.null_content),
    ] {
        if let Some(policy) = policy {
            add(key, policy.get_ref().clone());
        }
    }
    if let Some(lookup) = &section.lookup {
        let lookup = lookup.get_ref();
        let table = tables.get(&lookup.file).map(|text| text.get_ref().as_str()).unwrap_or_default();
        add("table", domain::fingerprint::Hash::of(table.as_bytes()).to_string());
        add("key", lookup.key.clone());
        add("value", lookup.value.clone());
        if let Some(otherwise) = &lookup.otherwise {
            add("otherwise", otherwise.clone());
        }
    }
    if let Some(of) = &section.null_indicator {
        add("null_indicator", indicator::shown(of.get_ref()));
    }
    out.push('\n');
    out
}

/// A field whose text is what its form reads.
fn from_text(
    section: &FieldSection,
    text: TextSource,
    form: format::spec::FieldForm,
    tables: &Tables,
) -> Checked<Origin> {
    let lookup = lookups::of(section, tables)?;
    Ok(Origin::Text(Box::new(FromText { text, form, lookup })))
}
