//! The record types of a source: each one's fields, and how it is distinguished from the others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use domain::layout::{Layout, RecordTypeSlot};
use domain::mask::Masks;
use domain::table::TableName;
use format::cobol::RecordSpec;
use format::codepage::CodePage;
use format::spec::{FieldForm, FixedFraming, Form, FormatSpec, LaidOutType, Layouts, Telling};
use toml::Spanned;

use super::copybook::{described, record};
use super::made::{Draft, Tables, check_stages};
use super::promotion;
use super::record_format::{copybook_format, filler_any, format, reach};
use super::rows;
use super::sensitive::masks;
use super::tables;
use super::types::literal;
use super::{Checked, Fault, fault, fault_advised, fields_of, layout, mode, unknown_field};
use crate::file::{ConditionSection, RecordSection, SourceSection, WhenSection};
use crate::{Position, RecordRole, RecordType, When};

/// Where the description of a record type's fields comes from.
enum Written {
    /// The job describes every field itself.
    Here(Vec<FieldForm>, Option<Draft>),
    /// A copybook describes the record; its text is in this code page.
    Copybook(Arc<RecordSpec>, &'static CodePage, Option<Draft>),
}

impl Written {
    /// How the fields are written, as far as the job says it field by field.
    fn forms(&self) -> &[FieldForm] {
        match self {
            Self::Here(forms, _) => forms,
            Self::Copybook(..) => &[],
        }
    }

    /// How far into the record its fields reach, in bytes.
    fn reach(&self) -> usize {
        match self {
            Self::Here(forms, _) => reach(forms),
            Self::Copybook(record, ..) => record.plan.length_max,
        }
    }
}

/// The source's framing, and every record type.
pub(super) fn record_types(
    job: &str,
    sections: &[RecordSection],
    source: &SourceSection,
    copybooks: &BTreeMap<String, Spanned<String>>,
    lookups: &Tables,
) -> Checked<(FormatSpec, Vec<RecordType>, Masks)> {
    let described = match source.format.get_ref().as_str() {
        "copybook" => Some(described(source, sections, copybooks)?),
        _ => None,
    };
    let tables = rows::rows(sections, source)?;
    let mut understood = Vec::new();
    for (place, section) in sections.iter().enumerate() {
        let (mut fields, form) = match &described {
            None => {
                let (fields, forms, draft) = fields_of(section, source, lookups)?;
                (fields, Written::Here(forms, draft))
            }
            Some(described) => {
                let part = rows::tables(sections, &tables, place);
                let described = &described[part.of];
                let (fields, spec, draft) = record(section, source, described, part, lookups)?;
                (fields, Written::Copybook(Arc::new(spec), described.page(), draft))
            }
        };
        if tables[place].is_some() {
            fields = rows::with_numbers(section, fields)?;
        }
        let mut layout = layout(section, fields)?;
        layout.mode = mode(section, &layout)?;
        promotion::settle(section, &mut layout)?;
        understood.push((section, layout, form));
    }
    tell_apart(&understood)?;
    let masks =
        masks(job, understood.iter().map(|(section, layout, form)| (*section, layout, form.forms())))?;
    let longest = understood.iter().map(|(_, _, form)| form.reach()).max().unwrap_or(0);
    let mut records = Vec::new();
    let types = understood.len();
    for (place, (section, mut layout, form)) in understood.into_iter().enumerate() {
        layout.among = RecordTypeSlot { place, types };
        layout.masks = masks.clone();
        let rows = tables[place].clone();
        let own = Arc::new(match &form {
            Written::Copybook(record, _, draft) if rows.is_some() => {
                let own = draft.as_ref().map_or(record.fields.len(), |draft| draft.made.len());
                rows::own(&layout, own)
            }
            _ => layout.clone(),
        });
        let parents = if rows.is_some() { Vec::new() } else { parents(section, sections)? };
        if !parents.is_empty() {
            let hashes_all = layout.hashes_all();
            layout.fields.push(rows::number(PARENT.into()));
            if hashes_all {
                layout.hashed.push(layout.fields.len() - 1);
            }
        }
        let format = match form {
            Written::Here(forms, draft) => {
                let fields = draft.as_ref().map_or(&own.fields, |draft| &draft.columns);
                let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                let stage = draft.map(|draft| draft.stage(&own, section)).transpose()?;
                FormatSpec { stage, ..format(source, section, forms, &names, longest)? }
            }
            Written::Copybook(record, page, draft) => {
                let stage = draft.map(|draft| draft.stage(&own, section)).transpose()?;
                FormatSpec { stage, ..copybook_format(source, record, longest, page)? }
            }
        };
        let when = when(section, &layout)?;
        let role = role(section.role.as_ref())?;
        let position = position(section, role)?;
        let filler_any = filler_any(section)?;
        let leave_out = left_out(section, source, types)?;
        records.push(RecordType {
            layout: Arc::new(layout),
            own,
            parents,
            rows,
            format,
            role,
            when,
            position,
            filler_any,
            leave_out,
        });
    }
    reachable(sections, &records)?;
    check_stages(&records, sections)?;
    lay_out(source, &mut records)?;
    match records.first() {
        Some(first) => Ok((first.format.clone(), records, masks)),
        None => Err(Fault { span: None, message: "the job has no [[record]]".into(), advice: None }),
    }
}

/// Refuses a record type that no record can be of, because every record at its place is of one before it.
fn reachable(sections: &[RecordSection], records: &[RecordType]) -> Checked<()> {
    for (at, (after, record)) in sections.iter().zip(records).enumerate() {
        let is_open = |of: &&RecordType| {
            of.when.is_empty() && of.position == record.position && of.rows.is_none() && record.rows.is_none()
        };
        let Some(open) = records[..at].iter().find(is_open) else { continue };
        if record.position.is_some() {
            return fault(
                after.name.span(),
                format!(
                    "no record can be `{}`, because the record at its position is `{}`",
                    after.name.get_ref(),
                    open.layout.record
                ),
            );
        }

        return fault_advised(
            after.name.span(),
            format!(
                "no record can be `{}`, because every record is `{}`",
                after.name.get_ref(),
                open.layout.record
            ),
            "add a `when` to each record type except the last",
        );
    }
    Ok(())
}

/// Where records are framed by their layout, gives each record type's form the layouts of all of them.
fn lay_out(source: &SourceSection, records: &mut [RecordType]) -> Checked<()> {
    let span = || source.framing.as_ref().map_or(source.format.span(), Spanned::span);
    let types = records.iter().filter(|record| record.rows.is_none()).filter_map(|record| {
        let Form::Copybook(form) = &record.format.form else { return None };
        (form.framing == FixedFraming::Layout).then(|| LaidOutType {
            name: record.layout.record.clone(),
            record: Arc::clone(&form.record),
            when: record
                .when
                .iter()
                .map(|when| Telling { field: record.column_of(when.field), one_of: when.one_of.clone() })
                .collect(),
        })
    });
    let types: Vec<_> = types.collect();
    if types.is_empty() {
        return Ok(());
    }
    if let Some(record) = records.iter().find(|record| record.position.is_some()) {
        let name = &record.layout.record;
        return fault(
            span(),
            format!(
                "record `{name}` is told by its position, but framing `layout` must tell each record's type before \
                 it knows where the record ends; give `{name}` a `when` in place of `position`"
            ),
        );
    }
    let layouts = Layouts::new(types).or_else(|error| fault(span(), error))?;
    let max = records.first().map_or(0, |first| first.format.record_bytes_max);
    if layouts.longest() > max {
        let longest = layouts.longest();
        return fault_advised(
            span(),
            format!("a record can have {longest} bytes, more than record_bytes_max ({max})"),
            "raise record_bytes_max",
        );
    }
    let layouts = Arc::new(layouts);
    for record in records {
        if let Form::Copybook(form) = &mut record.format.form {
            form.layouts = Some(Arc::clone(&layouts));
        }
    }
    Ok(())
}

/// The columns of a delimited source that become no field. A copybook's items are left out of its plan.
fn left_out(section: &RecordSection, source: &SourceSection, types: usize) -> Checked<Vec<String>> {
    let has_header = source.header.as_ref().is_some_and(|header| *header.get_ref());
    match source.format.get_ref().as_str() {
        "delimited" if section.leave_out.is_empty() => Ok(Vec::new()),
        "delimited" if !has_header || types > 1 => fault(
            section.name.span(),
            "`leave_out` needs a header row (header = true under [source]) and one record type",
        ),
        "delimited" => Ok(section.leave_out.clone()),
        _ => Ok(Vec::new()),
    }
}

/// The column that holds the parent's record number.
pub(super) const PARENT: &str = "parent_record_no";

/// The places of the record types that a type names as its parents.
fn parents(section: &RecordSection, sections: &[RecordSection]) -> Checked<Vec<usize>> {
    let Some(parent) = &section.parent else { return Ok(Vec::new()) };
    if let Some(field) = section.field.iter().find(|field| field.name.get_ref().eq_ignore_ascii_case(PARENT))
    {
        return fault(
            field.name.span(),
            format!("`{PARENT}` is reserved for the parent's record number; rename the field"),
        );
    }
    let names = parent.get_ref().names();
    if names.is_empty() {
        return fault(parent.span(), "an empty list names no parent");
    }
    let place = |name: &String| match sections.iter().position(|other| other.name.get_ref() == name) {
        Some(_) if name == section.name.get_ref() => {
            fault(parent.span(), "a record cannot be its own parent")
        }
        Some(place) => Ok(place),
        None => fault(parent.span(), format!("there is no record `{name}`")),
    };
    names.iter().map(place).collect()
}

/// Names and tables are each one type's alone.
fn tell_apart(understood: &[(&RecordSection, Layout, Written)]) -> Checked<()> {
    for (span, (section, layout, _)) in understood.iter().enumerate() {
        for (other_section, other, _) in &understood[..span] {
            if other.record == layout.record {
                return fault(section.name.span(), format!("two records have the name `{}`", layout.record));
            }
            for (table, span) in tables_of(section, layout) {
                if tables_of(other_section, other).iter().any(|(of_other, _)| of_other.is_same_as(table)) {
                    return fault(
                        span,
                        format!(
                            "table `{table}` is already used by record `{}`",
                            other_section.name.get_ref()
                        ),
                    );
                }
            }
        }
    }
    Ok(())
}

/// The tables of a record type, and where the job names each.
fn tables_of<'a>(section: &RecordSection, layout: &'a Layout) -> Vec<(&'a TableName, Range<usize>)> {
    let run_table = layout.final_table.run_table().zip(section.run_table.as_ref());
    let own = [
        (&layout.staging, tables::span(&section.staging, section)),
        (&layout.final_table.name, tables::span(&section.final_table, section)),
    ];
    own.into_iter().chain(run_table.map(|(table, named)| (table, named.span()))).collect()
}

fn role(spanned: Option<&Spanned<String>>) -> Checked<RecordRole> {
    let Some(spanned) = spanned else { return Ok(RecordRole::Detail) };
    Ok(match spanned.get_ref().as_str() {
        "header" => RecordRole::Header,
        "detail" => RecordRole::Detail,
        "trailer" => RecordRole::Trailer,
        other => {
            return fault(
                spanned.span(),
                format!("invalid role `{other}`: expected header, detail or trailer"),
            );
        }
    })
}

/// The position by which a record type is told. A header stands first and a trailer last.
fn position(section: &RecordSection, role: RecordRole) -> Checked<Option<Position>> {
    let Some(spanned) = &section.position else { return Ok(None) };
    match (spanned.get_ref().as_str(), role) {
        ("first", RecordRole::Header) => Ok(Some(Position::First)),
        ("last", RecordRole::Trailer) => Ok(Some(Position::Last)),
        ("first", _) => fault(spanned.span(), "position `first` is for a header: set role = \"header\""),
        ("last", _) => fault(spanned.span(), "position `last` is for a trailer: set role = \"trailer\""),
        (other, _) => fault(spanned.span(), format!("invalid position `{other}`: expected first or last")),
    }
}

fn when(section: &RecordSection, layout: &Layout) -> Checked<Vec<When>> {
    let Some(spanned) = &section.when else { return Ok(Vec::new()) };
    let span = spanned.span();
    let conditions: Vec<&ConditionSection> = match spanned.get_ref() {
        WhenSection::One(one) => vec![one],
        WhenSection::All(all) => all.iter().collect(),
    };
    if conditions.is_empty() {
        return fault(span, "an empty `when` matches nothing; omit it if every record has this type");
    }
    conditions
        .into_iter()
        .map(|condition| {
            let field = layout
                .index_of(&condition.field)
                .ok_or_else(|| unknown_field(&condition.field, &layout.fields, span.clone()))?;
            if condition.one_of.is_empty() {
                return fault(span.clone(), "an empty list matches nothing");
            }
            let ty = &layout.fields[field].ty;
            let one_of = condition.one_of.iter().map(|value| literal(ty, value, span.clone()));
            Ok(When { field, one_of: one_of.collect::<Checked<_>>()? })
        })
        .collect()
}
