//! The evidence log, edited by somebody who may do anything to the database.

use crate::defect::Evidence;
use coordinator::evidence::audit::{AuditError, verify};
use coordinator::run::Ending;
use domain::event::Event;
use domain::fingerprint::Hash;
use domain::hex;

use super::unknown;
use crate::scene::{Field, Scene, Stop, Strike, Struck};
use crate::sql::{Dialect, text};
use shared::causes::chain;

/// Strikes the log.
pub(super) async fn strike(id: &str, scene: &Scene<'_>) -> Strike {
    let field = scene.field().await?;
    match field.run(&scene.request()).await {
        (_, Ok(Ending::Promoted)) => {}
        (_, ended) => return Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    }
    // A checkpoint, as it is printed at the end of every run.
    let noted = verify(&*field.store, None).await.map_err(|error| chain(&error))?;
    let events = field.store.events(0, 1000).await.map_err(|error| chain(&error))?;
    let [.., before_last, last] = &events[..] else {
        return Err(Stop::Failed("the log of a whole run has fewer than two events".into()));
    };
    if id == "LOG-07" || id == "LOG-08" {
        let sql = match id {
            "LOG-07" => format!("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = {}", last.seq),
            _ => format!("DELETE FROM crossfoot_event WHERE seq = {}", last.seq),
        };
        return match field.shadow.hand.execute(&sql).await {
            Err(refusal) => {
                field
                    .prevented(format!("the database refuses: {refusal}"), format!("event {}", last.seq))
                    .await
            }
            Ok(_) => {
                field.shadow.remove().await;
                Ok(Struck { evidence: Evidence::default(), told: format!("event {}", last.seq) })
            }
        };
    }
    disarm(&field).await?;
    let (sql, told, noted) = match id {
        "LOG-01" => (
            format!("DELETE FROM crossfoot_event WHERE seq = {}", before_last.seq),
            format!("event {} is removed", before_last.seq),
            None,
        ),
        "LOG-02" => {
            let (one, other) = (before_last.seq, last.seq);
            let sql = format!(
                "UPDATE crossfoot_event SET seq = 900000 WHERE seq = {one}; UPDATE crossfoot_event SET seq = {one} WHERE seq = {other};
                 UPDATE crossfoot_event SET seq = {other} WHERE seq = 900000"
            );
            (sql, format!("events {one} and {other} are exchanged"), None)
        }
        "LOG-03" => (
            format!("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = {}", before_last.seq),
            format!("event {} is rewritten", before_last.seq),
            None,
        ),
        "LOG-04" => (
            rewritten(scene.dialect(), before_last, before_last.previous).0,
            format!("event {} is rewritten, and its hash with it", before_last.seq),
            None,
        ),
        "LOG-05" => (
            format!("DELETE FROM crossfoot_event WHERE seq = {}", last.seq),
            format!("event {} is cut off", last.seq),
            Some(noted),
        ),
        "LOG-06" => {
            let (first, head) = rewritten(scene.dialect(), before_last, before_last.previous);
            let (second, _) = rewritten(scene.dialect(), last, head);
            let told = format!("event {} is rewritten, and what follows is chained to it", before_last.seq);
            (format!("{first}; {second}"), told, Some(noted))
        }
        _ => return Err(unknown(id)),
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
    let sql = match field.scene.dialect() {
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
