//! The balance rule: in each group of records one field adds up to a given amount.
//!
//! Summed here, in exact arithmetic: SQLite itself would add text up as floats. SQLite sorts (and spills to disk);
//! only one group is in memory at a time.

use domain::amount::Amount;
use domain::finding::Finding;
use domain::ids::{ChunkNo, RecordNo, RunId};
use domain::layout::{Field, Layout};
use domain::record;
use domain::rule::{OnBreach, RuleOutcome};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use store::StoreError;
use store::evidence::{NEXT_FINDING, finding_rows};
use store::names::{quoted, table as quoted_table};
use store::rules::{Balance, names};

use super::ledger::{fetch, insert};

/// One group being summed.
struct Group {
    key: Vec<Value>,
    /// `None` when it cannot be formed: a value that is no amount, or too many digits. Such a group is not balanced.
    total: Option<Amount>,
    records: u64,
    first: (ChunkNo, RecordNo),
}

pub(crate) fn apply(
    connection: &Connection,
    run_id: RunId,
    balance: &Balance<'_>,
    unexcluded: &str,
) -> Result<RuleOutcome, StoreError> {
    let layout = balance.layout;
    let columns: Vec<_> = names(layout, balance.by).map(|name| format!("s.{}", quoted(name))).collect();
    let order = columns.iter().map(|column| format!("{column}, ")).collect::<String>();
    let by = columns.iter().map(|column| format!(", {column}")).collect::<String>();
    let mut statement = connection.prepare(&format!(
        "SELECT s.{}, s.chunk_no, s.record_no{by} FROM {} s WHERE s.run_id = ?1{unexcluded}
         ORDER BY {order}s.chunk_no, s.record_no",
        quoted(&layout.fields[balance.sum].name),
        quoted_table(&layout.staging),
    ))?;
    let mut closing = Closing { connection, run_id, balance, columns, outcome: RuleOutcome::default() };
    let mut current: Option<Group> = None;
    let id = run_id.to_string();
    let mut rows = statement.query([&id])?;
    while let Some(row) = rows.next()? {
        let key = (0..balance.by.len()).map(|at| row.get(at + 3)).collect::<Result<Vec<Value>, _>>()?;
        if current.as_ref().is_none_or(|group| group.key != key) {
            closing.close(current.take())?;
            let first = (ChunkNo(row.get(1)?), RecordNo(row.get(2)?));
            current = Some(Group { key, total: Some(Amount::zero(0)), records: 0, first });
        }
        if let Some(group) = &mut current {
            group.records += 1;
            let terms = group.total.zip(amount(row)?);
            group.total = terms.and_then(|(total, amount)| total.checked_add(amount).ok());
        }
    }
    closing.close(current)?;
    Ok(closing.outcome)
}

fn amount(row: &Row<'_>) -> Result<Option<Amount>, StoreError> {
    Ok(match row.get_ref(0)? {
        ValueRef::Null => Some(Amount::zero(0)),
        ValueRef::Integer(integer) => Some(integer.into()),
        ValueRef::Text(text) => Amount::parse_bytes(text).ok(),
        _ => None,
    })
}

struct Closing<'a> {
    connection: &'a Connection,
    run_id: RunId,
    balance: &'a Balance<'a>,
    columns: Vec<String>,
    outcome: RuleOutcome,
}

impl Closing<'_> {
    fn close(&mut self, group: Option<Group>) -> Result<(), StoreError> {
        let Some(group) = group else { return Ok(()) };
        self.outcome.examined += 1;
        if group.total == Some(self.balance.to) {
            return Ok(());
        }
        self.outcome.breached += 1;
        let next = match fetch(self.connection, NEXT_FINDING, &[self.run_id.into()])?.first() {
            Some(row) => row.get("next")?,
            None => 0,
        };
        insert(self.connection, &finding_rows(self.run_id, next, &[self.finding(&group)])?)?;
        if self.balance.rule.on_breach == OnBreach::Hold {
            self.hold(group.key)?;
        }
        Ok(())
    }

    /// One finding for the group; its records are named by what they have in common.
    fn finding(&self, group: &Group) -> Finding {
        let layout = self.balance.layout;
        let key = self.balance.by.iter().zip(&group.key).map(|(at, value)| {
            let field = &layout.fields[*at];
            let shown = if field.sensitive { mask(layout, field, value) } else { text(value) };
            format!("{} {shown}", field.name)
        });
        let total = group.total.map_or_else(
            || "no exact sum".to_owned(),
            |total| layout.shown_total(self.balance.sum, total, group.records),
        );
        self.balance.finding(group.first, &total, &key.collect::<Vec<_>>())
    }

    fn hold(&self, key: Vec<Value>) -> Result<(), StoreError> {
        let matches =
            self.columns.iter().enumerate().map(|(at, column)| format!(" AND {column} IS ?{}", at + 3));
        let sql = format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT ?1, ?2, s.chunk_no, s.record_no FROM {} s WHERE s.run_id = ?1{}",
            quoted_table(&self.balance.layout.staging),
            matches.collect::<String>(),
        );
        let mut values = vec![Value::Text(self.run_id.to_string()), Value::Integer(self.balance.rule_no)];
        values.extend(key);
        self.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }
}

fn mask(layout: &Layout, field: &Field, value: &Value) -> String {
    let mut encoded = Vec::new();
    super::rows::put(value.into(), &field.ty, &mut encoded);
    let raw = record::encoded(&encoded);
    raw.map_or_else(|| "masked".into(), |raw| layout.masks.field(&field.name, &raw))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => text.escape_debug().to_string(),
        Value::Blob(bytes) => domain::hex::encode(bytes),
    }
}
