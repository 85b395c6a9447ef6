//! `[[record]]`: a record type.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::field::FieldSection;
use super::values::{all_or_names, constants, name_or_names};

/// The pattern of a table's name, alone or with a schema.
const TABLE: &str = r#"^([A-Za-z_][A-Za-z0-9_]{0,62}|"[^"]+")([.]([A-Za-z_][A-Za-z0-9_]{0,62}|"[^"]+"))?$"#;

/// A record type: how its records are distinguished from others, which fields they have, and into which tables they go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordSection {
    /// The record type's name: a letter or `_`, then letters, digits or `_`, at most 63.
    #[schemars(
        with = "String",
        extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]{0,62}$", "examples" = ["transaction"])
    )]
    pub(crate) name: Spanned<String>,
    /// What the record type is for. Details are what the source was sent for; headers and trailers say something of
    /// them. `[declared]` finds a header or a trailer by its role, and counts details.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "detail", "enum" = ["header", "detail", "trailer"], "examples" = ["trailer"])
    )]
    pub(crate) role: Option<Spanned<String>>,
    /// Where the record of this type stands, if its place in the source tells it: `first` for a header, `last` for a
    /// trailer. With a `when` it must hold as well. Other types are not looked for at that place unless this one does
    /// not match.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["first", "last"], "examples" = ["last"]))]
    pub(crate) position: Option<Spanned<String>>,
    /// When a record is of this type: one condition, or a list of conditions that must all hold. Without `when` every
    /// record is, so only the last record type may lack it, besides those that have a `position`.
    #[serde(default)]
    #[schemars(with = "WhenSection", extend("examples" = [{ "field": "type_cd", "in": ["01", "03"] }]))]
    pub(crate) when: Option<Spanned<WhenSection>>,
    /// The record type, or the list of record types, whose latest record before this one is its parent. The parent's
    /// record number becomes the column `parent_record_no`. A record without a parent is a reject.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["batch_header"]))]
    pub(crate) parent: Option<Spanned<NamesOrOne>>,
    /// Format `copybook`: the table (OCCURS) of the parent whose elements are the records of this type. `parent` names
    /// the one record type that holds the table; that type has no columns of it. An element is told by its place and
    /// needs no `when`. The parent's record number becomes the column `parent_record_no`, and the element's number in
    /// its table, from 1, the column that `element` names. If the parent is rejected, its elements are rejects too.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["ORDER-LINE"]))]
    pub(crate) rows: Option<Spanned<String>>,
    /// With `rows`: the column that gets the element's number in its table, from 1.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend(
            "default" = "element_no", "pattern" = "^[A-Za-z_][A-Za-z0-9_]{0,62}$", "examples" = ["line_no"]
        )
    )]
    pub(crate) element: Option<Spanned<String>>,
    /// With `rows`: what an element is that holds nothing, which is blanks in each text and zero in each number. `row`:
    /// it is a record like any other. `skip`: it is no record, and its bytes count as padding of the parent.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "row", "enum" = ["row", "skip"], "examples" = ["skip"])
    )]
    pub(crate) empty: Option<Spanned<String>>,
    /// Format `copybook`: the file of this record type's copybook, relative to the job file, if it is not that of the
    /// source. `copybook_format`, `copybook_folders` and `copybook_replacing` under `[source]` are for all copybooks.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["trailer.cpy"]))]
    pub(crate) copybook: Option<Spanned<String>>,
    /// Format `copybook`: the name of the record at level 01. Needed if the copybook has several. A record type with
    /// `rows` takes that of its parent.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["CLIENT-RECORD"]))]
    pub(crate) level_01: Option<Spanned<String>>,
    /// Format `copybook`: the names of the views (REDEFINES) to take instead of the first definition of their areas.
    #[serde(default)]
    #[schemars(extend("examples" = [["CLIENT-ADDRESS"]]))]
    pub(crate) views: Vec<String>,
    /// Format `copybook`: the names of items and groups that become no columns. Format `delimited` with a header row
    /// and one record type: the names of the source's columns, exactly as they are written, that become no field. They
    /// are not read, and their bytes are counted as left out. A column that is neither a field's nor named here is
    /// refused.
    #[serde(default)]
    #[schemars(extend("examples" = [["RESERVED-AREA"]]))]
    pub(crate) leave_out: Vec<String>,
    /// Format `delimited`: what fields are that are missing at the end of a record. `reject`: the record is a reject.
    /// `null`: the fields are NULL.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null"], "examples" = ["null"])
    )]
    pub(crate) missing: Option<Spanned<String>>,
    /// Format `fixed`, with a framing other than `fixed`: the length of this type's records in bytes. The default is
    /// `source.record_bytes`, or else as far as the fields reach.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [94]))]
    pub(crate) record_bytes: Option<Spanned<usize>>,
    /// Formats `fixed` and `copybook`: what bytes may hold that belong to no field: those after the record's last
    /// field, and the room of occurrences that a count does not cover. By default they must be spaces or low-values
    /// (0x00), and a record may be longer than its fields only where its layout or `source.record_bytes` has that
    /// room; anything else is a reject. `blank`: spaces and low-values, however long the record is. `any`: anything.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["blank", "any"], "examples" = ["any"]))]
    pub(crate) padding: Option<Spanned<String>>,
    /// Formats `fixed` and `copybook`: what FILLER of a copybook, and gaps between the fields of a fixed layout, may
    /// hold. By default anything but blanks, zeros and low-values (0x00) is reported as a warning: an outdated layout
    /// shows itself so. `any`: anything; such records are counted, and the report shows how many they are.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["any"], "examples" = ["any"]))]
    pub(crate) filler: Option<Spanned<String>>,
    /// The older spelling of `padding = "any"`.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["ignore"], "examples" = ["ignore"]))]
    pub(crate) rest: Option<Spanned<String>>,
    /// The fields by which a record is found again. No two records may agree in all of them, and none of them may be
    /// NULL. `mode = "upsert"` needs a key.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["id"]]))]
    pub(crate) key: Vec<Spanned<String>>,
    /// The decimal and integer fields that are summed at every level: source, staging, final.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["amt", "fee"]]))]
    pub(crate) amounts: Vec<Spanned<String>>,
    /// The fields that the fingerprint covers: `"*"` for all, or a list of names. Damage to a field that is not covered
    /// is not seen.
    #[serde(default)]
    #[schemars(schema_with = "all_or_names", extend("default" = "*", "examples" = ["*", ["id", "amt"]]))]
    pub(crate) hash: Option<Spanned<NamesOrAll>>,
    /// The staging table, `table` or (PostgreSQL) `schema.table`. Crossfoot makes it if it is not there. Each record
    /// type has tables of its own; a name that begins with `crossfoot_`, `sqlite_` or `pg_` is refused. The default is
    /// `stg_` and the record type's name.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("pattern" = TABLE, "examples" = ["stg_card_transactions", "staging.card_transactions"])
    )]
    pub(crate) staging: Option<Spanned<String>>,
    /// The final table, `table` or (PostgreSQL) `schema.table`; put a name of other characters into double quotes.
    /// Crossfoot makes the table if it is not there, and otherwise uses the one that is (see "Your own tables"). It
    /// holds no record of a run that did not reconcile. The default is the record type's name.
    #[serde(default, rename = "final")]
    #[schemars(
        with = "String",
        extend(
            "pattern" = TABLE,
            "examples" = ["card_transactions", "bank.card_transactions", "bank.\"Card Transactions\""]
        )
    )]
    pub(crate) final_table: Option<Spanned<String>>,
    /// The column of the final table that gets the id of the run that wrote the row last, if it is not `last_run_id`:
    /// of type `uuid` or text.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["load_id"]))]
    pub(crate) run_column: Option<Spanned<String>>,
    /// A table in which Crossfoot keeps the key of each row of final and the id of the run that wrote it last, if final
    /// has no column for it. Crossfoot makes the table. It needs a `key`, and excludes `run_column`.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("pattern" = TABLE, "examples" = ["card_transactions_runs", "staging.card_transactions_runs"])
    )]
    pub(crate) run_table: Option<Spanned<String>>,
    /// Without a `key`: the column of the final table that gets the number of the record in its source, if it is not
    /// `last_record_no`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["line_no"]))]
    pub(crate) record_no_column: Option<Spanned<String>>,
    /// Triggers of the final table that may change rows of other tables. Such changes are not counted, and not proven.
    /// Any other trigger that changes rows of another table fails the run.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["audit_card_transactions"]]))]
    pub(crate) triggers: Vec<Spanned<String>>,
    /// How records get into the final table. `append`: each becomes a new row, and a key that is there already fails
    /// the run. `upsert`: a record replaces the row with its key; of several records with one key the last counts, and
    /// the others are accounted for as merged.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "append", "enum" = ["append", "upsert"], "examples" = ["upsert"])
    )]
    pub(crate) mode: Option<Spanned<String>>,
    /// How verified rows get from staging into the final table. `insert`: they are copied. `attach` (PostgreSQL): the
    /// final table is partitioned by run, and the run's verified partition of staging becomes one of its partitions in
    /// a short transaction, however many rows it has; each row keeps the number of its run, chunk, record and writer.
    /// It needs `mode = "append"`, and a final table with exactly the columns of staging (see "Your own tables").
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "insert", "enum" = ["insert", "attach"], "examples" = ["attach"])
    )]
    pub(crate) promotion: Option<Spanned<String>>,
    /// A field. In formats `delimited` and `fixed` every field is listed, for `delimited` in the order of the columns.
    /// In format `copybook` the copybook lists them, and the job names only the fields that it adds something to.
    #[serde(default)]
    pub(crate) field: Vec<FieldSection>,
}

/// One condition, or several that must all hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum WhenSection {
    One(ConditionSection),
    All(Vec<ConditionSection>),
}

/// A condition: the field has one of the values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "field": "type_cd", "in": ["01", "03"] }]))]
pub(crate) struct ConditionSection {
    /// The field that determines the record type.
    #[schemars(extend("examples" = ["type_cd"]))]
    pub(crate) field: String,
    /// The values that the field may have, in the field's type. NULL is none of them.
    #[serde(rename = "in")]
    #[schemars(schema_with = "constants", extend("examples" = [["01", "03"]]))]
    pub(crate) one_of: Vec<toml::Value>,
}

/// A name or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum NamesOrOne {
    One(String),
    Names(Vec<String>),
}

impl NamesOrOne {
    /// The names, one or several.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Names(names) => names,
        }
    }
}

/// `"*"` or a list of field names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum NamesOrAll {
    All(String),
    Names(Vec<String>),
}
