//! Final read back in the order in which it is stored.
//!
//! Rows enter final in the order of its key. While they do, a second connection sorts the run's staged keys in the
//! same way; reading final back is one pass over its new pages then, each row paired with the staged key whose turn it
//! is. Where the two are not the same bytes, or one of them is left over (rows that filled gaps between older ones,
//! triggers that changed a key or left a row out), nothing was handed on yet, and the server joins and sorts instead:
//! pairing is a quicker way to the same join, and never one to another answer. Measured on 1,000,000 rows, the join
//! and its sort took three times as long as the pass.

use std::sync::Arc;

use domain::ids::RunId;
use domain::layout::Layout;
use futures_util::StreamExt as _;
use sqlx::Executor as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::by_record::{ByRecord, Place};
use store::model::Block;
use store::rules::order;
use tokio::sync::mpsc;

use super::connect::PostgresStore;
use super::final_table::Shape;
use super::read_back::{AT_LEISURE, Ended};
use super::rows::{Columns, Tuples, read_field};
use super::tables::{columns, quoted, quoted_table};
use super::watched::Watch;

/// How many bytes, or how many keys, are handed over in one group.
const GROUP_BYTES: usize = 256 << 10;
const GROUP_KEYS: usize = 4096;

/// More rows than this are left to the server: what is kept of each in memory adds up.
const ROWS_MAX: u64 = 100_000_000;

/// A pool of fewer connections has none to spare.
const CONNECTIONS_MIN: u32 = 4;

/// Sorting keys happens in memory up to this; the promotion has as much.
const PLANS: &str = "SET LOCAL work_mem = '256MB'";

/// One pass from the first page to the last.
const PLANS_IN_ORDER: &str =
    "SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0";
const PLANS_AS_BEFORE: &str =
    "SET LOCAL synchronize_seqscans TO DEFAULT; SET LOCAL max_parallel_workers_per_gather TO DEFAULT";

/// Staged keys in the order of final's key, with where each belongs.
#[derive(Default)]
struct Keys {
    places: Vec<Place>,
    /// Where each key ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

/// The staged keys of a run, as they arrive. The server begins to sort at once; dropping them ends that.
pub(crate) struct StagedKeys(mpsc::Receiver<Result<Keys, StoreError>>);

impl PostgresStore {
    /// Whether a promotion may take a second connection.
    pub(crate) fn has_connections_to_spare(&self) -> bool {
        self.pool.max() >= CONNECTIONS_MIN
    }

    /// Has the run's staged keys sorted by a connection of its own.
    pub(crate) fn sort_keys(&self, run_id: RunId, layout: &Arc<Layout>) -> StagedKeys {
        let (sender, receiver) = mpsc::channel(4);
        let (store, layout) = (self.clone(), Arc::clone(layout));
        tokio::spawn(async move {
            if let Err(Ended::Failed(error)) = store.send_keys(run_id, &layout, &sender).await {
                let _ = sender.send(Err(error)).await;
            }
        });
        StagedKeys(receiver)
    }

    async fn send_keys(
        &self,
        run_id: RunId,
        layout: &Layout,
        sender: &mpsc::Sender<Result<Keys, StoreError>>,
    ) -> Result<(), Ended> {
        let mut session = self.pool.acquire().await?;
        let watch = session.watch();
        let sent = async {
            session.execute("BEGIN READ ONLY").await?;
            session.execute(AT_LEISURE).await?;
            copy_keys(&mut session, &watch, run_id, layout, sender).await?;
            session.execute("COMMIT").await?;
            Ok::<_, Ended>(())
        };
        // After an error nobody reads what the server still has to say: the connection ends with it.
        watch.over("sorting a run's keys", sent).await?;
        session.keep();
        Ok(())
    }
}

async fn copy_keys(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    layout: &Layout,
    sender: &mpsc::Sender<Result<Keys, StoreError>>,
) -> Result<(), Ended> {
    connection.execute(PLANS).await?;
    let key: String =
        layout.key.iter().map(|at| format!(", s.{}", quoted(&layout.fields[*at].name))).collect();
    let sql = format!(
        "COPY (SELECT s.chunk_no, s.record_no, s.worker_id{key} FROM {} s WHERE s.run_id = '{run_id}' ORDER BY {})
         TO STDOUT (FORMAT binary)",
        quoted_table(&layout.staging),
        order(layout)
    );
    let mut pieces = connection.copy_out_raw(&sql).await?;
    let (mut tuples, mut keys) = (Tuples::default(), Keys::default());
    while let Some(piece) = pieces.next().await {
        watch.heard();
        tuples.feed(&piece?, 3 + layout.key.len(), |tuple| {
            keys.push(layout, tuple);
            Ok(())
        })?;
        if keys.bytes.len() >= GROUP_BYTES || keys.ends.len() >= GROUP_KEYS {
            let sent = sender.send(Ok(std::mem::take(&mut keys)));
            watch.elsewhere(sent).await.map_err(|_| Ended::Unheard)?;
        }
    }
    tuples.end()?;
    watch.elsewhere(sender.send(Ok(keys))).await.map_err(|_| Ended::Unheard)
}

impl Keys {
    fn push(&mut self, layout: &Layout, mut tuple: Columns<'_>) {
        let (chunk_no, record_no, worker_id) = tuple.place();
        self.places.push(Place { chunk_no, record_no, worker_id });
        for at in &layout.key {
            read_field(&mut self.bytes, &layout.fields[*at].ty, tuple.take());
        }
        self.ends.push(self.bytes.len());
    }
}

impl StagedKeys {
    /// The next group that is not empty; `None` after the last.
    async fn next(&mut self) -> Result<Option<Keys>, StoreError> {
        while let Some(group) = self.0.recv().await {
            let group = group?;
            if !group.ends.is_empty() {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }
}

/// Sends the run's rows of final, `rows` of them from `page` on, in the order of their records. `false`, and nothing
/// sent, if they are not stored in the order of `keys`.
pub(crate) async fn read_in_order(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    (page, rows): (i64, u64),
    keys: StagedKeys,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<bool, Ended> {
    if rows > ROWS_MAX {
        return Ok(false);
    }
    let mut pairing = Pairing { keys, group: Keys::default(), at: 0, found: ByRecord::new(rows), rows: 0 };
    connection.execute(PLANS_IN_ORDER).await?;
    let of = &layout.final_table;
    // A table of runs cannot be read in final's order.
    let Some(run) = of.run_column() else { return Ok(false) };
    let number = if layout.key.is_empty() { format!(", f.{}", quoted(&of.record_no)) } else { String::new() };
    let sql = format!(
        "COPY (SELECT {}{number} FROM {} f WHERE f.ctid >= '({page},0)' AND f.{} = '{run_id}')
         TO STDOUT (FORMAT binary)",
        columns("f.", layout.columns()),
        quoted_table(&of.name),
        quoted(run),
    );
    let width = layout.fields.len() + usize::from(layout.key.is_empty());
    let (mut tuples, mut some) = (Tuples::default(), Rows::default());
    let mut pieces = connection.copy_out_raw(&sql).await?;
    let mut agree = true;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        watch.heard();
        // What does not agree is read and dropped: the transaction goes on.
        if agree {
            tuples.feed(&piece, width, |tuple| {
                some.push(layout, shape, tuple);
                Ok(())
            })?;
            agree = watch.elsewhere(pairing.pair(&mut some)).await;
        }
    }
    drop(pieces);
    connection.execute(PLANS_AS_BEFORE).await?;
    if !agree || tuples.end().is_err() || !watch.elsewhere(pairing.is_complete(rows)).await {
        tracing::debug!(%run_id, table = %layout.final_table.name, "final is not stored in key order");
        return Ok(false);
    }
    let mut found = pairing.found;
    loop {
        // A file that cannot be read any more is found before its rows are handed on, but others were.
        let blocks = found.next_blocks().map_err(|error| StoreError::Database {
            reason: format!("the temporary file in which records are ordered: {error}"),
        })?;
        let Some(blocks) = blocks else { return Ok(true) };
        for block in blocks {
            watch.elsewhere(sender.send(Ok(block))).await.map_err(|_| Ended::Unheard)?;
        }
    }
}

/// Rows of final, each a canonical record but for its number, and their keys.
#[derive(Default)]
struct Rows {
    fields: Vec<u8>,
    keys: Vec<u8>,
    /// Where each ends in `fields` and in `keys`, and its number where final keeps that.
    ends: Vec<(usize, usize, Option<i64>)>,
    /// Where the fields of a row begin.
    starts: Vec<usize>,
}

impl Rows {
    fn push(&mut self, layout: &Layout, shape: &Shape, mut tuple: Columns<'_>) {
        self.starts.clear();
        for (at, field) in layout.fields.iter().enumerate() {
            self.starts.push(self.fields.len());
            shape.of(at).read(&mut self.fields, &field.ty, tuple.take());
        }
        self.starts.push(self.fields.len());
        for at in &layout.key {
            self.keys.extend_from_slice(&self.fields[self.starts[*at]..self.starts[*at + 1]]);
        }
        let number = if layout.key.is_empty() { tuple.number() } else { None };
        self.ends.push((self.fields.len(), self.keys.len(), number));
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.keys.clear();
        self.ends.clear();
    }
}

/// Rows and keys that are being paired.
struct Pairing {
    keys: StagedKeys,
    group: Keys,
    /// The next key of the group.
    at: usize,
    found: ByRecord,
    rows: u64,
}

impl Pairing {
    /// Pairs the rows with the next keys. Whether they agree.
    async fn pair(&mut self, rows: &mut Rows) -> bool {
        let (mut start, mut key_start) = (0, 0);
        for (end, key_end, number) in &rows.ends {
            let Some(place) = self.next(&rows.keys[key_start..*key_end], *number).await else { return false };
            if let Err(error) = self.found.push(place, &rows.fields[start..*end]) {
                tracing::info!(%error, "cannot create a temporary file to order records; the server orders them");
                return false;
            }
            (start, key_start) = (*end, *key_end);
        }
        self.rows += rows.ends.len() as u64;
        rows.clear();
        true
    }

    /// Where the next key belongs, if it is `key`.
    async fn next(&mut self, key: &[u8], number: Option<i64>) -> Option<Place> {
        if self.at == self.group.ends.len() {
            self.group = self.keys.next().await.ok()??;
            self.at = 0;
        }
        let start = self.at.checked_sub(1).map_or(0, |before| self.group.ends[before]);
        let staged = &self.group.bytes[start..self.group.ends[self.at]];
        let place = self.group.places[self.at];
        self.at += 1;
        let is_it = staged == key && number.is_none_or(|number| u64::try_from(number) == Ok(place.record_no));
        is_it.then_some(place)
    }

    /// Whether `rows` rows were paired, and no key is left.
    async fn is_complete(&mut self, rows: u64) -> bool {
        self.rows == rows && self.at == self.group.ends.len() && matches!(self.keys.next().await, Ok(None))
    }
}
