//! Rejects by cause, and the one cause for which most records of a source were rejected: what a report leads with.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::constraint::ReasonCode;
use crate::words::{grouped, plural};

/// Rejects of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectGroup {
    /// The field, if it was one field's fault.
    pub field: Option<String>,
    /// The kind of fault.
    pub code: ReasonCode,
    /// How many records have this fault.
    pub records: u64,
    /// The first of them.
    pub first_record_no: u64,
    /// What was said against the records; absent if it differs from record to record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What was said most often, if it differs from record to record and is counted: values that are of no record
    /// type. At most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<RejectExample>,
}

/// What was said against some records of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectExample {
    /// What was said.
    pub detail: String,
    /// Against how many records.
    pub records: u64,
}

/// The cause for which more than half of a source's records were rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeadingCause {
    /// The kind of fault.
    pub code: ReasonCode,
    /// The field, if it was one field's fault.
    pub field: Option<String>,
    /// How many records were rejected for it.
    pub records: u64,
    /// How many records the source has.
    pub of_records: u64,
    /// What was said against the records, or most often; null if it differs from record to record.
    pub detail: Option<String>,
    /// Against how many records that was said.
    pub detail_records: u64,
    /// The keys of the job file that decide about it, the most likely first.
    pub keys: Vec<String>,
}

impl LeadingCause {
    /// The cause among `groups` for which more than half of `of_records` were rejected, if there is one. `keys` names
    /// the keys of the job file that decide about a code.
    #[must_use]
    pub fn of(
        groups: &[RejectGroup],
        of_records: u64,
        keys: impl FnOnce(ReasonCode) -> Vec<String>,
    ) -> Option<Self> {
        // Damaged text damages everything after it: the encoding is named before what follows from it.
        let rank = |code| match code {
            ReasonCode::Encoding => 0,
            ReasonCode::RecordType => 1,
            ReasonCode::FieldCount => 2,
            _ => 3,
        };
        let most = groups.iter().filter(|group| group.records > of_records / 2);
        let group = most.clone().min_by_key(|group| (rank(group.code), Reverse(group.records)))?;
        let is_one_field = most.filter(|other| other.code == group.code).count() == 1;
        let (whole, example) = (group.detail.as_ref(), group.examples.first());
        Some(Self {
            code: group.code,
            field: group.field.clone().filter(|_| is_one_field),
            records: group.records,
            of_records,
            detail: whole.or(example.map(|example| &example.detail)).filter(|_| is_one_field).cloned(),
            detail_records: whole.map_or(example.map_or(0, |example| example.records), |_| group.records),
            keys: keys(group.code),
        })
    }

    /// The cause in a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let rejected = match self.records == self.of_records {
            true => format!("all {} were", plural(self.records, "record")),
            false => format!("{} of {} were", grouped(self.records), plural(self.of_records, "record")),
        };
        let field = self.field.as_ref().map(|field| format!(", field `{field}`")).unwrap_or_default();
        let detail = match &self.detail {
            Some(detail) if self.detail_records == self.records => format!(": {detail}"),
            Some(detail) => format!(": most often ({}), {detail}", plural(self.detail_records, "record")),
            None => String::new(),
        };
        let keys: Vec<_> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        let keys = match keys.is_empty() {
            true => String::new(),
            false => format!("; if the source is right, correct the job file: {}", keys.join(", ")),
        };
        format!("{rejected} rejected for one cause ({}{field}){detail}{keys}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(code: ReasonCode, records: u64) -> RejectGroup {
        RejectGroup { field: None, code, records, first_record_no: 1, detail: None, examples: Vec::new() }
    }

    fn cause(groups: &[RejectGroup], of_records: u64) -> Option<LeadingCause> {
        LeadingCause::of(groups, of_records, |_| vec!["source.encoding".into()])
    }

    #[test]
    fn only_more_than_half_of_the_records_lead() {
        let groups = [group(ReasonCode::Type, 2), group(ReasonCode::RecordType, 5)];
        assert_eq!(cause(&groups, 10), None);
        assert_eq!(cause(&groups, 9).unwrap().code, ReasonCode::RecordType);
        assert_eq!(cause(&[], 0), None);
        let of =
            |code, field: &str, records| RejectGroup { field: Some(field.into()), ..group(code, records) };
        let (one, other) = (of(ReasonCode::Encoding, "a", 8), of(ReasonCode::Encoding, "b", 7));
        let leads = cause(&[of(ReasonCode::Type, "c", 9), one.clone(), other], 10).unwrap();
        assert_eq!((leads.code, leads.field, leads.records), (ReasonCode::Encoding, None, 8));
        assert_eq!(cause(&[one], 10).unwrap().field.as_deref(), Some("a"));
    }

    #[test]
    fn the_cause_names_the_value_and_the_key() {
        let mut groups = [group(ReasonCode::RecordType, 1483)];
        let example = |detail: &str, records| RejectExample { detail: detail.into(), records };
        groups[0].examples = vec![example("`kind` is 'ð'", 1000), example("`kind` is 'x'", 483)];
        assert_eq!(
            cause(&groups, 1500).unwrap().sentence(),
            "1,483 of 1,500 records were rejected for one cause (record-type): most often (1,000 records), `kind` is \
             'ð'; if the source is right, correct the job file: `source.encoding`"
        );
        groups[0].detail = Some("no".into());
        let all = cause(&groups, 1483).unwrap().sentence();
        assert!(all.starts_with("all 1,483 records were rejected for one cause (record-type): no;"), "{all}");
    }
}
