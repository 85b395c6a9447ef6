//! The balance rule: in each group of records one field adds up to a given amount. NUMERIC adds exactly.

use domain::amount::Amount;
use domain::check::Stage;
use domain::finding::{Difference, Finding};
use domain::ids::{ChunkNo, RecordNo};
use domain::rule::{OnBreach, Rule, RuleOutcome};
use domain::value::FieldType;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::evidence::put_findings;
use super::ledger::unsigned;
use super::rules::{Scope, names};
use super::tables::quoted;
use crate::store::StoreError;

/// Groups that do not balance are fetched so many at a time.
const PAGE: usize = 1000;

/// What must balance.
pub(super) struct Balance<'a> {
    /// The summed field.
    pub(super) sum: usize,
    /// The fields that make a group.
    pub(super) by: &'a [usize],
    /// What the sum must be.
    pub(super) to: Amount,
}

pub(super) async fn apply(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
    (rule_no, rule): (i64, &Rule),
    terms: &Balance<'_>,
) -> Result<RuleOutcome, StoreError> {
    let layout = scope.layout();
    let columns: Vec<_> = names(layout, terms.by).map(|name| format!("s.{}", quoted(name))).collect();
    let by = if columns.is_empty() { "()".to_owned() } else { columns.join(", ") };
    let sum = format!("sum(s.{})", quoted(&layout.fields[terms.sum].name));
    let (from, to) = (scope.included(), format!("{}::numeric", terms.to));
    let sql = AssertSqlSafe(format!(
        "SELECT count(*) AS examined, count(*) FILTER (WHERE total <> {to}) AS breached
         FROM (SELECT coalesce({sum}, 0) AS total FROM {from} GROUP BY {by} HAVING count(*) > 0) g"
    ));
    let row = sqlx::query(sql).fetch_one(&mut *connection).await?;
    let outcome =
        RuleOutcome { examined: unsigned(&row, "examined")?, breached: unsigned(&row, "breached")? };
    if outcome.breached == 0 {
        return Ok(outcome);
    }
    let shown = terms.by.iter().zip(&columns).map(|(at, column)| match layout.fields[*at].ty {
        FieldType::Bytes => format!("encode({column}, 'hex')"),
        _ => format!("{column}::text"),
    });
    let shown: Vec<_> = shown.collect();
    let order: String = columns.iter().map(|column| format!("{column} NULLS FIRST, ")).collect();
    let cursor = AssertSqlSafe(format!(
        "DECLARE unbalanced NO SCROLL CURSOR FOR
         SELECT coalesce({sum}, 0)::text AS total, min(ARRAY[s.chunk_no, s.record_no]) AS first, ARRAY[{}]::text[] AS key
         FROM {from} GROUP BY {by} HAVING count(*) > 0 AND coalesce({sum}, 0) <> {to} ORDER BY {order}2",
        shown.join(", ")
    ));
    connection.execute(cursor).await?;
    loop {
        let sql = AssertSqlSafe(format!("FETCH {PAGE} FROM unbalanced"));
        let rows = sqlx::query(sql).persistent(false).fetch_all(&mut *connection).await?;
        let findings = rows.iter().map(|row| finding(row, scope, rule, terms));
        let findings = findings.collect::<Result<Vec<_>, _>>()?;
        put_findings(connection, scope.run_id, &findings).await?;
        if rows.len() < PAGE {
            break;
        }
    }
    connection.execute("CLOSE unbalanced").await?;
    if rule.on_breach == OnBreach::Hold {
        let window = if columns.is_empty() { String::new() } else { format!("PARTITION BY {by}") };
        let select = format!(
            "SELECT chunk_no, record_no FROM
               (SELECT s.chunk_no, s.record_no, coalesce({sum} OVER ({window}), 0) AS total FROM {from}) s WHERE total <> {to}"
        );
        scope.breach(connection, rule_no, &select).await?;
    }
    Ok(outcome)
}

/// One finding for the group; its records are named by what they have in common.
fn finding(
    row: &PgRow,
    scope: &Scope<'_>,
    rule: &Rule,
    terms: &Balance<'_>,
) -> Result<Finding, StoreError> {
    let (total, first, key): (String, Vec<i64>, Vec<Option<String>>) =
        (row.try_get("total")?, row.try_get("first")?, row.try_get("key")?);
    let key = names(scope.layout(), terms.by).zip(&key).map(|(name, value)| match value {
        Some(value) => format!("{name} {}", value.escape_debug()),
        None => format!("{name} NULL"),
    });
    let key = key.collect::<Vec<_>>().join(", ");
    let of = if key.is_empty() { String::new() } else { format!(" for {key}") };
    let number = |at: usize| first.get(at).and_then(|n| u64::try_from(*n).ok()).unwrap_or(i64::MAX as u64);
    Ok(Finding {
        stage: Stage::Rules,
        difference: Difference::Rule,
        chunk_no: ChunkNo(number(0)),
        record_no: RecordNo(number(1)),
        byte_offset: None,
        field: Some(rule.name.clone()),
        expected: Some(terms.to.to_string()),
        actual: Some(format!("{total}{of}")),
        worker_id: None,
    })
}
