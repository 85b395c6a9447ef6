//! `[[target]]`: the table of a load that another program made.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// One `[target]`, or several `[[target]]`.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(of: D) -> Result<Vec<TargetSection>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<TargetSection>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table `[target]`, or several `[[target]]`")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Ok(vec![TargetSection::deserialize(MapAccessDeserializer::new(map))?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut sections = Vec::new();
            while let Some(section) = all.next_element()? {
                sections.push(section);
            }
            Ok(sections)
        }
    }

    of.deserialize_any(OneOrMany)
}

/// One table, or an array of them.
pub(crate) fn schema_of_both(generator: &mut SchemaGenerator) -> Schema {
    let one = generator.subschema_for::<TargetSection>();
    json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
}

/// The table into which another program loaded the records of a type, for `crossfoot reconcile`. Without any
/// `[[target]]` the final tables of all details are compared, column by column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetSection {
    /// The record type whose records the table holds. Needed if there are several.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["transaction"]))]
    pub(crate) record: Option<Spanned<String>>,
    /// Where the load is, unless `--target` says so: `sqlite:PATH`, `postgres://USER@HOST/DATABASE`,
    /// `mysql://USER@HOST/DATABASE`, `parquet:PATH` or `odbc:DSN=NAME`. A password does not belong here: pass
    /// `--target-password-file`. Several targets are in one database or folder.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["postgres://auditor@db.example/bank"]))]
    pub(crate) url: Option<Spanned<String>>,
    /// The table or view that is read, with its schema if it needs one. The default is the record type's `final`. Of
    /// Parquet files, the folder or file of that name, if there are several targets; else all that `url` names.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["bank.ledger"]))]
    pub(crate) table: Option<Spanned<String>>,
    /// A query that is read instead of a table, in the SQL of the target's database.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("examples" = ["SELECT l.*, a.number AS account FROM ledger l JOIN account a ON a.id = l.account_id"])
    )]
    pub(crate) query: Option<Spanned<String>>,
    /// The condition that rows must meet to be compared, in the SQL of the target's database: a batch, a business date.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["business_date = DATE '2026-11-27'"]))]
    pub(crate) filter: Option<Spanned<String>>,
    /// The fields by which records and rows are brought together, if not by the record type's `key`. An empty list, and
    /// a record type without a key, compare whole records: each as often as it occurs.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["account", "posting_no"]]))]
    pub(crate) key: Option<Spanned<Vec<String>>>,
    /// The columns of the table by the fields that they hold, where they are not called as in final.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("examples" = [{ "account": "ACCT_NO" }]))]
    pub(crate) columns: BTreeMap<String, Spanned<String>>,
    /// Fields that are not compared. The report names them.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["reserved"]]))]
    pub(crate) leave_out: Vec<Spanned<String>>,
    /// What values of all fields may differ in and still count as the same, each where it can apply. The report counts
    /// each value that needed it. `trailing-blanks`: blanks at the end of a text. `empty-is-null`: an empty text and
    /// NULL. `case`: upper and lower case. `normal-form`: the Unicode normal form of a text. `scale`: zeros at the end
    /// of a number's fraction. `nearest-float`: a decimal, and the float that is nearest to it. `as-text`: a number,
    /// date or time, and the text that writes it in canonical form. `seconds`, `milliseconds`: what a time has below
    /// them.
    /// `midnight`: a date, and the midnight with which it begins. `utc`: a time without a zone, and the same time in
    /// UTC.
    #[serde(default)]
    #[schemars(
        with = "Vec<String>",
        extend("items" = { "enum": [
            "trailing-blanks", "empty-is-null", "case", "normal-form", "scale", "nearest-float", "as-text", "seconds",
            "milliseconds", "midnight", "utc",
        ] }, "examples" = [["trailing-blanks"]])
    )]
    pub(crate) equal: Vec<Spanned<String>>,
    /// The same for single fields, in addition to `equal`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<String>>", extend("examples" = [{ "amount": ["scale"] }]))]
    pub(crate) equal_for: BTreeMap<String, Spanned<Vec<String>>>,
    /// What rows are whose key no record has. `refused`: they should not be there. `allowed`: they are of other loads;
    /// they are counted, and take no part in sums.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "refused", "enum" = ["refused", "allowed"], "examples" = ["allowed"])
    )]
    pub(crate) extra: Option<Spanned<String>>,
    /// With `--from`, which reads a database instead of a source file: the table that is the source. The default is the
    /// target's `table`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["core.ledger"]))]
    pub(crate) from_table: Option<Spanned<String>>,
    /// With `--from`: a query that is the source, in the SQL of its database.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["SELECT * FROM ledger WHERE branch = 7"]))]
    pub(crate) from_query: Option<Spanned<String>>,
    /// With `--from`: the condition that the source's rows must meet, in the SQL of its database.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["booked_on = '2026-11-27'"]))]
    pub(crate) from_filter: Option<Spanned<String>>,
    /// With `--from`: the columns of the source by the fields that they hold, where they are not called as the fields.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("examples" = [{ "account": "ACCOUNT_NUMBER" }]))]
    pub(crate) from_columns: BTreeMap<String, Spanned<String>>,
}
