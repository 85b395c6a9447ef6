//! What a console asks of the ledger: pages of runs with their counts, and the like. Each is one statement, however many
//! runs there are.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::ids::RunId;
use domain::lifecycle::RunState;

use crate::database::Database;
use crate::model::Run;
use crate::row::Row;
use crate::runs::run_from;
use crate::{StoreError, params};

/// Which runs a page shows; by default the newest of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunPage {
    /// The name of the runs' job; `None` for any.
    pub job: Option<String>,
    /// The states that runs may be in; empty for any.
    pub states: Vec<RunState>,
    /// What a run's ID, job, source, operator or note must contain, in any case; empty for anything.
    pub text: String,
    /// Only runs that were opened before this one; `None` to begin with the newest.
    pub before: Option<RunId>,
}

/// What the ledger counts of a run's chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkTotals {
    /// Chunks that the source was cut into so far.
    pub chunks: u64,
    /// Records in these chunks.
    pub records: u64,
    /// Bytes of these chunks.
    pub bytes: u64,
    /// Chunks that are committed to staging.
    pub committed: u64,
    /// Chunks that were set aside.
    pub set_aside: u64,
    /// Records of the committed chunks that a processor read.
    pub read: u64,
    /// Records of the committed chunks that were accepted, and written to staging.
    pub accepted: u64,
    /// Records of the committed chunks that were rejected.
    pub rejected: u64,
    /// Bytes of the committed chunks.
    pub bytes_committed: u64,
}

/// A run, and what the ledger counts of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRun {
    /// The run as the ledger has it.
    pub run: Run,
    /// The counts over its chunks.
    pub totals: ChunkTotals,
}

/// What a console asks of the ledger.
#[async_trait]
#[delegatable_trait]
pub trait Views: Send + Sync {
    /// The latest runs that `page` lets through, the newest first, `limit` at most, each with its counts.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn counted_runs(&self, page: &RunPage, limit: u32) -> Result<Vec<CountedRun>, StoreError>;
    /// One run with its counts.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn counted(&self, run_id: RunId) -> Result<CountedRun, StoreError>;
}

/// The columns of a run but for its summary, which may be long.
const RUN: &str = "run_id, job, job_digest, state, source, source_bytes, source_sha256, declared, chunk_bytes, \
                   chunk_records, again, pause_after_staged, verify_source, submitted, parked, actor, opened_at_ms, \
                   ended_at_ms, elapsed_ms, epoch, interrupted, purged, note, split_chunks, split_records, \
                   split_bytes, split_header_bytes, split_disk_bytes, split_sha256";

/// A query for the runs of `page`, a query for runs, with the counts of their chunks.
fn counted(page: &str) -> String {
    let sum = |of: &str| format!("CAST(coalesce(sum({of}), 0) AS bigint)");
    let done =
        |of: &str| format!("CAST(coalesce(sum({of}) FILTER (WHERE c.state = 'committed'), 0) AS bigint)");
    format!(
        "WITH page AS ({page}),
         counts AS (
             SELECT c.run_id, count(*) AS n, {} AS records, {} AS bytes,
                    count(*) FILTER (WHERE c.state = 'committed') AS committed,
                    count(*) FILTER (WHERE c.state = 'set-aside') AS set_aside,
                    {} AS records_in, {} AS accepted, {} AS rejected, {} AS bytes_committed
             FROM crossfoot_chunk c WHERE c.run_id IN (SELECT run_id FROM page) GROUP BY c.run_id)
         SELECT page.*, coalesce(n, 0) AS c_chunks, coalesce(records, 0) AS c_records, coalesce(bytes, 0) AS c_bytes,
                coalesce(committed, 0) AS c_committed, coalesce(set_aside, 0) AS c_set_aside,
                coalesce(records_in, 0) AS c_read, coalesce(accepted, 0) AS c_accepted,
                coalesce(rejected, 0) AS c_rejected, coalesce(bytes_committed, 0) AS c_bytes_committed
         FROM page LEFT JOIN counts ON counts.run_id = page.run_id ORDER BY page.run_id DESC",
        sum("c.records"),
        sum("c.bytes"),
        done("c.records_in"),
        done("c.accepted"),
        done("c.rejected"),
        done("c.bytes"),
    )
}

fn counted_from(row: &Row) -> Result<CountedRun, StoreError> {
    let totals = ChunkTotals {
        chunks: row.get("c_chunks")?,
        records: row.get("c_records")?,
        bytes: row.get("c_bytes")?,
        committed: row.get("c_committed")?,
        set_aside: row.get("c_set_aside")?,
        read: row.get("c_read")?,
        accepted: row.get("c_accepted")?,
        rejected: row.get("c_rejected")?,
        bytes_committed: row.get("c_bytes_committed")?,
    };
    Ok(CountedRun { run: run_from(row)?, totals })
}

/// A pattern for `LIKE` that finds `text` anywhere, in any case. `\` escapes what patterns give a meaning.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[async_trait]
impl<D: Database> Views for D {
    async fn counted_runs(&self, page: &RunPage, limit: u32) -> Result<Vec<CountedRun>, StoreError> {
        let sql = counted(&format!(
            "SELECT {RUN} FROM crossfoot_run
             WHERE ($1 IS NULL OR job = $1) AND ($2 IS NULL OR run_id < $2) AND ($3 = '' OR $3 LIKE '%,' || state || ',%')
             AND ($4 = '%%' OR lower(CAST(run_id AS text) || ' ' || job || ' ' || source || ' ' || actor || ' ' ||
                  coalesce(note, '')) LIKE $4 ESCAPE '\\')
             ORDER BY run_id DESC LIMIT $5"
        ));
        let states: String = page.states.iter().map(|state| format!(",{},", state.name())).collect();
        let params = params![&page.job, page.before, states, anywhere(&page.text), limit];
        self.fetch(&sql, params).await?.iter().map(counted_from).collect()
    }

    async fn counted(&self, run_id: RunId) -> Result<CountedRun, StoreError> {
        let sql = counted(&format!("SELECT {RUN} FROM crossfoot_run WHERE run_id = $1"));
        match self.fetch_first(&sql, params![run_id]).await? {
            Some(row) => counted_from(&row),
            None => Err(StoreError::NoSuchRun { what: run_id.to_string(), url: self.shown_url() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_no_pattern() {
        assert_eq!(anywhere(""), "%%");
        assert_eq!(anywhere("100%_A\\"), "%100\\%\\_a\\\\%");
    }
}
