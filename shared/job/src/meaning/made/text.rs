//! Fields that are made of columns of a source that the job describes: delimited or at fixed positions.

use domain::layout::Field;
use domain::value::FieldType;
use format::spec::{Encoding, FieldForm, Trim};
use format::stage::{Made, Origin, TextColumn, TextSource};

use super::super::record_format::{trim, trim_default};
use super::super::{Checked, fault};
use super::indicator::{Held, gate};
use super::{Draft, Tables, definition, from_text, part};
use crate::file::{ColumnRef, FieldSection, IndicatorSection, RecordSection, SourceSection};

/// How a column of the source is named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Name(String),
    Place(usize, usize),
}

/// A column of the source, and who is made of it.
struct Column {
    key: Key,
    nth: Option<usize>,
    /// Whether its name is given exactly as the header row has it.
    is_exact: bool,
    fields: Vec<usize>,
    /// The field that it is, if it is nothing else.
    alone: Option<usize>,
}

/// A column as messages and definitions show it.
pub(super) fn shown(column: &ColumnRef) -> String {
    match column {
        ColumnRef::Name(name) => name.clone(),
        ColumnRef::Place(place) => format!("{}+{}", place.start, place.width),
    }
}

#[derive(Default)]
struct Columns(Vec<Column>);

impl Columns {
    /// The place of a column; it is added if it is new. `alone`: whether the field is all that is made of it.
    fn place(&mut self, key: Key, nth: Option<usize>, is_exact: bool, field: usize, alone: bool) -> usize {
        if let Some(at) = self.0.iter().position(|of| of.key == key && of.nth == nth) {
            let of = &mut self.0[at];
            of.is_exact |= is_exact;
            of.fields.push(field);
            of.alone = None;
            return at;
        }
        let alone = alone.then_some(field);
        self.0.push(Column { key, nth, is_exact, fields: vec![field], alone });
        self.0.len() - 1
    }
}

/// The columns of a record type some of whose fields are made of them. `forms`: how the fields are written.
pub(in crate::meaning) fn drafted(
    record: &RecordSection,
    source: &SourceSection,
    fields: &[Field],
    forms: Vec<FieldForm>,
    tables: &Tables,
) -> Checked<(Vec<FieldForm>, Draft)> {
    let is_fixed = source.format.get_ref() == "fixed";
    let encoding = super::super::encoding::of(source)?;
    let space = if let Encoding::Page(page) = encoding { page.space() } else { b' ' };
    let mut columns = Columns::default();
    let mut drafts = Vec::new();
    for (at, (section, field)) in record.field.iter().zip(fields).enumerate() {
        let is_plain = !super::is_made(section) && section.null_indicator.is_none();
        if is_plain {
            if section.rest.is_some() || section.sum_of.is_some() {
                let what = "`rest` and `sum_of` do not go with fields that are made of columns";
                return fault(section.name.span(), what);
            }
        } else if field.ty == FieldType::Bytes {
            return fault(section.name.span(), "bytes are not made of a text");
        }
        let own = |columns: &mut Columns| {
            let key = match forms.get(at).and_then(|form| form.span) {
                Some((start, width)) => Key::Place(start, width),
                None => Key::Name(
                    section.from.as_ref().map_or(field.name.as_str(), |from| from.get_ref()).to_owned(),
                ),
            };
            let nth = section.nth.as_ref().map(|nth| *nth.get_ref());
            columns.place(key, nth, section.from.is_some(), at, is_plain)
        };
        let mut parts = Vec::new();
        if let Some(concat) = &section.concat {
            if concat.get_ref().len() < 2 {
                return fault(concat.span(), "`concat` needs two columns or more");
            }
            let has_separator = section.separator.as_ref().is_some_and(|of| !of.get_ref().is_empty());
            if !is_fixed && !has_separator {
                return fault(
                    concat.span(),
                    "in format `delimited`, `concat` needs a `separator`: without one, other columns would give the \
                     same text",
                );
            }
            for of in concat.get_ref() {
                let (key, width) = key_of(of, is_fixed, concat.span())?;
                let column = columns.place(key, None, true, at, false);
                let width = width.filter(|_| !has_separator);
                parts.push(TextColumn { column, digits: None, width });
            }
        } else if section.constant.is_none() {
            let column = own(&mut columns);
            parts.push(TextColumn { column, digits: None, width: None });
        }
        let indicator = match &section.null_indicator {
            None => None,
            Some(spanned) => {
                let key = match (spanned.get_ref(), is_fixed) {
                    (IndicatorSection::Codes(codes), true) => match (codes.start, codes.width) {
                        (Some(start), Some(width)) if start > 0 && width > 0 => Key::Place(start - 1, width),
                        _ => {
                            return fault(
                                spanned.span(),
                                "in format `fixed`, an indicator needs `start` and `width`",
                            );
                        }
                    },
                    (of, false) => match of.column() {
                        Some(name) => Key::Name(name.to_owned()),
                        None => return fault(spanned.span(), "an indicator needs its `column`"),
                    },
                    (IndicatorSection::Name(_), true) => {
                        return fault(
                            spanned.span(),
                            "in format `fixed`, an indicator is given by its place: { start = 25, width = 1 }",
                        );
                    }
                };
                let column = columns.place(key, None, true, at, false);
                Some(gate(section, spanned, column, &Held::Text, space)?)
            }
        };
        drafts.push((parts, indicator));
    }
    if columns.0.is_empty() {
        return fault(record.name.span(), "no field comes from the record's bytes");
    }
    let definition = record.field.iter().map(|section| definition(section, tables)).collect();
    let mut made = Vec::new();
    for (at, ((section, (parts, gate)), form)) in record.field.iter().zip(drafts).zip(&forms).enumerate() {
        let alone = parts.first().is_some_and(|of| columns.0[of.column].alone == Some(at));
        let origin = match &parts[..] {
            [of] if alone && gate.is_none() && !super::is_made(section) => Origin::Column(of.column),
            _ => from_text(section, text(section, &parts)?, form.clone(), tables)?,
        };
        made.push(Made { origin, gate });
    }
    let of_columns = columns.0.iter().map(|column| of_column(column, source, fields, &forms, is_fixed));
    let (columns, column_forms): (Vec<Field>, Vec<FieldForm>) =
        of_columns.collect::<Checked<Vec<_>>>()?.into_iter().unzip();
    let in_utf8 = encoding == Encoding::Utf8;
    Ok((column_forms, Draft { columns, made, definition, in_utf8 }))
}

/// The text that a field is read from.
fn text(section: &FieldSection, parts: &[TextColumn]) -> Checked<TextSource> {
    if let Some(constant) = &section.constant {
        return Ok(TextSource::Constant(constant.get_ref().clone()));
    }
    if section.concat.is_some() {
        let separator = section.separator.as_ref().map(|of| of.get_ref().clone()).unwrap_or_default();
        return Ok(TextSource::Concat { columns: parts.to_vec(), separator });
    }
    let Some(of) = parts.first() else {
        return fault(section.name.span(), "the field comes from nothing");
    };
    Ok(part(section, *of)?.unwrap_or(TextSource::Column(*of)))
}

/// A column that `concat` names, and how long it is.
fn key_of(of: &ColumnRef, is_fixed: bool, span: std::ops::Range<usize>) -> Checked<(Key, Option<usize>)> {
    match (of, is_fixed) {
        (ColumnRef::Name(name), false) => Ok((Key::Name(name.clone()), None)),
        (ColumnRef::Place(place), true) if place.start > 0 && place.width > 0 => {
            Ok((Key::Place(place.start - 1, place.width), Some(place.width)))
        }
        (ColumnRef::Place(_), true) => fault(span, "positions start at 1, and a width must be at least 1"),
        (ColumnRef::Name(_), true) => {
            fault(span, "in format `fixed`, a column is given by its place: { start = 1, width = 8 }")
        }
        (ColumnRef::Place(_), false) => fault(span, "a column is given by its name"),
    }
}

/// A column as a field, and how it is written: as the field that it is, or as text.
fn of_column(
    column: &Column,
    source: &SourceSection,
    fields: &[Field],
    forms: &[FieldForm],
    is_fixed: bool,
) -> Checked<(Field, FieldForm)> {
    if let Some((field, form)) = column.alone.and_then(|at| Some((fields.get(at)?, forms.get(at)?))) {
        return Ok((field.clone(), form.clone()));
    }
    let users = || column.fields.iter().filter_map(|at| fields.get(*at));
    let name = users().next().map(|field| field.name.clone()).unwrap_or_default();
    let ty = FieldType::Text { chars_max: u32::MAX };
    let default = if is_fixed { Trim::Right } else { Trim::None };
    let sensitive = users().any(|field| field.sensitive);
    let span = if let Key::Place(start, width) = column.key { Some((start, width)) } else { None };
    let named = match &column.key {
        Key::Name(name) if column.is_exact => Some(name.clone()),
        _ => None,
    };
    let of_source = source.null.as_ref().filter(|spanned| !is_fixed && spanned.get_ref().names().len() > 1);
    let form = FieldForm {
        span,
        trim: match trim(source.trim.as_ref())? {
            Some(of_source) => of_source,
            None => trim_default(source, &ty, default)?,
        },
        nulls: of_source.map(|spanned| spanned.get_ref().names().to_vec()),
        header: named,
        nth: column.nth,
        ..FieldForm::default()
    };
    Ok((Field { name, ty, required: false, sensitive, constraints: Vec::new() }, form))
}
