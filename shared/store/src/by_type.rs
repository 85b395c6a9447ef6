//! SQL that both adapters need where a job has several record types, each with a staging table of its own.

use domain::layout::Layout;
use domain::table::STAGING_COLUMNS;
use job::Job;
use wire::Batch;

use super::StoreError;
use super::names::{columns, table};

/// Where the staged rows of a record type come from, as a relation in a FROM without the fields: once a run's partition
/// is attached they are in final.
fn rows_of(layout: &Layout) -> String {
    let staging = table(&layout.staging);
    if !layout.is_attached() {
        return staging;
    }
    let all = columns("", STAGING_COLUMNS);
    let of_final = table(&layout.final_table.name);
    format!("(SELECT {all} FROM {staging} UNION ALL SELECT {all} FROM {of_final})")
}

/// Parts of a query on `crossfoot_breach b`.
pub struct StagedSql {
    /// The worker of the breach's staged record.
    pub worker: String,
    /// The place of its record type.
    pub place: String,
    /// The joins that both need.
    pub joins: String,
}

/// What a query on `crossfoot_breach b` says of the breach's staged record. `run` is the query's parameter for the run.
pub fn staged(job: &Job, run: &str) -> StagedSql {
    let workers: Vec<_> = (0..job.records.len()).map(|at| format!("s{at}.worker_id")).collect();
    let worker = match &workers[..] {
        [only] => only.clone(),
        several => format!("coalesce({})", several.join(", ")),
    };
    let cases = (1..job.records.len()).map(|at| format!("WHEN s{at}.record_no IS NOT NULL THEN {at} "));
    let place = match job.has_types() {
        false => "0".to_owned(),
        true => format!("CASE {}ELSE 0 END", cases.collect::<String>()),
    };
    let joins = job.layouts().enumerate().map(|(at, layout)| {
        format!(
            " LEFT JOIN {} s{at} ON s{at}.run_id = {run} AND s{at}.chunk_no = b.chunk_no AND s{at}.record_no = b.record_no",
            rows_of(layout)
        )
    });
    StagedSql { worker, place, joins: joins.collect() }
}

/// Whether `batch` is one of the job's record types, and its counts add up.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not.
pub fn check_types(batch: &Batch, job: &Job) -> Result<(), StoreError> {
    let types = job.records.len();
    let sum = batch.by_type.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if batch.by_type.len() == types && batch.rows.len() == types && sum == Some(batch.accepted) {
        return Ok(());
    }
    let what = format!("chunk {}: the batch is not one of {types} record types", batch.chunk_no);
    Err(StoreError::Damaged { what })
}

/// The staging tables of every record type as one, in a query whose `$1` is the run.
#[must_use]
pub fn all_staging(job: &Job) -> String {
    let mut tables = job.layouts().map(|layout| (rows_of(layout), layout.is_attached()));
    if !job.has_types() {
        return tables
            .map(|(rows, is_union)| if is_union { format!("{rows} AS staged") } else { rows })
            .collect();
    }
    let selects =
        tables.by_ref().map(|(rows, _)| format!("SELECT run_id, worker_id FROM {rows} s WHERE run_id = $1"));
    format!("({}) AS staged", selects.collect::<Vec<_>>().join(" UNION ALL "))
}
