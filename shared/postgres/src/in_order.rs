//! Final read back in the order in which its rows enter it.
//!
//! A row that names its run and its record belongs to that record, whatever it holds; what it holds is compared with
//! the source all the same. Tables of users may have no column for the record's number. Rows enter them in the order of
//! the key: while they do, a second connection sorts the run's staged keys in the same way, and each row is paired with
//! the staged key whose turn it is.
//!
//! If nothing can change a row once it is stored (the table has no triggers, and is locked), the statement that inserts
//! it returns it as it was stored. Otherwise final's new pages are read in one pass when all rows are in.
//!
//! Where row and key are not the same bytes, one of them is left over (rows that filled gaps between older ones,
//! triggers that changed a key or left a row out), or two rows name one record, nothing was handed on yet, and the
//! server joins and sorts instead: pairing is a quicker way to the same join, and never one to another answer. Measured
//! on 1,000,000 rows, the join and its sort took three times as long as the pass.

use std::sync::Arc;

use domain::ids::RunId;
use domain::layout::Layout;
use domain::table::TableName;
use futures_util::StreamExt as _;
use sqlx::Executor as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::by_record::{ByRecord, Place};
use store::failure::refused;
use store::lineage::Lineage;
use store::model::Block;
use store::rules::order;
use tokio::sync::mpsc;

use super::connect::PostgresStore;
use super::ended::Ended;
use super::final_table::Shape;
use super::read_back::AT_LEISURE;
use super::rows::{Columns, Tuples, read_field};
use super::tables::{columns, quoted, quoted_table};
use super::watched::Watch;

/// How many bytes, or how many keys, are handed over in one group.
const GROUP_BYTES: usize = 256 << 10;
const GROUP_KEYS: usize = 4096;

/// More rows than this are left to the server: what is kept of each in memory adds up.
pub(crate) const ROWS_MAX: u64 = 100_000_000;

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

/// Sends the run's rows of `table`, `rows` of them from `page` on, in the order of their records. `false`, and nothing
/// sent, if they cannot be paired with their records. The table is final, or the partition that becomes one of final.
pub(crate) async fn read_in_order(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    (table, page, rows): (&TableName, i64, u64),
    by: By,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<bool, Ended> {
    if rows > ROWS_MAX {
        return Ok(false);
    }
    connection.execute(PLANS_IN_ORDER).await?;
    let of = &layout.final_table;
    // A table of runs cannot be read in final's order.
    let Some(run) = of.run_column() else { return Ok(false) };
    let select = format!(
        "SELECT {} FROM {} f WHERE f.ctid >= '({page},0)' AND f.{} = '{run_id}'",
        wanted(layout, shape, run, run_id),
        quoted_table(table),
        quoted(run),
    );
    let pairing = Pairing::new(by, rows);
    let (paired, found) = pairing.over(connection, watch, (layout, shape), &select).await?;
    connection.execute(PLANS_AS_BEFORE).await?;
    match found {
        Some(found) if paired == rows => {
            send(found, watch, sender).await?;
            Ok(true)
        }
        _ => {
            tracing::debug!(%run_id, %table, "its rows cannot be paired with their records in one pass");
            Ok(false)
        }
    }
}

/// Runs `insert`, the statement that brings rows into final, and takes what it returns: each row as it was stored.
/// `records`: about how many records the run has. Returns how many rows were stored, and the rows if each belongs to a
/// record.
pub(crate) async fn insert_in_order(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    (insert, run): (&str, &str),
    (by, records): (By, u64),
) -> Result<(u64, Option<ByRecord>), StoreError> {
    let returning = format!("{insert} RETURNING {}", wanted(layout, shape, run, run_id));
    let pairing = Pairing::new(by, records);
    pairing.over(connection, watch, (layout, shape), &returning).await.map_err(refused)
}

/// The columns of final that are read: those of the fields, the record's number where final has it, and whether the
/// row names the run.
fn wanted(layout: &Layout, shape: &Shape, run: &str, run_id: RunId) -> String {
    let number = shape.lineage.as_ref().map(|column| format!(", {}", quoted(column))).unwrap_or_default();
    format!("{}{number}, {} = '{run_id}'", columns("", layout.columns()), quoted(run))
}

/// Sends rows in the order of their records.
pub(crate) async fn send(
    mut found: ByRecord,
    watch: &Watch,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    loop {
        // A file that cannot be read any more is found before its rows are handed on, but others were.
        let Some(blocks) = found.next_blocks()? else { return Ok(()) };
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
    /// Whether all of them name the run.
    are_of_run: bool,
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
        let number = shape.lineage.as_ref().and_then(|_| tuple.number());
        self.ends.push((self.fields.len(), self.keys.len(), number));
        self.are_of_run &= tuple.take() == Some(&[1]);
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.keys.clear();
        self.ends.clear();
    }
}

/// By what it is known to which record a row belongs.
pub(crate) enum By {
    /// By the record that it names.
    Lineage(Lineage),
    /// By its turn in the order of the keys.
    Keys(StagedKeys),
}

/// Rows that are being paired with their records.
struct Pairing {
    by: By,
    group: Keys,
    /// The next key of the group.
    at: usize,
    found: ByRecord,
    rows: u64,
}

impl Pairing {
    fn new(by: By, records: u64) -> Self {
        Self { by, group: Keys::default(), at: 0, found: ByRecord::new(records), rows: 0 }
    }

    /// Pairs the rows that `statement` gives. Returns how many there are, and the rows if all agree with the keys.
    async fn over(
        mut self,
        connection: &mut PgConnection,
        watch: &Watch,
        (layout, shape): (&Layout, &Shape),
        statement: &str,
    ) -> Result<(u64, Option<ByRecord>), sqlx::Error> {
        let width = layout.fields.len() + usize::from(shape.lineage.is_some()) + 1;
        let (mut tuples, mut some) = (Tuples::default(), Rows { are_of_run: true, ..Rows::default() });
        let sql = format!("COPY ({statement}) TO STDOUT (FORMAT binary)");
        let mut pieces = connection.copy_out_raw(&sql).await?;
        let (mut agree, mut rows) = (true, 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            watch.heard();
            // What does not agree is counted and dropped: the transaction goes on.
            let fed = tuples.feed(&piece, width, |tuple| {
                rows += 1;
                if agree {
                    some.push(layout, shape, tuple);
                }
                Ok(())
            });
            agree = agree && fed.is_ok() && watch.elsewhere(self.pair(&mut some)).await;
        }
        drop(pieces);
        agree = agree && tuples.end().is_ok() && watch.elsewhere(self.is_complete(rows)).await;
        Ok((rows, agree.then_some(self.found)))
    }

    /// Pairs the rows with the next keys. Whether they agree.
    async fn pair(&mut self, rows: &mut Rows) -> bool {
        if !rows.are_of_run {
            return false;
        }
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

    /// Where the row with this key and number belongs.
    async fn next(&mut self, key: &[u8], number: Option<i64>) -> Option<Place> {
        let keys = match &mut self.by {
            By::Lineage(lineage) => return lineage.place(number),
            By::Keys(keys) => keys,
        };
        if self.at == self.group.ends.len() {
            self.group = keys.next().await.ok()??;
            self.at = 0;
        }
        let start = self.at.checked_sub(1).map_or(0, |before| self.group.ends[before]);
        let staged = &self.group.bytes[start..self.group.ends[self.at]];
        let place = self.group.places[self.at];
        self.at += 1;
        let is_it = staged == key && number.is_none_or(|number| u64::try_from(number) == Ok(place.record_no));
        is_it.then_some(place)
    }

    /// Whether `rows` rows were paired, and no key is left. A record that no row names is absent, and found to be.
    async fn is_complete(&mut self, rows: u64) -> bool {
        self.rows == rows
            && match &mut self.by {
                By::Lineage(_) => true,
                By::Keys(keys) => self.at == self.group.ends.len() && matches!(keys.next().await, Ok(None)),
            }
    }
}
