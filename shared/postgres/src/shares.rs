//! Each worker's share of a run, counted in three places.

use domain::counts::{Counts, Role, WorkerShare};
use domain::ids::{RunId, WorkerId};
use job::Job;
use sqlx::Row as _;
use store::StoreError;
use store::by_type::all_staging;

use super::connect::{Id, PostgresStore};
use super::ledger::unsigned;
use super::tables::quoted;

impl PostgresStore {
    /// One row for each worker that the ledger, the reports or the tables name.
    pub(crate) async fn fetch_shares(
        &self,
        run_id: RunId,
        job: &Job,
    ) -> Result<Vec<WorkerShare>, StoreError> {
        let mut shares = Vec::new();
        for (role, column) in [(Role::Processor, "processor_id"), (Role::Writer, "writer_id")] {
            let table = match role {
                Role::Processor => "crossfoot_reject".to_owned(),
                Role::Writer => all_staging(job, quoted),
            };
            // The role's column and the staging table's checked, quoted name are all that is spliced in.
            let sql = format!(
                "WITH ledger AS (
                     SELECT {column} AS id, count(*) AS chunks, sum(records_in)::bigint AS records, sum(accepted)::bigint AS accepted, sum(rejected)::bigint AS rejected
                     FROM crossfoot_chunk WHERE run_id = $1 AND state = 'committed' GROUP BY 1),
                 reported AS (
                     SELECT r.worker_id AS id, count(*) AS chunks, sum(r.records)::bigint AS records, sum(r.accepted)::bigint AS accepted,
                            sum(r.rejected)::bigint AS rejected, sum(r.bytes)::bigint AS bytes, sum(r.busy_us)::bigint AS busy_us
                     FROM crossfoot_report r JOIN crossfoot_chunk c ON c.run_id = r.run_id AND c.chunk_no = r.chunk_no AND c.{column} = r.worker_id
                     WHERE r.run_id = $1 AND r.role = $2 AND c.state = 'committed' GROUP BY 1),
                 found AS (SELECT worker_id AS id, count(*) AS n FROM {table} WHERE run_id = $1 GROUP BY 1),
                 ids AS (SELECT id FROM ledger UNION SELECT id FROM reported UNION SELECT id FROM found)
                 SELECT ids.id, w.name, w.host,
                     coalesce(l.chunks, 0) AS l_chunks, coalesce(l.records, 0) AS l_records, coalesce(l.accepted, 0) AS l_accepted, coalesce(l.rejected, 0) AS l_rejected,
                     coalesce(p.chunks, 0) AS p_chunks, coalesce(p.records, 0) AS p_records, coalesce(p.accepted, 0) AS p_accepted, coalesce(p.rejected, 0) AS p_rejected,
                     coalesce(p.bytes, 0) AS bytes, coalesce(p.busy_us, 0) AS busy_us, coalesce(f.n, 0) AS found
                 FROM ids LEFT JOIN ledger l ON l.id = ids.id LEFT JOIN reported p ON p.id = ids.id LEFT JOIN found f ON f.id = ids.id
                 LEFT JOIN crossfoot_worker w ON w.worker_id = ids.id ORDER BY ids.id"
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(Id(run_id))
                .bind(role.name())
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let counts = |prefix: &str| {
                    Ok::<_, StoreError>(Counts {
                        chunks: unsigned(row, &format!("{prefix}_chunks"))?,
                        records: unsigned(row, &format!("{prefix}_records"))?,
                        accepted: unsigned(row, &format!("{prefix}_accepted"))?,
                        rejected: unsigned(row, &format!("{prefix}_rejected"))?,
                    })
                };
                let (name, host): (Option<String>, Option<String>) =
                    (row.try_get("name")?, row.try_get("host")?);
                let (ledger, reported) = (counts("l")?, counts("p")?);
                shares.push(WorkerShare {
                    worker_id: WorkerId(
                        // A number that no worker has is a difference, not an error.
                        u32::try_from(row.try_get::<i64, _>("id")?).unwrap_or(u32::MAX),
                    ),
                    name: name.unwrap_or_else(|| "not registered".into()),
                    host: host.unwrap_or_default(),
                    role,
                    unreported_chunks: ledger.chunks.saturating_sub(reported.chunks),
                    reported,
                    ledger,
                    table: unsigned(row, "found")?,
                    bytes: unsigned(row, "bytes")?,
                    busy_us: unsigned(row, "busy_us")?,
                });
            }
        }
        Ok(shares)
    }
}
