//! The log, the checks, the findings and the rejects.

use domain::check::CheckResult;
use domain::constraint::Reason;
use domain::event::{Entry as LogEntry, Event, GENESIS};
use domain::finding::{Difference, Finding};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::report::RejectGroup;
use domain::rule::Condition;
use futures_util::TryStreamExt as _;
use job::Job;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use store::by_type::staged;
use store::model::RejectRow;
use store::{Fence, StoreError, reason_code};

use super::connect::{Id, Lock, PostgresStore, lock};
use super::ledger::{damaged, hold_fence, optional_unsigned, place, signed, unsigned};
use super::tables::{is_there, quoted};

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(format!("{what}: {error}")))
}

/// Appends to the log, in the transaction of what it documents. Until that ends nobody else appends: call it last.
pub(crate) async fn append(connection: &mut PgConnection, entry: LogEntry) -> Result<Event, StoreError> {
    lock(connection, Lock::Log).await?;
    let last = sqlx::query("SELECT seq, hash FROM crossfoot_event ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let (seq, previous) = match last {
        None => (1, GENESIS),
        Some(row) => {
            let seq = unsigned(&row, "seq")?;
            (seq + 1, hash_from(&row, "hash", seq)?)
        }
    };
    let event = Event::seal(seq, entry, previous);
    sqlx::query(
        "INSERT INTO crossfoot_event (seq, run_id, at_ms, kind, actor, detail, previous, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(signed(event.seq)?)
    .bind(&event.entry.run_id)
    .bind(event.entry.at_ms)
    .bind(&event.entry.kind)
    .bind(&event.entry.actor)
    .bind(&event.entry.detail)
    .bind(event.previous.0.as_slice())
    .bind(event.hash.0.as_slice())
    .execute(connection)
    .await?;
    Ok(event)
}

/// Appends findings to the run's.
pub(crate) async fn put_findings(
    connection: &mut PgConnection,
    run_id: RunId,
    findings: &[Finding],
) -> Result<(), StoreError> {
    let records = findings.iter().map(|one| signed(one.record_no.0)).collect::<Result<Vec<_>, _>>()?;
    let bodies = findings.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO crossfoot_finding (run_id, finding_no, record_no, body)
         SELECT $1, nth - 1 + (SELECT coalesce(max(finding_no) + 1, 0) FROM crossfoot_finding WHERE run_id = $1), record_no, body
         FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS n (record_no, body, nth)",
    )
    .bind(Id(run_id))
    .bind(records)
    .bind(bodies)
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the run's checks and summary.
pub(crate) async fn put_checks(
    connection: &mut PgConnection,
    run_id: RunId,
    checks: &[CheckResult],
    summary: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM crossfoot_check WHERE run_id = $1")
        .bind(Id(run_id))
        .execute(&mut *connection)
        .await?;
    let names: Vec<_> = checks.iter().map(|check| check.name.clone()).collect();
    let verdicts: Vec<_> = checks.iter().map(|check| check.verdict.name().to_owned()).collect();
    let bodies = checks.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO crossfoot_check (run_id, check_no, name, verdict, body)
         SELECT $1, nth - 1, name, verdict, body FROM unnest($2::text[], $3::text[], $4::text[])
         WITH ORDINALITY AS n (name, verdict, body, nth)",
    )
    .bind(Id(run_id))
    .bind(names)
    .bind(verdicts)
    .bind(bodies)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE crossfoot_run SET summary = $2 WHERE run_id = $1")
        .bind(Id(run_id))
        .bind(summary)
        .execute(connection)
        .await?;
    Ok(())
}

impl PostgresStore {
    pub(crate) async fn append_event(&self, entry: LogEntry) -> Result<Event, StoreError> {
        self.write(move |connection| Box::pin(append(connection, entry))).await
    }

    pub(crate) async fn append_event_under(
        &self,
        fence: Fence,
        entry: LogEntry,
    ) -> Result<Event, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                append(connection, entry).await
            })
        })
        .await
    }

    pub(crate) async fn fetch_events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query("SELECT * FROM crossfoot_event WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(place(after))
            .bind(i64::from(limit))
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
                .bind(place(after))
                .bind(i64::from(limit))
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
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                put_checks(connection, fence.run_id, &checks, &summary).await
            })
        })
        .await
    }

    pub(crate) async fn fetch_checks(
        &self,
        run_id: RunId,
    ) -> Result<(Vec<CheckResult>, Option<String>), StoreError> {
        // One statement, one snapshot: the checks and the summary are of the same reconciliation.
        let rows = sqlx::query(
            "SELECT r.summary, c.body FROM crossfoot_run r LEFT JOIN crossfoot_check c ON c.run_id = r.run_id
             WHERE r.run_id = $1 ORDER BY c.check_no",
        )
        .bind(Id(run_id))
        .fetch_all(&self.pool)
        .await?;
        let summary = rows.first().map(|row| row.try_get("summary")).transpose()?.flatten();
        let mut checks = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(body) = row.try_get::<Option<String>, _>("body")? {
                checks.push(from_json(&body, "a check")?);
            }
        }
        Ok((checks, summary))
    }

    pub(crate) async fn drop_findings(&self, fence: Fence) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                sqlx::query("DELETE FROM crossfoot_finding WHERE run_id = $1")
                    .bind(Id(fence.run_id))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn insert_findings(
        &self,
        fence: Fence,
        findings: Vec<Finding>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                put_findings(connection, fence.run_id, &findings).await
            })
        })
        .await
    }

    pub(crate) async fn fetch_findings(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        let rows = sqlx::query(
            "SELECT body FROM crossfoot_finding WHERE run_id = $1 AND finding_no >= $2 ORDER BY finding_no LIMIT $3",
        )
        .bind(Id(run_id))
        .bind(place(from))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let findings = rows
            .iter()
            .map(|row| from_json(row.try_get("body")?, "a finding"))
            .collect::<Result<_, StoreError>>()?;
        let total = sqlx::query("SELECT count(*) AS n FROM crossfoot_finding WHERE run_id = $1")
            .bind(Id(run_id))
            .fetch_one(&self.pool)
            .await?;
        Ok((findings, unsigned(&total, "n")?))
    }

    pub(crate) async fn fetch_breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        let rules: Vec<_> = job.rules.iter().map(|rule| rule.name.clone()).collect();
        let keys: Vec<_> = job.layouts().map(|layout| layout.key_names()).collect();
        // Unbalanced groups are findings of their own; their records are many and not at fault one by one.
        let balances =
            job.set_rules().filter(|(_, rule)| matches!(rule.condition, Condition::Balance { .. }));
        let balances: Vec<_> = balances.map(|(rule_no, _)| rule_no as i64).collect();
        let (worker, at, joins) = staged(job, quoted, "$1");
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT b.rule_no, b.chunk_no, b.record_no, {worker} AS worker_id, {at} AS place FROM (
                 SELECT * FROM crossfoot_breach WHERE run_id = $1 AND rule_no <> ALL ($2)
                 ORDER BY rule_no, chunk_no, record_no LIMIT $4 OFFSET $3) b{joins}
             ORDER BY b.rule_no, b.chunk_no, b.record_no",
        )))
        .bind(Id(run_id))
        .bind(&balances)
        .bind(place(from))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let findings = rows.iter().map(|row| breach_from(row, &rules, &keys)).collect::<Result<_, _>>()?;
        let total = sqlx::query(
            "SELECT count(*) AS n FROM crossfoot_breach WHERE run_id = $1 AND rule_no <> ALL ($2)",
        )
        .bind(Id(run_id))
        .bind(&balances)
        .fetch_one(&self.pool)
        .await?;
        Ok((findings, unsigned(&total, "n")?))
    }

    pub(crate) async fn digest_breaches(
        &self,
        run_id: RunId,
        rules: Vec<usize>,
    ) -> Result<Vec<Hash>, StoreError> {
        let mut session = self.pool.acquire().await?;
        let watch = session.watch();
        let mut digests = Vec::with_capacity(rules.len());
        for rule_no in rules {
            // There may be as many breaches as records: they are digested as they come.
            let digest = async {
                let mut hasher = Sha256::new();
                let mut rows = sqlx::query(
                    "SELECT chunk_no, record_no FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2 ORDER BY chunk_no, record_no",
                )
                .bind(Id(run_id))
                .bind(rule_no as i64)
                .fetch(&mut *session);
                while let Some(row) = rows.try_next().await? {
                    watch.heard();
                    hasher.update(unsigned(&row, "chunk_no")?.to_be_bytes());
                    hasher.update(unsigned(&row, "record_no")?.to_be_bytes());
                }
                Ok::<_, StoreError>(Hash(hasher.finalize().into()))
            };
            digests.push(watch.over("reading breaches", digest).await?);
        }
        session.keep();
        Ok(digests)
    }

    pub(crate) async fn fetch_rejects(
        &self,
        run_id: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.chunk_no, r.record_no, r.offset_bytes, r.worker_id, r.raw, n.reason_no, n.field, n.code, n.detail
             FROM (SELECT * FROM crossfoot_reject WHERE run_id = $1 AND record_no > $2
                   ORDER BY chunk_no, record_no LIMIT $3) r
             LEFT JOIN crossfoot_reject_reason n ON n.run_id = r.run_id AND n.record_no = r.record_no
             ORDER BY r.chunk_no, r.record_no, n.reason_no",
        )
        .bind(Id(run_id))
        .bind(place(after))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let mut rejects: Vec<RejectRow> = Vec::new();
        for row in &rows {
            let at = (ChunkNo(unsigned(row, "chunk_no")?), RecordNo(unsigned(row, "record_no")?));
            if rejects.last().is_none_or(|last| (last.chunk_no, last.record_no) != at) {
                let worker = u32::try_from(unsigned(row, "worker_id")?);
                rejects.push(RejectRow {
                    chunk_no: at.0,
                    record_no: at.1,
                    offset: unsigned(row, "offset_bytes")?,
                    worker_id: WorkerId(worker.map_err(|_| damaged("a worker's number"))?),
                    raw: row.try_get("raw")?,
                    reasons: Vec::new(),
                });
            }
            if let (Some(reject), Some(code)) =
                (rejects.last_mut(), row.try_get::<Option<String>, _>("code")?)
            {
                let code = reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?;
                let (field, detail) = (row.try_get("field")?, row.try_get("detail")?);
                reject.reasons.push(Reason { field, code, detail });
            }
        }
        Ok(rejects)
    }

    pub(crate) async fn fetch_reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError> {
        let rows = sqlx::query(
            "SELECT field, code, count(DISTINCT record_no) AS records, min(record_no) AS first FROM crossfoot_reject_reason
             WHERE run_id = $1 GROUP BY field, code ORDER BY records DESC, first, field NULLS FIRST, code LIMIT 20",
        )
        .bind(Id(run_id))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let code: String = row.try_get("code")?;
                Ok(RejectGroup {
                    field: row.try_get("field")?,
                    code: reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?,
                    records: unsigned(row, "records")?,
                    first_record_no: unsigned(row, "first")?,
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
        let mut removed = 0;
        for table in staging {
            removed += self.purge_staging(fence, table).await?;
        }
        // Names of the ledger's own, and nothing else, are spliced in.
        for table in ["reject", "reject_reason", "breach", "exclusion", "finding"] {
            removed += self
                .write(move |connection| {
                    Box::pin(async move {
                        hold_fence(connection, fence).await?;
                        let sql = AssertSqlSafe(format!("DELETE FROM crossfoot_{table} WHERE run_id = $1"));
                        let done = sqlx::query(sql).bind(Id(fence.run_id)).execute(connection).await?;
                        Ok(done.rows_affected())
                    })
                })
                .await?;
        }
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                // What was found in them is no record of the run's: it is not counted.
                sqlx::query("DELETE FROM crossfoot_readback WHERE run_id = $1")
                    .bind(Id(fence.run_id))
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("UPDATE crossfoot_run SET purged = true WHERE run_id = $1")
                    .bind(Id(fence.run_id))
                    .execute(&mut *connection)
                    .await?;
                append(connection, log).await?;
                Ok(())
            })
        })
        .await?;
        Ok(removed)
    }

    /// Empties the run's partition of staging at once, and then takes it off: only the second step needs all of
    /// staging for a moment. Rows of the run that lie elsewhere go one by one.
    async fn purge_staging(&self, fence: Fence, staging: String) -> Result<u64, StoreError> {
        let name = super::tables::partition(&staging, fence.run_id);
        let (parent, partition) = (quoted(&staging), quoted(&name));
        let (parent_name, partition_name) = (staging.clone(), name.clone());
        let (from, truncate) = (parent.clone(), partition.clone());
        let removed = self
            .write_watched("emptying a run's staging", move |connection, watch| {
                // A process that is frozen while it sends or reads rows of the run holds its partition.
                watch.of_a_run_that_ended();
                Box::pin(async move {
                    hold_fence(connection, fence).await?;
                    let mut removed = 0;
                    if is_there(connection, &partition_name).await? {
                        let count = AssertSqlSafe(format!("SELECT count(*) AS n FROM {truncate}"));
                        removed += unsigned(&sqlx::query(count).fetch_one(&mut *connection).await?, "n")?;
                        sqlx::query(AssertSqlSafe(format!("TRUNCATE {truncate}")))
                            .execute(&mut *connection)
                            .await?;
                    }
                    if is_there(connection, &parent_name).await? {
                        let delete = AssertSqlSafe(format!("DELETE FROM {from} WHERE run_id = $1"));
                        let done =
                            sqlx::query(delete).bind(Id(fence.run_id)).execute(&mut *connection).await?;
                        removed += done.rows_affected();
                    }
                    Ok(removed)
                })
            })
            .await?;
        let mut tries = 0;
        loop {
            let (parent, partition, name) = (parent.clone(), partition.clone(), name.clone());
            let dropped = self
                .write_watched("dropping a run's staging", move |connection, _| {
                    Box::pin(async move {
                        hold_fence(connection, fence).await?;
                        if !is_there(connection, &name).await? {
                            return Ok(());
                        }
                        // Whoever reads staging now is waited for, but not for long: others queue up behind.
                        let sql = format!(
                            "SET LOCAL lock_timeout = '3s';
                             ALTER TABLE {parent} DETACH PARTITION {partition};
                             DROP TABLE {partition}"
                        );
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
                        Ok(())
                    })
                })
                .await;
            tries += 1;
            match dropped {
                Err(error) if error.is_transient() && tries < 5 => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(removed),
            }
        }
    }
}

fn breach_from(row: &PgRow, rules: &[String], keys: &[String]) -> Result<Finding, StoreError> {
    let rule_no: i64 = row.try_get("rule_no")?;
    let (difference, field) = match usize::try_from(rule_no) {
        Ok(at) => (Difference::Rule, rules.get(at).cloned()),
        Err(_) => {
            let place: i32 = row.try_get("place")?;
            (Difference::DuplicateKey, usize::try_from(place).ok().and_then(|at| keys.get(at)).cloned())
        }
    };
    let actual = match rule_no {
        -1 => Some("an earlier record of the run has this key".to_owned()),
        -2 => Some("an earlier run promoted this key".to_owned()),
        _ => None,
    };
    // A number that no worker has is shown as one that no worker has.
    let worker = optional_unsigned(row, "worker_id")?.map(|id| u32::try_from(id).unwrap_or(u32::MAX));
    Ok(Finding {
        stage: domain::check::Stage::Rules,
        difference,
        chunk_no: ChunkNo(unsigned(row, "chunk_no")?),
        record_no: RecordNo(unsigned(row, "record_no")?),
        byte_offset: None,
        field,
        expected: None,
        actual,
        worker_id: worker.map(WorkerId),
    })
}

fn hash_from(row: &PgRow, column: &str, seq: u64) -> Result<Hash, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map(Hash).map_err(|_| damaged(format!("{column} of event {seq}")))
}

fn event_from(row: &PgRow) -> Result<Event, StoreError> {
    let seq = unsigned(row, "seq")?;
    Ok(Event {
        seq,
        entry: LogEntry {
            run_id: row.try_get("run_id")?,
            at_ms: row.try_get("at_ms")?,
            kind: row.try_get("kind")?,
            actor: row.try_get("actor")?,
            detail: row.try_get("detail")?,
        },
        previous: hash_from(row, "previous", seq)?,
        hash: hash_from(row, "hash", seq)?,
    })
}
