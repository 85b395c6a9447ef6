//! Controls: what a source's own records declare of it, and what that is compared with.
//!
//! ```toml
//! [[control]]
//! record = "batch_control"             # the record type that declares
//! covers = { from = "batch_header" }   # "file" (if it does not say), "preceding", "following"
//!
//! [[control.total]]
//! field = "debits"                     # the declaring field
//! sum   = "entry.amount"               # or count = ["entry", "addenda"], or lines = "*"
//! where = "code % 10 >= 5"             # a predicate, as in a rule
//!
//! [[control.value]]
//! field = "business_date"
//! given = "business_date"              # or equals = "EUR", or sequence = { first = 1, last = 999 }
//! ```

use std::ops::Range;
use std::sync::Arc;

use domain::footing::{
    Control, Cover, Demand, Expected, FootingPlan, Measure, Outside, Part, Total, Wanted, What,
};
use domain::layout::Layout;
use domain::rule::Predicate;
use domain::value::FieldType;
use toml::Spanned;

use super::types::literal;
use super::{Checked, Fault, fault, fault_advised, unknown_field};
use crate::file::{
    ControlSection, CoversSection, FromSection, NameOrNames, SequenceSection, TotalSection, ValueSection,
};
use crate::{RecordRole, RecordType};

/// A total that `[declared]` takes from a record.
pub(super) struct Short {
    pub(super) span: Range<usize>,
    pub(super) from: FromSection,
    /// The amount that it is the sum of; `None`: it is the number of records.
    pub(super) summed: Option<String>,
}

/// Everything that the source's records declare.
pub(super) fn footing(
    sections: &[ControlSection],
    short: Vec<Short>,
    records: &[RecordType],
) -> Checked<Option<Arc<FootingPlan>>> {
    let mut controls = Vec::new();
    for section in sections {
        let control = control(section, records)?;
        if controls.iter().any(|other: &Control| other.name == control.name) {
            let span = section.name.as_ref().unwrap_or(&section.record).span();
            return fault_advised(
                span,
                format!("two controls have the name `{}`", control.name),
                "give each control a unique `name`",
            );
        }
        controls.push(control);
    }
    let own = controls.len();
    for short in short {
        push_short(&mut controls, own, &short, records)?;
    }
    if controls.is_empty() {
        return Ok(None);
    }
    let layouts: Vec<_> = records.iter().map(|record| Arc::clone(&record.layout)).collect();
    match FootingPlan::new(&layouts, controls) {
        Ok(plan) => Ok(Some(Arc::new(plan))),
        Err(error) => {
            let named = sections.iter().find(|section| name_of(section) == error.control);
            let span = named.map(|section| section.name.as_ref().unwrap_or(&section.record).span());
            Err(Fault { span, message: format!("control {error}"), advice: None })
        }
    }
}

fn name_of(section: &ControlSection) -> &str {
    section.name.as_ref().unwrap_or(&section.record).get_ref()
}

/// Adds the total to the control of its record, which is new if it is the first.
fn push_short(controls: &mut Vec<Control>, own: usize, short: &Short, records: &[RecordType]) -> Checked<()> {
    let (span, from) = (short.span.clone(), &short.from);
    let record = declaring(&from.from, span.clone(), records)?;
    let field = find(&from.field, &records[record].layout, span.clone())?;
    let only = from.only.as_ref().map(|text| Spanned::new(span.clone(), text.clone()));
    let (what, parts) = match &short.summed {
        None => {
            let parts = match &from.of {
                Some(names) => parts(names, span.clone(), records)?,
                None => {
                    Some(details(records, span.clone())?.into_iter().map(|record| (record, None)).collect())
                }
            };
            (What::Records, parts)
        }
        Some(name) => {
            if from.of.is_some() {
                return fault(span, "`of` applies to records; an amount belongs to its own record");
            }
            let (record, field) = summed_of(name, span.clone(), records)?;
            (What::Sum { absolute: false }, Some(vec![(record, Some(field))]))
        }
    };
    let measure = measure(what, parts, only.as_ref(), records, span.clone())?;
    let total = Total { field, measure, scale: from.scale, last_digits: None, blocks_of: None };
    let name = &records[record].layout.record;
    if let Some(known) = controls[own..].iter_mut().find(|control| control.record == record) {
        known.totals.push(total);
        return Ok(());
    }
    if controls.iter().any(|control| control.name == *name) {
        return fault_advised(
            span,
            format!("a [[control]] named `{name}` already exists"),
            "declare this total as a [[control.total]] of it",
        );
    }
    controls.push(Control {
        name: name.clone(),
        record,
        cover: Cover::File,
        optional: false,
        outside: Outside::Fails,
        totals: vec![total],
        demands: Vec::new(),
    });
    Ok(())
}

fn control(section: &ControlSection, records: &[RecordType]) -> Checked<Control> {
    let record = place(section.record.get_ref(), section.record.span(), records)?;
    let name = name_of(section);
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let span = section.name.as_ref().unwrap_or(&section.record).span();
        return fault(span, "the name of a control must have 1 to 100 characters");
    }
    let cover = match &section.covers {
        None => Cover::File,
        Some(spanned) => match spanned.get_ref() {
            CoversSection::Named(named) => match named.as_str() {
                "file" => Cover::File,
                "preceding" => Cover::Preceding,
                "following" => Cover::Following,
                other => {
                    return fault_advised(
                        spanned.span(),
                        format!("invalid covers `{other}`: expected file, preceding or following"),
                        format!("to start at an opening record, write {{ from = \"{other}\" }}"),
                    );
                }
            },
            CoversSection::From(from) => {
                let names = names(&from.from);
                let places = names.into_iter().map(|name| place(name, spanned.span(), records));
                Cover::From(places.collect::<Checked<_>>()?)
            }
        },
    };
    let outside = match &section.outside {
        None => Outside::Fails,
        Some(spanned) => match spanned.get_ref().as_str() {
            "fail" => Outside::Fails,
            "ignore" => Outside::Ignored,
            other => {
                return fault(spanned.span(), format!("invalid outside `{other}`: expected fail or ignore"));
            }
        },
    };
    let layout = &records[record].layout;
    if section.total.is_empty() && section.value.is_empty() {
        return fault_advised(
            section.record.span(),
            format!("control `{name}` declares nothing"),
            "add a [[control.total]] or a [[control.value]]",
        );
    }
    Ok(Control {
        name: name.to_owned(),
        record,
        cover,
        optional: section.optional,
        outside,
        totals: section.total.iter().map(|one| total(one, layout, records)).collect::<Checked<_>>()?,
        demands: section.value.iter().map(|one| demand(one, layout)).collect::<Checked<_>>()?,
    })
}

fn total(section: &TotalSection, layout: &Layout, records: &[RecordType]) -> Checked<Total> {
    let field = find(section.field.get_ref(), layout, section.field.span())?;
    if !matches!(
        layout.fields[field].ty,
        FieldType::Decimal { .. } | FieldType::Integer | FieldType::Text { .. }
    ) {
        return fault(section.field.span(), format!("`{}` is not a number", section.field.get_ref()));
    }
    let absolute = section.absolute.as_ref().is_some_and(|spanned| *spanned.get_ref());
    let (what, of) = match (&section.count, &section.lines, &section.sum) {
        (Some(of), None, None) => (What::Records, of),
        (None, Some(of), None) => (What::Lines, of),
        (None, None, Some(of)) => (What::Sum { absolute }, of),
        _ => {
            return fault_advised(
                section.field.span(),
                format!("total `{}` does not define what it totals", section.field.get_ref()),
                "set exactly one of count, lines, sum",
            );
        }
    };
    let is_sum = matches!(what, What::Sum { .. });
    if let Some(spanned) = section.absolute.as_ref().filter(|_| !is_sum) {
        return fault(spanned.span(), "`absolute` applies only to a sum");
    }
    if let Some(spanned) = section.blocks_of.as_ref().filter(|one| is_sum || *one.get_ref() == 0) {
        return fault(spanned.span(), "`blocks_of` applies only to count or lines, and must be at least 1");
    }
    if let Some(spanned) = section.last_digits.as_ref().filter(|one| !(1..=38).contains(one.get_ref())) {
        return fault(spanned.span(), "`last_digits` must be 1 to 38");
    }
    if let Some(spanned) = section.scale.as_ref().filter(|one| *one.get_ref() > 38) {
        return fault(spanned.span(), "`scale` must be 0 to 38");
    }
    let span = of.span();
    let parts = if is_sum {
        let fields = names(of.get_ref())
            .into_iter()
            .map(|name| summed_of(name, span.clone(), records).map(|(record, field)| (record, Some(field))));
        Some(fields.collect::<Checked<Vec<_>>>()?)
    } else {
        parts(of.get_ref(), span.clone(), records)?
    };
    Ok(Total {
        field,
        measure: measure(what, parts, section.only.as_ref(), records, span)?,
        scale: section.scale.as_ref().map_or(0, |spanned| *spanned.get_ref()),
        last_digits: section.last_digits.as_ref().map(|spanned| *spanned.get_ref()),
        blocks_of: section.blocks_of.as_ref().map(|spanned| *spanned.get_ref()),
    })
}

fn demand(section: &ValueSection, layout: &Layout) -> Checked<Demand> {
    let field = find(section.field.get_ref(), layout, section.field.span())?;
    let ty = &layout.fields[field].ty;
    let wanted = match (&section.equals, &section.given, &section.sequence) {
        (Some(equals), None, None) => Wanted::Equals(Expected(literal(ty, equals.get_ref(), equals.span())?)),
        (None, Some(given), None) => Wanted::Given(given.get_ref().clone()),
        (None, None, Some(sequence)) => match sequence.get_ref() {
            SequenceSection::On(true) => Wanted::Sequence { first: 1, last: None },
            SequenceSection::On(false) => return fault(sequence.span(), "omit it to check nothing"),
            SequenceSection::Wraps(bounds) => {
                let first = bounds.first.unwrap_or(1);
                if first > bounds.last {
                    return fault(sequence.span(), "`first` is greater than `last`");
                }
                Wanted::Sequence { first, last: Some(bounds.last) }
            }
        },
        _ => {
            return fault_advised(
                section.field.span(),
                format!("value `{}` does not define its expected value", section.field.get_ref()),
                "set exactly one of equals, given, sequence",
            );
        }
    };
    Ok(Demand { field, wanted })
}

/// Record types, each with the field that is summed, if one is; `None`: every record.
type Parts = Option<Vec<(usize, Option<usize>)>>;

fn measure(
    what: What,
    parts: Parts,
    only: Option<&Spanned<String>>,
    records: &[RecordType],
    span: Range<usize>,
) -> Checked<Measure> {
    let Some(parts) = parts else {
        return match only {
            Some(only) => fault(only.span(), "`where` needs named records, but `*` means all records"),
            None => Ok(Measure { what, parts: None }),
        };
    };
    let mut understood: Vec<Part> = Vec::new();
    for (record, field) in parts {
        let layout = &records[record].layout;
        if understood.iter().any(|part| part.record == record && part.field == field) {
            return fault(span, format!("`{}` is listed twice", layout.record));
        }
        let only = match only {
            None => None,
            Some(only) => match Predicate::parse(only.get_ref(), layout) {
                Ok(predicate) => Some(predicate),
                Err(error) => {
                    let of = &layout.record;
                    return fault(only.span(), format!("invalid condition for `{of}`: {error}"));
                }
            },
        };
        understood.push(Part { record, field, only });
    }
    Ok(Measure { what, parts: Some(understood) })
}

fn names(names: &NameOrNames) -> Vec<&str> {
    match names {
        NameOrNames::One(name) => vec![name],
        NameOrNames::Several(names) => names.iter().map(String::as_str).collect(),
    }
}

/// `"*"`, or record types.
fn parts(of: &NameOrNames, span: Range<usize>, records: &[RecordType]) -> Checked<Parts> {
    let names = names(of);
    if names == ["*"] {
        return Ok(None);
    }
    if names.is_empty() {
        return fault(span, "no record is listed");
    }
    let parts = names.into_iter().map(|name| place(name, span.clone(), records).map(|record| (record, None)));
    parts.collect::<Checked<_>>().map(Some)
}

fn place(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<usize> {
    records.iter().position(|record| record.layout.record == name).ok_or_else(|| {
        let names: Vec<_> = records.iter().map(|record| record.layout.record.as_str()).collect();
        Fault {
            span: Some(span),
            message: format!("there is no record `{name}`"),
            advice: Some(format!("records: {}", names.join(", "))),
        }
    })
}

/// A record type by its name, or by a role that it alone has.
fn declaring(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<usize> {
    let role = match name {
        "header" => RecordRole::Header,
        "trailer" => RecordRole::Trailer,
        _ => return place(name, span, records),
    };
    if records.iter().any(|record| record.layout.record == name) {
        return place(name, span, records);
    }
    let of_role: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.role == role)
        .map(|(place, _)| place)
        .collect();
    match of_role[..] {
        [only] => Ok(only),
        [] => fault_advised(
            span,
            format!("no record has the role `{name}`"),
            format!("give the record that declares it `role = \"{name}\"`, or name the record"),
        ),
        _ => fault(span, format!("several records have the role `{name}`; name one of them")),
    }
}

fn details(records: &[RecordType], span: Range<usize>) -> Checked<Vec<usize>> {
    // Elements of tables are no records of the file: they are counted where they are named.
    let is_detail = |record: &RecordType| record.role == RecordRole::Detail && record.rows.is_none();
    let details = records.iter().enumerate().filter(|(_, record)| is_detail(record));
    let details: Vec<_> = details.map(|(place, _)| place).collect();
    if details.is_empty() {
        return fault(span, "no record has the role `detail`; list the records to count in `of`");
    }
    Ok(details)
}

fn find(name: &str, layout: &Layout, span: Range<usize>) -> Checked<usize> {
    layout.index_of(name).ok_or_else(|| unknown_field(name, &layout.fields, span))
}

/// `record.field`, or the field of the one detail record.
fn summed_of(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<(usize, usize)> {
    let (record, field) = match name.split_once('.') {
        Some((record, field)) => (place(record, span.clone(), records)?, field),
        None => match details(records, span.clone())?[..] {
            [only] => (only, name),
            _ => {
                return fault_advised(
                    span,
                    format!("`{name}` does not name its record"),
                    format!("write \"RECORD.{name}\""),
                );
            }
        },
    };
    let layout = &records[record].layout;
    let field = find(field, layout, span.clone())?;
    match layout.fields[field].ty {
        FieldType::Decimal { .. } | FieldType::Integer => Ok((record, field)),
        ty => fault(span, format!("`{name}` is {ty}; only decimal and integer fields can be summed")),
    }
}
