//! The job file as it is written: what TOML says, before it is understood. Unknown keys are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobFile {
    pub(super) job: JobSection,
    pub(super) source: SourceSection,
    pub(super) record: Vec<RecordSection>,
    #[serde(default)]
    pub(super) declared: Option<DeclaredSection>,
    #[serde(default)]
    pub(super) control: Vec<ControlSection>,
    #[serde(default)]
    pub(super) rule: Vec<RuleSection>,
    #[serde(default)]
    pub(super) limits: LimitsSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobSection {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceSection {
    pub(super) format: Spanned<String>,
    #[serde(default)]
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) encoding: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) compression: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) framing: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) separator: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) quote: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) escape: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) header: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) null: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) trailing_separator: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) terminator: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) continuation: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) short_lines: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) trim: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) record_bytes: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) record_bytes_max: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordSection {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) role: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) when: Option<Spanned<WhenSection>>,
    #[serde(default)]
    pub(super) missing: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) key: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) amounts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) hash: Option<Spanned<NamesOrAll>>,
    pub(super) staging: Spanned<String>,
    #[serde(rename = "final")]
    pub(super) final_table: Spanned<String>,
    #[serde(default)]
    pub(super) mode: Option<Spanned<String>>,
    pub(super) field: Vec<FieldSection>,
}

/// One condition, or several that must all hold.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum WhenSection {
    One(ConditionSection),
    All(Vec<ConditionSection>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionSection {
    pub(super) field: String,
    #[serde(rename = "in")]
    pub(super) one_of: Vec<toml::Value>,
}

/// `"*"` or a list of field names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum NamesOrAll {
    All(String),
    Names(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldSection {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) ty: Spanned<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) start: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) width: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) trim: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) min: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) max: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) allowed: Option<Spanned<Vec<toml::Value>>>,
    #[serde(default)]
    pub(super) pattern: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) length: Option<Spanned<LengthSection>>,
    #[serde(default)]
    pub(super) point: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) rest: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) sum_of: Option<Spanned<SumOfSection>>,
    #[serde(default, rename = "true")]
    pub(super) true_texts: Option<Vec<String>>,
    #[serde(default, rename = "false")]
    pub(super) false_texts: Option<Vec<String>>,
}

/// `{ rest = "summary", group = 4, amount = 2, extra = { S = 3, D = { times = 2 } } }`: values are counted from 1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SumOfSection {
    pub(super) rest: String,
    pub(super) group: usize,
    pub(super) amount: usize,
    #[serde(default)]
    pub(super) extra: BTreeMap<String, ExtraSection>,
}

/// So many further values, or one that says how many times so many follow.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ExtraSection {
    Values(usize),
    Times(TimesSection),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimesSection {
    pub(super) times: usize,
}

/// `length = 5` or `length = { min = 1, max = 5 }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum LengthSection {
    Exactly(u32),
    Between(LengthBounds),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LengthBounds {
    #[serde(default)]
    pub(super) min: Option<u32>,
    #[serde(default)]
    pub(super) max: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredSection {
    /// A number, or from where in the source it is taken.
    #[serde(default)]
    pub(super) records: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) bytes: Option<u64>,
    #[serde(default)]
    pub(super) amounts: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) sha256: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) fingerprint: Option<Spanned<String>>,
}

/// `{ from = "trailer", field = "record_count" }` in the place of a declared number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromSection {
    /// A record type, or a role that one type alone has.
    pub(super) from: String,
    pub(super) field: String,
    /// The record types that it is of; the detail records if it does not say.
    #[serde(default)]
    pub(super) of: Option<NameOrNames>,
    #[serde(default, rename = "where")]
    pub(super) only: Option<String>,
    #[serde(default)]
    pub(super) scale: u8,
}

/// One name, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum NameOrNames {
    One(String),
    Several(Vec<String>),
}

/// A record type that declares something of a part of the source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlSection {
    /// The record's name if it has none of its own.
    #[serde(default)]
    pub(super) name: Option<Spanned<String>>,
    pub(super) record: Spanned<String>,
    #[serde(default)]
    pub(super) covers: Option<Spanned<CoversSection>>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    pub(super) outside: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) total: Vec<TotalSection>,
    #[serde(default)]
    pub(super) value: Vec<ValueSection>,
}

/// `"file"`, `"preceding"`, `"following"`, or `{ from = "batch_header" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum CoversSection {
    Named(String),
    From(CoversFrom),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CoversFrom {
    pub(super) from: NameOrNames,
}

/// One of `count`, `lines` and `sum` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotalSection {
    pub(super) field: Spanned<String>,
    #[serde(default)]
    pub(super) count: Option<Spanned<NameOrNames>>,
    #[serde(default)]
    pub(super) lines: Option<Spanned<NameOrNames>>,
    #[serde(default)]
    pub(super) sum: Option<Spanned<NameOrNames>>,
    #[serde(default)]
    pub(super) absolute: Option<Spanned<bool>>,
    #[serde(default, rename = "where")]
    pub(super) only: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) scale: Option<Spanned<u8>>,
    #[serde(default)]
    pub(super) last_digits: Option<Spanned<u8>>,
    #[serde(default)]
    pub(super) blocks_of: Option<Spanned<u32>>,
}

/// One of `equals`, `given` and `sequence` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueSection {
    pub(super) field: Spanned<String>,
    #[serde(default)]
    pub(super) equals: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) given: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) sequence: Option<Spanned<SequenceSection>>,
}

/// `true`, or `{ first = 1, last = 999 }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SequenceSection {
    On(bool),
    Wraps(SequenceBounds),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SequenceBounds {
    #[serde(default)]
    pub(super) first: Option<i64>,
    pub(super) last: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSection {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) record: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) holds: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) unique: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) references: Option<Spanned<ReferencesSection>>,
    #[serde(default)]
    pub(super) balance: Option<Spanned<BalanceSection>>,
    #[serde(default)]
    pub(super) on_breach: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferencesSection {
    pub(super) fields: Vec<String>,
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceSection {
    pub(super) sum: String,
    #[serde(default)]
    pub(super) by: Vec<String>,
    pub(super) to: toml::Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    #[serde(default)]
    pub(super) rejects: Option<Spanned<toml::Value>>,
}
