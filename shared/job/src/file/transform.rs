//! The keys of a field that is made of columns: `concat`, `part`, `lookup`, `null_indicator`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::constants;

/// A column of the source, by its name or, in format `fixed`, by its place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ColumnRef {
    Name(String),
    Place(PlaceSection),
}

/// The place of a column in a record of format `fixed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceSection {
    /// The position of its first byte in the record, from 1.
    #[schemars(range(min = 1), extend("examples" = [17]))]
    pub(crate) start: usize,
    /// How many bytes it has.
    #[schemars(range(min = 1), extend("examples" = [8]))]
    pub(crate) width: usize,
}

/// `part = 2` or `part = { start = 1, length = 3 }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PartSection {
    Number(usize),
    Chars(CharsSection),
}

/// Characters of a column's text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CharsSection {
    /// The position of the part's first character in the column's text, from 1.
    #[schemars(range(min = 1), extend("examples" = [4]))]
    pub(crate) start: usize,
    /// How many characters the part has; if it is absent, all that follow.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [3]))]
    pub(crate) length: Option<usize>,
}

/// A table of codes in a file beside the job file: comma-separated, with a header row.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupSection {
    /// The path of the file, relative to the job file. Its text becomes a part of the job (`[lookups]`), and so of the
    /// job's digest.
    #[schemars(extend("examples" = ["branches.csv"]))]
    pub(crate) file: String,
    /// The name of the column that holds the codes. No code may occur twice.
    #[schemars(extend("examples" = ["code"]))]
    pub(crate) key: String,
    /// The name of the column that holds what each code stands for, written as the field's type says.
    #[schemars(extend("examples" = ["name"]))]
    pub(crate) value: String,
    /// The value that stands for a code that the table lacks. Each one is counted in the report (`unknown-code`).
    /// Without it, a record with such a code is a reject.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["unknown"]))]
    pub(crate) otherwise: Option<String>,
}

/// `null_indicator = "AMT_IND"`, or a table that says which indicators mean what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum IndicatorSection {
    Name(String),
    Codes(IndicatorCodes),
}

impl IndicatorSection {
    /// The name of the indicator's column, if it is named.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Codes(codes) => codes.column.as_deref(),
        }
    }
}

/// Where an indicator is, and what it holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndicatorCodes {
    /// The indicator's column, in the formats `copybook` and `delimited`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["AMT_IND"]))]
    pub(crate) column: Option<String>,
    /// The position of the indicator's first byte in the record, from 1, in format `fixed`.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [25]))]
    pub(crate) start: Option<usize>,
    /// How many bytes the indicator has, in format `fixed`.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [1]))]
    pub(crate) width: Option<usize>,
    /// The indicators that mean NULL, the usual one first. A text, or in a copybook's text item also bytes in
    /// hexadecimal digits, as `x'FF'`; a number where the indicator is one.
    #[serde(default)]
    #[schemars(schema_with = "constants", extend("examples" = [["?"], [-1]]))]
    pub(crate) null: Option<Vec<toml::Value>>,
    /// The indicators that mean that there is a value, the usual one first.
    #[serde(default)]
    #[schemars(schema_with = "constants", extend("examples" = [["x'00'"], [0]]))]
    pub(crate) value: Option<Vec<toml::Value>>,
}
