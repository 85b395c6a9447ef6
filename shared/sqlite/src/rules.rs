//! Set rules, duplicate keys, and who is not promoted.

use domain::layout::{Layout, Mode};
use domain::rule::{Condition, OnBreach, Rule, RuleOutcome};
use job::Job;
use rusqlite::{Transaction, params};
use store::model::KeyCounts;
use store::{Fence, StoreError};

use super::balance::{self, Balance};
use super::ledger::hold_fence;
use super::tables::{columns, quoted, require};

/// In place of a rule's number: the key is an earlier record's.
const DUPLICATE: i64 = -1;
/// In place of a rule's number: the key is in final already.
const IN_FINAL: i64 = -2;

/// Finds out anew what breaks the set rules, what is held, merged, or cannot be promoted.
pub(crate) fn apply(
    transaction: &Transaction<'_>,
    fence: Fence,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
    hold_fence(transaction, fence)?;
    let run_id = fence.run_id.to_string();
    forget(transaction, &run_id, job)?;
    let of = |rule: &Rule| &*job.records[rule.record].layout;
    let (mut outcomes, rules_differing) = row_outcomes(transaction, &run_id, job)?;
    for (rule_no, rule) in job.set_rules() {
        let place = rule_no as i64;
        outcomes[rule_no] = match &rule.condition {
            Condition::Row(_) | Condition::Balance { .. } => continue,
            Condition::Unique { fields } => unique(transaction, &run_id, of(rule), place, fields)?,
            Condition::References { fields, table, columns } => {
                references(transaction, &run_id, of(rule), place, fields, (table, columns))?
            }
        };
    }
    hold(transaction, &run_id, job)?;
    // What must balance is what goes into final: a held leg would leave its other half alone there.
    for (rule_no, rule) in job.set_rules() {
        if let Condition::Balance { sum, by, to } = &rule.condition {
            let terms = Balance { sum: *sum, by, to: *to };
            outcomes[rule_no] =
                balance::apply(transaction, fence.run_id, of(rule), (rule_no as i64, rule), &terms)?;
        }
    }
    hold(transaction, &run_id, job)?;
    let mut counts = KeyCounts::default();
    for layout in job.layouts() {
        counts.add(match layout.mode {
            Mode::Append => append_keys(transaction, &run_id, layout)?,
            Mode::Upsert => merge_keys(transaction, &run_id, layout)?,
        });
    }
    counts.rules_differing = rules_differing;
    counts.held = count(
        transaction,
        "SELECT count(*) FROM crossfoot_exclusion WHERE run_id = ?1 AND kind = 'held'",
        &run_id,
    )?;
    Ok((outcomes, counts))
}

/// Keeps the breaches of rules that hold records back out of final.
fn hold(transaction: &Transaction<'_>, run_id: &str, job: &Job) -> Result<(), StoreError> {
    for (rule_no, _) in job.rules.iter().enumerate().filter(|(_, rule)| rule.on_breach == OnBreach::Hold) {
        transaction.execute(
            "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
             SELECT run_id, chunk_no, record_no, 'held' FROM crossfoot_breach WHERE run_id = ?1 AND rule_no = ?2
             ON CONFLICT DO NOTHING",
            params![run_id, rule_no as i64],
        )?;
    }
    Ok(())
}

fn count(transaction: &Transaction<'_>, sql: &str, run_id: &str) -> Result<u64, StoreError> {
    Ok(transaction.query_row(sql, [run_id], |row| row.get(0))?)
}

/// What an earlier reconciliation found by SQL is found anew; what processors found stays.
fn forget(transaction: &Transaction<'_>, run_id: &str, job: &Job) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM crossfoot_exclusion WHERE run_id = ?1", [run_id])?;
    let found_by_sql = job.set_rules().map(|(rule_no, _)| rule_no as i64).chain([DUPLICATE, IN_FINAL]);
    for rule_no in found_by_sql {
        transaction.execute(
            "DELETE FROM crossfoot_breach WHERE run_id = ?1 AND rule_no = ?2",
            params![run_id, rule_no],
        )?;
    }
    Ok(())
}

/// Row rules: what the processors counted, and of how many rules the kept breaches say otherwise.
fn row_outcomes(
    transaction: &Transaction<'_>,
    run_id: &str,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, u64), StoreError> {
    let mut outcomes = vec![RuleOutcome::default(); job.rules.len()];
    let places: Vec<_> = job.row_rules().map(|(rule_no, _)| rule_no).collect();
    if places.is_empty() {
        return Ok((outcomes, 0));
    }
    let mut statement =
        transaction.prepare("SELECT rules FROM crossfoot_chunk WHERE run_id = ?1 AND state = 'committed'")?;
    let mut rows = statement.query([run_id])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let counts: Vec<(u64, u64)> = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged { what: format!("a chunk's rule counts: {error}") })?;
        for (place, (examined, breached)) in places.iter().zip(counts) {
            outcomes[*place].examined += examined;
            outcomes[*place].breached += breached;
        }
    }
    let mut differing = 0;
    for place in places {
        let kept: u64 = transaction.query_row(
            "SELECT count(*) FROM crossfoot_breach WHERE run_id = ?1 AND rule_no = ?2",
            params![run_id, place as i64],
            |row| row.get(0),
        )?;
        differing += u64::from(kept != outcomes[place].breached);
    }
    Ok((outcomes, differing))
}

pub(crate) fn names<'a>(layout: &'a Layout, fields: &'a [usize]) -> impl Iterator<Item = &'a str> {
    fields.iter().map(|at| layout.fields[*at].name.as_str())
}

fn none_null(layout: &Layout, fields: &[usize]) -> String {
    let tests: Vec<_> = names(layout, fields).map(|name| format!("{} IS NOT NULL", quoted(name))).collect();
    tests.join(" AND ")
}

fn unique(
    transaction: &Transaction<'_>,
    run_id: &str,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
) -> Result<RuleOutcome, StoreError> {
    let (staging, by, none_null) =
        (quoted(&layout.staging), columns("", names(layout, fields)), none_null(layout, fields));
    let examined = count(
        transaction,
        &format!("SELECT count(*) FROM {staging} WHERE run_id = ?1 AND {none_null}"),
        run_id,
    )?;
    let breached = transaction.execute(
        &format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT ?1, ?2, chunk_no, record_no FROM
               (SELECT chunk_no, record_no, count(*) OVER (PARTITION BY {by}) AS same FROM {staging} WHERE run_id = ?1 AND {none_null})
             WHERE same > 1 ON CONFLICT DO NOTHING"
        ),
        params![run_id, rule_no],
    )?;
    Ok(RuleOutcome { examined, breached: breached as u64 })
}

fn references(
    transaction: &Transaction<'_>,
    run_id: &str,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
    (table, referred): (&str, &[String]),
) -> Result<RuleOutcome, StoreError> {
    let typed = referred.iter().map(String::as_str).zip(fields.iter().map(|at| &layout.fields[*at].ty));
    require(transaction, table, typed)?;
    let (staging, none_null) = (quoted(&layout.staging), none_null(layout, fields));
    let equal: Vec<_> = names(layout, fields)
        .zip(referred)
        .map(|(field, column)| format!("t.{} = s.{} COLLATE BINARY", quoted(column), quoted(field)))
        .collect();
    let examined = count(
        transaction,
        &format!("SELECT count(*) FROM {staging} WHERE run_id = ?1 AND {none_null}"),
        run_id,
    )?;
    let breached = transaction.execute(
        &format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT ?1, ?2, chunk_no, record_no FROM {staging} s
             WHERE s.run_id = ?1 AND {none_null} AND NOT EXISTS (SELECT 1 FROM {} t WHERE {})",
            quoted(table),
            equal.join(" AND ")
        ),
        params![run_id, rule_no],
    )?;
    Ok(RuleOutcome { examined, breached: breached as u64 })
}

/// Append: a key must come once, and not be in final yet.
fn append_keys(
    transaction: &Transaction<'_>,
    run_id: &str,
    layout: &Layout,
) -> Result<KeyCounts, StoreError> {
    if layout.key.is_empty() {
        return Ok(KeyCounts::default());
    }
    let (staging, key) = (quoted(&layout.staging), columns("", names(layout, &layout.key)));
    let unexcluded = unexcluded("s");
    // Grouping first is cheap, and says for nearly every run that there is nothing to look for.
    let any: bool = transaction.query_row(
        &format!("SELECT EXISTS (SELECT 1 FROM {staging} s WHERE s.run_id = ?1 AND {unexcluded} GROUP BY {key} HAVING count(*) > 1)"),
        [run_id],
        |row| row.get(0),
    )?;
    let mut counts = KeyCounts::default();
    if any {
        counts.duplicates = transaction.execute(
            &format!(
                "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
                 SELECT ?1, ?2, chunk_no, record_no FROM
                   (SELECT chunk_no, record_no, row_number() OVER (PARTITION BY {key} ORDER BY record_no, chunk_no) AS nth
                    FROM {staging} s WHERE s.run_id = ?1 AND {unexcluded})
                 WHERE nth > 1 ON CONFLICT DO NOTHING"
            ),
            params![run_id, DUPLICATE],
        )? as u64;
    }
    let equal: Vec<_> =
        names(layout, &layout.key).map(|name| format!("f.{0} = s.{0}", quoted(name))).collect();
    let final_table = quoted(&layout.final_table);
    let is_empty: bool =
        transaction
            .query_row(&format!("SELECT NOT EXISTS (SELECT 1 FROM {final_table})"), [], |row| row.get(0))?;
    if !is_empty {
        counts.already_in_final = transaction.execute(
            &format!(
                "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
                 SELECT ?1, ?2, s.chunk_no, s.record_no FROM {staging} s
                 WHERE s.run_id = ?1 AND {unexcluded} AND EXISTS (SELECT 1 FROM {final_table} f WHERE {})",
                equal.join(" AND ")
            ),
            params![run_id, IN_FINAL],
        )? as u64;
    }
    Ok(counts)
}

/// Upsert: of several records with one key the last is promoted, the others are merged into it.
fn merge_keys(transaction: &Transaction<'_>, run_id: &str, layout: &Layout) -> Result<KeyCounts, StoreError> {
    let (staging, key) = (quoted(&layout.staging), columns("", names(layout, &layout.key)));
    let merged = transaction.execute(
        &format!(
            "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
             SELECT ?1, chunk_no, record_no, 'merged' FROM
               (SELECT chunk_no, record_no, row_number() OVER (PARTITION BY {key} ORDER BY record_no DESC, chunk_no DESC) AS nth
                FROM {staging} s WHERE s.run_id = ?1 AND {})
             WHERE nth > 1",
            unexcluded("s")
        ),
        [run_id],
    )?;
    Ok(KeyCounts { merged: merged as u64, ..KeyCounts::default() })
}

/// That the staged record `alias` is not kept out of final.
pub(crate) fn unexcluded(alias: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM crossfoot_exclusion x WHERE x.run_id = {alias}.run_id AND x.chunk_no = {alias}.chunk_no AND x.record_no = {alias}.record_no)"
    )
}
