//! Set rules, duplicate keys, and who is not promoted: in SQL over the run's own rows of staging.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::amount::Amount;
use domain::check::Stage;
use domain::finding::{Difference, Finding};
use domain::ids::{ChunkNo, RecordNo, RunId};
use domain::layout::{Layout, Mode};
use domain::rule::{Condition, OnBreach, Rule, RuleOutcome};
use domain::table::TableName;
use domain::value::FieldType;
use job::Job;

use crate::database::Connection;
use crate::model::{KeyCounts, RulesApplied};
use crate::names::{columns, quoted, table};
use crate::runs::hold_fence;
use crate::{Fence, StoreError, damaged, params};

/// In place of a rule's number: the key is an earlier record's.
pub const DUPLICATE: i64 = -1;
/// In place of a rule's number: the key is in final already.
pub const IN_FINAL: i64 = -2;

/// Who says whether the keys of a run's records are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// They are looked for: which records repeat a key, and which have one that final holds.
    Count,
    /// Final's own unique index, when the rows are inserted: it costs nothing there. A refusal is followed by
    /// [`Keys::Count`], which names the records.
    LeaveToFinal,
}

/// Rules over all records of a run.
#[async_trait]
#[delegatable_trait]
pub trait Rules: Send + Sync {
    /// Applies the set rules and determines what will not be promoted; earlier results are replaced. The outcomes are
    /// those of all rules, in the job's order; those of row rules are as the writers stored them. `keys` is about
    /// record types that are appended; where rows are merged by key, that is always determined.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn apply_rules(&self, fence: Fence, job: &Job, keys: Keys) -> Result<RulesApplied, StoreError>;
}

/// What must balance: the terms of a balance rule.
#[derive(Debug, Clone, Copy)]
pub struct Balance<'a> {
    /// The rule's place in the job.
    pub rule_no: i64,
    /// The balance rule with these terms.
    pub rule: &'a Rule,
    /// The layout of its record type.
    pub layout: &'a Layout,
    /// The summed field, by its place in the layout.
    pub sum: usize,
    /// The fields that make a group, by their places in the layout.
    pub by: &'a [usize],
    /// What the sum must be.
    pub to: Amount,
}

impl Balance<'_> {
    /// The finding for a group that does not balance: its first chunk and record, its total, and its key, each
    /// value with its field's name.
    #[must_use]
    pub fn finding(&self, first: (ChunkNo, RecordNo), total: &str, key: &[String]) -> Finding {
        let of = if key.is_empty() { String::new() } else { format!(" for {}", key.join(", ")) };
        Finding {
            stage: Stage::Rules,
            difference: Difference::Rule,
            chunk_no: first.0,
            record_no: first.1,
            byte_offset: None,
            field: Some(self.rule.name.clone()),
            expected: Some(self.to.to_string()),
            actual: Some(format!("{total}{of}")),
            worker_id: None,
        }
    }
}

/// A column of a table, the field that it is compared with, and the field's type.
pub type Compared<'a> = (&'a str, &'a str, &'a FieldType);

/// What rules need of a database besides statements.
#[async_trait]
pub trait RulesConnection: Connection {
    /// Makes ready for statements over all staged rows of the run.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn before_rules(&mut self, run_id: RunId, job: &Job) -> Result<(), StoreError>;
    /// Conditions that columns of `table`, called `t`, equal fields of the staged record `s`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchTable`] when they are not there, or cannot be compared.
    async fn references(
        &mut self,
        table: &TableName,
        compared: &[Compared<'_>],
    ) -> Result<Vec<String>, StoreError>;
    /// Conditions that the key of the final table, called `f`, equals that of the staged record `s`: as final itself
    /// compares keys.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn same_key(&mut self, layout: &Layout) -> Result<Vec<String>, StoreError>;
    /// Makes ready for looking staged records up in final. Returns in which order it is cheapest: an `ORDER BY`, or
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn begin_looking_up(&mut self, run_id: RunId, layout: &Layout) -> Result<String, StoreError>;
    /// Takes back what [`RulesConnection::begin_looking_up`] set.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn end_looking_up(&mut self) -> Result<(), StoreError>;
    /// Sums groups of records up, exactly. Those that do not balance become findings, and breaches if the rule holds.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn balance(&mut self, run_id: RunId, balance: Balance<'_>) -> Result<RuleOutcome, StoreError>;
}

/// Determines again what breaks the set rules, and what is held, merged, or cannot be promoted.
///
/// # Errors
/// [`StoreError::Fenced`]; [`StoreError::NoSuchTable`] when a rule refers to what is not there.
pub async fn apply(
    connection: &mut dyn RulesConnection,
    fence: Fence,
    job: &Job,
    asked: Keys,
) -> Result<RulesApplied, StoreError> {
    hold_fence(connection, fence).await?;
    let run_id = fence.run_id;
    connection.before_rules(run_id, job).await?;
    let of = |rule: &Rule| &*job.records[rule.record].layout;
    forget(connection, run_id, job).await?;
    let (mut outcomes, rules_differing) = row_outcomes(connection, run_id, job).await?;
    for (rule_no, rule) in job.set_rules() {
        let place = rule_no as i64;
        outcomes[rule_no] = match &rule.condition {
            Condition::Row(_) | Condition::Balance { .. } => continue,
            Condition::Unique { fields } => unique(connection, run_id, of(rule), place, fields).await?,
            Condition::References { fields, table, columns } => {
                references(connection, run_id, of(rule), place, fields, (table, columns)).await?
            }
        };
    }
    hold(connection, run_id, job).await?;
    // What must balance is what goes into final: a held leg would leave its other half alone there.
    for (rule_no, rule) in job.set_rules() {
        if let Condition::Balance { sum, by, to } = &rule.condition {
            let balance = Balance { rule_no: rule_no as i64, rule, layout: of(rule), sum: *sum, by, to: *to };
            outcomes[rule_no] = connection.balance(run_id, balance).await?;
        }
    }
    hold(connection, run_id, job).await?;
    let mut keys = KeyCounts::default();
    for layout in job.layouts() {
        keys.add(match layout.mode {
            Mode::Append if asked == Keys::Count => append_keys(connection, run_id, layout).await?,
            Mode::Append => KeyCounts::default(),
            Mode::Upsert => merge_keys(connection, run_id, layout).await?,
        });
    }
    keys.rules_differing = rules_differing;
    let held = "SELECT count(*) AS n FROM crossfoot_exclusion WHERE run_id = $1 AND kind = 'held'";
    keys.held = count(connection, held, run_id).await?;
    Ok(RulesApplied { outcomes, keys })
}

/// Keeps the breaches of rules that hold records back out of final.
async fn hold(connection: &mut dyn Connection, run_id: RunId, job: &Job) -> Result<(), StoreError> {
    let sql = "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
               SELECT run_id, chunk_no, record_no, 'held' FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2
               ON CONFLICT DO NOTHING";
    for (rule_no, _) in job.rules.iter().enumerate().filter(|(_, rule)| rule.on_breach == OnBreach::Hold) {
        connection.execute(sql, params![run_id, rule_no as i64]).await?;
    }
    Ok(())
}

/// Names in `sql` are quoted, everything else is ours.
async fn count(connection: &mut dyn Connection, sql: &str, run_id: RunId) -> Result<u64, StoreError> {
    connection.fetch_one(sql, params![run_id]).await?.get("n")
}

/// Deletes what an earlier reconciliation found by SQL; what processors found stays.
async fn forget(connection: &mut dyn Connection, run_id: RunId, job: &Job) -> Result<(), StoreError> {
    connection.execute("DELETE FROM crossfoot_exclusion WHERE run_id = $1", params![run_id]).await?;
    for rule_no in job.set_rules().map(|(rule_no, _)| rule_no as i64).chain([DUPLICATE, IN_FINAL]) {
        let sql = "DELETE FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2";
        connection.execute(sql, params![run_id, rule_no]).await?;
    }
    Ok(())
}

/// Row rules: what the processors counted, and of how many rules the kept breaches say otherwise.
async fn row_outcomes(
    connection: &mut dyn Connection,
    run_id: RunId,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, u64), StoreError> {
    let mut outcomes = vec![RuleOutcome::default(); job.rules.len()];
    let places: Vec<_> = job.row_rules().map(|(rule_no, _)| rule_no).collect();
    if places.is_empty() {
        return Ok((outcomes, 0));
    }
    let sql = "SELECT rules FROM crossfoot_chunk WHERE run_id = $1 AND state = 'committed'";
    for row in connection.fetch(sql, params![run_id]).await? {
        let text: String = row.get("rules")?;
        let counted: Vec<RuleOutcome> = serde_json::from_str(&text)
            .map_err(|error| damaged(format!("a chunk's rule counts: {error}")))?;
        for (place, of_chunk) in places.iter().zip(counted) {
            outcomes[*place].examined += of_chunk.examined;
            outcomes[*place].breached += of_chunk.breached;
        }
    }
    let mut differing = 0;
    for place in places {
        let sql = "SELECT count(*) AS n FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2";
        let kept: u64 = connection.fetch_one(sql, params![run_id, place as i64]).await?.get("n")?;
        differing += u64::from(kept != outcomes[place].breached);
    }
    Ok((outcomes, differing))
}

/// The names of a layout's fields, by their places.
pub fn names<'a>(layout: &'a Layout, fields: &'a [usize]) -> impl Iterator<Item = &'a str> {
    fields.iter().map(|at| layout.fields[*at].name.as_str())
}

/// Records of which a set rule examines the fields: none of them NULL. How many there are, and the condition.
async fn examined(
    connection: &mut dyn Connection,
    run_id: RunId,
    layout: &Layout,
    fields: &[usize],
) -> Result<(u64, String), StoreError> {
    let tests: Vec<_> = names(layout, fields).map(|name| format!("s.{} IS NOT NULL", quoted(name))).collect();
    let none_null = tests.join(" AND ");
    let staging = table(&layout.staging);
    let sql = format!("SELECT count(*) AS n FROM {staging} s WHERE s.run_id = $1 AND {none_null}");
    Ok((count(connection, &sql, run_id).await?, none_null))
}

async fn unique(
    connection: &mut dyn Connection,
    run_id: RunId,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
) -> Result<RuleOutcome, StoreError> {
    let (examined, none_null) = examined(connection, run_id, layout, fields).await?;
    let (staging, by) = (table(&layout.staging), columns("s.", names(layout, fields)));
    let sql = format!(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
         SELECT $1, $2, chunk_no, record_no FROM
           (SELECT s.chunk_no, s.record_no, count(*) OVER (PARTITION BY {by}) AS same FROM {staging} s
            WHERE s.run_id = $1 AND {none_null}) n
         WHERE same > 1 ON CONFLICT DO NOTHING"
    );
    Ok(RuleOutcome { examined, breached: connection.execute(&sql, params![run_id, rule_no]).await? })
}

async fn references(
    connection: &mut dyn RulesConnection,
    run_id: RunId,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
    (of_rule, referred): (&TableName, &[String]),
) -> Result<RuleOutcome, StoreError> {
    let compared = referred.iter().zip(fields).map(|(column, at)| {
        let field = &layout.fields[*at];
        (column.as_str(), field.name.as_str(), &field.ty)
    });
    let equal = connection.references(of_rule, &compared.collect::<Vec<_>>()).await?.join(" AND ");
    let (examined, none_null) = examined(connection, run_id, layout, fields).await?;
    let (staging, referred_table) = (table(&layout.staging), table(of_rule));
    let sql = format!(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
         SELECT $1, $2, s.chunk_no, s.record_no FROM {staging} s
         WHERE s.run_id = $1 AND {none_null} AND NOT EXISTS (SELECT 1 FROM {referred_table} t WHERE {equal})
         ON CONFLICT DO NOTHING"
    );
    Ok(RuleOutcome { examined, breached: connection.execute(&sql, params![run_id, rule_no]).await? })
}

/// Append: a key must come once, and not be in final yet.
async fn append_keys(
    connection: &mut dyn RulesConnection,
    run_id: RunId,
    layout: &Layout,
) -> Result<KeyCounts, StoreError> {
    if layout.key.is_empty() {
        return Ok(KeyCounts::default());
    }
    let (staging, key) = (table(&layout.staging), columns("s.", names(layout, &layout.key)));
    let unexcluded = unexcluded(connection, run_id).await?;
    // Grouping first is cheap, and says for nearly every run that there is nothing to look for.
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT 1 FROM {staging} s WHERE s.run_id = $1{unexcluded} GROUP BY {key}
         HAVING count(*) > 1 LIMIT 1) d"
    );
    let mut counts = KeyCounts::default();
    if count(connection, &sql, run_id).await? > 0 {
        let sql = format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT $1, $2, chunk_no, record_no FROM
               (SELECT s.chunk_no, s.record_no,
                       row_number() OVER (PARTITION BY {key} ORDER BY s.record_no, s.chunk_no) AS nth
                FROM {staging} s WHERE s.run_id = $1{unexcluded}) n
             WHERE nth > 1 ON CONFLICT DO NOTHING"
        );
        counts.duplicates = connection.execute(&sql, params![run_id, DUPLICATE]).await?;
    }
    let final_table = table(&layout.final_table.name);
    let any = format!("SELECT EXISTS (SELECT 1 FROM {final_table}) AS x");
    if connection.fetch_one(&any, params![]).await?.get("x")? {
        let equal = connection.same_key(layout).await?.join(" AND ");
        let order = connection.begin_looking_up(run_id, layout).await?;
        let sql = format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT $1, $2, s.chunk_no, s.record_no
             FROM (SELECT * FROM {staging} s WHERE s.run_id = $1{unexcluded}{order}) s
             WHERE EXISTS (SELECT 1 FROM {final_table} f WHERE {equal}) ON CONFLICT DO NOTHING"
        );
        counts.already_in_final = connection.execute(&sql, params![run_id, IN_FINAL]).await?;
        connection.end_looking_up().await?;
    }
    Ok(counts)
}

/// Upsert: of several records with one key the last is promoted, the others are merged into it.
async fn merge_keys(
    connection: &mut dyn Connection,
    run_id: RunId,
    layout: &Layout,
) -> Result<KeyCounts, StoreError> {
    let (staging, key) = (table(&layout.staging), columns("s.", names(layout, &layout.key)));
    let unexcluded = unexcluded(connection, run_id).await?;
    let sql = format!(
        "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
         SELECT $1, chunk_no, record_no, 'merged' FROM
           (SELECT s.chunk_no, s.record_no,
                   row_number() OVER (PARTITION BY {key} ORDER BY s.record_no DESC, s.chunk_no DESC) AS nth
            FROM {staging} s WHERE s.run_id = $1{unexcluded}) n
         WHERE nth > 1"
    );
    Ok(KeyCounts { merged: connection.execute(&sql, params![run_id]).await?, ..KeyCounts::default() })
}

/// That the staged record `s` is not kept out of final, as a further condition; nothing where no record is.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn unexcluded(connection: &mut dyn Connection, run_id: RunId) -> Result<String, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM crossfoot_exclusion WHERE run_id = $1) AS x";
    Ok(if connection.fetch_one(sql, params![run_id]).await?.get("x")? {
        " AND NOT EXISTS (SELECT 1 FROM crossfoot_exclusion x
          WHERE x.run_id = s.run_id AND x.chunk_no = s.chunk_no AND x.record_no = s.record_no)"
            .into()
    } else {
        String::new()
    })
}

/// The order of final's key, and of the records where there is none: the order in which rows enter final.
#[must_use]
pub fn order(layout: &Layout) -> String {
    if layout.key.is_empty() {
        return "s.chunk_no, s.record_no".into();
    }
    columns("s.", names(layout, &layout.key))
}
