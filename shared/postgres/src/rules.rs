//! Set rules, duplicate keys, and who is not promoted: in SQL over the run's own partition of staging. What they cost
//! depends on the run, not on what final holds already.

use std::sync::Arc;

use domain::ids::RunId;
use domain::layout::{Layout, Mode};
use domain::rule::{Condition, OnBreach, Rule, RuleOutcome};
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::model::KeyCounts;
use store::{Fence, StoreError};

use super::balance::{self, Balance};
use super::connect::{Id, PostgresStore};
use super::ledger::{hold_fence, unsigned};
use super::staging::analyze;
use super::tables::{columns, equalities, partition, quoted};

/// In place of a rule's number: the key is an earlier record's.
const DUPLICATE: i64 = -1;
/// In place of a rule's number: the key is in final already.
const IN_FINAL: i64 = -2;

/// Sorting and hashing a run's keys happens in memory up to this, and then in temporary files.
const PLANS: &str = "SET LOCAL work_mem = '128MB'";

impl PostgresStore {
    pub(crate) async fn apply_all(
        &self,
        fence: Fence,
        job: Arc<Job>,
    ) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
        self.write(move |connection| Box::pin(async move { apply(connection, fence, &job).await })).await
    }
}

/// Finds out anew what breaks the set rules, what is held, merged, or cannot be promoted.
async fn apply(
    connection: &mut PgConnection,
    fence: Fence,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
    hold_fence(connection, fence).await?;
    connection.execute(PLANS).await?;
    let run_id = fence.run_id;
    for layout in job.layouts() {
        analyze(connection, layout, run_id).await?;
    }
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
            let terms = Balance { sum: *sum, by, to: *to };
            outcomes[rule_no] =
                balance::apply(connection, run_id, of(rule), (rule_no as i64, rule), &terms).await?;
        }
    }
    hold(connection, run_id, job).await?;
    let mut counts = KeyCounts::default();
    for layout in job.layouts() {
        counts.add(match layout.mode {
            Mode::Append => append_keys(connection, run_id, layout).await?,
            Mode::Upsert => merge_keys(connection, run_id, layout).await?,
        });
    }
    counts.rules_differing = rules_differing;
    counts.held = count(
        connection,
        "SELECT count(*) AS n FROM crossfoot_exclusion WHERE run_id = $1 AND kind = 'held'".into(),
        run_id,
    )
    .await?;
    Ok((outcomes, counts))
}

/// Keeps the breaches of rules that hold records back out of final.
async fn hold(connection: &mut PgConnection, run_id: RunId, job: &Job) -> Result<(), StoreError> {
    for (rule_no, _) in job.rules.iter().enumerate().filter(|(_, rule)| rule.on_breach == OnBreach::Hold) {
        sqlx::query(
            "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
             SELECT run_id, chunk_no, record_no, 'held' FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2
             ON CONFLICT DO NOTHING",
        )
        .bind(Id(run_id))
        .bind(rule_no as i64)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Names in `sql` are quoted, everything else is ours.
async fn count(connection: &mut PgConnection, sql: String, run_id: RunId) -> Result<u64, StoreError> {
    let row = sqlx::query(AssertSqlSafe(sql)).bind(Id(run_id)).fetch_one(connection).await?;
    unsigned(&row, "n")
}

async fn breach(
    connection: &mut PgConnection,
    sql: String,
    run_id: RunId,
    rule_no: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(AssertSqlSafe(sql)).bind(Id(run_id)).bind(rule_no).execute(connection).await?;
    Ok(done.rows_affected())
}

/// What an earlier reconciliation found by SQL is found anew; what processors found stays.
async fn forget(connection: &mut PgConnection, run_id: RunId, job: &Job) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM crossfoot_exclusion WHERE run_id = $1")
        .bind(Id(run_id))
        .execute(&mut *connection)
        .await?;
    let found_by_sql: Vec<_> =
        job.set_rules().map(|(rule_no, _)| rule_no as i64).chain([DUPLICATE, IN_FINAL]).collect();
    sqlx::query("DELETE FROM crossfoot_breach WHERE run_id = $1 AND rule_no = ANY($2)")
        .bind(Id(run_id))
        .bind(found_by_sql)
        .execute(connection)
        .await?;
    Ok(())
}

/// Row rules: what the processors counted, and of how many rules the kept breaches say otherwise.
async fn row_outcomes(
    connection: &mut PgConnection,
    run_id: RunId,
    job: &Job,
) -> Result<(Vec<RuleOutcome>, u64), StoreError> {
    let mut outcomes = vec![RuleOutcome::default(); job.rules.len()];
    let places: Vec<_> = job.row_rules().map(|(rule_no, _)| rule_no).collect();
    if places.is_empty() {
        return Ok((outcomes, 0));
    }
    let rows = sqlx::query("SELECT rules FROM crossfoot_chunk WHERE run_id = $1 AND state = 'committed'")
        .bind(Id(run_id))
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let text: String = row.try_get("rules")?;
        let counts: Vec<(u64, u64)> = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged { what: format!("a chunk's rule counts: {error}") })?;
        for (place, (examined, breached)) in places.iter().zip(counts) {
            outcomes[*place].examined += examined;
            outcomes[*place].breached += breached;
        }
    }
    let mut differing = 0;
    for place in places {
        let row =
            sqlx::query("SELECT count(*) AS n FROM crossfoot_breach WHERE run_id = $1 AND rule_no = $2")
                .bind(Id(run_id))
                .bind(place as i64)
                .fetch_one(&mut *connection)
                .await?;
        differing += u64::from(unsigned(&row, "n")? != outcomes[place].breached);
    }
    Ok((outcomes, differing))
}

pub(crate) fn names<'a>(layout: &'a Layout, fields: &'a [usize]) -> impl Iterator<Item = &'a str> {
    fields.iter().map(|at| layout.fields[*at].name.as_str())
}

fn none_null(layout: &Layout, fields: &[usize]) -> String {
    let tests: Vec<_> = names(layout, fields).map(|name| format!("s.{} IS NOT NULL", quoted(name))).collect();
    tests.join(" AND ")
}

async fn unique(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
) -> Result<RuleOutcome, StoreError> {
    let (staging, by, none_null) =
        (quoted(&layout.staging), columns("s.", names(layout, fields)), none_null(layout, fields));
    let sql = format!("SELECT count(*) AS n FROM {staging} s WHERE s.run_id = $1 AND {none_null}");
    let examined = count(connection, sql, run_id).await?;
    let sql = format!(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
         SELECT $1, $2, chunk_no, record_no FROM
           (SELECT s.chunk_no, s.record_no, count(*) OVER (PARTITION BY {by}) AS same FROM {staging} s
            WHERE s.run_id = $1 AND {none_null}) n
         WHERE same > 1 ON CONFLICT DO NOTHING"
    );
    Ok(RuleOutcome { examined, breached: breach(connection, sql, run_id, rule_no).await? })
}

async fn references(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
    rule_no: i64,
    fields: &[usize],
    (table, referred): (&str, &[String]),
) -> Result<RuleOutcome, StoreError> {
    let typed = referred.iter().zip(fields).map(|(column, at)| {
        let field = &layout.fields[*at];
        (column.as_str(), field.name.as_str(), &field.ty)
    });
    let equal = equalities(connection, table, "t", typed).await?;
    let (staging, none_null) = (quoted(&layout.staging), none_null(layout, fields));
    let sql = format!("SELECT count(*) AS n FROM {staging} s WHERE s.run_id = $1 AND {none_null}");
    let examined = count(connection, sql, run_id).await?;
    let sql = format!(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
         SELECT $1, $2, s.chunk_no, s.record_no FROM {staging} s
         WHERE s.run_id = $1 AND {none_null} AND NOT EXISTS (SELECT 1 FROM {} t WHERE {}) ON CONFLICT DO NOTHING",
        quoted(table),
        equal.join(" AND ")
    );
    Ok(RuleOutcome { examined, breached: breach(connection, sql, run_id, rule_no).await? })
}

/// Append: a key must come once, and not be in final yet.
async fn append_keys(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
) -> Result<KeyCounts, StoreError> {
    if layout.key.is_empty() {
        return Ok(KeyCounts::default());
    }
    let (staging, key) = (quoted(&layout.staging), columns("s.", names(layout, &layout.key)));
    let unexcluded = unexcluded(connection, run_id).await?;
    // Grouping first is cheap, and says for nearly every run that there is nothing to look for.
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT 1 FROM {staging} s WHERE s.run_id = $1{unexcluded} GROUP BY {key}
         HAVING count(*) > 1 LIMIT 1) d"
    );
    let mut counts = KeyCounts::default();
    if count(connection, sql, run_id).await? > 0 {
        let sql = format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT $1, $2, chunk_no, record_no FROM
               (SELECT s.chunk_no, s.record_no, row_number() OVER (PARTITION BY {key} ORDER BY s.record_no, s.chunk_no) AS nth
                FROM {staging} s WHERE s.run_id = $1{unexcluded}) n
             WHERE nth > 1 ON CONFLICT DO NOTHING"
        );
        counts.duplicates = breach(connection, sql, run_id, DUPLICATE).await?;
    }
    let final_table = quoted(&layout.final_table);
    let row = sqlx::query(AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {final_table}) AS x")))
        .fetch_one(&mut *connection)
        .await?;
    if row.try_get("x")? {
        let typed = layout.key.iter().map(|at| {
            let field = &layout.fields[*at];
            (field.name.as_str(), field.name.as_str(), &field.ty)
        });
        let equal = equalities(connection, &layout.final_table, "f", typed).await?;
        let order = match join_final_by_index(connection, layout, run_id).await? {
            true => by_key(layout),
            false => String::new(),
        };
        let sql = format!(
            "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
             SELECT $1, $2, s.chunk_no, s.record_no FROM (SELECT * FROM {staging} s WHERE s.run_id = $1{unexcluded}{order}) s
             WHERE EXISTS (SELECT 1 FROM {final_table} f WHERE {}) ON CONFLICT DO NOTHING",
            equal.join(" AND ")
        );
        counts.already_in_final = breach(connection, sql, run_id, IN_FINAL).await?;
        connection.execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on").await?;
    }
    Ok(counts)
}

/// A final table of at most so many times the size of the run's rows may be read as a whole to be joined with them.
const WHOLE_FINAL: i64 = 2;

/// Leaves the planner no way to read the whole of a final table that is large beside the run, so that what a run costs
/// depends on the run: final is looked into key by key, through its index. Says whether it is so large.
pub(crate) async fn join_final_by_index(
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

/// The order of final's key, and of the records where there is none: the order in which rows enter final.
pub(crate) fn order(layout: &Layout) -> String {
    if layout.key.is_empty() {
        return "s.chunk_no, s.record_no".into();
    }
    columns("s.", names(layout, &layout.key))
}

/// In the order of final's key. Staged records that look final's rows up one by one in this order walk its index
/// from end to end; in any other each of them jumps to a page of its own.
pub(crate) fn by_key(layout: &Layout) -> String {
    format!(" ORDER BY {}", order(layout))
}

/// Upsert: of several records with one key the last is promoted, the others are merged into it.
async fn merge_keys(
    connection: &mut PgConnection,
    run_id: RunId,
    layout: &Layout,
) -> Result<KeyCounts, StoreError> {
    let (staging, key) = (quoted(&layout.staging), columns("s.", names(layout, &layout.key)));
    let unexcluded = unexcluded(connection, run_id).await?;
    let merged = sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO crossfoot_exclusion (run_id, chunk_no, record_no, kind)
         SELECT $1, chunk_no, record_no, 'merged' FROM
           (SELECT s.chunk_no, s.record_no, row_number() OVER (PARTITION BY {key} ORDER BY s.record_no DESC, s.chunk_no DESC) AS nth
            FROM {staging} s WHERE s.run_id = $1{unexcluded}) n
         WHERE nth > 1"
    )))
    .bind(Id(run_id))
    .execute(connection)
    .await?;
    Ok(KeyCounts { merged: merged.rows_affected(), ..KeyCounts::default() })
}

/// That the staged record `s` is not kept out of final, as a further condition; nothing where no record is.
pub(crate) async fn unexcluded(connection: &mut PgConnection, run_id: RunId) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM crossfoot_exclusion WHERE run_id = $1) AS x")
        .bind(Id(run_id))
        .fetch_one(connection)
        .await?;
    Ok(if row.try_get("x")? {
        " AND NOT EXISTS (SELECT 1 FROM crossfoot_exclusion x
          WHERE x.run_id = s.run_id AND x.chunk_no = s.chunk_no AND x.record_no = s.record_no)"
            .into()
    } else {
        String::new()
    })
}
