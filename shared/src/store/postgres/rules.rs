//! Set rules, duplicate keys, and who is not promoted.

use domain::ids::RunId;
use domain::layout::{Layout, Mode};
use domain::rule::{Condition, OnBreach, RuleOutcome};
use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::balance::{self, Balance};
use super::connect::Id;
use super::ledger::{damaged, hold_fence, unsigned};
use super::staging::analyze;
use super::tables::{columns, equalities, partition, quoted};
use crate::job::Job;
use crate::store::model::KeyCounts;
use crate::store::{Fence, StoreError};

/// In place of a rule's number: the key is an earlier record's.
const DUPLICATE: i64 = -1;
/// In place of a rule's number: the key is in final already.
const IN_FINAL: i64 = -2;

/// A final table of at most so many times the size of the run's rows is read as a whole to be joined with them. One that
/// is larger is looked into row by row, so that what a run costs depends on the run. The factor: a row looked up through
/// an index costs about as much as eight read in passing.
const WHOLE_FINAL: i64 = 4;

/// A run being looked at.
pub(super) struct Scope<'a> {
    pub(super) run_id: RunId,
    pub(super) job: &'a Job,
    /// Whether records are excluded from final so far.
    pub(super) has_exclusions: bool,
}

impl Scope<'_> {
    pub(super) fn layout(&self) -> &Layout {
        &self.job.layout
    }

    /// The run's staged records as `s`.
    pub(super) fn staged(&self) -> String {
        format!("{} s WHERE s.run_id = '{}'", quoted(&self.layout().staging), self.run_id)
    }

    /// As [`Self::staged`], without those that are kept out of final.
    pub(super) fn included(&self) -> String {
        let condition = if self.has_exclusions { format!(" AND {UNEXCLUDED}") } else { String::new() };
        format!("{}{condition}", self.staged())
    }

    async fn count(&self, connection: &mut PgConnection, from: &str) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(format!("SELECT count(*) AS n FROM {from}"));
        unsigned(&sqlx::query(sql).fetch_one(connection).await?, "n")
    }

    /// Keeps the records that `select` gives as breaches of a rule, and counts them.
    pub(super) async fn breach(
        &self,
        connection: &mut PgConnection,
        rule_no: i64,
        select: &str,
    ) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT '{}', {rule_no}, b.chunk_no, b.record_no FROM ({select}) b ON CONFLICT DO NOTHING",
            self.run_id
        ));
        Ok(sqlx::query(sql).execute(connection).await?.rows_affected())
    }
}

/// That the staged record `s` is not kept out of final.
pub(super) const UNEXCLUDED: &str = "NOT EXISTS (SELECT 1 FROM crossfoot_exclusion x WHERE x.run_id = s.run_id AND x.chunk_no = s.chunk_no AND x.record_no = s.record_no)";

/// Whether records of the run are kept out of final.
pub(super) async fn has_exclusions(connection: &mut PgConnection, run_id: RunId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM crossfoot_exclusion WHERE run_id = $1) AS x")
        .bind(Id(run_id))
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("x")?)
}

/// Finds out anew what breaks the set rules, what is held, merged, or cannot be promoted.
pub(super) async fn apply(
    connection: &mut PgConnection,
    fence: Fence,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
    hold_fence(connection, fence).await?;
    connection.execute("SET LOCAL work_mem = '64MB'").await?;
    let run_id = fence.run_id;
    let mut scope = Scope { run_id, job, has_exclusions: false };
    forget(connection, &scope).await?;
    analyze(connection, &job.layout, run_id).await?;
    let (mut outcomes, rules_differing) = row_outcomes(connection, &scope).await?;
    for (rule_no, rule) in job.set_rules() {
        let place = rule_no as i64;
        outcomes[rule_no] = match &rule.condition {
            Condition::Row(_) | Condition::Balance { .. } => continue,
            Condition::Unique { fields } => unique(connection, &scope, place, fields).await?,
            Condition::References { fields, table, columns } => {
                references(connection, &scope, place, fields, (table, columns)).await?
            }
        };
    }
    hold(connection, &mut scope).await?;
    // What must balance is what goes into final: a held leg would leave its other half alone there.
    for (rule_no, rule) in job.set_rules() {
        if let Condition::Balance { sum, by, to } = &rule.condition {
            let terms = Balance { sum: *sum, by, to: *to };
            outcomes[rule_no] =
                balance::apply(connection, &scope, (rule_no as i64, rule), &terms).await?;
        }
    }
    hold(connection, &mut scope).await?;
    let mut counts = match job.layout.mode {
        Mode::Append => append_keys(connection, &scope).await?,
        Mode::Upsert => merge_keys(connection, &scope).await?,
    };
    counts.rules_differing = rules_differing;
    let held = format!("crossfoot_exclusion WHERE run_id = '{run_id}' AND kind = 'held'");
    counts.held = scope.count(connection, &held).await?;
    Ok((outcomes, counts))
}

/// Keeps the breaches of rules that hold records back out of final.
async fn hold(connection: &mut PgConnection, scope: &mut Scope<'_>) -> Result<(), StoreError> {
    let rules = scope.job.rules.iter().enumerate().filter(|(_, rule)| rule.on_breach == OnBreach::Hold);
    let rules: Vec<_> = rules.map(|(rule_no, _)| rule_no as i64).collect();
    if rules.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
         SELECT DISTINCT run_id, chunk_no, record_no, 'held' FROM crossfoot_breach WHERE run_id = $1 AND rule_no = ANY ($2)
         ON CONFLICT DO NOTHING",
    )
    .bind(Id(scope.run_id))
    .bind(rules)
    .execute(&mut *connection)
    .await?;
    scope.has_exclusions = has_exclusions(connection, scope.run_id).await?;
    Ok(())
}

/// What an earlier reconciliation found by SQL is found anew; what processors found stays.
async fn forget(connection: &mut PgConnection, scope: &Scope<'_>) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM crossfoot_exclusion WHERE run_id = $1")
        .bind(Id(scope.run_id))
        .execute(&mut *connection)
        .await?;
    let found_by_sql = scope.job.set_rules().map(|(rule_no, _)| rule_no as i64);
    sqlx::query("DELETE FROM crossfoot_breach WHERE run_id = $1 AND rule_no = ANY ($2)")
        .bind(Id(scope.run_id))
        .bind(found_by_sql.chain([DUPLICATE, IN_FINAL]).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Row rules: what the processors counted, and of how many rules the kept breaches say otherwise.
async fn row_outcomes(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
) -> Result<(Vec<RuleOutcome>, u64), StoreError> {
    let mut outcomes = vec![RuleOutcome::default(); scope.job.rules.len()];
    let places: Vec<_> = scope.job.row_rules().map(|(rule_no, _)| rule_no).collect();
    if places.is_empty() {
        return Ok((outcomes, 0));
    }
    let mut rows =
        sqlx::query("SELECT rules FROM crossfoot_chunk WHERE run_id = $1 AND state = 'committed'")
            .bind(Id(scope.run_id))
            .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let text: String = row.try_get("rules")?;
        let counts: Vec<(u64, u64)> = serde_json::from_str(&text)
            .map_err(|error| damaged(format!("a chunk's rule counts: {error}")))?;
        for (place, (examined, breached)) in places.iter().zip(counts) {
            outcomes[*place].examined += examined;
            outcomes[*place].breached += breached;
        }
    }
    drop(rows);
    let mut differing = 0;
    for place in places {
        let kept = format!("crossfoot_breach WHERE run_id = '{}' AND rule_no = {place}", scope.run_id);
        differing += u64::from(scope.count(connection, &kept).await? != outcomes[place].breached);
    }
    Ok((outcomes, differing))
}

pub(super) fn names<'a>(layout: &'a Layout, fields: &'a [usize]) -> impl Iterator<Item = &'a str> {
    fields.iter().map(|at| layout.fields[*at].name.as_str())
}

fn none_null(layout: &Layout, fields: &[usize]) -> String {
    let tests: Vec<_> = names(layout, fields).map(|name| format!("s.{} IS NOT NULL", quoted(name))).collect();
    tests.join(" AND ")
}

/// Whether any values of `by` come twice. Grouping is cheap, and says for nearly every run that there is nothing to
/// look for.
async fn any_twice(connection: &mut PgConnection, by: &str, from: &str) -> Result<bool, StoreError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {from} GROUP BY {by} HAVING count(*) > 1) AS x");
    Ok(sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get("x")?)
}

async fn unique(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
    rule_no: i64,
    fields: &[usize],
) -> Result<RuleOutcome, StoreError> {
    let by = columns("s.", names(scope.layout(), fields));
    let from = format!("{} AND {}", scope.staged(), none_null(scope.layout(), fields));
    let examined = scope.count(connection, &from).await?;
    let mut breached = 0;
    if any_twice(connection, &by, &from).await? {
        let select = format!(
            "SELECT chunk_no, record_no FROM
               (SELECT s.chunk_no, s.record_no, count(*) OVER (PARTITION BY {by}) AS same FROM {from}) s WHERE same > 1"
        );
        breached = scope.breach(connection, rule_no, &select).await?;
    }
    Ok(RuleOutcome { examined, breached })
}

async fn references(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
    rule_no: i64,
    fields: &[usize],
    (table, referred): (&str, &[String]),
) -> Result<RuleOutcome, StoreError> {
    let layout = scope.layout();
    let pairs = referred.iter().zip(fields).map(|(column, at)| {
        let field = &layout.fields[*at];
        (column.as_str(), field.name.as_str(), &field.ty)
    });
    let equal = equalities(connection, table, "t", pairs).await?;
    let from = format!("{} AND {}", scope.staged(), none_null(layout, fields));
    let examined = scope.count(connection, &from).await?;
    let select = format!(
        "SELECT s.chunk_no, s.record_no FROM {from} AND NOT EXISTS (SELECT 1 FROM {} t WHERE {})",
        quoted(table),
        equal.join(" AND ")
    );
    let breached = scope.breach(connection, rule_no, &select).await?;
    Ok(RuleOutcome { examined, breached })
}

/// Leaves the planner no way to read the whole of a final table that is large beside the run.
pub(super) async fn join_final_by_index(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(pg_table_size(to_regclass(quote_ident($1))), 0)
                > $3 * coalesce(pg_table_size(to_regclass(quote_ident($2))), 0) AS large",
    )
    .bind(&layout.final_table)
    .bind(partition(&layout.staging, run_id))
    .bind(WHOLE_FINAL)
    .fetch_one(&mut *connection)
    .await?;
    let is_large = row.try_get("large")?;
    if is_large {
        connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off").await?;
    }
    Ok(is_large)
}

/// Append: a key must come once, and not be in final yet.
async fn append_keys(connection: &mut PgConnection, scope: &Scope<'_>) -> Result<KeyCounts, StoreError> {
    let layout = scope.layout();
    if layout.key.is_empty() {
        return Ok(KeyCounts::default());
    }
    let (key, from) = (columns("s.", names(layout, &layout.key)), scope.included());
    let mut counts = KeyCounts::default();
    if any_twice(connection, &key, &from).await? {
        let select = format!(
            "SELECT chunk_no, record_no FROM
               (SELECT s.chunk_no, s.record_no, row_number() OVER (PARTITION BY {key} ORDER BY s.record_no, s.chunk_no) AS nth
                FROM {from}) s WHERE nth > 1"
        );
        counts.duplicates = scope.breach(connection, DUPLICATE, &select).await?;
    }
    let final_table = quoted(&layout.final_table);
    let sql = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {final_table}) AS x"));
    if !sqlx::query(sql).fetch_one(&mut *connection).await?.try_get::<bool, _>("x")? {
        return Ok(counts);
    }
    let pairs = layout.key.iter().map(|at| {
        let field = &layout.fields[*at];
        (field.name.as_str(), field.name.as_str(), &field.ty)
    });
    let equal = equalities(connection, &layout.final_table, "f", pairs).await?.join(" AND ");
    // The index is walked from left to right, not back and forth.
    let rows = if join_final_by_index(connection, layout, scope.run_id).await? {
        format!("(SELECT s.chunk_no, s.record_no, {key} FROM {from} ORDER BY {key}) s WHERE true")
    } else {
        from
    };
    let select = format!(
        "SELECT s.chunk_no, s.record_no FROM {rows} AND EXISTS (SELECT 1 FROM {final_table} f WHERE {equal})"
    );
    counts.already_in_final = scope.breach(connection, IN_FINAL, &select).await?;
    Ok(counts)
}

/// Upsert: of several records with one key the last is promoted, the others are merged into it.
async fn merge_keys(connection: &mut PgConnection, scope: &Scope<'_>) -> Result<KeyCounts, StoreError> {
    let layout = scope.layout();
    let (key, from) = (columns("s.", names(layout, &layout.key)), scope.included());
    if !any_twice(connection, &key, &from).await? {
        return Ok(KeyCounts::default());
    }
    let sql = AssertSqlSafe(format!(
        "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
         SELECT '{}', chunk_no, record_no, 'merged' FROM
           (SELECT s.chunk_no, s.record_no, row_number() OVER (PARTITION BY {key} ORDER BY s.record_no DESC, s.chunk_no DESC) AS nth
            FROM {from}) s
         WHERE nth > 1",
        scope.run_id
    ));
    let merged = sqlx::query(sql).execute(connection).await?.rows_affected();
    Ok(KeyCounts { merged, ..KeyCounts::default() })
}
