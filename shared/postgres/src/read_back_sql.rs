//! The statements by which staging and final are read back.

use domain::ids::RunId;
use domain::layout::Layout;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::promotion::same_marked_key;

use super::attach::{self, Ready};
use super::connect::Id;
use super::found::same_key;
use super::gathered::Unordered;
use super::rules::by_key;
use super::tables::{columns, quoted, quoted_table};

/// Which table is read back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Staging: its rows, and the rejects.
    Staging,
    /// Final: the row that belongs to each staged record.
    Final,
    /// The same, found through the index on its key, in the key's order.
    FinalByKey,
}

/// Where in final the rows of a run are.
#[derive(Clone, Copy)]
pub(crate) enum Stored {
    /// Anywhere: the whole table has to be searched.
    Anywhere,
    /// From this page of the table on.
    FromPage(i64),
}

/// Chunk, record, worker, kind of entry, kind of exclusion, and a reject's bytes; then come the fields.
pub(crate) const HEAD_COLUMNS: usize = 6;

/// Why the record of an exclusion `x` is kept out of final, as [`Out::push`] reads it.
const EXCLUDED_AS: &str = "CASE x.kind WHEN 'held' THEN 1 WHEN 'merged' THEN 2 END::bigint";

/// That an exclusion `x` is of the staged record `s`.
const SAME_RECORD: &str = "x.run_id = s.run_id AND x.chunk_no = s.chunk_no AND x.record_no = s.record_no";

/// The SELECT of a window, but for the window.
pub(crate) struct Statement {
    /// The statement's text before the bounds of the window, and after them.
    rows: (String, String),
    /// Rows that come in between: rejects, or records that are kept out of final.
    others: Option<String>,
    /// The same without an order, for what can be ordered here: staging, where nothing is kept out of final.
    pub(crate) unordered: Option<Unordered>,
}

impl Statement {
    /// What reads the run's partition, which is ready to be attached to final.
    pub(crate) fn of_attached(layout: &Layout, run_id: RunId, ready: &Ready) -> Self {
        let (table, held) = ready.tables();
        let fields = columns("s.", layout.columns());
        let nulls = ", NULL".repeat(layout.fields.len());
        let rows = format!(
            "SELECT s.chunk_no, s.record_no, s.worker_id, 1::bigint AS entry, NULL::bigint, NULL::bytea, {fields}
             FROM (SELECT * FROM {} s WHERE s.run_id = '{run_id}'",
            quoted_table(table)
        );
        let others = held.map(|held| {
            format!(
                "SELECT s.chunk_no, s.record_no, s.worker_id, 0::bigint, {EXCLUDED_AS}, NULL::bytea{nulls}
                 FROM {} s JOIN crossfoot_exclusion x ON {SAME_RECORD} WHERE s.run_id = '{run_id}'",
                quoted_table(held)
            )
        });
        Self { rows: (rows, ") s".into()), others, unordered: None }
    }

    /// What reads `kind` of the run's rows.
    pub(crate) async fn prepare(
        connection: &mut PgConnection,
        kind: Kind,
        stored: Stored,
        run_id: RunId,
        layout: &Layout,
    ) -> Result<Self, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM crossfoot_reject WHERE run_id = $1) AS rejects,
                    EXISTS (SELECT 1 FROM crossfoot_exclusion WHERE run_id = $1) AS exclusions",
        )
        .bind(Id(run_id))
        .fetch_one(&mut *connection)
        .await?;
        let (has_rejects, has_exclusions): (bool, bool) =
            (row.try_get("rejects")?, row.try_get("exclusions")?);
        let (excluded, exclusions) = if has_exclusions {
            (EXCLUDED_AS, format!(" LEFT JOIN crossfoot_exclusion x ON {SAME_RECORD}"))
        } else {
            ("NULL::bigint", String::new())
        };
        let (entry, fields, finals) = match kind {
            Kind::Staging => (
                "1::bigint".to_owned(),
                columns("s.", layout.fields.iter().map(|field| field.name.as_str())),
                String::new(),
            ),
            Kind::Final | Kind::FinalByKey => {
                let (table, on) = on_final(connection, layout, run_id, stored).await?;
                // Neither the run nor a column of the key is NULL in a row that was found.
                let found = layout.final_table.run_column().unwrap_or_else(|| layout.column(layout.key[0]));
                (
                    format!("(f.{} IS NOT NULL)::int::bigint", quoted(found)),
                    columns("f.", layout.columns()),
                    format!(" LEFT JOIN {table} f ON {on}"),
                )
            }
        };
        let from = attach::staged_rows(connection, layout, run_id).await?;
        let rows = format!(
            "SELECT s.chunk_no, s.record_no, s.worker_id, {entry} AS entry, {excluded}, NULL::bytea, {fields}
             FROM (SELECT * FROM {from} s WHERE s.run_id = '{run_id}'"
        );
        let order = if kind == Kind::FinalByKey { by_key(layout) } else { String::new() };
        let joins = format!("{order}) s{exclusions}{finals}");
        let rejects = (has_rejects && kind == Kind::Staging).then(|| {
            let nulls = ", NULL".repeat(layout.fields.len());
            format!(
                "SELECT s.chunk_no, s.record_no, s.worker_id, 2, NULL, s.raw{nulls} FROM crossfoot_reject s
                 WHERE s.run_id = '{run_id}'"
            )
        });
        let unordered = (kind == Kind::Staging && !has_exclusions).then(|| {
            let of_run = format!("s WHERE s.run_id = '{run_id}'");
            let place = "SELECT s.chunk_no, s.record_no, s.worker_id";
            Unordered {
                rows: format!("{place}, {fields} FROM {from} {of_run}"),
                rejects: has_rejects.then(|| format!("{place}, s.raw FROM crossfoot_reject {of_run}")),
            }
        });
        Ok(Self { rows: (rows, joins), others: rejects, unordered })
    }

    /// The statement for the window of the chunks from `first` up to and without `end`.
    pub(crate) fn between(&self, first: i64, end: i64) -> String {
        let window = window(first, end);
        let others = self.others.as_ref().map(|others| format!(" UNION ALL {others}{window}"));
        format!(
            "COPY ({}{window}{}{} ORDER BY 1, 2, 4) TO STDOUT (FORMAT binary)",
            self.rows.0,
            self.rows.1,
            others.unwrap_or_default()
        )
    }
}

/// That an entry `s` is of a chunk from `first` up to and without `end`.
pub(crate) fn window(first: i64, end: i64) -> String {
    format!(" AND s.chunk_no >= {first} AND s.chunk_no < {end}")
}

/// Where a staged record finds its row of final, and how.
async fn on_final(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
    stored: Stored,
) -> Result<(String, String), StoreError> {
    let of = &layout.final_table;
    let table = quoted_table(&of.name);
    let table = match stored {
        Stored::Anywhere => table,
        Stored::FromPage(page) => format!("(SELECT * FROM {table} WHERE ctid >= '({page},0)')"),
    };
    let mut equal = if layout.key.is_empty() {
        vec![format!("f.{} = s.record_no", quoted(&of.record_no))]
    } else {
        same_key(connection, layout, "f").await?
    };
    // The run is written out: the column that holds it may be a text.
    match (of.run_column(), of.run_table()) {
        (Some(column), _) => equal.push(format!("f.{} = '{run_id}'", quoted(column))),
        (None, Some(runs)) => equal.push(format!(
            "EXISTS (SELECT 1 FROM {} r WHERE {} AND r.last_run_id = '{run_id}')",
            quoted_table(runs),
            same_marked_key(layout, "r", "s"),
        )),
        (None, None) => {}
    }
    Ok((table, equal.join(" AND ")))
}
