//! Whole rows: lost, doubled, moved, booked on others.

use std::sync::Arc;

use coordinator::open::RunRequest;

use crate::scenario::{Field, Scenario, Stop, Strike, Target};
use crate::sql::{columns, quoted_table};
use crate::survey::Sample;

/// A number that no record and no chunk has.
const ELSEWHERE: u64 = 900_000_000;

/// How often a run is staged again until both writers wrote something.
const ATTEMPTS: usize = 8;

/// What becomes of rows in staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// A row is deleted.
    Lost,
    /// A row is inserted again under a number of its own.
    Doubled,
    /// A row is deleted, and a copy of another put in its place.
    Replaced,
    /// A whole chunk is deleted.
    ChunkLost,
    /// A whole chunk is inserted again under another number.
    ChunkTwice,
    /// A row is moved to another chunk.
    Moved,
    /// Two rows are inserted again.
    TwoDoubled,
    /// The numbers of two rows are swapped.
    Exchanged,
    /// A row is attributed to another worker.
    OtherWorker,
}

/// What becomes of a row between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BetweenRuns {
    /// Another run's row is booked on this one.
    MixedIn,
    /// This run's row is booked on another.
    BookedElsewhere,
}

/// What becomes of a reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reject {
    /// The reject is deleted from its table.
    Lost,
    /// It appears in staging in spite of being a reject.
    Staged,
}

/// Damages rows of staging.
pub(super) async fn altered(row: Row, scenario: &Scenario<'_>) -> Strike {
    // Neither the first nor the last record: some in the middle of the run, of a type that has several.
    let (one, other) = two(scenario)?;
    if row == Row::Moved && scenario.fixture.survey.records <= scenario.fixture.chunks.records {
        return Err(Stop::NotHere("the source is one chunk"));
    }
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let layout = scenario.layout(one);
    let table = quoted_table(&layout.staging);
    let (here, there) =
        (Scenario::is_record(run_id, one.record_no), Scenario::is_record(run_id, other.record_no));
    let columns = columns(layout);
    let copy = |of: &str, chunk_no: &str, record_no: u64| {
        format!(
            "INSERT INTO {table} (run_id, chunk_no, record_no, worker_id, {columns}) SELECT run_id, {chunk_no}, {record_no}, worker_id, {columns} FROM {table} WHERE {of}"
        )
    };
    let chunk_of = |at: &str| format!("(SELECT chunk_no FROM {table} WHERE {at})");
    let (first, second) = (one.record_no, other.record_no);
    let (new, newer) = (ELSEWHERE + first, ELSEWHERE + second);
    let (sql, target) = match row {
        Row::Lost => (
            format!("DELETE FROM {table} WHERE {here}"),
            Target::records(format!("record {first} is deleted"), [first]),
        ),
        Row::Doubled => (
            copy(&here, "chunk_no", new),
            Target::records(format!("record {first} is inserted again as {new}"), [new]),
        ),
        Row::Replaced => {
            // The copy takes the lost one's chunk and number.
            let chunk_no = field.shadow.client.number(&chunk_of(&here)).await?;
            let sql =
                format!("DELETE FROM {table} WHERE {here}; {}", copy(&there, &chunk_no.to_string(), first));
            (
                sql,
                Target::records(format!("record {first} is replaced by a copy of record {second}"), [first]),
            )
        }
        Row::ChunkLost => {
            let chunk_no = field.shadow.client.number(&chunk_of(&here)).await?;
            let sql = format!("DELETE FROM {table} WHERE run_id = '{run_id}' AND chunk_no = {chunk_no}");
            (sql, Target::records(format!("chunk {chunk_no} is deleted"), [first]))
        }
        Row::ChunkTwice => {
            let chunk_no = field.shadow.client.number(&chunk_of(&here)).await?;
            let whole = format!("run_id = '{run_id}' AND chunk_no = {chunk_no}");
            let sql = format!(
                "INSERT INTO {table} (run_id, chunk_no, record_no, worker_id, {columns}) SELECT run_id, {ELSEWHERE}, record_no, worker_id, {columns} FROM {table} WHERE {whole}"
            );
            (sql, Target::records(format!("chunk {chunk_no} is inserted again as {ELSEWHERE}"), [first]))
        }
        Row::Moved => {
            let chunk_no = field.shadow.client.number(&chunk_of(&here)).await?;
            let elsewhere = if chunk_no == 0 { 1 } else { 0 };
            (
                format!("UPDATE {table} SET chunk_no = {elsewhere} WHERE {here}"),
                Target::records(
                    format!("record {first} is moved from chunk {chunk_no} to {elsewhere}"),
                    [first],
                ),
            )
        }
        Row::TwoDoubled => (
            format!("{}; {}", copy(&here, "chunk_no", new), copy(&there, "chunk_no", newer)),
            Target::records(format!("records {first} and {second} are inserted again"), [new, newer]),
        ),
        Row::Exchanged => {
            let of_first = field.shadow.client.number(&chunk_of(&here)).await?;
            let of_second = field.shadow.client.number(&chunk_of(&there)).await?;
            let aside = Scenario::is_record(run_id, ELSEWHERE);
            let sql = format!(
                "UPDATE {table} SET record_no = {ELSEWHERE} WHERE {here};
                 UPDATE {table} SET record_no = {first}, chunk_no = {of_first} WHERE {there};
                 UPDATE {table} SET record_no = {second}, chunk_no = {of_second} WHERE {aside}"
            );
            (
                sql,
                Target::records(
                    format!("the numbers of records {first} and {second} are swapped"),
                    [first, second],
                ),
            )
        }
        Row::OtherWorker => (
            format!("UPDATE {table} SET worker_id = worker_id + 1000 WHERE {here}"),
            Target::records(format!("record {first} is attributed to another worker"), [first]),
        ),
    };
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, target, 0).await
}

/// Two records of one type, with different contents.
fn two<'a>(scenario: &'a Scenario<'_>) -> Result<(&'a Sample, &'a Sample), Stop> {
    let is_many = |sample: &Sample| scenario.fixture.survey.by_type[sample.place] > 1;
    scenario
        .pair(|one, other| is_many(one) && one.values != other.values && one.record_no > 1)
        .or_else(|| scenario.pair(|one, other| is_many(one) && one.values != other.values))
        .ok_or(Stop::NotHere("the source has no two different records of one type"))
}

/// Rows that change runs.
pub(super) async fn between_runs(what: BetweenRuns, scenario: &Scenario<'_>) -> Strike {
    let (one, _) = two(scenario)?;
    let layout = scenario.layout(one);
    let table = quoted_table(&layout.staging);
    let field = scenario.field().await?;
    let other_run = field.stage().await?;
    let again = RunRequest { again: true, pause_after_staged: true, ..scenario.request() };
    let run_id = field.stage_of(&again).await?;
    let number = one.record_no;
    let (sql, target) = if what == BetweenRuns::MixedIn {
        let new = ELSEWHERE + number;
        let at = Scenario::is_record(other_run, number);
        (
            format!("UPDATE {table} SET run_id = '{run_id}', record_no = {new} WHERE {at}"),
            Target::records(format!("record {number} of another run is moved into this run as {new}"), [new]),
        )
    } else {
        let at = Scenario::is_record(run_id, number);
        (
            format!(
                "UPDATE {table} SET run_id = '{other_run}', record_no = {} WHERE {at}",
                ELSEWHERE + number
            ),
            Target::records(format!("record {number} is moved to another run"), [number]),
        )
    };
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, target, 0).await
}

/// Rejects that are lost, or turn up in staging.
pub(super) async fn rejects(what: Reject, scenario: &Scenario<'_>) -> Strike {
    let reject =
        *scenario.fixture.survey.rejects.first().ok_or(Stop::NotHere("the source has no rejects"))?;
    let (one, _) = two(scenario)?;
    let layout = scenario.layout(one);
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let at = Scenario::is_record(run_id, reject);
    let (sql, told) = if what == Reject::Lost {
        (format!("DELETE FROM crossfoot_reject WHERE {at}"), format!("reject {reject} is deleted"))
    } else {
        let (table, columns) = (quoted_table(&layout.staging), columns(layout));
        let sql = format!(
            "INSERT INTO {table} (run_id, chunk_no, record_no, worker_id, {columns})
             SELECT run_id, (SELECT chunk_no FROM crossfoot_reject WHERE {at}), {reject}, worker_id, {columns}
             FROM {table} WHERE {}",
            Scenario::is_record(run_id, one.record_no)
        );
        (sql, format!("reject {reject} is in staging with the values of record {}", one.record_no))
    };
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target::records(told, [reject]), 0).await
}

/// A row of each of two writers is booked on the other.
pub(super) async fn exchanged_workers(scenario: &Scenario<'_>) -> Strike {
    let (one, _) = two(scenario)?;
    let table = quoted_table(&scenario.layout(one).staging);
    for _ in 0..ATTEMPTS {
        let field = scenario.field().await?;
        let run_id = field.stage().await?;
        let of = format!("FROM {table} WHERE run_id = '{run_id}'");
        let workers = field.shadow.client.number(&format!("SELECT count(DISTINCT worker_id) {of}")).await?;
        if workers < 2 {
            // One writer happened to be quicker than the other every time.
            field.shadow.remove().await;
            continue;
        }
        return exchange(field, run_id, &table, &of).await;
    }
    Err(Stop::NotHere("a single writer wrote every chunk"))
}

async fn exchange(field: Field<'_>, run_id: domain::ids::RunId, table: &str, of: &str) -> Strike {
    let client = Arc::clone(&field.shadow.client);
    let (lowest, highest) = (
        client.number(&format!("SELECT min(worker_id) {of}")).await?,
        client.number(&format!("SELECT max(worker_id) {of}")).await?,
    );
    let first = client.number(&format!("SELECT min(record_no) {of} AND worker_id = {lowest}")).await?;
    let second = client.number(&format!("SELECT min(record_no) {of} AND worker_id = {highest}")).await?;
    let (here, there) = (Scenario::is_record(run_id, first), Scenario::is_record(run_id, second));
    field
        .damage(&format!(
            "UPDATE {table} SET worker_id = {highest} WHERE {here}; UPDATE {table} SET worker_id = {lowest} WHERE {there}"
        ))
        .await?;
    let ended = field.approve(run_id).await;
    let told = format!("records {first} and {second}: writers {lowest} and {highest} are swapped");
    field.over(Some(run_id), ended, Target::records(told, [first, second]), 0).await
}
