//! The log, the checks, the findings and the rejects.

use domain::check::CheckResult;
use domain::constraint::Reason;
use domain::event::{Entry as LogEntry, Event, GENESIS};
use domain::finding::{Difference, Finding};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::report::RejectGroup;
use domain::rule::Condition;
use job::Job;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use store::by_type::staged;
use store::model::RejectRow;
use store::{Fence, StoreError, reason_code};

use super::connect::{SqliteStore, blocking, read_only};
use super::ledger::hold_fence;
use super::tables::quoted;

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(format!("{what}: {error}")))
}

/// Appends to the log, in the transaction of what it documents.
pub(crate) fn append(transaction: &Transaction<'_>, entry: LogEntry) -> Result<Event, StoreError> {
    let last: Option<(u64, Vec<u8>)> = transaction
        .query_row("SELECT seq, hash FROM crossfoot_event ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (seq, previous) = match last {
        None => (1, GENESIS),
        Some((seq, hash)) => {
            (seq + 1, Hash(hash.try_into().map_err(|_| damaged(format!("hash of event {seq}")))?))
        }
    };
    let event = Event::seal(seq, entry, previous);
    transaction.execute(
        "INSERT INTO crossfoot_event (seq, run_id, at_ms, kind, actor, detail, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            event.seq,
            event.entry.run_id,
            event.entry.at_ms,
            event.entry.kind,
            event.entry.actor,
            event.entry.detail,
            event.previous.0.as_slice(),
            event.hash.0.as_slice()
        ],
    )?;
    Ok(event)
}

/// Appends findings to the run's.
pub(crate) fn put_findings(
    transaction: &Transaction<'_>,
    run_id: RunId,
    findings: &[Finding],
) -> Result<(), StoreError> {
    let run_id = run_id.to_string();
    let next: u64 = transaction
        .prepare_cached("SELECT coalesce(max(finding_no) + 1, 0) FROM crossfoot_finding WHERE run_id = ?1")?
        .query_row([&run_id], |row| row.get(0))?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO crossfoot_finding (run_id, finding_no, record_no, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (number, finding) in (next..).zip(findings) {
        insert.execute(params![run_id, number, finding.record_no.0, json(finding)?])?;
    }
    Ok(())
}

/// Replaces the run's checks and summary.
pub(crate) fn put_checks(
    transaction: &Transaction<'_>,
    run_id: RunId,
    checks: &[CheckResult],
    summary: &str,
) -> Result<(), StoreError> {
    let run_id = run_id.to_string();
    transaction.execute("DELETE FROM crossfoot_check WHERE run_id = ?1", [&run_id])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO crossfoot_check (run_id, check_no, name, verdict, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (number, check) in checks.iter().enumerate() {
        insert.execute(params![run_id, number as u64, check.name, check.verdict.name(), json(check)?])?;
    }
    transaction
        .execute("UPDATE crossfoot_run SET summary = ?2 WHERE run_id = ?1", params![run_id, summary])?;
    Ok(())
}

impl SqliteStore {
    pub(crate) async fn append_event(&self, entry: LogEntry) -> Result<Event, StoreError> {
        self.write(move |transaction| append(transaction, entry)).await
    }

    pub(crate) async fn append_event_under(
        &self,
        fence: Fence,
        entry: LogEntry,
    ) -> Result<Event, StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            append(transaction, entry)
        })
        .await
    }

    pub(crate) async fn fetch_events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query("SELECT * FROM crossfoot_event WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(event_from).collect()
    }

    pub(crate) async fn fetch_first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT min(seq) AS first FROM crossfoot_event WHERE run_id = $1")
            .bind(run_id.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<Option<i64>, _>("first")?.map(i64::unsigned_abs))
    }

    pub(crate) async fn fetch_run_events(
        &self,
        run_id: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM crossfoot_event WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
                .bind(run_id.to_string())
                .bind(i64::try_from(after).unwrap_or(i64::MAX))
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(event_from).collect()
    }

    pub(crate) async fn fetch_log_head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        let row = sqlx::query("SELECT * FROM crossfoot_event ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(|row| event_from(row).map(|event| (event.seq, event.hash))).transpose()
    }

    pub(crate) async fn replace_checks(
        &self,
        fence: Fence,
        checks: Vec<CheckResult>,
        summary: String,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            put_checks(transaction, fence.run_id, &checks, &summary)
        })
        .await
    }

    pub(crate) async fn fetch_checks(
        &self,
        run_id: RunId,
    ) -> Result<(Vec<CheckResult>, Option<String>), StoreError> {
        let rows = sqlx::query("SELECT body FROM crossfoot_check WHERE run_id = $1 ORDER BY check_no")
            .bind(run_id.to_string())
            .fetch_all(&self.pool)
            .await?;
        let checks = rows
            .iter()
            .map(|row| from_json(row.try_get("body")?, "a check"))
            .collect::<Result<_, StoreError>>()?;
        let summary = sqlx::query("SELECT summary FROM crossfoot_run WHERE run_id = $1")
            .bind(run_id.to_string())
            .fetch_one(&self.pool)
            .await?
            .try_get("summary")?;
        Ok((checks, summary))
    }

    pub(crate) async fn drop_findings(&self, fence: Fence) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            transaction
                .execute("DELETE FROM crossfoot_finding WHERE run_id = ?1", [fence.run_id.to_string()])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn insert_findings(
        &self,
        fence: Fence,
        findings: Vec<Finding>,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            put_findings(transaction, fence.run_id, &findings)
        })
        .await
    }

    pub(crate) async fn fetch_findings(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        let rows = sqlx::query("SELECT body FROM crossfoot_finding WHERE run_id = $1 AND finding_no >= $2 ORDER BY finding_no LIMIT $3")
            .bind(run_id.to_string())
            .bind(i64::try_from(from).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        let findings = rows
            .iter()
            .map(|row| from_json(row.try_get("body")?, "a finding"))
            .collect::<Result<_, StoreError>>()?;
        let total: i64 = sqlx::query("SELECT count(*) AS n FROM crossfoot_finding WHERE run_id = $1")
            .bind(run_id.to_string())
            .fetch_one(&self.pool)
            .await?
            .try_get("n")?;
        Ok((findings, total.unsigned_abs()))
    }

    pub(crate) async fn fetch_breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        let path = self.path.clone();
        let (worker, place, joins) = staged(job, quoted, "?1");
        let rules: Vec<_> = job.rules.iter().map(|rule| rule.name.clone()).collect();
        let keys: Vec<_> = job.layouts().map(|layout| layout.key_names()).collect();
        // Unbalanced groups are findings of their own; their records are many and not at fault one by one.
        let balances =
            job.set_rules().filter(|(_, rule)| matches!(rule.condition, Condition::Balance { .. }));
        let balances = balances.map(|(rule_no, _)| rule_no.to_string()).collect::<Vec<_>>().join(", ");
        blocking(move || {
            let connection = read_only(&path)?;
            let mut statement = connection.prepare(&format!(
                "SELECT b.rule_no, b.chunk_no, b.record_no, {worker}, {place} FROM crossfoot_breach b{joins}
                 WHERE b.run_id = ?1 AND b.rule_no NOT IN ({balances}) ORDER BY b.rule_no, b.chunk_no, b.record_no LIMIT ?3 OFFSET ?2"
            ))?;
            let rows = statement.query_map(params![run_id.to_string(), from, limit], |row| {
                let rule_no: i64 = row.get(0)?;
                let (difference, field) = match usize::try_from(rule_no) {
                    Ok(at) => (Difference::Rule, rules.get(at).cloned()),
                    Err(_) => (Difference::DuplicateKey, keys.get(row.get::<_, usize>(4)?).cloned()),
                };
                let actual = match rule_no {
                    -1 => Some("an earlier record of the run has this key".to_owned()),
                    -2 => Some("an earlier run promoted this key".to_owned()),
                    _ => None,
                };
                Ok(Finding {
                    stage: domain::check::Stage::Rules,
                    difference,
                    chunk_no: ChunkNo(row.get(1)?),
                    record_no: RecordNo(row.get(2)?),
                    byte_offset: None,
                    field,
                    expected: None,
                    actual,
                    worker_id: row.get::<_, Option<u32>>(3)?.map(WorkerId),
                })
            })?;
            let findings = rows.collect::<Result<_, _>>()?;
            let total = connection.query_row(
                &format!("SELECT count(*) FROM crossfoot_breach WHERE run_id = ?1 AND rule_no NOT IN ({balances})"),
                [run_id.to_string()],
                |row| row.get(0),
            )?;
            Ok((findings, total))
        })
        .await
    }

    pub(crate) async fn digest_breaches(
        &self,
        run_id: RunId,
        rules: Vec<usize>,
    ) -> Result<Vec<Hash>, StoreError> {
        let path = self.path.clone();
        blocking(move || {
            let connection = read_only(&path)?;
            let mut statement = connection.prepare(
                "SELECT chunk_no, record_no FROM crossfoot_breach WHERE run_id = ?1 AND rule_no = ?2 ORDER BY chunk_no, record_no",
            )?;
            let mut digests = Vec::with_capacity(rules.len());
            for rule_no in rules {
                let mut hasher = Sha256::new();
                let mut rows = statement.query(params![run_id.to_string(), rule_no as u64])?;
                while let Some(row) = rows.next()? {
                    let (chunk_no, record_no): (u64, u64) = (row.get(0)?, row.get(1)?);
                    hasher.update(chunk_no.to_be_bytes());
                    hasher.update(record_no.to_be_bytes());
                }
                digests.push(Hash(hasher.finalize().into()));
            }
            Ok(digests)
        })
        .await
    }

    pub(crate) async fn fetch_rejects(
        &self,
        run_id: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError> {
        let path = self.path.clone();
        blocking(move || rejects(&read_only(&path)?, run_id, after, limit)).await
    }

    pub(crate) async fn fetch_reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError> {
        let rows = sqlx::query(
            "SELECT field, code, count(DISTINCT record_no) AS records, min(record_no) AS first FROM crossfoot_reject_reason
             WHERE run_id = $1 GROUP BY field, code ORDER BY records DESC, first LIMIT 20",
        )
        .bind(run_id.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let (code, records, first): (String, i64, i64) =
                    (row.try_get("code")?, row.try_get("records")?, row.try_get("first")?);
                Ok(RejectGroup {
                    field: row.try_get("field")?,
                    code: reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?,
                    records: records.unsigned_abs(),
                    first_record_no: first.unsigned_abs(),
                })
            })
            .collect()
    }

    pub(crate) async fn purge_rows(
        &self,
        fence: Fence,
        staging: Vec<String>,
        log: LogEntry,
    ) -> Result<u64, StoreError> {
        let run_id = fence.run_id.to_string();
        let mut removed = 0;
        let of_the_evidence = [
            "crossfoot_reject",
            "crossfoot_reject_reason",
            "crossfoot_breach",
            "crossfoot_exclusion",
            "crossfoot_finding",
        ];
        let tables = staging.iter().map(|table| quoted(table));
        for table in tables.chain(of_the_evidence.map(str::to_owned)) {
            let run_id = run_id.clone();
            removed += self
                .write(move |transaction| {
                    hold_fence(transaction, fence)?;
                    let is_there: bool = transaction.query_row(
                        "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
                        [table.trim_matches('"')],
                        |row| row.get(0),
                    )?;
                    if !is_there {
                        return Ok(0);
                    }
                    Ok(transaction.execute(&format!("DELETE FROM {table} WHERE run_id = ?1"), [&run_id])?
                        as u64)
                })
                .await?;
        }
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            // What was found in them is no record of the run's: it is not counted.
            transaction.execute("DELETE FROM crossfoot_readback WHERE run_id = ?1", [&run_id])?;
            transaction.execute("UPDATE crossfoot_run SET purged = 1 WHERE run_id = ?1", [&run_id])?;
            append(transaction, log)?;
            Ok(())
        })
        .await?;
        Ok(removed)
    }
}

fn event_from(row: &SqliteRow) -> Result<Event, StoreError> {
    let seq: i64 = row.try_get("seq")?;
    let hash = |column: &str| {
        let bytes: Vec<u8> = row.try_get(column)?;
        bytes.try_into().map(Hash).map_err(|_| damaged(format!("{column} of event {seq}")))
    };
    Ok(Event {
        seq: u64::try_from(seq).map_err(|_| damaged(format!("event {seq}")))?,
        entry: LogEntry {
            run_id: row.try_get("run_id")?,
            at_ms: row.try_get("at_ms")?,
            kind: row.try_get("kind")?,
            actor: row.try_get("actor")?,
            detail: row.try_get("detail")?,
        },
        previous: hash("previous")?,
        hash: hash("hash")?,
    })
}

fn rejects(
    connection: &Connection,
    run_id: RunId,
    after: u64,
    limit: u32,
) -> Result<Vec<RejectRow>, StoreError> {
    let run_id = run_id.to_string();
    let mut statement = connection.prepare(
        "SELECT chunk_no, record_no, offset_bytes, worker_id, raw FROM crossfoot_reject
         WHERE run_id = ?1 AND record_no > ?2 ORDER BY chunk_no, record_no LIMIT ?3",
    )?;
    let rows = statement.query_map(params![run_id, after, limit], |row| {
        Ok(RejectRow {
            chunk_no: ChunkNo(row.get(0)?),
            record_no: RecordNo(row.get(1)?),
            offset: row.get(2)?,
            worker_id: WorkerId(row.get(3)?),
            raw: row.get(4)?,
            reasons: Vec::new(),
        })
    })?;
    let mut rejects = rows.collect::<Result<Vec<_>, _>>()?;
    let mut statement = connection
        .prepare("SELECT field, code, detail FROM crossfoot_reject_reason WHERE run_id = ?1 AND record_no = ?2 ORDER BY reason_no")?;
    for reject in &mut rejects {
        let mut rows = statement.query(params![run_id, reject.record_no.0])?;
        while let Some(row) = rows.next()? {
            let code: String = row.get(1)?;
            let code = reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?;
            reject.reasons.push(Reason { field: row.get(0)?, code, detail: row.get(2)? });
        }
    }
    Ok(rejects)
}
