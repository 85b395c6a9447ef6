//! How far a comparison is, and how fast it may read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::entries::Side;

/// Rows after which the clock is looked at, where reading is bounded.
const LOOK: u64 = 100;

/// Counts for those who watch, and the bound on rows read from the target.
#[derive(Debug)]
pub struct Pace {
    /// Records of the source that were decoded, or rows that were read of it.
    pub records: AtomicU64,
    /// Rows of the target that were read.
    pub rows: AtomicU64,
    /// Records and rows that were brought together.
    pub compared: AtomicU64,
    /// Rows that another process read: they count as read, and took no time of this one.
    free: AtomicU64,
    rows_per_second: Option<u64>,
    began: Mutex<Option<Instant>>,
}

impl Pace {
    /// Nothing yet. Of the target no more than this many rows are read each second, by all readers together.
    #[must_use]
    pub const fn new(rows_per_second: Option<u64>) -> Self {
        Self {
            records: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            compared: AtomicU64::new(0),
            free: AtomicU64::new(0),
            rows_per_second,
            began: Mutex::new(None),
        }
    }

    /// The most rows of the target that are read in a second.
    pub(crate) const fn rows_per_second(&self) -> Option<u64> {
        self.rows_per_second
    }

    /// Counts rows that another process read.
    pub(crate) fn taken(&self, side: Side, rows: u64) {
        match side {
            Side::Source => drop(self.records.fetch_add(rows, Ordering::Relaxed)),
            Side::Target => {
                self.free.fetch_add(rows, Ordering::Relaxed);
                self.rows.fetch_add(rows, Ordering::Relaxed);
            }
        }
    }

    /// Counts a row, and waits if rows come faster than they may. The wait is a reader's own thread's: it holds back
    /// the database, which sends no more than is read.
    pub(crate) fn one_row(&self, side: Side) {
        if side == Side::Source {
            self.records.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let rows = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(per_second) = self.rows_per_second else { return };
        if !rows.is_multiple_of(LOOK.min(per_second)) {
            return;
        }
        let began = match self.began.lock() {
            Ok(mut began) => *began.get_or_insert_with(Instant::now),
            Err(_) => return,
        };
        let rows = rows.saturating_sub(self.free.load(Ordering::Relaxed));
        let due = Duration::from_nanos(
            u64::try_from(u128::from(rows) * 1_000_000_000 / u128::from(per_second)).unwrap_or(u64::MAX),
        );
        if let Some(early) = due.checked_sub(began.elapsed()) {
            #[allow(clippy::disallowed_methods, reason = "the pace is a matter of time")]
            tokio::task::block_in_place(|| std::thread::sleep(early));
        }
    }
}
