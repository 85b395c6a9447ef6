//! `[[rule]]` and `[trends]`: what must hold, and what is usual.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::values::{amount, same_weekday, share, shares};

/// A business rule. It says exactly one thing that must hold: `holds`, `unique`, `references` or `balance`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSection {
    /// The rule's name in checks and findings. Each rule has a name of its own.
    #[schemars(with = "String", extend("examples" = ["amount within limit"]))]
    pub(crate) name: Spanned<String>,
    /// The record type that the rule is of. Needed if the source has several.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["transaction"]))]
    pub(crate) record: Option<Spanned<String>>,
    /// A row rule: an SQL predicate over the fields of one record, which must be true of each. It is evaluated on exact
    /// values, the same on every store. NULL is not true. A predicate that cannot be evaluated so is refused.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["abs(amt) <= 100000 AND type_cd IN ('01', '03')"]))]
    pub(crate) holds: Option<Spanned<String>>,
    /// A set rule: no two records of the run agree in all of these fields. Records with a NULL among them are not
    /// compared.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1), extend("examples" = [["payment_id", "side"]]))]
    pub(crate) unique: Option<Spanned<Vec<String>>>,
    /// A set rule: the fields of each record are found together in another table of the store. Records with a NULL
    /// among them are not looked up.
    #[serde(default)]
    #[schemars(with = "ReferencesSection")]
    pub(crate) references: Option<Spanned<ReferencesSection>>,
    /// A set rule: in each group of records the sum of a field is a given amount.
    #[serde(default)]
    #[schemars(with = "BalanceSection")]
    pub(crate) balance: Option<Spanned<BalanceSection>>,
    /// What follows when the rule is broken. `fail`: the run does not reconcile. `hold`: the records that break it stay
    /// in staging, and are accounted for as held. `warn`: the report says so.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "fail", "enum" = ["fail", "hold", "warn"], "examples" = ["hold"])
    )]
    pub(crate) on_breach: Option<Spanned<String>>,
}

/// A look-up in another table of the store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "fields": ["account"], "table": "accounts", "columns": ["account_no"] }]))]
pub(crate) struct ReferencesSection {
    /// The fields of the record.
    #[schemars(length(min = 1), extend("examples" = [["account"]]))]
    pub(crate) fields: Vec<String>,
    /// The table that is looked up, `table` or (PostgreSQL) `schema.table`.
    #[schemars(extend("examples" = ["accounts", "bank.accounts"]))]
    pub(crate) table: String,
    /// The table's columns, one for each of `fields`, in their order. Any names that the database takes.
    #[schemars(length(min = 1), extend("examples" = [["account_no"]]))]
    pub(crate) columns: Vec<String>,
}

/// A sum that each group of records must have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "sum": "amt", "by": ["account"], "to": "0.00" }]))]
pub(crate) struct BalanceSection {
    /// The decimal or integer field that is summed.
    #[schemars(extend("examples" = ["amt"]))]
    pub(crate) sum: String,
    /// The fields that make a group. Without them all records are one group.
    #[serde(default)]
    #[schemars(extend("examples" = [["account"]]))]
    pub(crate) by: Vec<String>,
    /// What the sum must be: an exact amount, written as text or as an integer.
    #[schemars(schema_with = "amount", extend("examples" = ["0.00"]))]
    pub(crate) to: toml::Value,
}

/// How far the figures of a run may be from those of the promoted runs before it. Shares are written `"40%"`: above 0,
/// at most 4000 %, with at most four digits after the point. At least one of `records`, `rejects`, `amounts` and
/// `duration` is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrendsSection {
    /// How far the number of records may be from the median.
    #[serde(default)]
    #[schemars(schema_with = "share", extend("examples" = ["40%"]))]
    pub(crate) records: Option<Spanned<String>>,
    /// How far the number of rejects may be from the median.
    #[serde(default)]
    #[schemars(schema_with = "share", extend("examples" = ["200%"]))]
    pub(crate) rejects: Option<Spanned<String>>,
    /// How far the sums of amounts may be from their medians: one share for all, or one for each that is named.
    #[serde(default)]
    #[schemars(schema_with = "shares", extend("examples" = ["30%", { "amt": "30%", "fee": "100%" }]))]
    pub(crate) amounts: Option<Spanned<AmountsSection>>,
    /// How far the time that the run takes may be from the median. It is known only when the run is over: `crossfoot
    /// trends` marks such runs, and no check fails.
    #[serde(default)]
    #[schemars(schema_with = "share", extend("examples" = ["100%"]))]
    pub(crate) duration: Option<Spanned<String>>,
    /// How many promoted runs are looked at, the newest first.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 200), extend("default" = 20, "examples" = [40]))]
    pub(crate) runs: Option<Spanned<u32>>,
    /// With fewer comparable runs nothing is compared.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 200), extend("default" = 5, "examples" = [10]))]
    pub(crate) runs_min: Option<Spanned<u32>>,
    /// Whether runs are compared only with those of the same weekday (UTC). `"auto"`: if there are `runs_min` of them.
    #[serde(default)]
    #[schemars(schema_with = "same_weekday", extend("default" = "auto", "examples" = [true]))]
    pub(crate) same_weekday: Option<Spanned<toml::Value>>,
    /// What follows when a figure is too far away: a warning, or a failed check.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "warn", "enum" = ["warn", "fail"], "examples" = ["fail"]))]
    pub(crate) on_breach: Option<Spanned<String>>,
}

/// One share for all amounts, or one for each that is named.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum AmountsSection {
    All(String),
    Each(BTreeMap<String, String>),
}
