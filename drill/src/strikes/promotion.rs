//! Promotion disturbed, and final damaged in its window.

use std::sync::Arc;

use coordinator::open::RunRequest;
use coordinator::run::{Drive, Ending};
use domain::layout::Mode;
use domain::table::STAGING_COLUMNS;
use platform::causes::chain;

use super::tables::alterable;
use crate::disturbed::{Disturbance, Disturbed};
use crate::fleet::{self, Refusal};
use crate::scenario::{Scenario, Stop, Strike, Target, Victim};
use crate::sql::{Dialect, columns, quoted, quoted_table};
use crate::survey::{Owned, Sample};
use crate::trigger::{self, When, different, key_of};

/// What becomes of rows as soon as they are in final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InFinal {
    /// A row is deleted.
    RowLost,
    /// A value is changed.
    ValueChanged,
    /// Two values are swapped.
    ValuesExchanged,
}

/// How a failed run is approved in spite of its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    /// An operator approves a run that is not reconciled.
    OfFailed,
    /// The ledger is made to say that the run awaits approval.
    OfForged,
}

/// Where a promotion is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before the commit, so that nothing was committed.
    BeforeCommit,
    /// After the commit, before its answer.
    AfterCommit,
}

/// Final is damaged by a trigger while rows are brought into it.
pub(super) async fn in_window(what: InFinal, scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let name = layout.fields[at].name.clone();
    let (table, column) = (quoted_table(&layout.final_table.name), quoted(&name));
    let (new, there) =
        (key_of(dialect, layout, sample, When::New), key_of(dialect, layout, sample, When::There));
    let record = sample.record_no;
    if layout.is_attached() {
        return in_partition(what, scenario).await;
    }
    let (sql, victims, told) = match what {
        InFinal::RowLost => (
            trigger::after(
                dialect,
                &layout.final_table.name,
                &new,
                &format!("DELETE FROM {table} WHERE {there}"),
            ),
            vec![Victim { record_no: record, field: None }],
            format!("record {record} is deleted from final as soon as it is inserted"),
        ),
        InFinal::ValueChanged => (
            trigger::after(
                dialect,
                &layout.final_table.name,
                &format!("{new} AND NEW.{column} <> {literal}"),
                &format!("UPDATE {table} SET {column} = {literal} WHERE {there}"),
            ),
            vec![Victim { record_no: record, field: Some(name) }],
            format!("{column} of record {record} is changed as soon as it is inserted"),
        ),
        InFinal::ValuesExchanged => {
            let (one, other) = exchangeable(scenario, sample, at)?;
            let literal = |of: &Sample| dialect.literal(&of.values[at].value());
            let is = |of: &Sample, when| key_of(dialect, layout, of, when);
            let exchange = format!(
                "UPDATE {table} SET {column} = CASE WHEN {} THEN {} ELSE {} END WHERE ({}) OR ({})",
                is(one, When::There),
                literal(other),
                literal(one),
                is(one, When::There),
                is(other, When::There)
            );
            // SQLite fires at once, row by row: when the second of the two is there. PostgreSQL fires when all rows
            // are.
            let condition = match dialect {
                Dialect::Sqlite => format!(
                    "(({}) OR ({})) AND (SELECT count(*) FROM {table} WHERE (({}) AND {column} = {}) OR (({}) AND {column} = {})) = 2",
                    is(one, When::New),
                    is(other, When::New),
                    is(one, When::There),
                    literal(one),
                    is(other, When::There),
                    literal(other)
                ),
                Dialect::Postgres => is(one, When::New),
            };
            let victims =
                [one, other].map(|of| Victim { record_no: of.record_no, field: Some(name.clone()) });
            let told =
                format!("{column} of records {} and {} is swapped in final", one.record_no, other.record_no);
            (trigger::after(dialect, &layout.final_table.name, &condition, &exchange), victims.to_vec(), told)
        }
    };
    let field = scenario.field().await?;
    field.alter(&sql).await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.over(run_id, ended, Target { victims, part: None, told }, 0).await
}

/// Two records of the sample's type with different values in the field at `at`.
fn exchangeable<'a>(
    scenario: &'a Scenario<'_>,
    sample: &Sample,
    at: usize,
) -> Result<(&'a Sample, &'a Sample), Stop> {
    let is_other = |one: &Sample, other: &Sample| {
        let (one_value, other_value) = (&one.values[at], &other.values[at]);
        one.place == sample.place
            && one_value != other_value
            && *one_value != Owned::Null
            && *other_value != Owned::Null
    };
    scenario.pair(is_other).ok_or(Stop::NotHere("no two records hold different values in a field"))
}

/// Final's partition is damaged before it is attached: no row of it is ever inserted, and no trigger runs.
async fn in_partition(what: InFinal, scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let name = layout.fields[at].name.clone();
    let (table, column, record) = (quoted_table(&layout.staging), quoted(&name), sample.record_no);
    let (sql, victims, told) = match what {
        InFinal::RowLost => (
            format!("DELETE FROM {table} WHERE record_no = {record}"),
            vec![Victim { record_no: record, field: None }],
            format!("record {record} is deleted from the partition before it is attached"),
        ),
        InFinal::ValueChanged => (
            format!("UPDATE {table} SET {column} = {literal} WHERE record_no = {record}"),
            vec![Victim { record_no: record, field: Some(name) }],
            format!("{column} of record {record} is changed before the partition is attached"),
        ),
        InFinal::ValuesExchanged => {
            let (one, other) = exchangeable(scenario, sample, at)?;
            let literal = |of: &Sample| dialect.literal(&of.values[at].value());
            let (first, second) = (one.record_no, other.record_no);
            (
                // One after the other: of two literals in a CASE the server makes a text.
                format!(
                    "UPDATE {table} SET {column} = {} WHERE record_no = {first};
                     UPDATE {table} SET {column} = {} WHERE record_no = {second}",
                    literal(other),
                    literal(one)
                ),
                [first, second].map(|record_no| Victim { record_no, field: Some(name.clone()) }).to_vec(),
                format!(
                    "{column} of records {first} and {second} is swapped before the partition is attached"
                ),
            )
        }
    };
    let mut field = scenario.field().await?;
    field.store =
        Disturbed::on(Arc::clone(&field.store), Disturbance::Before(Arc::clone(&field.shadow.client), sql));
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.over(run_id, ended, Target { victims, part: None, told }, 0).await
}

/// Puts a row of a run that was cancelled into final.
pub(super) async fn failed_row_in_final(scenario: &Scenario<'_>) -> Strike {
    let (sample, ..) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    if layout.mode != Mode::Append || layout.key.is_empty() {
        return Err(Stop::NotHere("the table has no key, or its mode is not `append`"));
    }
    let field = scenario.field().await?;
    let given_up = field.stage().await?;
    let (names, table) = (columns(layout), quoted_table(&layout.final_table.name));
    let is_it = Scenario::is_record(given_up, sample.record_no);
    let staging = quoted_table(&layout.staging);
    let damage = match layout.is_attached() {
        false => {
            format!(
                "INSERT INTO {table} ({names}, last_run_id) SELECT {names}, run_id FROM {staging} WHERE {is_it}"
            )
        }
        true => format!(
            "CREATE TABLE {} PARTITION OF {table} FOR VALUES IN ('{given_up}');
             INSERT INTO {table} ({own}, {names}) SELECT {own}, {names} FROM {staging} WHERE {is_it}",
            quoted_table(&layout.final_table.name.beside(format!("{}_x", layout.final_table.name.name()))),
            own = STAGING_COLUMNS.join(", "),
        ),
    };
    field.damage(&damage).await?;
    let coordinator = field.coordinator(fleet::broker());
    coordinator.cancel(given_up, Some("drill")).await.map_err(|error| chain(&error))?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    let told = format!("record {} of a cancelled run is in final", sample.record_no);
    field.over(run_id, ended, Target::records(told, [sample.record_no]), 1).await
}

/// An operator wants a run promoted that failed.
pub(super) async fn approved_all_the_same(approval: Approval, scenario: &Scenario<'_>) -> Strike {
    let (sample, ..) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let at = Scenario::is_record(run_id, sample.record_no);
    field.damage(&format!("DELETE FROM {} WHERE {at}", quoted_table(&layout.staging))).await?;
    match field.approve(run_id).await {
        Ok(Ending::NotReconciled) => {}
        ended => return Err(Stop::Failed(format!("a run with a lost record ended {ended:?}"))),
    }
    let target = Target::records(
        format!("record {} is lost, and the run is approved", sample.record_no),
        [sample.record_no],
    );
    if approval == Approval::OfForged {
        field
            .damage(&format!(
                "UPDATE crossfoot_run SET state = 'awaiting-approval' WHERE run_id = '{run_id}'"
            ))
            .await?;
    }
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, target, 0).await
}

/// The connection is lost in the middle of promotion; the run is resumed.
pub(super) async fn cut_off(cut: Cut, scenario: &Scenario<'_>) -> Strike {
    let mut field = scenario.field().await?;
    let (disturbance, there, told) = match cut {
        Cut::BeforeCommit => (Disturbance::CutOff, 0, "the connection is lost before the commit"),
        Cut::AfterCommit => (
            Disturbance::AnswerLost,
            scenario.fixture.whole.final_rows,
            "the connection is lost after the commit",
        ),
    };
    let sound = Arc::clone(&field.store);
    field.store = Disturbed::on(Arc::clone(&sound), disturbance);
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.store = sound;
    let run_id = run_id.ok_or_else(|| format!("no run was opened: {ended:?}"))?;
    if ended.is_ok() {
        return Err(Stop::Failed(format!("promotion was not cut off: {ended:?}")));
    }
    let rows = field.final_rows().await?;
    if rows != there {
        // Half of it is in final, or what was committed is not.
        let ended = Err(Refusal::HalfDone { rows, there });
        return field.over(Some(run_id), ended, Target::told(told), 0).await;
    }
    let ended = field.drive(run_id, &Drive::default(), fleet::broker()).await;
    field.over(Some(run_id), ended, Target::told(told), 0).await
}

/// A row of an earlier run is in final, and changed when another is promoted.
pub(super) async fn earlier_row(mode: Mode, scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    if layout.mode != mode || layout.key.is_empty() {
        return Err(Stop::NotHere("the table's mode is another, or it has no key"));
    }
    let (other, _) = scenario
        .pair(|one, other| {
            one.place == sample.place && one.record_no != sample.record_no && one.place == other.place
        })
        .ok_or(Stop::NotHere("there is no second record"))?;
    let key = layout.key[0];
    let moved = different(dialect, &layout.fields[key].ty, &sample.values[key])
        .ok_or(Stop::NotHere("the key cannot be altered"))?;
    let key_column = quoted(&layout.fields[key].name);
    let (table, column) = (quoted_table(&layout.final_table.name), quoted(&layout.fields[at].name));
    let field = scenario.field().await?;
    // An earlier run leaves one row, whose key the next run does not have.
    match field.run(&scenario.request()).await {
        (_, Ok(Ending::Promoted)) => {}
        (_, ended) => return Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    }
    let there = key_of(dialect, layout, sample, When::There);
    let mut emptied: Vec<_> =
        scenario.fixture.job.layouts().map(|layout| quoted_table(&layout.final_table.name)).collect();
    emptied.retain(|name| *name != table);
    let mut sql: String = emptied.iter().map(|name| format!("DELETE FROM {name}; ")).collect();
    sql.push_str(&format!("DELETE FROM {table} WHERE NOT ({there}); "));
    // Out of the way of every key of the source, whatever they are.
    sql.push_str(&format!(
        "UPDATE {table} SET {key_column} = {} WHERE {there}",
        far(&sample.values[key], &moved)
    ));
    field.damage(&sql).await?;
    let condition = key_of(dialect, layout, other, When::New);
    let of_earlier = format!("{key_column} = {}", far(&sample.values[key], &moved));
    let change = format!("UPDATE {table} SET {column} = {literal} WHERE {of_earlier}");
    field.alter(&trigger::after(dialect, &layout.final_table.name, &condition, &change)).await?;
    let again = RunRequest { again: true, ..scenario.request() };
    let (run_id, ended) = field.run(&again).await;
    let told = format!("an earlier run's row changes when record {} is promoted", other.record_no);
    field.over(run_id, ended, Target::told(told), 1).await
}

/// A key that no record of a source has: a text is made longer, a number negative and large.
fn far(value: &Owned, moved: &str) -> String {
    match value {
        Owned::Integer(_) => "-987654321".into(),
        Owned::Text(text) => crate::sql::text(&format!("{text}~drill")),
        _ => moved.into(),
    }
}

/// Staging is damaged between its proof and promotion.
pub(super) async fn after_proof(scenario: &Scenario<'_>) -> Strike {
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let name = layout.fields[at].name.clone();
    let record_no = sample.record_no;
    let sql = format!(
        "UPDATE {} SET {} = {literal} WHERE record_no = {record_no}",
        quoted_table(&layout.staging),
        quoted(&name)
    );
    let mut field = scenario.field().await?;
    field.store =
        Disturbed::on(Arc::clone(&field.store), Disturbance::Before(Arc::clone(&field.shadow.client), sql));
    let (run_id, ended) = field.run(&scenario.request()).await;
    let told = format!("record {record_no}, {name}: altered after staging was proven");
    let victims = vec![Victim { record_no, field: Some(name) }];
    field.over(run_id, ended, Target { victims, part: None, told }, 0).await
}
