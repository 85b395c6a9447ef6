//! The evidence log: events, each of which covers the one before.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::event::{Entry as LogEntry, Event, GENESIS, Head};
use domain::event_kind::EventKind;
use domain::ids::RunId;

use crate::database::{Change, Connection, Database, Lock};
use crate::param::Param;
use crate::row::Row;
use crate::runs::hold_fence;
use crate::{Fence, StoreError, params};

/// The evidence log, appended to and read.
#[async_trait]
#[delegatable_trait]
pub trait Log: Send + Sync {
    /// Appends to the log.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn log(&self, entry: LogEntry) -> Result<Event, StoreError>;
    /// Appends to the log what the run's driver has to say, unless it was fenced off meanwhile: nothing comes after
    /// the event that ended a run.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn log_under(&self, fence: Fence, entry: LogEntry) -> Result<Event, StoreError>;
    /// Appends to the log, unless an event of the same run and kind has `mark` in its detail already: `None` then. Of
    /// several that append the same at a time, one does.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn log_once(&self, entry: LogEntry, mark: &str) -> Result<Option<Event>, StoreError>;
    /// The run's last event of a kind.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn last_event(&self, run_id: RunId, kind: EventKind) -> Result<Option<Event>, StoreError>;
    /// The log's events after number `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// The log's events of a kind after number `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn events_of(&self, kind: EventKind, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// The number of the run's first event; `None` when it has none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError>;
    /// The run's own events after number `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn run_events(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// The number and hash of the log's last event; `None` when it is empty.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn log_head(&self) -> Result<Option<Head>, StoreError>;
}

pub(crate) fn event_from(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        seq: row.get("seq")?,
        entry: LogEntry {
            run_id: row.get("run_id")?,
            at_ms: row.get("at_ms")?,
            kind: row.get("kind")?,
            actor: row.get("actor")?,
            detail: row.get("detail")?,
        },
        previous: row.get("previous")?,
        hash: row.get("hash")?,
    })
}

const LAST: &str = "SELECT * FROM crossfoot_event ORDER BY seq DESC LIMIT 1";

/// Appends to the log, in the transaction of what it documents. Other appends wait until that ends: call it last.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn append(connection: &mut dyn Connection, entry: LogEntry) -> Result<Event, StoreError> {
    connection.lock(Lock::Log).await?;
    fault::point!("event.before");
    let (seq, previous) = match connection.fetch_first(LAST, params![]).await? {
        None => (1, GENESIS),
        Some(row) => (row.get::<u64>("seq")? + 1, row.get("hash")?),
    };
    let event = Event::seal(seq, entry, previous);
    let sql = "INSERT INTO crossfoot_event (seq, run_id, at_ms, kind, actor, detail, previous, hash)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = params![
        event.seq,
        &event.entry.run_id,
        event.entry.at_ms,
        &event.entry.kind,
        &event.entry.actor,
        &event.entry.detail,
        event.previous.0.as_slice(),
        event.hash.0.as_slice(),
    ];
    connection.execute(sql, values).await?;
    fault::point!("event.after");
    Ok(event)
}

#[async_trait]
impl<D: Database> Log for D {
    async fn log(&self, entry: LogEntry) -> Result<Event, StoreError> {
        self.write(Change::LEDGER, move |connection| Box::pin(append(connection, entry))).await
    }

    async fn log_under(&self, fence: Fence, entry: LogEntry) -> Result<Event, StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                append(connection, entry).await
            })
        })
        .await
    }

    async fn log_once(&self, entry: LogEntry, mark: &str) -> Result<Option<Event>, StoreError> {
        let mark = mark.to_owned();
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                // Nothing is appended between the look and the entry.
                connection.lock(Lock::Log).await?;
                let sql = "SELECT * FROM crossfoot_event WHERE run_id = $1 AND kind = $2 ORDER BY seq DESC";
                let same = connection.fetch(sql, params![&entry.run_id, &entry.kind]).await?;
                for row in &same {
                    if row.get::<String>("detail")?.contains(&mark) {
                        return Ok(None);
                    }
                }
                append(connection, entry).await.map(Some)
            })
        })
        .await
    }

    async fn last_event(&self, run_id: RunId, kind: EventKind) -> Result<Option<Event>, StoreError> {
        let sql = "SELECT * FROM crossfoot_event WHERE run_id = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1";
        let found = self.fetch_first(sql, params![run_id.to_string(), kind.name()]).await?;
        found.as_ref().map(event_from).transpose()
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT * FROM crossfoot_event WHERE seq > $1 ORDER BY seq LIMIT $2";
        self.fetch(sql, params![Param::place(after), limit]).await?.iter().map(event_from).collect()
    }

    async fn events_of(&self, kind: EventKind, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT * FROM crossfoot_event WHERE kind = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.fetch(sql, params![kind.name(), Param::place(after), limit]).await?;
        rows.iter().map(event_from).collect()
    }

    async fn first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT min(seq) AS first FROM crossfoot_event WHERE run_id = $1";
        self.fetch_one(sql, params![run_id.to_string()]).await?.get("first")
    }

    async fn run_events(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT * FROM crossfoot_event WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.fetch(sql, params![run_id.to_string(), Param::place(after), limit]).await?;
        rows.iter().map(event_from).collect()
    }

    async fn log_head(&self) -> Result<Option<Head>, StoreError> {
        let last = self.fetch_first(LAST, params![]).await?;
        last.as_ref()
            .map(|row| event_from(row).map(|event| Head { seq: event.seq, hash: event.hash }))
            .transpose()
    }
}
