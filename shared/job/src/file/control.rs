//! `[declared]` and `[[control]]`: what the sender and the source's own records declare.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::values::{constant, declared_amounts, declared_count, declared_values, name_or_names};

/// What the sender declares of the source. Each value is a check (INV-10).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredSection {
    /// How many records the source has (header rows not counted): a number, or the field of a header or trailer that
    /// holds it. A number counts every record; a field counts the records that its `of` names.
    #[serde(default)]
    #[schemars(
        schema_with = "declared_count",
        extend("examples" = [{ "from": "trailer", "field": "record_count" }, 30])
    )]
    pub(crate) records: Option<Spanned<toml::Value>>,
    /// The length of the source in bytes, as it is on disk.
    #[serde(default)]
    #[schemars(with = "u64", extend("examples" = [79_214_003_u64]))]
    pub(crate) bytes: Option<u64>,
    /// The exact sums of amounts, by field (`amounts.amt`), or by record and field in a source with several record
    /// types (`amounts."entry.amt"`): a number written as text, or the field of a header or trailer that holds it.
    /// Rejects take part as far as their amounts can be read.
    #[serde(default)]
    #[schemars(
        schema_with = "declared_amounts",
        extend("examples" = [{ "amt": "104801.54" }, { "entry.amt": { "from": "trailer", "field": "amount_total" } }])
    )]
    pub(crate) amounts: BTreeMap<String, Spanned<toml::Value>>,
    /// Values that a `[[control.value]]` asks for with `given`, by name. Values that change from run to run are better
    /// given in a file, with `--declared`.
    #[serde(default)]
    #[schemars(
        schema_with = "declared_values",
        extend("examples" = [{ "business_date": "2024-12-31" }])
    )]
    pub(crate) values: BTreeMap<String, Spanned<toml::Value>>,
    /// The SHA-256 digest of the source as it is on disk (compressed, if it is), in hexadecimal digits.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend(
            "pattern" = "^[0-9a-fA-F]{64}$",
            "examples" = ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
        )
    )]
    pub(crate) sha256: Option<Spanned<String>>,
    /// The fingerprint of the source's records, as `crossfoot fingerprint` prints it.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend(
            "pattern" = "^[0-9a-fA-F]{64}$",
            "examples" = ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
        )
    )]
    pub(crate) fingerprint: Option<Spanned<String>>,
}

/// The field of a header or trailer that holds a declared number. It makes a control that covers the whole file; a
/// control of a part of it, or with more options, is written as `[[control]]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "from": "trailer", "field": "record_count" }]))]
pub(crate) struct FromSection {
    /// The record type that holds the number: its name, or `header` or `trailer` if only one type has that role.
    #[schemars(extend("examples" = ["trailer"]))]
    pub(crate) from: String,
    /// The field that holds the number.
    #[schemars(extend("examples" = ["record_count"]))]
    pub(crate) field: String,
    /// For `records`: the record types that are counted, or `"*"` for every record. The default is all record types
    /// with the role `detail`.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = [["entry", "addenda"]]))]
    pub(crate) of: Option<NameOrNames>,
    /// A predicate, as in a rule: only records for which it is true take part.
    #[serde(default, rename = "where")]
    #[schemars(with = "String", extend("examples" = ["amt > 0"]))]
    pub(crate) only: Option<String>,
    /// How many digits of the declared number stand after a decimal point that is not written.
    #[serde(default)]
    #[schemars(range(max = 38), extend("default" = 0, "examples" = [2]))]
    pub(crate) scale: u8,
}

/// One name, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum NameOrNames {
    One(String),
    Several(Vec<String>),
}

/// A record type that declares totals or values of the source, or of a part of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlSection {
    /// The control's name in checks and findings, 1 to 100 characters. Each control has a name of its own.
    /// The default is the record type's name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 100), extend("examples" = ["batch"]))]
    pub(crate) name: Option<Spanned<String>>,
    /// The record type that declares.
    #[schemars(with = "String", extend("examples" = ["batch_control"]))]
    pub(crate) record: Spanned<String>,
    /// Which records the declared totals are of. `"file"`: all of the source's; there is one such control record in a
    /// source. `"preceding"`: those after the control record before it (or from the source's first) up to this one,
    /// itself included. `"following"`: those from the control record, itself included, to the next one or the source's
    /// end. `{ from = "batch_header" }`: those from the latest opening record to the control record, both included.
    /// Such scopes may nest.
    #[serde(default)]
    #[schemars(
        with = "CoversSection",
        extend("default" = "file", "examples" = [{ "from": "batch_header" }, "preceding"])
    )]
    pub(crate) covers: Option<Spanned<CoversSection>>,
    /// Whether a source without such a record is valid. Otherwise its absence is a failed check.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) optional: bool,
    /// What follows from a record that the control's totals would count and that no scope of it holds. `fail`: the
    /// check fails, because no declaration covers the record. `ignore`: nothing.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "fail", "enum" = ["fail", "ignore"], "examples" = ["ignore"])
    )]
    pub(crate) outside: Option<Spanned<String>>,
    /// A field of the control record that declares a total, and what it is the total of: exactly one of `count`,
    /// `lines` and `sum`. A control needs at least one total or value.
    #[serde(default)]
    pub(crate) total: Vec<TotalSection>,
    /// A field of the control record that declares a value that is no total, and what it must be: exactly one of
    /// `equals`, `given` and `sequence`.
    #[serde(default)]
    pub(crate) value: Vec<ValueSection>,
}

/// `"file"`, `"preceding"`, `"following"`, or `{ from = "batch_header" }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum CoversSection {
    Named(#[schemars(extend("enum" = ["file", "preceding", "following"]))] String),
    From(CoversFrom),
}

/// A scope that begins with an opening record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "from": "batch_header" }]))]
pub(crate) struct CoversFrom {
    /// The record type, or the list of record types, that opens the scope.
    #[schemars(schema_with = "name_or_names", extend("examples" = ["batch_header"]))]
    pub(crate) from: NameOrNames,
}

/// A declared total, and what it is the total of: exactly one of `count`, `lines` and `sum`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotalSection {
    /// The field of the control record that declares the total.
    #[schemars(with = "String", extend("examples" = ["debits"]))]
    pub(crate) field: Spanned<String>,
    /// The total is a number of records: of a record type, of a list of them, or `"*"` for every record.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = [["entry", "addenda"]]))]
    pub(crate) count: Option<Spanned<NameOrNames>>,
    /// The total is the number of lines on which records stand, continuation lines included: of a record type, of a
    /// list of them, or `"*"` for every record.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["*"]))]
    pub(crate) lines: Option<Spanned<NameOrNames>>,
    /// The total is the sum of a decimal or integer field, written `record.field`, or of a list of such fields.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["entry.amount"]))]
    pub(crate) sum: Option<Spanned<NameOrNames>>,
    /// For `sum`: whether the signs of the summed values are left off.
    #[serde(default)]
    #[schemars(with = "bool", extend("default" = false, "examples" = [true]))]
    pub(crate) absolute: Option<Spanned<bool>>,
    /// A predicate, as in a rule: only records for which it is true take part. NULL is not true.
    #[serde(default, rename = "where")]
    #[schemars(with = "String", extend("examples" = ["transaction_code % 10 BETWEEN 5 AND 9"]))]
    pub(crate) only: Option<Spanned<String>>,
    /// How many digits of the declared number stand after a decimal point that is not written.
    #[serde(default)]
    #[schemars(with = "u8", range(max = 38), extend("default" = 0, "examples" = [2]))]
    pub(crate) scale: Option<Spanned<u8>>,
    /// The number of digits of the total that are declared, counted from the right: a hash total.
    #[serde(default)]
    #[schemars(with = "u8", range(min = 1, max = 38), extend("examples" = [10]))]
    pub(crate) last_digits: Option<Spanned<u8>>,
    /// For `count` and `lines`: the declared number counts blocks of this many records or lines. A block that is not
    /// full counts too.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1), extend("examples" = [10]))]
    pub(crate) blocks_of: Option<Spanned<u32>>,
}

/// A declared value, and what it must be: exactly one of `equals`, `given` and `sequence`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueSection {
    /// The field of the control record that declares the value.
    #[schemars(with = "String", extend("examples" = ["business_date"]))]
    pub(crate) field: Spanned<String>,
    /// The value that it must be, in the field's type.
    #[serde(default)]
    #[schemars(schema_with = "constant", extend("examples" = ["EUR"]))]
    pub(crate) equals: Option<Spanned<toml::Value>>,
    /// It must be the value of this name that comes with the run: from `values` of the file that `--declared` names, or
    /// else of `[declared]`. If no such value comes, the check fails.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["business_date"]))]
    pub(crate) given: Option<Spanned<String>>,
    /// It must be one more than before: than in the control record before it, or, for the first, than in the promoted
    /// run of this job before. `true`, or `{ first = 1, last = 999 }` if `first` follows `last`.
    #[serde(default)]
    #[schemars(with = "SequenceSection", extend("examples" = [true, { "first": 1, "last": 999 }]))]
    pub(crate) sequence: Option<Spanned<SequenceSection>>,
}

/// `true`, or `{ first = 1, last = 999 }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum SequenceSection {
    On(#[schemars(extend("const" = true))] bool),
    Wraps(SequenceBounds),
}

/// Where a sequence begins again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "first": 1, "last": 999 }]))]
pub(crate) struct SequenceBounds {
    /// The number that follows `last`.
    #[serde(default)]
    #[schemars(with = "i64", extend("default" = 1, "examples" = [1]))]
    pub(crate) first: Option<i64>,
    /// The greatest number of the sequence.
    #[schemars(extend("examples" = [999]))]
    pub(crate) last: i64,
}
