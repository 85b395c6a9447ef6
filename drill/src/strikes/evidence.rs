//! The evidence log, edited by someone who may do anything to the database.

use coordinator::evidence::audit::{AuditError, verify};
use coordinator::run::Ending;
use domain::event::Event;
use domain::fingerprint::Hash;
use domain::hex;
use platform::causes::chain;

use crate::defect::Evidence;
use crate::scenario::{Field, Scenario, Stop, Strike, Struck};
use crate::sql::{Dialect, text};

/// A statement that the database must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statement {
    /// An event is updated.
    Update,
    /// An event is deleted.
    Delete,
}

/// What becomes of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogEdit {
    /// An event is removed.
    Removed,
    /// Two events are swapped.
    Exchanged,
    /// An event is rewritten.
    Rewritten,
    /// An event is rewritten, and its hash with it.
    Rehashed,
    /// The last event is cut off.
    CutOff,
    /// An event is rewritten, and what follows is chained to it.
    Rechained,
}

/// A shadow in which a whole run was promoted.
async fn promoted<'a>(scenario: &'a Scenario<'_>) -> Result<Field<'a>, Stop> {
    let field = scenario.field().await?;
    match field.run(&scenario.request()).await {
        (_, Ok(Ending::Promoted)) => Ok(field),
        (_, ended) => Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    }
}

/// The last two events of the log.
async fn last_two(field: &Field<'_>) -> Result<[Event; 2], Stop> {
    let events = field.store.events(0, 1000).await.map_err(|error| chain(&error))?;
    let Ok([before_last, last]) =
        <[Event; 2]>::try_from(events.into_iter().rev().take(2).rev().collect::<Vec<_>>())
    else {
        return Err(Stop::Failed("the log of a whole run has fewer than two events".into()));
    };
    Ok([before_last, last])
}

/// Changes the log by SQL, its guards in place.
pub(super) async fn by_sql(statement: Statement, scenario: &Scenario<'_>) -> Strike {
    let field = promoted(scenario).await?;
    let [_, last] = last_two(&field).await?;
    let sql = match statement {
        Statement::Update => format!("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = {}", last.seq),
        Statement::Delete => format!("DELETE FROM crossfoot_event WHERE seq = {}", last.seq),
    };
    let told = format!("event {}", last.seq);
    match field.shadow.client.execute(&sql).await {
        Err(refusal) => field.prevented(format!("the database rejects it: {refusal}"), told).await,
        Ok(_) => {
            field.shadow.remove().await;
            Ok(Struck { evidence: Evidence::default(), told })
        }
    }
}

/// Edits the log, its guards taken away, and walks it.
pub(super) async fn edited(edit: LogEdit, scenario: &Scenario<'_>) -> Strike {
    let field = promoted(scenario).await?;
    // A checkpoint, as it is printed at the end of every run.
    let noted = verify(&*field.store, None).await.map_err(|error| chain(&error))?;
    let [before_last, last] = &last_two(&field).await?;
    disarm(&field).await?;
    let (sql, told, noted) = match edit {
        LogEdit::Removed => (
            format!("DELETE FROM crossfoot_event WHERE seq = {}", before_last.seq),
            format!("event {} is removed", before_last.seq),
            None,
        ),
        LogEdit::Exchanged => {
            let (one, other) = (before_last.seq, last.seq);
            let sql = format!(
                "UPDATE crossfoot_event SET seq = 900000 WHERE seq = {one}; UPDATE crossfoot_event SET seq = {one} WHERE seq = {other};
                 UPDATE crossfoot_event SET seq = {other} WHERE seq = 900000"
            );
            (sql, format!("events {one} and {other} are swapped"), None)
        }
        LogEdit::Rewritten => (
            format!("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = {}", before_last.seq),
            format!("event {} is rewritten", before_last.seq),
            None,
        ),
        LogEdit::Rehashed => (
            rewritten(scenario.dialect(), before_last, before_last.previous).0,
            format!("event {} and its hash are rewritten", before_last.seq),
            None,
        ),
        LogEdit::CutOff => (
            format!("DELETE FROM crossfoot_event WHERE seq = {}", last.seq),
            format!("event {}, the last one, is removed", last.seq),
            Some(noted),
        ),
        LogEdit::Rechained => {
            let (first, head) = rewritten(scenario.dialect(), before_last, before_last.previous);
            let (second, _) = rewritten(scenario.dialect(), last, head);
            let told =
                format!("event {} is rewritten, and the events after it are chained to it", before_last.seq);
            (format!("{first}; {second}"), told, Some(noted))
        }
    };
    field.damage(&sql).await?;
    let refusal = match verify(&*field.store, noted.map(Into::into)).await {
        Err(AuditError::Chain(error)) => Some(error.to_string()),
        Err(error @ AuditError::Store(_)) => return Err(Stop::Failed(chain(&error))),
        Ok(_) => None,
    };
    field.shadow.remove().await;
    Ok(Struck { evidence: Evidence { refusal, ..Evidence::default() }, told })
}

/// Takes the triggers away that refuse changes, as the tables' owner can.
async fn disarm(field: &Field<'_>) -> Result<(), Stop> {
    let sql = match field.scenario.dialect() {
        Dialect::Sqlite => {
            "DROP TRIGGER crossfoot_event_no_update; DROP TRIGGER crossfoot_event_no_delete; DROP TRIGGER crossfoot_event_no_replace"
        }
        // Who owns the table may permit themselves what the ledger took away.
        Dialect::Postgres => {
            "ALTER TABLE crossfoot_event DISABLE TRIGGER USER; GRANT UPDATE, DELETE ON crossfoot_event TO CURRENT_USER"
        }
    };
    field.alter(sql).await
}

/// The statement that puts another event in the place of one, with a hash that fits; and that hash.
fn rewritten(dialect: Dialect, event: &Event, previous: Hash) -> (String, Hash) {
    let mut entry = event.entry.clone();
    entry.actor = "nobody".into();
    let new = Event::seal(event.seq, entry, previous);
    let bytes = |hash: &Hash| match dialect {
        Dialect::Sqlite => format!("x'{}'", hex::encode(&hash.0)),
        Dialect::Postgres => format!("'\\x{}'::bytea", hex::encode(&hash.0)),
    };
    let sql = format!(
        "UPDATE crossfoot_event SET actor = {}, previous = {}, hash = {} WHERE seq = {}",
        text(&new.entry.actor),
        bytes(&new.previous),
        bytes(&new.hash),
        new.seq
    );
    (sql, new.hash)
}
