//! `[[sequence]]`: records that are numbered one after the other.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::control::NameOrNames;
use super::values::name_or_names;

/// Records that are numbered one after the other. A number that is missing, repeated or out of order fails the check of
/// the sequence (INV-10), which names the numbers and the records. Rejects count: they were sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberedSection {
    /// The sequence's name, for checks and findings.
    #[schemars(with = "String", extend("examples" = ["entries"]))]
    pub(crate) name: Spanned<String>,
    /// The field that holds the number: `record.field`, or a list of them if records of several types are numbered
    /// together; the field alone if the source has one record type. An integer, a decimal without places, or text of
    /// digits; it cannot be sensitive, because the check shows it.
    #[schemars(
        schema_with = "name_or_names",
        extend("examples" = ["entry.seq_no", ["header.seq_no", "entry.seq_no", "trailer.seq_no"]])
    )]
    pub(crate) field: Spanned<NameOrNames>,
    /// The first number of the source, and after each restart. Without it the first number may be any.
    #[serde(default)]
    #[schemars(extend("examples" = [1]))]
    pub(crate) start: Option<i64>,
    /// What is added to a number to get the next. It is not 0.
    #[serde(default)]
    #[schemars(with = "i64", extend("default" = 1, "examples" = [10]))]
    pub(crate) step: Option<Spanned<i64>>,
    /// The record type, or the list of record types, at whose records numbering begins again: the scope of a batch. The
    /// number of such a record itself, if it has one, is the first. Without it the source is one scope.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["batch_header"]))]
    pub(crate) restarts: Option<Spanned<NameOrNames>>,
}
