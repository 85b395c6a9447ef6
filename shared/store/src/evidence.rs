//! What a reconciliation leaves: checks, findings, breaches, rejects.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::check::{CheckResult, Stage};
use domain::constraint::{Reason, ReasonCode};
use domain::finding::{Difference, Finding};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::report::{RejectExample, RejectGroup};
use domain::rule::Condition;
use job::Job;
use sha2::{Digest as _, Sha256};

use crate::by_type::{StagedSql, staged};
use crate::database::{Change, Connection, Database};
use crate::model::{FindingPage, KeptChecks, RejectRow};
use crate::param::{Column, Insert, Param};
use crate::row::Row;
use crate::rules::{DUPLICATE, IN_FINAL};
use crate::runs::hold_fence;
use crate::{Fence, StoreError, damaged, params, reason_code};

/// What was found of a run, and kept.
#[async_trait]
#[delegatable_trait]
pub trait Evidence: Send + Sync {
    /// Replaces the run's checks and summary by those of its last reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn keep_checks(
        &self,
        fence: Fence,
        checks: &[CheckResult],
        summary: &str,
    ) -> Result<(), StoreError>;
    /// The run's checks, and its summary, if it was reconciled.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn checks(&self, run_id: RunId) -> Result<KeptChecks, StoreError>;
    /// Forgets the findings of an earlier reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn clear_findings(&self, fence: Fence) -> Result<(), StoreError>;
    /// Keeps findings.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn keep_findings(&self, fence: Fence, findings: &[Finding]) -> Result<(), StoreError>;
    /// Findings from the `from`th on, `limit` at most, and how many there are.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn findings(&self, run_id: RunId, from: u64, limit: u32) -> Result<FindingPage, StoreError>;
    /// Records that break rules or share a key, as findings, from the `from`th on, `limit` at most, and how many
    /// there are. Groups that do not balance are among [`Evidence::findings`].
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<FindingPage, StoreError>;
    /// For each of `rules`, by their places in the job: SHA-256 over the records kept as its breaches, as chunk and
    /// record number (8 bytes each, big-endian), in that order.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn breach_digests(&self, run_id: RunId, rules: &[usize]) -> Result<Vec<Hash>, StoreError>;
    /// Rejects after record `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn rejects(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<RejectRow>, StoreError>;
    /// Rejects by field and kind of fault, most frequent first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError>;
}

/// The number that the run's next finding gets, as `next`; parameter `$1` is the run.
pub const NEXT_FINDING: &str =
    "SELECT coalesce(max(finding_no) + 1, 0) AS next FROM crossfoot_finding WHERE run_id = $1";

/// The rows of findings of the run, numbered from `next` on.
///
/// # Errors
/// [`StoreError::Damaged`] when one cannot be written.
pub fn finding_rows(run_id: RunId, next: i64, findings: &[Finding]) -> Result<Insert, StoreError> {
    let bodies = findings.iter().map(|finding| crate::json(finding).map(Some));
    Ok(Insert::into("crossfoot_finding")
        .same("run_id", run_id)
        .each("finding_no", Column::Integers((next..).take(findings.len()).collect()))
        .each("record_no", Column::counts(findings, |finding| finding.record_no.0)?)
        .each("body", Column::Texts(bodies.collect::<Result<_, _>>()?)))
}

/// Appends findings to the run's.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn put_findings(
    connection: &mut dyn Connection,
    run_id: RunId,
    findings: &[Finding],
) -> Result<(), StoreError> {
    let next = connection.fetch_one(NEXT_FINDING, params![run_id]).await?.get("next")?;
    connection.insert(finding_rows(run_id, next, findings)?).await?;
    Ok(())
}

/// Replaces the run's checks and summary.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn put_checks(
    connection: &mut dyn Connection,
    run_id: RunId,
    checks: &[CheckResult],
    summary: &str,
) -> Result<(), StoreError> {
    connection.execute("DELETE FROM crossfoot_check WHERE run_id = $1", params![run_id]).await?;
    let bodies = checks.iter().map(|check| crate::json(check).map(Some));
    let rows = Insert::into("crossfoot_check")
        .same("run_id", run_id)
        .each("check_no", Column::Integers((0..).take(checks.len()).collect()))
        .each("name", Column::texts(checks, |check| check.name.clone()))
        .each("verdict", Column::texts(checks, |check| check.verdict.name().to_owned()))
        .each("body", Column::Texts(bodies.collect::<Result<_, _>>()?));
    connection.insert(rows).await?;
    let sql = "UPDATE crossfoot_run SET summary = $2 WHERE run_id = $1";
    connection.execute(sql, params![run_id, summary]).await?;
    Ok(())
}

/// A condition that leaves the breaches of balance rules out: unbalanced groups are findings of their own, and
/// their records are many and not at fault one by one. Numbers of ours, and nothing else, are spliced in.
fn but_balances(job: &Job) -> String {
    let balances = job.set_rules().filter(|(_, rule)| matches!(rule.condition, Condition::Balance { .. }));
    let balances: Vec<_> = balances.map(|(rule_no, _)| rule_no.to_string()).collect();
    match balances.is_empty() {
        true => String::new(),
        false => format!(" AND rule_no NOT IN ({})", balances.join(", ")),
    }
}

fn breach_from(row: &Row, rules: &[String], keys: &[String]) -> Result<Finding, StoreError> {
    let rule_no: i64 = row.get("rule_no")?;
    let (difference, field) = match usize::try_from(rule_no) {
        Ok(at) => (Difference::Rule, rules.get(at).cloned()),
        Err(_) => {
            let place: u32 = row.get("place")?;
            (Difference::DuplicateKey, usize::try_from(place).ok().and_then(|at| keys.get(at)).cloned())
        }
    };
    let actual = match rule_no {
        DUPLICATE => Some("an earlier record of the run has this key".to_owned()),
        IN_FINAL => Some("an earlier run promoted this key".to_owned()),
        _ => None,
    };
    // A number that no worker has is shown as one that no worker has.
    let worker = row.get::<Option<i64>>("worker_id")?;
    Ok(Finding {
        stage: Stage::Rules,
        difference,
        chunk_no: ChunkNo(row.get("chunk_no")?),
        record_no: RecordNo(row.get("record_no")?),
        byte_offset: None,
        field,
        expected: None,
        actual,
        worker_id: worker.map(|id| WorkerId(u32::try_from(id).unwrap_or(u32::MAX))),
    })
}

fn reason_from(row: &Row) -> Result<Option<Reason>, StoreError> {
    let Some(code) = row.get::<Option<String>>("code")? else { return Ok(None) };
    let code = reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?;
    Ok(Some(Reason { field: row.get("field")?, code, detail: row.get("detail")? }))
}

/// Rejects out of rows that have one reason each, in order.
pub(crate) fn rejects_from(rows: &[Row]) -> Result<Vec<RejectRow>, StoreError> {
    let mut rejects: Vec<RejectRow> = Vec::new();
    for row in rows {
        let at = (ChunkNo(row.get("chunk_no")?), RecordNo(row.get("record_no")?));
        if rejects.last().is_none_or(|last| (last.chunk_no, last.record_no) != at) {
            rejects.push(RejectRow {
                chunk_no: at.0,
                record_no: at.1,
                offset: row.get("offset_bytes")?,
                worker_id: WorkerId(row.get("worker_id")?),
                raw: row.get("raw")?,
                reasons: Vec::new(),
            });
        }
        if let (Some(reject), Some(reason)) = (rejects.last_mut(), reason_from(row)?) {
            reject.reasons.push(reason);
        }
    }
    Ok(rejects)
}

async fn remove<D: Database>(database: &D, fence: Fence, sql: &'static str) -> Result<u64, StoreError> {
    database
        .write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                connection.execute(sql, params![fence.run_id]).await
            })
        })
        .await
}

#[async_trait]
impl<D: Database> Evidence for D {
    async fn keep_checks(
        &self,
        fence: Fence,
        checks: &[CheckResult],
        summary: &str,
    ) -> Result<(), StoreError> {
        let (checks, summary) = (checks.to_vec(), summary.to_owned());
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                put_checks(connection, fence.run_id, &checks, &summary).await
            })
        })
        .await
    }

    async fn checks(&self, run_id: RunId) -> Result<KeptChecks, StoreError> {
        // One statement, one snapshot: the checks and the summary are of the same reconciliation.
        let sql =
            "SELECT r.summary, c.body FROM crossfoot_run r LEFT JOIN crossfoot_check c ON c.run_id = r.run_id
                   WHERE r.run_id = $1 ORDER BY c.check_no";
        let rows = self.fetch(sql, params![run_id]).await?;
        let summary = rows.first().map(|row| row.get("summary")).transpose()?.flatten();
        let mut checks = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.get::<Option<String>>("body")?.is_some() {
                checks.push(row.json("body", "a check")?);
            }
        }
        Ok(KeptChecks { checks, summary })
    }

    async fn clear_findings(&self, fence: Fence) -> Result<(), StoreError> {
        remove(self, fence, "DELETE FROM crossfoot_finding WHERE run_id = $1").await.map(drop)
    }

    async fn keep_findings(&self, fence: Fence, findings: &[Finding]) -> Result<(), StoreError> {
        let findings = findings.to_vec();
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                put_findings(connection, fence.run_id, &findings).await
            })
        })
        .await
    }

    async fn findings(&self, run_id: RunId, from: u64, limit: u32) -> Result<FindingPage, StoreError> {
        let sql = "SELECT body FROM crossfoot_finding WHERE run_id = $1 AND finding_no >= $2
                   ORDER BY finding_no LIMIT $3";
        let rows = self.fetch(sql, params![run_id, Param::place(from), limit]).await?;
        let findings = rows.iter().map(|row| row.json("body", "a finding")).collect::<Result<_, _>>()?;
        let sql = "SELECT count(*) AS n FROM crossfoot_finding WHERE run_id = $1";
        let total = self.fetch_one(sql, params![run_id]).await?.get("n")?;
        Ok(FindingPage { findings, total })
    }

    async fn breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<FindingPage, StoreError> {
        let rules: Vec<_> = job.rules.iter().map(|rule| rule.name.clone()).collect();
        let keys: Vec<_> = job.layouts().map(|layout| layout.key_names()).collect();
        let but_balances = but_balances(job);
        let StagedSql { worker, place, joins } = staged(job, "$1");
        let sql = format!(
            "SELECT b.rule_no, b.chunk_no, b.record_no, {worker} AS worker_id, {place} AS place FROM (
                 SELECT * FROM crossfoot_breach WHERE run_id = $1{but_balances}
                 ORDER BY rule_no, chunk_no, record_no LIMIT $3 OFFSET $2) b{joins}
             ORDER BY b.rule_no, b.chunk_no, b.record_no"
        );
        let rows = self.fetch(&sql, params![run_id, Param::place(from), limit]).await?;
        let findings = rows.iter().map(|row| breach_from(row, &rules, &keys)).collect::<Result<_, _>>()?;
        let sql = format!("SELECT count(*) AS n FROM crossfoot_breach WHERE run_id = $1{but_balances}");
        let total = self.fetch_one(&sql, params![run_id]).await?.get("n")?;
        Ok(FindingPage { findings, total })
    }

    async fn breach_digests(&self, run_id: RunId, rules: &[usize]) -> Result<Vec<Hash>, StoreError> {
        let sql = "SELECT chunk_no, record_no FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2
                   ORDER BY chunk_no, record_no";
        let mut digests = Vec::with_capacity(rules.len());
        for rule_no in rules {
            // There may be as many breaches as records: they are digested as they come.
            let digest = self.fold(sql, params![run_id, *rule_no as u64], Sha256::new(), |hasher, row| {
                hasher.update(row.get::<u64>("chunk_no")?.to_be_bytes());
                hasher.update(row.get::<u64>("record_no")?.to_be_bytes());
                Ok(())
            });
            digests.push(Hash(digest.await?.finalize().into()));
        }
        Ok(digests)
    }

    async fn rejects(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<RejectRow>, StoreError> {
        let sql = "SELECT r.chunk_no, r.record_no, r.offset_bytes, r.worker_id, r.raw,
                          n.reason_no, n.field, n.code, n.detail
                   FROM (SELECT * FROM crossfoot_reject WHERE run_id = $1 AND record_no > $2
                         ORDER BY chunk_no, record_no LIMIT $3) r
                   LEFT JOIN crossfoot_reject_reason n ON n.run_id = r.run_id AND n.record_no = r.record_no
                   ORDER BY r.chunk_no, r.record_no, n.reason_no";
        rejects_from(&self.fetch(sql, params![run_id, Param::place(after), limit]).await?)
    }

    async fn reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError> {
        let sql = "SELECT field, code, count(DISTINCT record_no) AS records, min(record_no) AS first,
                   min(detail) AS least, max(detail) AS most FROM crossfoot_reject_reason
                   WHERE run_id = $1 GROUP BY field, code
                   ORDER BY records DESC, first, field NULLS FIRST, code LIMIT 20";
        let group = |row: &Row| {
            let code: String = row.get("code")?;
            let (least, most): (String, String) = (row.get("least")?, row.get("most")?);
            Ok(RejectGroup {
                field: row.get("field")?,
                code: reason_code(&code).ok_or_else(|| damaged(format!("reason code `{code}`")))?,
                records: row.get("records")?,
                first_record_no: row.get("first")?,
                detail: (least == most).then_some(least),
                examples: Vec::new(),
            })
        };
        let mut groups: Vec<RejectGroup> =
            self.fetch(sql, params![run_id]).await?.iter().map(group).collect::<Result<_, StoreError>>()?;
        // Only a record's type: other faults quote a value of each record, and counting those takes long.
        let code = ReasonCode::RecordType;
        for group in groups.iter_mut().filter(|group| group.code == code && group.detail.is_none()) {
            let sql = "SELECT detail, count(DISTINCT record_no) AS records FROM crossfoot_reject_reason
                       WHERE run_id = $1 AND code = $2 AND coalesce(field, '') = $3 GROUP BY detail
                       ORDER BY records DESC, detail LIMIT 3";
            let field = group.field.clone().unwrap_or_default();
            let rows = self.fetch(sql, params![run_id, code.name(), field]).await?;
            let example =
                |row: &Row| Ok(RejectExample { detail: row.get("detail")?, records: row.get("records")? });
            group.examples = rows.iter().map(example).collect::<Result<_, StoreError>>()?;
        }
        Ok(groups)
    }
}
