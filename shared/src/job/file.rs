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
    pub(super) trim: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) record_bytes: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) record_bytes_max: Option<Spanned<usize>>,
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
    pub(super) parent: Option<Spanned<String>>,
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
    #[serde(default, rename = "true")]
    pub(super) true_texts: Option<Vec<String>>,
    #[serde(default, rename = "false")]
    pub(super) false_texts: Option<Vec<String>>,
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
    #[serde(default)]
    pub(super) records: Option<u64>,
    #[serde(default)]
    pub(super) bytes: Option<u64>,
    #[serde(default)]
    pub(super) amounts: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) sha256: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) fingerprint: Option<Spanned<String>>,
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
