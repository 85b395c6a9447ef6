//! How records are compared, told to workers so that they come to the same.

use domain::fingerprint::Hash;
use job::Job;
use job::target::TargetTable;
use wire::comparison::ComparedTables;

use crate::error::CompareError;
use crate::run::{Compare, Source, of_rows};

/// What is compared, as every task says it.
pub(crate) struct Compared {
    /// The job file's text.
    pub(super) job: String,
    /// Which tables the records are compared with.
    pub(super) tables: ComparedTables,
    /// SHA-256 of how that is done.
    pub(super) plans: [u8; 32],
}

impl Compared {
    /// What `compare` compares.
    ///
    /// # Errors
    /// [`CompareError::Job`] when its job's text does not say how.
    pub(crate) fn of(compare: &Compare) -> Result<Self, CompareError> {
        let text = compare.job.text.to_string();
        let plans = digest(&compare.job.targets);
        let names_writer = compare.job.targets.iter().map(|table| table.plan.names_writer).collect();
        let usual = match compare.source {
            Source::File(_) => ComparedTables::OfJob,
            Source::Tables(_) => ComparedTables::OfRows,
        };
        for tables in [usual, ComparedTables::Finals(names_writer)] {
            if job_of(&text, &tables).is_ok_and(|job| digest(&job.targets) == plans) {
                return Ok(Self { job: text, tables, plans });
            }
        }
        Err(CompareError::Job(
            "the job file does not say all that workers need; compare without --fleet".into(),
        ))
    }
}

/// The job of a task.
pub(super) fn job_of(text: &str, tables: &ComparedTables) -> Result<Job, String> {
    let mut job = Job::parse("(the job of a comparison)", text).map_err(|error| error.to_string())?;
    match tables {
        ComparedTables::OfJob => {}
        ComparedTables::OfRows => job = of_rows(&job),
        ComparedTables::Finals(names_writer) => {
            let finals = job.records.iter().enumerate().zip(names_writer);
            let finals = finals.map(|((place, record), names_writer)| {
                let mut table = TargetTable::of_final(place, record);
                table.plan.names_writer = *names_writer;
                table
            });
            job.targets = finals.collect();
        }
    }
    Ok(job)
}

/// SHA-256 of everything that decides what becomes of a record or a row.
pub(super) fn digest(targets: &[TargetTable]) -> [u8; 32] {
    let plan = |table: &TargetTable| {
        let plan = &table.plan;
        let (layout, fields, extra) = (&plan.layout, &plan.fields, &plan.extra);
        format!("{} {layout:?} {fields:?} {extra:?} {}\n", table.record, plan.names_writer)
    };
    Hash::of(targets.iter().map(plan).collect::<String>().as_bytes()).0
}
