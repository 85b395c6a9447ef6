//! Tables whose elements are records of a type of their own: which table it is, and what its records get beside their
//! own fields.
//!
//! ```toml
//! [[record]]
//! name = "order"
//!
//! [[record]]
//! name    = "line"
//! parent  = "order"
//! rows    = "ORDER-LINE"   # the table of `order` whose elements are the records
//! element = "line_no"      # the column of the element's number; "element_no" if it does not say
//! empty   = "skip"         # what holds nothing is no record; "row" if it does not say
//! ```

use domain::layout::{Field, Layout};
use domain::value::FieldType;
use toml::Spanned;

use super::records::PARENT;
use super::{Checked, RESERVED, fault, fault_advised, identifier};
use crate::Rows;
use crate::file::{RecordSection, SourceSection};

/// How many tables whose elements are records may be inside each other. The bytes of an element that is a reject are
/// kept with it and with each record around it, and all of a chunk fits a message.
const ROWS_DEPTH_MAX: usize = 4;

/// The column of an element's number if the job names none.
const ELEMENT: &str = "element_no";

/// Which part of a copybook's record a record type is.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The place of the record type that has the record: itself, or the one around its tables.
    pub(super) of: usize,
    /// The record at level 01.
    pub(super) level_01: Option<String>,
    /// The tables whose elements are records of other types.
    pub(super) rows: Vec<String>,
    /// The table of which it is an element, after those around it.
    pub(super) element: Vec<String>,
}

/// For each record type, the table whose elements its records are.
pub(super) fn rows(sections: &[RecordSection], source: &SourceSection) -> Checked<Vec<Option<Rows>>> {
    let mut all: Vec<Option<Rows>> = Vec::new();
    for section in sections {
        let of = one(section, sections, source)?.map(|(parent, table, skips_empty)| Rows {
            parent,
            table,
            of: all.iter().flatten().filter(|other| other.parent == parent).count(),
            skips_empty,
        });
        all.push(of);
    }
    for (section, rows) in sections.iter().zip(&all) {
        let span = || section.rows.as_ref().map_or(section.name.span(), Spanned::span);
        let Some(rows) = rows else {
            // What it is the child of must be a record that is read by itself.
            let parents = section.parent.as_ref().map(|parent| parent.get_ref().names()).unwrap_or_default();
            let is_element = |name: &&String| {
                sections.iter().zip(&all).any(|(of, rows)| of.name.get_ref() == *name && rows.is_some())
            };
            if let (Some(parent), Some(name)) = (&section.parent, parents.iter().find(is_element)) {
                return fault(
                    parent.span(),
                    format!("`{name}` is an element of a table, and no parent of records after it"),
                );
            }
            continue;
        };
        if rows.skips_empty && all.iter().flatten().any(|inner| all[inner.parent].as_ref() == Some(rows)) {
            let span = section.empty.as_ref().map_or_else(span, Spanned::span);
            return fault(span, "an element with a table whose elements are records cannot be skipped");
        }
        match chain(&all, rows) {
            None => return fault(span(), "the tables of these record types are inside each other"),
            Some((tables, _)) if tables.len() > ROWS_DEPTH_MAX => {
                let what = format!(
                    "more than {ROWS_DEPTH_MAX} tables whose elements are records are inside each other"
                );
                return fault_advised(span(), what, "leave `rows` off the innermost one: it becomes columns");
            }
            Some(_) => {}
        }
        let is_twin = |other: &&Rows| other.parent == rows.parent && other.of < rows.of;
        let mut before = all.iter().flatten().filter(is_twin);
        if before.any(|other| other.table.eq_ignore_ascii_case(&rows.table)) {
            return fault(span(), format!("another record type has the elements of `{}`", rows.table));
        }
    }
    Ok(all)
}

fn one(
    section: &RecordSection,
    sections: &[RecordSection],
    source: &SourceSection,
) -> Checked<Option<(usize, String, bool)>> {
    let name = section.name.get_ref();
    let Some(table) = &section.rows else {
        let alone = [("element", &section.element), ("empty", &section.empty)];
        return match alone.into_iter().find_map(|(key, of)| Some((key, of.as_ref()?))) {
            Some((key, of)) => fault(of.span(), format!("`{key}` needs `rows`: the table of the elements")),
            None => Ok(None),
        };
    };
    if source.format.get_ref() != "copybook" {
        return fault(table.span(), "`rows` applies only to the copybook format");
    }
    let foreign = [
        ("when", section.when.as_ref().map(Spanned::span)),
        ("position", section.position.as_ref().map(Spanned::span)),
        ("role", section.role.as_ref().map(Spanned::span)),
        ("copybook", section.copybook.as_ref().map(Spanned::span)),
        ("level_01", section.level_01.as_ref().map(Spanned::span)),
        ("padding", section.padding.as_ref().map(Spanned::span)),
        ("rest", section.rest.as_ref().map(Spanned::span)),
    ];
    if let Some((key, Some(span))) = foreign.into_iter().find(|(_, span)| span.is_some()) {
        return fault(span, format!("`{key}` does not go with `rows`: an element is told by its place"));
    }
    let Some(parent) = &section.parent else {
        return fault_advised(
            table.span(),
            format!("record `{name}` does not say which record type holds the table `{}`", table.get_ref()),
            "name it: parent = \"RECORD\"",
        );
    };
    let [of] = parent.get_ref().names() else {
        return fault(
            parent.span(),
            "with `rows`, one record type is the parent: the one that holds the table",
        );
    };
    let Some(place) = sections.iter().position(|other| other.name.get_ref() == of) else {
        return fault(parent.span(), format!("there is no record `{of}`"));
    };
    let skips_empty = match &section.empty {
        None => false,
        Some(spanned) => match spanned.get_ref().as_str() {
            "row" => false,
            "skip" => true,
            other => return fault(spanned.span(), format!("invalid empty `{other}`: expected row or skip")),
        },
    };
    Ok(Some((place, table.get_ref().clone(), skips_empty)))
}

/// The tables around an element, outermost first, its own last, and the record type that is no element; `None` if they
/// are inside each other.
fn chain(all: &[Option<Rows>], rows: &Rows) -> Option<(Vec<String>, usize)> {
    let (mut tables, mut at) = (vec![rows.table.clone()], rows.parent);
    while let Some(outer) = &all[at] {
        if tables.len() > all.len() {
            return None;
        }
        tables.push(outer.table.clone());
        at = outer.parent;
    }
    tables.reverse();
    Some((tables, at))
}

/// Which part of a copybook's record the type at `place` is.
pub(super) fn tables(sections: &[RecordSection], all: &[Option<Rows>], place: usize) -> Tables {
    let (element, root) =
        all[place].as_ref().and_then(|rows| chain(all, rows)).unwrap_or((Vec::new(), place));
    let of_this = all.iter().flatten().filter(|rows| rows.parent == place);
    Tables {
        of: root,
        level_01: sections[root].level_01.as_ref().map(|name| name.get_ref().clone()),
        rows: of_this.map(|rows| rows.table.clone()).collect(),
        element,
    }
}

/// Adds the columns that an element has beside its own fields: its number, and its parent's record number.
pub(super) fn with_numbers(section: &RecordSection, mut fields: Vec<Field>) -> Checked<Vec<Field>> {
    let (name, span) = match &section.element {
        None => (ELEMENT.to_owned(), section.name.span()),
        Some(named) => (identifier(named, "element")?, named.span()),
    };
    if let Some(taken) = RESERVED.iter().find(|taken| taken.eq_ignore_ascii_case(&name)) {
        return fault(
            span,
            format!("`{taken}` is a column that Crossfoot adds; name the element's otherwise"),
        );
    }
    for name in [name, PARENT.to_owned()] {
        if fields.iter().any(|field| field.name.eq_ignore_ascii_case(&name)) {
            let advice =
                "set `element` to another name, or rename the field with [[record.field]] and `from`";
            return fault_advised(span, format!("a field of the element is called `{name}`"), advice);
        }
        fields.push(number(name));
    }
    Ok(fields)
}

/// A column of a record's or an element's number.
pub(super) fn number(name: String) -> Field {
    Field { name, ty: FieldType::Integer, required: true, sensitive: false, constraints: Vec::new() }
}

/// The layout of an element's own bytes: its first `own` fields.
pub(super) fn own(layout: &Layout, own: usize) -> Layout {
    let mut layout = layout.clone();
    layout.fields.truncate(own);
    for places in [&mut layout.key, &mut layout.amounts, &mut layout.hashed] {
        places.retain(|place| *place < own);
    }
    layout
}
