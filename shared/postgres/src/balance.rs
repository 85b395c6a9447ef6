//! The balance rule: in each group of records one field adds up to a given amount.
//!
//! PostgreSQL's NUMERIC is exact, and so the sums are its own. Only groups that do not balance leave the database, a
//! page at a time.

use domain::amount::Amount;
use domain::ids::{ChunkNo, RecordNo, RunId};
use domain::layout::{Field, Layout};
use domain::rule::{OnBreach, RuleOutcome};
use domain::value::{FieldType, Value};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use store::database::Connection as _;
use store::evidence::put_findings;
use store::names::{quoted, table as quoted_table};
use store::rules::{Balance, names};
use store::{StoreError, params};

use super::connect::Id;
use super::ledger::Ledger;

/// How many groups that do not balance are fetched in a page.
const PAGE: i64 = 1000;

pub(crate) async fn apply(
    connection: &mut PgConnection,
    run_id: RunId,
    balance: &Balance<'_>,
    unexcluded: &str,
) -> Result<RuleOutcome, StoreError> {
    let layout = balance.layout;
    let staging = quoted_table(&layout.staging);
    let columns: Vec<_> = names(layout, balance.by).map(|name| format!("s.{}", quoted(name))).collect();
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
        sum = quoted(&layout.fields[balance.sum].name),
    )))
    .execute(&mut *connection)
    .await?;
    let sql = format!(
        "SELECT count(*) FILTER (WHERE chunk_no IS NOT NULL) AS examined,
                count(*) FILTER (WHERE chunk_no IS NOT NULL AND total <> {to}) AS breached FROM crossfoot_groups",
        to = balance.to,
    );
    let row = Ledger(connection).fetch_one(&sql, params![]).await?;
    let outcome = RuleOutcome { examined: row.get("examined")?, breached: row.get("breached")? };
    if outcome.breached > 0 {
        keep(connection, run_id, balance).await?;
        if balance.rule.on_breach == OnBreach::Hold {
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
                sum = quoted(&layout.fields[balance.sum].name),
                to = balance.to,
            )))
            .bind(Id(run_id))
            .bind(balance.rule_no)
            .execute(&mut *connection)
            .await?;
        }
    }
    connection.execute("DROP TABLE crossfoot_groups").await?;
    Ok(outcome)
}

/// One finding for each group that does not balance; its records are named by what they have in common.
async fn keep(connection: &mut PgConnection, run_id: RunId, balance: &Balance<'_>) -> Result<(), StoreError> {
    let (mut ledger, layout) = (Ledger(connection), balance.layout);
    let keys: String = (0..balance.by.len()).map(|at| format!(", k{at}::text AS k{at}")).collect();
    let mut after = 0_i64;
    loop {
        let sql = format!(
            "SELECT nth, chunk_no, record_no, total::text AS total, records{keys} FROM crossfoot_groups
             WHERE total <> {to} AND nth > $1 ORDER BY nth LIMIT $2",
            to = balance.to,
        );
        let rows = ledger.fetch(&sql, params![after, PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.get("nth")?;
        let mut findings = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut key = Vec::new();
            for (at, field) in balance.by.iter().enumerate() {
                let field = &layout.fields[*field];
                let value: Option<String> = row.get(&format!("k{at}"))?;
                let value = match value {
                    None => "NULL".to_owned(),
                    Some(value) if field.sensitive => mask(layout, field, &value),
                    Some(value) => value.escape_debug().to_string(),
                };
                key.push(format!("{} {value}", field.name));
            }
            let total: String = row.get("total")?;
            let total = match total.parse() {
                Ok(amount) => layout.shown_total(balance.sum, amount, row.get("records")?),
                // Not a number, or of too many digits.
                Err(_) if layout.fields[balance.sum].sensitive => "no exact sum".into(),
                Err(_) => total,
            };
            let first = (ChunkNo(row.get("chunk_no")?), RecordNo(row.get("record_no")?));
            findings.push(balance.finding(first, &total, &key));
        }
        put_findings(&mut ledger, run_id, &findings).await?;
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
        // Sessions are in UTC, and the text says so.
        FieldType::Instant => domain::instant::parse(text.as_bytes()).map(Value::Instant),
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
