//! Rejects by reason, field and worker.

use domain::ids::{RunId, WorkerId};

use super::model::{RejectCounts, RejectPage};
use crate::database::Database;
use crate::evidence::rejects_from;
use crate::model::RejectRow;
use crate::param::Param;
use crate::row::Row;
use crate::{StoreError, damaged, params, reason_code};

pub(super) async fn reject_page<D: Database>(
    database: &D,
    run_id: RunId,
    page: &RejectPage,
    limit: u32,
) -> Result<Vec<RejectRow>, StoreError> {
    let sql = "SELECT r.chunk_no, r.record_no, r.offset_bytes, r.worker_id, r.raw,
                      n.reason_no, n.field, n.code, n.detail
               FROM (SELECT * FROM crossfoot_reject j
                     WHERE run_id = $1 AND (chunk_no, record_no) > ($2, $3) AND ($4 IS NULL OR worker_id = $4)
                     AND (($5 IS NULL AND $6 IS NULL) OR EXISTS (
                          SELECT 1 FROM crossfoot_reject_reason e WHERE e.run_id = $1 AND e.record_no = j.record_no
                          AND ($5 IS NULL OR e.code = $5) AND ($6 IS NULL OR coalesce(e.field, '') = $6)))
                     ORDER BY chunk_no, record_no LIMIT $7) r
               LEFT JOIN crossfoot_reject_reason n ON n.run_id = $1 AND n.record_no = r.record_no
               ORDER BY r.chunk_no, r.record_no, n.reason_no";
    let (chunk_no, record_no) = match page.after {
        Some((chunk_no, record_no)) => (Param::place(chunk_no.0), Param::place(record_no)),
        None => (Param::from(-1_i64), Param::from(-1_i64)),
    };
    let code = page.code.map(|code| code.name().to_owned());
    let worker = page.worker.map(|worker| i64::from(worker.0));
    let values = params![run_id, chunk_no, record_no, worker, code, &page.field, limit];
    rejects_from(&database.fetch(sql, values).await?)
}

pub(super) async fn reject<D: Database>(
    database: &D,
    run_id: RunId,
    record_no: u64,
) -> Result<Option<RejectRow>, StoreError> {
    let sql = "SELECT r.chunk_no, r.record_no, r.offset_bytes, r.worker_id, r.raw,
                      n.reason_no, n.field, n.code, n.detail
               FROM crossfoot_reject r
               LEFT JOIN crossfoot_reject_reason n ON n.run_id = r.run_id AND n.record_no = r.record_no
               WHERE r.run_id = $1 AND r.record_no = $2
               AND r.chunk_no = (SELECT max(chunk_no) FROM crossfoot_chunk
                                 WHERE run_id = $1 AND first_record_no <= $2)
               ORDER BY r.chunk_no, n.reason_no";
    let rows = database.fetch(sql, params![run_id, Param::place(record_no)]).await?;
    Ok(rejects_from(&rows)?.into_iter().next())
}

pub(super) async fn reject_counts<D: Database>(
    database: &D,
    run_id: RunId,
) -> Result<RejectCounts, StoreError> {
    let by = |what: &str| {
        format!(
            "SELECT {what} AS value, count(DISTINCT record_no) AS n FROM crossfoot_reject_reason
             WHERE run_id = $1 GROUP BY {what} ORDER BY n DESC, value"
        )
    };
    let mut counts = RejectCounts::default();
    for row in &database.fetch(&by("code"), params![run_id]).await? {
        let name: String = row.get("value")?;
        let code = reason_code(&name).ok_or_else(|| damaged(format!("reason code `{name}`")))?;
        counts.by_reason.push((code, row.get("n")?));
    }
    for row in &database.fetch(&by("field"), params![run_id]).await? {
        counts.by_field.push((row.get("value")?, row.get("n")?));
    }
    let sql = "SELECT worker_id, count(*) AS n FROM crossfoot_reject WHERE run_id = $1 GROUP BY worker_id
               ORDER BY n DESC, worker_id";
    let worker = |row: &Row| Ok((WorkerId(row.get("worker_id")?), row.get("n")?));
    counts.by_worker =
        database.fetch(sql, params![run_id]).await?.iter().map(worker).collect::<Result<_, StoreError>>()?;
    counts.total = counts.by_worker.iter().map(|(_, n)| *n).sum();
    Ok(counts)
}
