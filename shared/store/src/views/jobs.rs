//! Jobs, and what their runs come to.

use domain::ids::RunId;

use super::model::{ChunkTotals, JobRow, JobTotals, NewestRun, PromotedJob, RunDuration};
use super::runs::{columns, counted_from, with_counts};
use crate::database::Database;
use crate::row::Row;
use crate::{StoreError, params};

pub(super) async fn durations<D: Database>(
    database: &D,
    until: RunId,
    each: u32,
) -> Result<Vec<RunDuration>, StoreError> {
    let sql = "SELECT job, run_id, elapsed_ms FROM (
                   SELECT job, run_id, elapsed_ms, row_number() OVER (PARTITION BY job ORDER BY run_id DESC) AS place
                   FROM crossfoot_run WHERE state = 'promoted' AND run_id <= $1) AS placed
               WHERE place <= $2 ORDER BY job, run_id DESC";
    let duration = |row: &Row| {
        Ok(RunDuration {
            job: row.get("job")?,
            run_id: row.parsed("run_id")?,
            elapsed_ms: row.get("elapsed_ms")?,
        })
    };
    database.fetch(sql, params![until, each]).await?.iter().map(duration).collect()
}

pub(super) async fn jobs<D: Database>(database: &D) -> Result<Vec<JobRow>, StoreError> {
    let sql = with_counts(&format!(
        "SELECT {}, runs FROM crossfoot_run JOIN (
             SELECT run_id AS latest, row_number() OVER (PARTITION BY job ORDER BY run_id DESC) AS place,
                    count(*) OVER (PARTITION BY job) AS runs FROM crossfoot_run) AS placed ON latest = run_id
         WHERE place = 1",
        columns::<D>()
    ));
    let job =
        |row: &Row| Ok(JobRow { job: row.get("job")?, runs: row.get("runs")?, latest: counted_from(row)? });
    let mut jobs: Vec<_> =
        database.fetch(&sql, params![]).await?.iter().map(job).collect::<Result<_, StoreError>>()?;
    jobs.sort_by(|one, other| one.job.cmp(&other.job));
    Ok(jobs)
}

pub(super) async fn newest_runs<D: Database>(database: &D) -> Result<Vec<NewestRun>, StoreError> {
    let sql = "SELECT job, run_id, job_digest, opened_at_ms FROM (
                   SELECT job, run_id, job_digest, opened_at_ms,
                          row_number() OVER (PARTITION BY job ORDER BY run_id DESC) AS place
                   FROM crossfoot_run) AS placed
               WHERE place = 1";
    let newest = |row: &Row| {
        Ok(NewestRun {
            job: row.get("job")?,
            run_id: row.parsed("run_id")?,
            job_digest: row.parsed("job_digest")?,
            opened_at_ms: row.get("opened_at_ms")?,
        })
    };
    let mut all: Vec<_> =
        database.fetch(sql, params![]).await?.iter().map(newest).collect::<Result<_, StoreError>>()?;
    all.sort_by(|one, other| one.job.cmp(&other.job));
    Ok(all)
}

pub(super) async fn promoted_jobs<D: Database>(database: &D) -> Result<Vec<PromotedJob>, StoreError> {
    let sql = "SELECT job, run_id, job_digest, opened_at_ms, promoted_at_ms, first_at_ms FROM (
                   SELECT job, run_id, job_digest, opened_at_ms, coalesce(ended_at_ms, opened_at_ms) AS promoted_at_ms,
                          min(coalesce(ended_at_ms, opened_at_ms)) OVER (PARTITION BY job) AS first_at_ms,
                          row_number() OVER (PARTITION BY job ORDER BY ended_at_ms DESC, run_id DESC) AS place
                   FROM crossfoot_run WHERE state = 'promoted') AS placed
               WHERE place = 1";
    let newest = |row: &Row| {
        Ok(PromotedJob {
            job: row.get("job")?,
            run_id: row.parsed("run_id")?,
            job_digest: row.parsed("job_digest")?,
            opened_at_ms: row.get("opened_at_ms")?,
            promoted_at_ms: row.get("promoted_at_ms")?,
            first_promoted_at_ms: row.get("first_at_ms")?,
        })
    };
    let mut all: Vec<_> =
        database.fetch(sql, params![]).await?.iter().map(newest).collect::<Result<_, StoreError>>()?;
    all.sort_by(|one, other| one.job.cmp(&other.job));
    Ok(all)
}

pub(super) async fn job_totals<D: Database>(database: &D) -> Result<Vec<JobTotals>, StoreError> {
    let sum = |of: &str| format!("CAST(coalesce(sum({of}), 0) AS bigint)");
    let done =
        |of: &str| format!("CAST(coalesce(sum({of}) FILTER (WHERE state = 'committed'), 0) AS bigint)");
    let sql = format!(
        "WITH counts AS (
             SELECT run_id, count(*) AS n, {} AS records, {} AS bytes,
                    count(*) FILTER (WHERE state = 'committed') AS committed,
                    count(*) FILTER (WHERE state = 'set-aside') AS set_aside,
                    {} AS records_in, {} AS accepted, {} AS rejected, {} AS bytes_committed
             FROM crossfoot_chunk GROUP BY run_id)
         SELECT r.job, r.state, count(*) AS runs, max(r.ended_at_ms) AS last_ended_at_ms,
                {} AS c_chunks, {} AS c_records, {} AS c_bytes, {} AS c_committed, {} AS c_set_aside, {} AS c_read,
                {} AS c_accepted, {} AS c_rejected, {} AS c_bytes_committed
         FROM crossfoot_run r LEFT JOIN counts c ON c.run_id = r.run_id GROUP BY r.job, r.state ORDER BY r.job, r.state",
        sum("records"),
        sum("bytes"),
        done("records_in"),
        done("accepted"),
        done("rejected"),
        done("bytes"),
        sum("c.n"),
        sum("c.records"),
        sum("c.bytes"),
        sum("c.committed"),
        sum("c.set_aside"),
        sum("c.records_in"),
        sum("c.accepted"),
        sum("c.rejected"),
        sum("c.bytes_committed"),
    );
    let totals = |row: &Row| {
        Ok(JobTotals {
            job: row.get("job")?,
            state: row.parsed("state")?,
            runs: row.get("runs")?,
            last_ended_at_ms: row.get("last_ended_at_ms")?,
            totals: ChunkTotals::from_row(row)?,
        })
    };
    let mut jobs: Vec<_> =
        database.fetch(&sql, params![]).await?.iter().map(totals).collect::<Result<_, StoreError>>()?;
    // Chunks that were removed count as they did before.
    let sql = "SELECT job, state, totals FROM crossfoot_run WHERE totals IS NOT NULL";
    for row in database.fetch(sql, params![]).await? {
        let (job, state): (String, _) = (row.get("job")?, row.parsed("state")?);
        let gone: ChunkTotals = row.json("totals", "the counts of removed chunks")?;
        if let Some(of) = jobs.iter_mut().find(|of| of.job == job && of.state == state) {
            of.totals = of.totals.and(gone);
        }
    }
    Ok(jobs)
}
