//! JSON Schemas (draft 2020-12) of what people write and machines read: the job file, the settings, what a webhook is
//! told, and what each command prints with `--json`. They are made from the types themselves, so that they cannot
//! disagree with them.

pub(crate) mod markdown;

use coordinator::notice::Notification;
use coordinator::ops::dead_letters::DeadLetter;
use coordinator::ops::tokens::ListedToken;
use coordinator::ops::views;
use coordinator::report::summary::REPORT_VERSION;
use domain::comparison::{ChainReport, LoadReport, QuickReport};
use domain::counts::WorkerShare;
use domain::declared::Declared;
use domain::pack::proof::Proof;
use domain::report::Report;
use drill::defect::DrillReport;
use platform::health::Finding;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::printed;
use crate::printed::failed::FailedCommand;

/// A schema of the catalogue: its name, its version, and how it is made.
pub(crate) struct Named {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The version of the shape that it describes. A change that breaks a reader makes the next one.
    version: u32,
    /// What the schema describes, in a few words.
    pub(crate) about: &'static str,
    make: fn() -> Schema,
}

/// Every schema that `crossfoot schema` can print.
pub(crate) const CATALOGUE: &[Named] = &[
    named("job", "the job file", job::schema),
    named("settings", "the settings: crossfoot.toml", settings::schema),
    named(
        "declared",
        "what a sender declares: printed by `fingerprint`, read by `run --declared`",
        of_both::<Declared>,
    ),
    named("report", "a run's report: `run`, `resume`, `approve`, `report`, `submit --wait`", of::<Report>)
        .of_version(REPORT_VERSION),
    named(
        "reconcile",
        "a load by another program, compared with its source: `reconcile`, `attest`",
        of::<LoadReport>,
    ),
    named(
        "reconcile-quick",
        "a quick look at totals, which is no comparison of values: `reconcile --quick`",
        of::<QuickReport>,
    ),
    named(
        "reconcile-chain",
        "several comparisons, one after the other: `reconcile` with a chain file",
        of::<ChainReport>,
    ),
    named("attest-history", "the attestations of a run: `attest --history`", of::<printed::AttestedRun>),
    named("webhook", "what a webhook or a command is told of a run: `[notify]`", of::<Notification<'_>>),
    named("runs", "the list of runs: `runs`", of::<Vec<views::runs::ListedRun>>),
    named("show", "one run and its progress: `show`", of::<views::runs::ShownRun>).of_version(REPORT_VERSION),
    named("workers", "each worker's share of a run: `workers`", of::<Vec<WorkerShare>>),
    named("rejects", "a run's rejects: `rejects`", of::<Vec<views::rejects::ListedReject>>),
    named("explain", "a run's differences: `explain`", of::<views::findings::Explained>),
    named("trends", "a job's runs side by side: `trends`", of::<views::jobs::JobTrends>)
        .of_version(views::jobs::TRENDS_VERSION),
    named("check", "a job file as it is understood: `check`", of::<printed::CheckedJob>),
    named("submit", "a run that was submitted: `submit`", of::<printed::RunStands>),
    named("cancel", "a run that was given up: `cancel`", of::<printed::RunStands>),
    named("pause", "a run that was paused: `pause`", of::<printed::RunStands>),
    named("window", "how many chunks of a run may be in flight: `window`", of::<printed::WindowChanged>),
    named("drain", "workers that were asked to end: `drain`", of::<printed::Drained>),
    named("watch", "what became of a file, in one line for each: `watch`", of::<printed::watch::WatchedFile>),
    named(
        "redrive",
        "chunks that were requeued for the coordinator service: `redrive`",
        of::<printed::Redriven>,
    ),
    named("back-out", "a run whose rows were taken out of final: `back-out`", of::<printed::BackedOut>),
    named("purge", "a run whose staging rows were removed: `purge`", of::<printed::Purged>),
    named("retention", "runs whose rows retention removes: `retention`", of::<printed::Retained>),
    named("fleet", "the processes of a fleet: `fleet`", of::<views::fleet::ListedFleet>),
    named("dead-letters", "dead letters: `dead-letters list`", of::<printed::dead_letters::ListedLetters>),
    named("dead-letter", "one dead letter: `dead-letters show`", of::<DeadLetter>),
    named(
        "dead-letters-settled",
        "what became of dead letters: `dead-letters replay`, `dead-letters clear`",
        of::<printed::dead_letters::SettledLetters>,
    ),
    named("error", "a command that failed: one line on standard error, the last", of::<FailedCommand>),
    named("doctor", "what is found of broker and store: `doctor`", of::<Vec<Finding>>),
    named("drill", "a drill's document: `drill`", of::<DrillReport>),
    named("drill-list", "the catalogue of defects: `drill --list`", of::<Vec<printed::ListedDefect>>),
    named("prove", "the proof of one record: `prove`", of::<Proof>),
    named("audit-log", "events of the evidence log: `audit log`", of::<Vec<views::log::LoggedEvent>>),
    named("audit-verify", "a walk over the evidence log: `audit verify`", of::<views::log::WalkedLog>),
    named(
        "audit-verify-pack",
        "a pack that was checked: `audit verify PACK`",
        of::<printed::VerifiedPack<'_>>,
    ),
    named(
        "audit-verify-proof",
        "a proof that was checked: `audit verify PROOF`",
        of::<printed::VerifiedProof<'_>>,
    ),
    named(
        "audit-verify-comparison",
        "the evidence of a comparison that was checked: `audit verify EVIDENCE`",
        of::<printed::VerifiedEvidence<'_>>,
    ),
    named("audit-export", "a pack that was written: `audit export`", of::<printed::ExportedPack>),
    named("audit-keygen", "a pair of keys that was made: `audit keygen`", of::<printed::MadeKeys>),
    named("setup", "the roles of a fleet's processes: `setup`", of::<printed::SetUp>),
    named("rotate-key", "the replacement of the message key: `rotate-key`", of::<printed::RotatedKey>),
    named("token-add", "a token that was made: `token add`", of::<printed::MadeToken>),
    named("token-list", "the tokens of the console: `token list`", of::<Vec<ListedToken>>),
    named("token-revoke", "a token that was revoked: `token revoke`", of::<printed::RevokedToken>),
    named("schema-list", "the list of schemas: `schema --list`", of::<Vec<printed::ListedSchema>>),
];

const fn named(name: &'static str, about: &'static str, make: fn() -> Schema) -> Named {
    Named { name, version: 1, about, make }
}

impl Named {
    /// A later version of the shape.
    const fn of_version(self, version: u32) -> Self {
        Self { version, ..self }
    }
}

/// The schema of what is printed.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of what is both printed and read: what may be left out is not required.
fn of_both<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

impl Named {
    /// The schema's identifier. It names no host: nothing is fetched.
    pub(crate) fn id(&self) -> String {
        format!("crossfoot:{}/{}", self.name, self.version)
    }

    /// The schema as JSON, its identifying keys first.
    pub(crate) fn schema(&self) -> Result<Map<String, Value>, serde_json::Error> {
        // Serializing puts the keys into the order in which people expect them.
        let Value::Object(mut made) = serde_json::to_value((self.make)())? else { return Ok(Map::new()) };
        let first = ["$schema".to_owned(), "$id".to_owned(), "title".to_owned()];
        let dialect = made.shift_remove("$schema").unwrap_or_default();
        let title = format!("Crossfoot: {}", self.about);
        made.shift_remove("title");
        let mut schema: Map<_, _> =
            first.into_iter().zip([dialect, self.id().into(), title.into()]).collect();
        for (key, mut value) in made {
            match &mut value {
                Value::String(text) if key == "description" => *text = paragraphs(text),
                value => tidy(value),
            }
            schema.insert(key, value);
        }
        Ok(schema)
    }
}

/// Makes descriptions readable outside of the source, and takes off defaults that say nothing.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !is_empty(value));
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(text) if key == "description" => *text = paragraphs(text),
                    _ => tidy(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The text of a doc comment with one line for each paragraph, and without links into the source.
fn paragraphs(text: &str) -> String {
    let joined: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    joined.join("\n\n").replace("[`", "`").replace("`]", "`")
}
