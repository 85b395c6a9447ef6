//! What `[declared]` says: numbers that are given there, and numbers that the source itself holds.

use std::ops::Range;

use domain::declared::Declared;
use domain::fingerprint::Hash;
use toml::Spanned;

use super::control::Short;
use super::types::amount;
use super::{Checked, Fault, fault, fault_advised};
use crate::RecordType;
use crate::file::{DeclaredSection, FromSection};

/// What is declared outside of the source, and what is to be taken from its records.
pub(super) fn declared(
    section: Option<&DeclaredSection>,
    records: &[RecordType],
) -> Checked<(Option<Declared>, Vec<Short>)> {
    let Some(section) = section else { return Ok((None, Vec::new())) };
    let mut declared = Declared { bytes: section.bytes, ..Declared::default() };
    let mut short = Vec::new();
    if let Some(spanned) = &section.records {
        match from(spanned)? {
            Some(from) => short.push(Short { span: spanned.span(), from, summed: None }),
            None => declared.records = Some(count(spanned)?),
        }
    }
    for (name, value) in &section.amounts {
        match from(value)? {
            Some(from) => short.push(Short { span: value.span(), from, summed: Some(name.clone()) }),
            None => {
                summed(name, value.span(), records)?;
                declared.amounts.insert(name.clone(), amount(value.get_ref(), value.span())?);
            }
        }
    }
    for (name, value) in &section.values {
        let text = match value.get_ref() {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(integer) => integer.to_string(),
            toml::Value::Datetime(datetime) => datetime.to_string(),
            other => {
                return fault(
                    value.span(),
                    format!("invalid value `{other}`: expected text, an integer or a date"),
                );
            }
        };
        declared.values.insert(name.clone(), text);
    }
    let hash = |spanned: &Option<Spanned<String>>| {
        spanned
            .as_ref()
            .map(|s| s.get_ref().parse::<Hash>().or_else(|e| fault(s.span(), e.to_string())))
            .transpose()
    };
    declared.sha256 = hash(&section.sha256)?;
    declared.fingerprint = hash(&section.fingerprint)?;
    match (declared.is_empty(), short.is_empty()) {
        (true, true) => Err(Fault {
            span: None,
            message: "[declared] declares nothing".into(),
            advice: Some(
                "set records, bytes, amounts.FIELD, values.NAME, sha256 or fingerprint, or remove the section"
                    .into(),
            ),
        }),
        (true, false) => Ok((None, short)),
        (false, _) => Ok((Some(declared), short)),
    }
}

fn count(spanned: &Spanned<toml::Value>) -> Checked<u64> {
    let advice = "write a number such as 3, or { from = \"trailer\", field = \"record_count\" }";
    match spanned.get_ref() {
        toml::Value::Integer(count) if *count >= 0 => Ok(count.unsigned_abs()),
        other => fault_advised(
            spanned.span(),
            format!("invalid records `{other}`: expected a number of at least 0"),
            advice,
        ),
    }
}

fn from(spanned: &Spanned<toml::Value>) -> Checked<Option<FromSection>> {
    let table @ toml::Value::Table(_) = spanned.get_ref() else { return Ok(None) };
    match table.clone().try_into() {
        Ok(from) => Ok(Some(from)),
        Err(error) => fault_advised(
            spanned.span(),
            error.message().trim().to_owned(),
            "write { from = RECORD, field = FIELD }, with of, where or scale if needed",
        ),
    }
}

/// An amount's record type and field: `field` if the source has one record type, `record.field` if it has several.
pub(super) fn summed(name: &str, span: Range<usize>, records: &[RecordType]) -> Checked<(usize, usize)> {
    let found = match (name.split_once('.'), records) {
        (Some((record, field)), _) => records
            .iter()
            .position(|one| one.layout.record == record)
            .and_then(|place| Some((place, records[place].layout.index_of(field)?))),
        (None, [only]) => only.layout.index_of(name).map(|field| (0, field)),
        (None, _) => {
            return fault_advised(
                span,
                format!("`{name}` does not name its record"),
                format!("write it as amounts.\"RECORD.{name}\""),
            );
        }
    };
    match found {
        Some((record, field)) if records[record].layout.amounts.contains(&field) => Ok((record, field)),
        _ => fault(span, format!("`{name}` is not among the record's `amounts`")),
    }
}
