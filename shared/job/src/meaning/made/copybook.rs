//! Fields that are made of columns that a copybook lays out.

use std::collections::BTreeSet;

use domain::layout::Field;
use domain::value::FieldType;
use format::cobol::{FieldSpec, Kind};
use format::copybook::plan::Plan;
use format::spec::{FieldForm, Trim};
use format::stage::{Made, Origin, TextColumn, TextSource};

use super::super::record_format::{trim, truths};
use super::super::types::{constraints, field_type};
use super::super::{Checked, RESERVED, fault, fault_advised, identifier, written};
use super::indicator::{Held, gate};
use super::{Draft, Tables, definition, from_text, is_made, part};
use crate::file::{ColumnRef, FieldSection, RecordSection, SourceSection};

/// A column that the copybook lays out: as what it is read, and the section of the field that it is.
pub(in crate::meaning) struct Column<'a> {
    pub(in crate::meaning) field: Field,
    pub(in crate::meaning) spec: FieldSpec,
    pub(in crate::meaning) own: Option<&'a FieldSection>,
    pub(in crate::meaning) has_length: bool,
}

/// The columns that fields are made of, or that are indicators. They are no fields unless the job says so.
pub(in crate::meaning) fn used(record: &RecordSection) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for section in &record.field {
        if let Some(spanned) = &section.null_indicator {
            names.extend(spanned.get_ref().column());
        }
        for of in section.concat.iter().flat_map(|concat| concat.get_ref()) {
            if let ColumnRef::Name(name) = of {
                names.insert(name.as_str());
            }
        }
        if is_made(section) && !super::has_no_column(section) {
            names.insert(section.from.as_ref().unwrap_or(&section.name).get_ref().as_str());
        }
    }
    names
}

/// The fields of a record type some of which are made of its columns; `columns` become what the stage takes.
pub(in crate::meaning) fn drafted(
    record: &RecordSection,
    source: &SourceSection,
    plan: &Plan,
    columns: &mut [Column<'_>],
    tables: &Tables,
) -> Checked<(Vec<Field>, Draft)> {
    let used = used(record);
    let find = |name: &str, span: std::ops::Range<usize>| match plan
        .fields
        .iter()
        .position(|of| of.column == name)
    {
        Some(at) => Ok(at),
        None => {
            let names: Vec<_> = plan.fields.iter().map(|of| of.column.as_str()).collect();
            fault_advised(
                span,
                format!("the copybook has no column `{name}` in this record"),
                format!("columns: {}", names.join(", ")),
            )
        }
    };
    let (mut fields, mut made) = (Vec::new(), Vec::new());
    for at in 0..columns.len() {
        let own = columns[at].own;
        if own.is_none() && plan.fields.get(at).is_some_and(|item| used.contains(item.column.as_str())) {
            continue;
        }
        fields.push(columns[at].field.clone());
        let Some((section, spanned)) = own.and_then(|own| Some((own, own.null_indicator.as_ref()?))) else {
            made.push(Made { origin: Origin::Column(at), gate: None });
            continue;
        };
        let name = match spanned.get_ref().column() {
            Some(name) => find(name, spanned.span())?,
            None => return fault(spanned.span(), "an indicator needs its `column`"),
        };
        let (item, of_indicator) = (plan.fields.get(at), plan.fields.get(name));
        if name == at || item.map(|of| of.within) != of_indicator.map(|of| of.within) {
            return fault(spanned.span(), "the indicator is not beside the field in the record");
        }
        let space = columns[at].spec.page.space();
        let gate = gate(section, spanned, name, &held(&mut columns[name], spanned.span())?, space)?;
        let spec = raw(&mut columns[at]);
        made.push(Made { origin: Origin::Cell(at, Box::new(spec)), gate: Some(gate) });
    }
    for section in record.field.iter().filter(|section| is_made(section)) {
        if let Some(spanned) = &section.null_indicator {
            return fault(
                spanned.span(),
                "in a copybook's record, an indicator is for a field that is not made of columns",
            );
        }
        let (field, form) = field(section, source)?;
        let has_separator = section.separator.as_ref().is_some_and(|of| !of.get_ref().is_empty());
        let text = if let Some(constant) = &section.constant {
            TextSource::Constant(constant.get_ref().clone())
        } else if let Some(concat) = &section.concat {
            if concat.get_ref().len() < 2 {
                return fault(concat.span(), "`concat` needs two columns or more");
            }
            let mut parts = Vec::new();
            for of in concat.get_ref() {
                let ColumnRef::Name(name) = of else {
                    return fault(concat.span(), "a column is given by its name");
                };
                let at = find(name, concat.span())?;
                parts.push(text_column(at, &columns[at], !has_separator, concat.span())?);
            }
            let separator = section.separator.as_ref().map(|of| of.get_ref().clone()).unwrap_or_default();
            TextSource::Concat { columns: parts, separator }
        } else {
            let from = section.from.as_ref().unwrap_or(&section.name);
            let at = find(from.get_ref(), from.span())?;
            let column = text_column(at, &columns[at], false, from.span())?;
            part(section, column)?.unwrap_or(TextSource::Column(column))
        };
        made.push(Made { origin: from_text(section, text, form, tables)?, gate: None });
        fields.push(field);
    }
    for (at, of) in columns.iter().enumerate() {
        if of.field.ty == FieldType::Bytes
            && let Some(other) = made.iter().position(|made| {
                made.columns().contains(&at) && !matches!(made.origin, Origin::Cell(..) | Origin::Column(_))
            })
        {
            let what =
                format!("`{}` is made of a column that has an indicator, or is bytes", fields[other].name);
            return fault(record.name.span(), what);
        }
    }
    let definition = record.field.iter().map(|section| definition(section, tables)).collect();
    let columns = columns.iter().map(|column| column.field.clone()).collect();
    Ok((fields, Draft { columns, made, definition, in_utf8: false }))
}

/// A field that is made of columns, and how its text is read.
fn field(section: &FieldSection, source: &SourceSection) -> Checked<(Field, FieldForm)> {
    let name = identifier(&section.name, "field")?;
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return fault(
            section.name.span(),
            format!("`{name}` is a column that Crossfoot adds; rename the field"),
        );
    }
    let Some(given) = &section.ty else {
        return fault(section.name.span(), format!("field `{name}` needs a `type`"));
    };
    for (key, span) in [
        ("cobol", section.cobol.as_ref().map(toml::Spanned::span)),
        ("encoding", section.encoding.as_ref().map(toml::Spanned::span)),
        ("length_from", section.length_from.as_ref().map(toml::Spanned::span)),
        ("nth", section.nth.as_ref().map(toml::Spanned::span)),
        ("start", section.start.as_ref().map(toml::Spanned::span)),
        ("width", section.width.as_ref().map(toml::Spanned::span)),
    ] {
        if let Some(span) = span {
            return fault(span, format!("`{key}` does not apply to a field that is made of columns"));
        }
    }
    let (ty, pattern) = field_type(given)?;
    if ty == FieldType::Bytes {
        return fault(given.span(), "bytes are not made of a text");
    }
    let form = FieldForm {
        trim: trim(section.trim.as_ref())?.unwrap_or(Trim::Right),
        truths: truths(section, &ty)?,
        ..written::form(section, &ty, pattern, source, true)?
    };
    if let Err(error) = form.check(&ty) {
        return fault(given.span(), format!("field `{name}`: {error}"));
    }
    let constraints = constraints(section, &ty)?;
    Ok((Field { name, ty, required: section.required, sensitive: section.sensitive, constraints }, form))
}

/// How the text of a column is made of its value. `is_whole`: whether it is as long as it is in the record.
fn text_column(
    at: usize,
    column: &Column<'_>,
    is_whole: bool,
    span: std::ops::Range<usize>,
) -> Checked<TextColumn> {
    match (&column.spec.kind, column.field.ty) {
        (Kind::Text(_), FieldType::Text { .. }) if is_whole && column.has_length => fault(
            span,
            format!(
                "`{}` has a length of its own in each record: `concat` needs a `separator`",
                column.field.name
            ),
        ),
        (Kind::Text(_), FieldType::Text { .. }) => {
            let width = is_whole.then_some(column.spec.bytes);
            Ok(TextColumn { column: at, digits: None, width })
        }
        (Kind::Number(form), FieldType::Integer | FieldType::Decimal { scale: 0, .. }) if form.scale == 0 => {
            Ok(TextColumn { column: at, digits: Some(form.digits.into()), width: None })
        }
        _ => fault(
            span,
            format!(
                "`{}` is neither a text nor a whole number: no field is made of its text",
                column.field.name
            ),
        ),
    }
}

/// What an indicator holds; a text is read as bytes from now on.
fn held(column: &mut Column<'_>, span: std::ops::Range<usize>) -> Checked<Held> {
    match (&column.spec.kind, column.field.ty) {
        (Kind::Number(form), FieldType::Integer) if form.scale == 0 => Ok(Held::Integer),
        (Kind::Text(_), _) if column.own.is_some() => {
            fault(span, format!("the indicator `{}` is a field as well; leave that out", column.field.name))
        }
        (Kind::Text(_), _) => {
            let (page, bytes) = (column.spec.page, column.spec.bytes);
            raw(column);
            Ok(Held::Bytes(page, bytes))
        }
        _ => {
            fault(span, format!("the indicator `{}` is neither a text nor a whole number", column.field.name))
        }
    }
}

/// Has a column read as bytes; returns how it would have been read.
fn raw(column: &mut Column<'_>) -> FieldSpec {
    let spec = column.spec.clone();
    if column.field.ty != FieldType::Bytes {
        column.spec.column = FieldType::Bytes;
        column.field.ty = FieldType::Bytes;
        column.field.constraints.clear();
        column.field.required = false;
    }
    spec
}
