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
    #[serde(default)]
    pub(super) approval: ApprovalSection,
    #[serde(default)]
    pub(super) trends: Option<Spanned<TrendsSection>>,
    /// The texts of copybooks, by the names that `source.copybook` gives.
    #[serde(default)]
    pub(super) copybooks: BTreeMap<String, Spanned<String>>,
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
    #[serde(default)]
    pub(super) copybook: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) copybook_format: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) cobol: Option<Spanned<CobolSection>>,
    /// The byte order of lengths before or in records: `big` (default) or `little`.
    #[serde(default)]
    pub(super) length_endian: Option<Spanned<String>>,
    /// Whether a length counts the bytes that it is written in: by default those of `rdw` and `bdw` do.
    #[serde(default)]
    pub(super) length_includes_header: Option<Spanned<bool>>,
    /// Bytes of a `length-prefix`: 4 (default) or 2.
    #[serde(default)]
    pub(super) prefix_bytes: Option<Spanned<usize>>,
    /// Where a `length-field` is.
    #[serde(default)]
    pub(super) length_field: Option<Spanned<LengthFieldSection>>,
    /// What ends a line of EBCDIC: `lf` (0x25, default) or `nel` (0x15).
    #[serde(default)]
    pub(super) line_end: Option<Spanned<String>>,
    /// Bytes before the first record.
    #[serde(default)]
    pub(super) file_header_bytes: Option<Spanned<usize>>,
    /// Bytes behind the last record.
    #[serde(default)]
    pub(super) file_footer_bytes: Option<Spanned<usize>>,
}

/// `[source.cobol]`: what a copybook does not say of how fields are written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CobolSection {
    /// A number field of nothing but spaces: `reject` (default), `null` or `zero`.
    #[serde(default)]
    pub(super) spaces: Option<String>,
    /// A number field of nothing but low-values (0x00).
    #[serde(default)]
    pub(super) low_values: Option<String>,
    /// A number field of nothing but high-values (0xFF).
    #[serde(default)]
    pub(super) high_values: Option<String>,
    /// Low-values in text: `reject` (default), `null` or `padding`.
    #[serde(default)]
    pub(super) text_low_values: Option<String>,
    /// Text of nothing but high-values: `reject` (default), `null` or `keep`.
    #[serde(default)]
    pub(super) text_high_values: Option<String>,
    /// Text of nothing but padding: `null` (default) or `keep`.
    #[serde(default)]
    pub(super) empty_text: Option<String>,
    /// Which signs are accepted: `preferred`, `usual` (default) or `any`.
    #[serde(default)]
    pub(super) signs: Option<String>,
    /// How signs are punched in ASCII: `translated` (default) or `micro-focus`.
    #[serde(default)]
    pub(super) ascii_signs: Option<String>,
    /// How large COMP may be: `picture` (TRUNC(STD), default) or `native` (TRUNC(BIN)).
    #[serde(default)]
    pub(super) binary: Option<String>,
    /// The byte order of COMP-5 and of IEEE floats: `big` (default) or `little`.
    #[serde(default)]
    pub(super) native_order: Option<String>,
    /// COMP-1 and COMP-2: `hexadecimal` (default) or `ieee`.
    #[serde(default)]
    pub(super) floats: Option<String>,
    /// Dates of zeros: `reject` (default) or `null`.
    #[serde(default)]
    pub(super) date_zeros: Option<String>,
    /// Dates of nines: `reject` (default) or `null`.
    #[serde(default)]
    pub(super) date_nines: Option<String>,
    /// The first of the hundred years that years of two digits lie in.
    #[serde(default)]
    pub(super) year_window: Option<i16>,
    /// Where fields stand behind a table of varying length: `shift` (default) or `stay`.
    #[serde(default)]
    pub(super) behind_tables: Option<String>,
    /// Whether level 88 entries say which values a field may have.
    #[serde(default)]
    pub(super) conditions: Option<bool>,
}

/// The field that holds a record's length.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LengthFieldSection {
    /// Its first byte in the record, from 1.
    pub(super) start: usize,
    /// Its bytes.
    pub(super) width: usize,
    /// `binary`, `text` (digits in the source's encoding) or `packed`.
    pub(super) kind: String,
    /// What is to be added to make it the record's length.
    #[serde(default)]
    pub(super) adds: i64,
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
    pub(super) parent: Option<Spanned<NamesOrOne>>,
    /// Copybook: the record's name at level 01.
    #[serde(default)]
    pub(super) level_01: Option<Spanned<String>>,
    /// Copybook: the views (REDEFINES) that are taken instead of the first definition of their areas.
    #[serde(default)]
    pub(super) views: Vec<String>,
    /// Copybook: items and groups of which no columns are made.
    #[serde(default)]
    pub(super) leave_out: Vec<String>,
    #[serde(default)]
    pub(super) missing: Option<Spanned<String>>,
    /// Fixed: how long records of this type are, if not as far as their fields reach.
    #[serde(default)]
    pub(super) record_bytes: Option<Spanned<usize>>,
    /// Fixed: what may stand behind a record's last field: nothing (default), or `ignore`.
    #[serde(default)]
    pub(super) rest: Option<Spanned<String>>,
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
    #[serde(default)]
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

/// A name or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum NamesOrOne {
    One(String),
    Names(Vec<String>),
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
    #[serde(default, rename = "type")]
    pub(super) ty: Option<Spanned<String>>,
    /// Copybook: the column that the item would get by itself, if it is to be called otherwise.
    #[serde(default)]
    pub(super) from: Option<Spanned<String>>,
    /// Copybook: the field's own code page.
    #[serde(default)]
    pub(super) encoding: Option<Spanned<String>>,
    /// Copybook: how the field is written, where it is unlike the others.
    #[serde(default)]
    pub(super) cobol: Option<Spanned<CobolSection>>,
    #[serde(default)]
    pub(super) required: bool,
    /// Whether its content is shown as a mask only.
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(default)]
    pub(super) start: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) width: Option<Spanned<WidthSection>>,
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

/// `width = 5` or `width = "rest"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum WidthSection {
    Bytes(usize),
    Word(String),
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

/// What is asked of whoever decides about runs of the job.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalSection {
    #[serde(default)]
    pub(super) four_eyes: bool,
    #[serde(default)]
    pub(super) require_reason: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    #[serde(default)]
    pub(super) rejects: Option<Spanned<toml::Value>>,
}

/// How far a run's figures may be from those of the runs before it; shares are written `"40%"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrendsSection {
    #[serde(default)]
    pub(super) records: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) rejects: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) amounts: Option<Spanned<AmountsSection>>,
    #[serde(default)]
    pub(super) duration: Option<Spanned<String>>,
    /// How many promoted runs are looked at.
    #[serde(default)]
    pub(super) runs: Option<Spanned<u32>>,
    /// With fewer nothing is compared.
    #[serde(default)]
    pub(super) runs_min: Option<Spanned<u32>>,
    /// `true`, `false` or `"auto"`.
    #[serde(default)]
    pub(super) same_weekday: Option<Spanned<toml::Value>>,
    /// `warn` (default) or `fail`.
    #[serde(default)]
    pub(super) on_breach: Option<Spanned<String>>,
}

/// One share for all amounts, or one for each that is named.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AmountsSection {
    All(String),
    Each(BTreeMap<String, String>),
}
