//! Sequences: records that are numbered one after the other.
//!
//! ```toml
//! [[sequence]]
//! name     = "entries"
//! field    = ["batch_header.seq_no", "entry.seq_no"]
//! start    = 1
//! restarts = "batch_header"
//! ```

use std::ops::Range;
use std::sync::Arc;

use domain::footing::{FootingPlan, Sequence};
use domain::value::FieldType;
use toml::Spanned;

use super::{Checked, Fault, fault, fault_advised, unknown_field};
use crate::RecordType;
use crate::file::{NameOrNames, NumberedSection};

/// The plan with the job's sequences.
pub(super) fn numbered(
    plan: Option<Arc<FootingPlan>>,
    sections: &[NumberedSection],
    records: &[RecordType],
) -> Checked<Option<Arc<FootingPlan>>> {
    let Some(first) = sections.first() else { return Ok(plan) };
    let sequences = sections.iter().map(|section| sequence(section, records)).collect::<Checked<Vec<_>>>()?;
    let planned = match plan {
        Some(plan) => Ok(FootingPlan::clone(&plan)),
        None => {
            let layouts: Vec<_> = records.iter().map(|record| Arc::clone(&record.layout)).collect();
            FootingPlan::new(&layouts, Vec::new())
        }
    };
    match planned.and_then(|plan| plan.numbered(sequences)) {
        Ok(plan) => Ok(Some(Arc::new(plan))),
        Err(error) => {
            let named = sections.iter().rev().find(|section| *section.name.get_ref() == error.control);
            let span = named.unwrap_or(first).name.span();
            Err(Fault { span: Some(span), message: format!("sequence {error}"), advice: None })
        }
    }
}

fn sequence(section: &NumberedSection, records: &[RecordType]) -> Checked<Sequence> {
    let name = section.name.get_ref();
    let is_plain = |c: char| !c.is_control();
    if name.trim().is_empty() || name.chars().count() > 100 || !name.chars().all(is_plain) {
        return fault(section.name.span(), "the name of a sequence must have 1 to 100 characters");
    }
    let fields = names(&section.field).iter().map(|name| field(name, section.field.span(), records));
    let step = match &section.step {
        None => 1,
        Some(step) if *step.get_ref() == 0 => {
            return fault(step.span(), "a step of 0 gives every record the same number");
        }
        Some(step) => *step.get_ref(),
    };
    let restarts = match &section.restarts {
        None => Vec::new(),
        Some(named) if names(named).is_empty() => {
            return fault(named.span(), "an empty list names no record");
        }
        Some(named) => {
            let places = names(named).iter().map(|name| place(name, named.span(), records));
            places.collect::<Checked<_>>()?
        }
    };
    let fields = fields.collect::<Checked<Vec<_>>>()?;
    if fields.is_empty() {
        return fault(section.field.span(), "an empty list names no field");
    }
    Ok(Sequence { name: name.clone(), fields, start: section.start, step, restarts })
}

fn names(named: &Spanned<NameOrNames>) -> &[String] {
    match named.get_ref() {
        NameOrNames::One(name) => std::slice::from_ref(name),
        NameOrNames::Several(names) => names,
    }
}

fn place(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<usize> {
    match records.iter().position(|record| record.layout.record == name) {
        Some(place) => Ok(place),
        None => fault(span, format!("there is no record `{name}`")),
    }
}

/// A record type and its field: `record.field`, or `field` if the source has one record type.
fn field(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<(usize, usize)> {
    let (record, field) = match (name.split_once('.'), records) {
        (Some((record, field)), _) => (place(record, span.clone(), records)?, field),
        (None, [_]) => (0, name),
        (None, _) => {
            return fault_advised(
                span,
                format!("`{name}` does not name its record"),
                format!("write it as \"RECORD.{name}\""),
            );
        }
    };
    let layout = &records[record].layout;
    let Some(at) = layout.index_of(field) else { return Err(unknown_field(field, &layout.fields, span)) };
    let of = &layout.fields[at];
    match of.ty {
        FieldType::Integer | FieldType::Text { .. } | FieldType::Decimal { scale: 0, .. } => {}
        ty => {
            return fault(
                span,
                format!("`{name}` is {ty}; a number of a sequence is a whole number or text"),
            );
        }
    }
    if of.sensitive {
        return fault(span, format!("`{name}` is sensitive, but the check of a sequence shows its numbers"));
    }
    Ok((record, at))
}
