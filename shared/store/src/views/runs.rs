//! Pages of runs with their counts, the leases on them, and the log backwards.

use domain::event::Event;
use domain::ids::RunId;
use domain::lifecycle::RunState;

use super::model::{ChunkTotals, CountedRun, RunLease, RunPage};
use crate::absent::no_such_run;
use crate::database::Database;
use crate::log::event_from;
use crate::param::Param;
use crate::row::Row;
use crate::run_row::run_from;
use crate::{Lease, StoreError, params};

/// The columns of a run but for its summary, which may be long; and what is left of its lease.
pub(super) fn columns<D: Database>() -> String {
    let now_ms = D::SYNTAX.now_ms;
    format!(
        "run_id, job, job_digest, state, source, source_bytes, source_sha256, declared, chunk_bytes, chunk_records,
         again, pause_after_staged, verify_source, submitted, parked, actor, opened_at_ms, ended_at_ms, elapsed_ms,
         epoch, interrupted, purged, removed, totals, note, window_chunks, resends, split_chunks, split_records,
         split_bytes, split_header_bytes, split_disk_bytes, split_sha256, lease_owner, lease_until_ms - {now_ms} AS lease_left_ms"
    )
}

/// A query for the runs of `page`, a query for runs, with the counts of their chunks.
pub(super) fn with_counts(page: &str) -> String {
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

impl ChunkTotals {
    /// Out of the columns `c_chunks` and so on.
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            chunks: row.get("c_chunks")?,
            records: row.get("c_records")?,
            bytes: row.get("c_bytes")?,
            committed: row.get("c_committed")?,
            set_aside: row.get("c_set_aside")?,
            read: row.get("c_read")?,
            accepted: row.get("c_accepted")?,
            rejected: row.get("c_rejected")?,
            bytes_committed: row.get("c_bytes_committed")?,
        })
    }
}

pub(crate) fn counted_from(row: &Row) -> Result<CountedRun, StoreError> {
    let lease = match (row.get::<Option<String>>("lease_owner")?, row.get::<Option<i64>>("lease_left_ms")?) {
        (Some(owner), Some(left_ms)) => Some(Lease::new(owner, left_ms)),
        _ => None,
    };
    // Of chunks that were removed, what was counted of them before.
    let totals = match row.json_or_null("totals", "the counts of removed chunks")? {
        Some(totals) => totals,
        None => ChunkTotals::from_row(row)?,
    };
    Ok(CountedRun { run: run_from(row)?, totals, lease })
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

pub(super) async fn counted_runs<D: Database>(
    database: &D,
    page: &RunPage,
    limit: u32,
) -> Result<Vec<CountedRun>, StoreError> {
    let mut params = params![&page.job, page.before, anywhere(&page.text), limit];
    // A list and not a pattern: there is an index by state.
    let states: Vec<_> = (params.len() + 1..).take(page.states.len()).map(|at| format!("${at}")).collect();
    let of_states =
        if states.is_empty() { String::new() } else { format!(" AND state IN ({})", states.join(", ")) };
    params.extend(page.states.iter().map(|state| Param::from(state.name())));
    let sql = with_counts(&format!(
        "SELECT {} FROM crossfoot_run
         WHERE ($1 IS NULL OR job = $1) AND ($2 IS NULL OR run_id < $2){of_states}
         AND ($3 = '%%' OR lower(CAST(run_id AS text) || ' ' || job || ' ' || source || ' ' || actor || ' ' ||
              coalesce(note, '')) LIKE $3 ESCAPE '\\')
         ORDER BY run_id DESC LIMIT $4",
        columns::<D>()
    ));
    database.fetch(&sql, params).await?.iter().map(counted_from).collect()
}

/// The query for one run with its counts; parameter `$1` is the run.
pub(crate) fn of_one<D: Database>() -> String {
    with_counts(&format!("SELECT {} FROM crossfoot_run WHERE run_id = $1", columns::<D>()))
}

pub(super) async fn counted<D: Database>(database: &D, run_id: RunId) -> Result<CountedRun, StoreError> {
    match database.fetch_first(&of_one::<D>(), params![run_id]).await? {
        Some(row) => counted_from(&row),
        None => Err(no_such_run(database, run_id).await),
    }
}

pub(super) async fn run_leases<D: Database>(database: &D) -> Result<Vec<RunLease>, StoreError> {
    let now_ms = D::SYNTAX.now_ms;
    let sql = format!(
        "SELECT run_id, lease_owner, lease_until_ms - {now_ms} AS left_ms FROM crossfoot_run
         WHERE state IN ($1, $2, $3) AND lease_owner IS NOT NULL AND lease_until_ms IS NOT NULL ORDER BY run_id DESC"
    );
    let open = RunState::ALL.iter().filter(|state| !state.is_over());
    let mut states: Vec<Param> = open.map(|state| state.name().into()).collect();
    states.resize(3, "".into());
    let lease = |row: &Row| {
        let lease = Lease::new(row.get("lease_owner")?, row.get("left_ms")?);
        Ok(RunLease { run_id: row.parsed("run_id")?, lease })
    };
    database.fetch(&sql, states).await?.iter().map(lease).collect()
}

pub(super) async fn events_before<D: Database>(
    database: &D,
    run_id: Option<RunId>,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let before = Param::place(before.unwrap_or(u64::MAX));
    let rows = match run_id {
        Some(run_id) => {
            let sql =
                "SELECT * FROM crossfoot_event WHERE run_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
            database.fetch(sql, params![run_id.to_string(), before, limit]).await?
        }
        None => {
            let sql = "SELECT * FROM crossfoot_event WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
            database.fetch(sql, params![before, limit]).await?
        }
    };
    rows.iter().map(event_from).collect()
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
