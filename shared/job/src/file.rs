//! The job file as it is written: what TOML says, before it is understood. Unknown keys are errors.
//!
//! The doc comment of a key is its entry in `docs/job-file.md`, and its description in the JSON Schema.

mod attest;
mod columns;
mod control;
mod field;
mod record;
mod rule;
mod schedule;
mod sequence;
mod source;
mod target;
mod transform;
mod values;

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use toml::Spanned;

pub(super) use attest::AttestSection;
pub(super) use columns::ColumnsSection;
pub(super) use control::{
    ControlSection, CoversSection, DeclaredSection, FromSection, NameOrNames, SequenceSection, TotalSection,
    ValueSection,
};
pub(super) use field::{ExtraSection, FieldSection, LengthSection, SumOfSection, WidthSection};
pub(super) use record::{ConditionSection, NamesOrAll, NamesOrOne, RecordSection, WhenSection};
pub(super) use rule::{AmountsSection, RuleSection, TrendsSection};
pub(super) use schedule::ScheduleSection;
pub(super) use sequence::NumberedSection;
pub(super) use source::{CobolSection, LengthFieldSection, NumbersSection, SourceSection};
pub(super) use target::TargetSection;
pub(super) use transform::{ColumnRef, IndicatorSection, LookupSection, PartSection};

/// A job file says what to load and what must hold. It is TOML. A key that is not in this list is an error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "JobFile")]
pub(super) struct JobFile {
    /// What the job is called.
    pub(super) job: JobSection,
    /// How the source is written: its format, its encoding, and where its records begin and end.
    pub(super) source: SourceSection,
    /// A record type: how its records are distinguished from others, which fields they have, and into which tables they
    /// go. A source with several record types has one `[[record]]` for each. A record is of the first type whose `when`
    /// holds.
    pub(super) record: Vec<RecordSection>,
    /// What the sender declares of the source. Each value is a check (INV-10). A file that is named by `--declared`
    /// may declare the same values and more.
    #[serde(default)]
    #[schemars(with = "DeclaredSection")]
    pub(super) declared: Option<DeclaredSection>,
    /// A record type that declares totals or values of the source, or of a part of it: a header, a trailer, a batch
    /// control. Each total and each value is a check (INV-10).
    #[serde(default)]
    pub(super) control: Vec<ControlSection>,
    /// Records that are numbered one after the other: a number that is missing, repeated or out of order fails a check.
    #[serde(default)]
    pub(super) sequence: Vec<NumberedSection>,
    /// A business rule. It says exactly one thing that must hold: `holds`, `unique`, `references` or `balance`.
    #[serde(default)]
    pub(super) rule: Vec<RuleSection>,
    /// The table into which another program loaded the records of a type, for `crossfoot reconcile`. Without any
    /// `[[target]]` the final tables of all details are compared, column by column.
    /// A job of one record type may write `[target]`.
    #[serde(default, deserialize_with = "target::one_or_many")]
    #[schemars(
        schema_with = "target::schema_of_both",
        extend("examples" = [{ "table": "bank.ledger", "equal": ["trailing-blanks"] }])
    )]
    pub(super) target: Vec<TargetSection>,
    /// How many rejects a run may have.
    #[serde(default)]
    pub(super) limits: LimitsSection,
    /// How rows are kept until they are promoted.
    #[serde(default)]
    pub(super) staging: StagingSection,
    /// What the job asks of the operators who decide about its runs.
    #[serde(default)]
    pub(super) approval: ApprovalSection,
    /// How far the figures of a run may be from those of the promoted runs before it. A figure breaches when it is
    /// further from their median than the given share, and also outside of everything that they had. A job without this
    /// table is warned when its records are half or half as many again of the median.
    #[serde(default)]
    #[schemars(with = "TrendsSection")]
    pub(super) trends: Option<Spanned<TrendsSection>>,
    /// When a run of the job is expected. If none is opened in time, the coordinator service logs `run-missing` and
    /// sends a notification with the outcome `missing`, once for each expected time; the console and its metrics show
    /// it.
    #[serde(default)]
    #[schemars(with = "ScheduleSection")]
    pub(super) schedule: Option<ScheduleSection>,
    /// How often what the job promoted must be attested (`crossfoot attest`). If an attestation is overdue, or is not
    /// reconciled, the coordinator service logs `attestation-lapsed` and sends a notification with the outcome
    /// `not-attested`, once for each.
    #[serde(default)]
    #[schemars(with = "AttestSection")]
    pub(super) attest: Option<AttestSection>,
    /// The texts of copybooks, by the name that `source.copybook` gives. Crossfoot adds this table itself when it reads
    /// the copybook beside the job file, so that the job's digest covers the copybook. It may be written by hand.
    #[serde(default)]
    #[schemars(
        with = "BTreeMap<String, String>",
        extend("examples" = [{ "client.cpy": "       01  CLIENT.\n           05  CLIENT-ID  PIC 9(8)." }])
    )]
    pub(super) copybooks: BTreeMap<String, Spanned<String>>,
    /// The texts of lookup tables, by the path that a field's `lookup` gives. Crossfoot adds this table itself when it
    /// reads the files beside the job file, so that the job's digest covers them. It may be written by hand.
    #[serde(default)]
    #[schemars(
        with = "BTreeMap<String, String>",
        extend("examples" = [{ "branches.csv": "code,name\n001,Head office\n" }])
    )]
    pub(super) lookups: BTreeMap<String, Spanned<String>>,
    /// Which columns the source of a run has. Crossfoot adds this table itself when it opens a run on a source whose
    /// columns are in another order than the job's fields, so that the job's digest covers it, and every worker and
    /// every later step of the run reads the columns as they were found.
    #[serde(default)]
    #[schemars(with = "ColumnsSection")]
    pub(super) columns: Option<Spanned<ColumnsSection>>,
}

/// What the job is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobSection {
    /// The job's name: 1 to 100 letters, digits, `-`, `_` or `.`. Runs of one name are compared with each other
    /// (`[trends]`, sequence numbers, the refusal of bytes that were loaded before).
    #[schemars(
        with = "String",
        length(min = 1, max = 100),
        extend("pattern" = "^[A-Za-z0-9_.-]+$", "examples" = ["card-transactions"])
    )]
    pub(super) name: Spanned<String>,
    /// What the job is for, in a sentence for people.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["Card transactions of one day"]))]
    pub(super) description: Option<String>,
}

/// What the job asks of the operators who decide about its runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalSection {
    /// Whether each run waits after staging for the approval of a second person. An operator who opened, resumed or
    /// redrove the run may not approve it.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) four_eyes: bool,
    /// Whether `approve`, `redrive`, `pause`, `window`, `cancel`, `purge`, `resend` and `--again` need a `--reason`.
    /// `back-out` always does.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) require_reason: bool,
}

/// How many rejects a run may have.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    /// The most rejects with which a run still reconciles: a number of records, or a share of the source's records such
    /// as `"0.1%"` (at most 100 %, with at most four digits after the point).
    #[serde(default)]
    #[schemars(schema_with = "values::count_or_share", extend("default" = 0, "examples" = ["0.1%", 25]))]
    pub(super) rejects: Option<Spanned<toml::Value>>,
}

/// How rows are kept until they are promoted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StagingSection {
    /// Whether staged rows survive a crash of the database server. `logged`: they do. `redrive`: the server does not
    /// log them, which is faster; if it crashes before the run is promoted, it has none of them any more, and the
    /// coordinator loads the chunks that the ledger has as committed into staging again, from the source. What is
    /// promoted is durable either way. `redrive` needs a PostgreSQL store and a source that can be read again, and
    /// neither `promotion = "attach"` nor rules with `on_breach = "hold"`, because such rows stay where they were
    /// staged.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["logged", "redrive"], "default" = "logged", "examples" = ["redrive"]))]
    pub(super) durability: Option<Spanned<String>>,
}

/// The JSON Schema of a job file.
pub(super) fn schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<JobFile>()
}
