//! The balance rule: in each group of records one field adds up to a given amount.
//!
//! PostgreSQL's NUMERIC is exact, and so the sums are its own. Only groups that do not balance leave the database, a
//! page at a time.

use domain::amount::Amount;
use domain::check::Stage;
use domain::finding::{Difference, Finding};
use domain::ids::{ChunkNo, RecordNo, RunId};
use domain::layout::{Field, Layout};
use domain::rule::{OnBreach, Rule, RuleOutcome};
use domain::value::{FieldType, Value};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;

use super::connect::Id;
use super::evidence::put_findings;
use super::ledger::unsigned;
use super::rules::{names, unexcluded};
use super::tables::quoted;

/// Groups that do not balance are fetched in pages of so many.
const PAGE: i64 = 1000;

/// What must balance.
pub(crate) struct Balance<'a> {
    /// The summed field.
    pub(crate) sum: usize,
    /// The fields that make a group.
    pub(crate) by: &'a [usize],
    /// What the sum must be.
    pub(crate) to: Amount,
}

pub(crate) async fn apply(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
    (rule_no, rule): (i64, &Rule),
    terms: &Balance<'_>,
) -> Result<RuleOutcome, StoreError> {
    let unexcluded = unexcluded(connection, run_id).await?;
    let staging = quoted(&layout.staging);
    let columns: Vec<_> = names(layout, terms.by).map(|name| format!("s.{}", quoted(name))).collect();
    // NULL is a group of its own, as for SQL's GROUP BY. A NaN is more than any amount, and so never balances.
    let keys: String =
        columns.iter().enumerate().map(|(at, column)| format!(", {column} AS k{at}")).collect();
    let group = if columns.is_empty() { String::new() } else { format!(" GROUP BY {}", columns.join(", ")) };
    let first = "(min(ARRAY[s.chunk_no, s.record_no]))";
    connection.execute("DROP TABLE IF EXISTS crossfoot_groups").await?;
    // An amount is digits, a sign and a point: nothing in it needs quoting.
    sqlx::query(AssertSqlSafe(format!(
        "CREATE TEMPORARY TABLE crossfoot_groups ON COMMIT DROP AS
         SELECT row_number() OVER (ORDER BY {first}) AS nth, {first}[1] AS chunk_no, {first}[2] AS record_no,
                coalesce(sum(s.{sum}::numeric), 0) AS total, count(*) AS records{keys}
         FROM {staging} s WHERE s.run_id = '{run_id}'{unexcluded}{group}",
        sum = quoted(&layout.fields[terms.sum].name),
    )))
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT count(*) FILTER (WHERE chunk_no IS NOT NULL) AS examined,
                count(*) FILTER (WHERE chunk_no IS NOT NULL AND total <> {to}) AS breached FROM crossfoot_groups",
        to = terms.to,
    )))
    .fetch_one(&mut *connection)
    .await?;
    let outcome =
        RuleOutcome { examined: unsigned(&row, "examined")?, breached: unsigned(&row, "breached")? };
    if outcome.breached > 0 {
        keep(connection, run_id, layout, rule, terms).await?;
        if rule.on_breach == OnBreach::Hold {
            // Summed once more and not joined: NULL is a group too, and a join that knows that compares every record
            // with every group.
            let by = if columns.is_empty() {
                String::new()
            } else {
                format!("PARTITION BY {}", columns.join(", "))
            };
            sqlx::query(AssertSqlSafe(format!(
                "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
                 SELECT $1, $2, n.chunk_no, n.record_no FROM
                   (SELECT s.chunk_no, s.record_no, coalesce(sum(s.{sum}::numeric) OVER ({by}), 0) AS total
                    FROM {staging} s WHERE s.run_id = $1{unexcluded}) n
                 WHERE n.total <> {to} ON CONFLICT DO NOTHING",
                sum = quoted(&layout.fields[terms.sum].name),
                to = terms.to,
            )))
            .bind(Id(run_id))
            .bind(rule_no)
            .execute(&mut *connection)
            .await?;
        }
    }
    connection.execute("DROP TABLE crossfoot_groups").await?;
    Ok(outcome)
}

/// One finding for each group that does not balance; its records are named by what they have in common.
async fn keep(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
    rule: &Rule,
    terms: &Balance<'_>,
) -> Result<(), StoreError> {
    let keys: String = (0..terms.by.len()).map(|at| format!(", k{at}::text AS k{at}")).collect();
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT nth, chunk_no, record_no, total::text AS total, records{keys} FROM crossfoot_groups
             WHERE total <> {to} AND nth > $1 ORDER BY nth LIMIT $2",
            to = terms.to,
        )))
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get("nth")?;
        let mut findings = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut key = Vec::new();
            for (at, field) in terms.by.iter().enumerate() {
                let field = &layout.fields[*field];
                let value: Option<String> = row.try_get(format!("k{at}").as_str())?;
                let value = match value {
                    None => "NULL".to_owned(),
                    Some(value) if field.sensitive => mask(layout, field, &value),
                    Some(value) => value.escape_debug().to_string(),
                };
                key.push(format!("{} {value}", field.name));
            }
            let of = if key.is_empty() { String::new() } else { format!(" for {}", key.join(", ")) };
            let total: String = row.try_get("total")?;
            let total = match total.parse() {
                Ok(amount) => layout.shown_total(terms.sum, amount, unsigned(row, "records")?),
                // Not a number, or of too many digits.
                Err(_) if layout.fields[terms.sum].sensitive => "no exact sum".into(),
                Err(_) => total,
            };
            findings.push(Finding {
                stage: Stage::Rules,
                difference: Difference::Rule,
                chunk_no: ChunkNo(unsigned(row, "chunk_no")?),
                record_no: RecordNo(unsigned(row, "record_no")?),
                byte_offset: None,
                field: Some(rule.name.clone()),
                expected: Some(terms.to.to_string()),
                actual: Some(format!("{total}{of}")),
                worker_id: None,
            });
        }
        put_findings(connection, run_id, &findings).await?;
    }
}

/// A group's key, masked. The database's text is read back as the value that it is of, so that the mask is that of the
/// field in any record.
fn mask(layout: &Layout, field: &Field, text: &str) -> String {
    let bytes;
    let value = match &field.ty {
        FieldType::Text { .. } => Some(Value::Text(text)),
        FieldType::Integer => text.parse().ok().map(Value::Integer),
        FieldType::Decimal { scale, .. } => {
            text.parse::<Amount>().ok().and_then(|amount| amount.rescale(*scale).ok()).map(Value::Decimal)
        }
        FieldType::Date => text.parse().ok().map(Value::Date),
        FieldType::Timestamp => text.parse().ok().map(Value::Timestamp),
        FieldType::Boolean => text.parse().ok().map(Value::Boolean),
        FieldType::Bytes => {
            bytes = text.strip_prefix("\\x").and_then(domain::hex::decode);
            bytes.as_deref().map(Value::Bytes)
        }
    };
    match value {
        Some(value) => layout.masks.value(&field.name, &value),
        None => layout.masks.bytes(&field.name, text.as_bytes()),
    }
}
