//! What must hold: rules.

use std::collections::HashSet;
use std::ops::Range;

use domain::rule::{Condition, OnBreach, Predicate, Rule};
use domain::value::FieldType;
use toml::Spanned;

use super::tables::{column, referenced};
use super::types::amount;
use super::{Checked, fault, fault_advised, unknown_field};
use crate::RecordType;
use crate::file::RuleSection;

pub(super) fn rules(sections: &[RuleSection], records: &[RecordType]) -> Checked<Vec<Rule>> {
    let mut names = HashSet::new();
    sections
        .iter()
        .map(|section| {
            if !names.insert(section.name.get_ref().as_str()) {
                return fault(
                    section.name.span(),
                    format!("two rules have the name `{}`", section.name.get_ref()),
                );
            }
            rule(section, records)
        })
        .collect()
}

fn rule(section: &RuleSection, records: &[RecordType]) -> Checked<Rule> {
    let names = || records.iter().map(|record| record.layout.record.as_str()).collect::<Vec<_>>().join(", ");
    let record = match &section.record {
        Some(of) => match records.iter().position(|record| record.layout.record == *of.get_ref()) {
            Some(record) => record,
            None => {
                return fault_advised(
                    of.span(),
                    format!("there is no record `{}`", of.get_ref()),
                    format!("records: {}", names()),
                );
            }
        },
        None if records.len() == 1 => 0,
        None => {
            return fault_advised(
                section.name.span(),
                format!("rule `{}` needs a `record`", section.name.get_ref()),
                format!("records: {}", names()),
            );
        }
    };
    let layout = &*records[record].layout;
    let find = |name: &String, span: Range<usize>| {
        layout.index_of(name).ok_or_else(|| unknown_field(name, &layout.fields, span))
    };
    let find_all = |names: &[String], span: Range<usize>| {
        if names.is_empty() {
            return fault(span, "no field is listed");
        }
        names.iter().map(|name| find(name, span.clone())).collect::<Checked<Vec<_>>>()
    };
    let condition = match (&section.holds, &section.unique, &section.references, &section.balance) {
        (Some(holds), None, None, None) => match Predicate::parse(holds.get_ref(), layout) {
            Ok(predicate) => Condition::Row(predicate),
            Err(error) => return fault(holds.span(), format!("invalid rule: {error}")),
        },
        (None, Some(unique), None, None) => {
            Condition::Unique { fields: find_all(unique.get_ref(), unique.span())? }
        }
        (None, None, Some(references), None) => {
            let (span, section) = (references.span(), references.get_ref());
            if section.fields.len() != section.columns.len() {
                return fault(span, "`columns` and `fields` must have the same number of entries");
            }
            Condition::References {
                fields: find_all(&section.fields, span.clone())?,
                table: referenced(&section.table, span.clone())?,
                columns: section
                    .columns
                    .iter()
                    .map(|name| column(&Spanned::new(span.clone(), name.clone())))
                    .collect::<Checked<_>>()?,
            }
        }
        (None, None, None, Some(balance)) => {
            let (span, section) = (balance.span(), balance.get_ref());
            let sum = find(&section.sum, span.clone())?;
            if !matches!(layout.fields[sum].ty, FieldType::Decimal { .. } | FieldType::Integer) {
                return fault(
                    span,
                    format!("`{}` is {} and cannot be summed", section.sum, layout.fields[sum].ty),
                );
            }
            let to = amount(&section.to, span.clone())?;
            let by = section.by.iter().map(|name| find(name, span.clone())).collect::<Checked<_>>()?;
            Condition::Balance { sum, by, to }
        }
        _ => {
            return fault_advised(
                section.name.span(),
                format!("rule `{}` needs exactly one condition", section.name.get_ref()),
                "set exactly one of holds, unique, references, balance",
            );
        }
    };
    let on_breach = match &section.on_breach {
        None => OnBreach::Fail,
        Some(spanned) => match spanned.get_ref().as_str() {
            "fail" => OnBreach::Fail,
            "hold" => OnBreach::Hold,
            "warn" => OnBreach::Warn,
            other => {
                return fault(
                    spanned.span(),
                    format!("invalid on_breach `{other}`: expected fail, hold or warn"),
                );
            }
        },
    };
    Ok(Rule { name: section.name.get_ref().clone(), record, condition, on_breach })
}
