//! The window of work: chunks that were handed out and are not committed yet, bounded in number and bytes.
//!
//! What is in it is kept, so that a chunk that got lost can be handed out again.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How much may be in flight at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Chunks that may be in flight at a time, over all runs that share the window.
    pub chunks_max: usize,
    /// Bytes of the source. One chunk may exceed it alone.
    pub bytes_max: usize,
    /// A chunk in flight for longer than this, while no message waits in the broker, is lost and is handed out again.
    pub overdue: Duration,
}

impl WindowLimits {
    /// How long chunks are waited for, unless it is said otherwise.
    pub const OVERDUE: Duration = Duration::from_secs(30);
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self { chunks_max: 16, bytes_max: 16 << 20, overdue: Self::OVERDUE }
    }
}

/// How many chunks of a run may be in flight, as an operator says while it loads.
#[derive(Debug, Clone, Default)]
pub struct AskedWindow(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    /// 0 while no operator has said anything.
    chunks_max: AtomicUsize,
    changed: Notify,
}

impl AskedWindow {
    /// Takes what the ledger says now; `None` for the run's share of the coordinator's window.
    pub fn set(&self, chunks: Option<u64>) {
        let chunks = chunks.map_or(0, |chunks| usize::try_from(chunks).unwrap_or(usize::MAX).max(1));
        let before = self.0.chunks_max.swap(chunks, Ordering::Relaxed);
        if before != chunks {
            tracing::info!(
                chunks,
                "an operator changed how many chunks may be in flight (0: the usual share)"
            );
            self.0.changed.notify_waiters();
        }
    }

    fn chunks_max(&self) -> Option<usize> {
        Some(self.0.chunks_max.load(Ordering::Relaxed)).filter(|chunks| *chunks != 0)
    }
}

/// How many runs share the window of a coordinator: each has an equal part of it, so that a large run cannot keep a
/// small one waiting for all of its chunks.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<AtomicUsize>);

impl Shares {
    /// One run more, until the returned value is dropped.
    #[must_use]
    pub fn join(&self) -> Share {
        self.0.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }

    fn part_of(&self, whole: usize) -> usize {
        (whole / self.0.load(Ordering::Relaxed).max(1)).max(1)
    }
}

/// A run's part of the window.
#[derive(Debug)]
pub struct Share(Shares);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A chunk in flight, kept as it is sent, so that it can be handed out again.
#[derive(Debug, Clone)]
pub struct OnItsWay {
    /// The chunk's number within its run.
    pub chunk_no: u64,
    /// The sealed message; shared with a broker in this process.
    pub body: Bytes,
    /// How many bytes of the source it has, whether the message holds them or not.
    pub bytes: usize,
    /// How far reading it moved on in the file on disk, which may be compressed.
    pub disk_bytes: u64,
    /// How many records it has.
    pub records: u64,
    /// When it was handed out last.
    pub since: Instant,
}

/// The chunks that are in flight.
#[derive(Debug)]
pub struct Window {
    limits: WindowLimits,
    share: Share,
    asked: AskedWindow,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    chunks: BTreeMap<u64, OnItsWay>,
    bytes: usize,
}

impl Window {
    /// An empty window, with an equal part of `limits` among those who share them, or with as many chunks as an
    /// operator asked for.
    #[must_use]
    pub fn new(limits: WindowLimits, shares: &Shares, asked: AskedWindow) -> Self {
        Self { limits, share: shares.join(), asked, inner: Mutex::default(), changed: Notify::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_admit(&self, chunk: &OnItsWay) -> bool {
        let mut inner = self.inner();
        let Share(shares) = &self.share;
        let chunks_max = self.asked.chunks_max().unwrap_or_else(|| shares.part_of(self.limits.chunks_max));
        let fits = inner.chunks.len() < chunks_max
            && inner.bytes + chunk.bytes <= shares.part_of(self.limits.bytes_max);
        if !fits && !inner.chunks.is_empty() {
            return false;
        }
        inner.bytes += chunk.bytes;
        let entry = OnItsWay { since: Instant::now(), ..chunk.clone() };
        if let Some(before) = inner.chunks.insert(chunk.chunk_no, entry) {
            inner.bytes -= before.bytes;
        }
        true
    }

    /// Waits until there is room, then takes the chunk in.
    pub async fn admit(&self, chunk: &OnItsWay) {
        loop {
            let (mut left, mut asked) =
                (pin!(self.changed.notified()), pin!(self.asked.0.changed.notified()));
            // Registered before the look, so that nothing is missed after it.
            left.as_mut().enable();
            asked.as_mut().enable();
            if self.try_admit(chunk) {
                return;
            }
            tokio::select! {
                biased;
                () = left => {}
                () = asked => {}
            }
        }
    }

    /// Lets a chunk go. Again, or one that was never in: `None`.
    pub fn release(&self, chunk_no: u64) -> Option<OnItsWay> {
        let mut inner = self.inner();
        let entry = inner.chunks.remove(&chunk_no)?;
        inner.bytes -= entry.bytes;
        drop(inner);
        self.changed.notify_waiters();
        Some(entry)
    }

    /// Whether a chunk is in it.
    #[must_use]
    pub fn holds(&self, chunk_no: u64) -> bool {
        self.inner().chunks.contains_key(&chunk_no)
    }

    /// Waits until nothing is in it.
    pub async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.inner().chunks.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// The numbers of the chunks in it, in order.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.inner().chunks.keys().copied().collect()
    }

    /// The chunks that were handed out at least `age` ago, in order.
    #[must_use]
    pub fn older_than(&self, age: Duration) -> Vec<OnItsWay> {
        self.inner().chunks.values().filter(|entry| entry.since.elapsed() >= age).cloned().collect()
    }

    /// Notes that a chunk was handed out again just now.
    pub fn handed_out(&self, chunk_no: u64) {
        if let Some(entry) = self.inner().chunks.get_mut(&chunk_no) {
            entry.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(chunk_no: u64, bytes: &'static [u8], records: u64) -> OnItsWay {
        let body = Bytes::from_static(bytes);
        OnItsWay { chunk_no, body, bytes: bytes.len(), disk_bytes: 0, records, since: Instant::now() }
    }

    #[test]
    fn runs_share_the_window_in_equal_parts() {
        let (limits, shares) = (
            WindowLimits { chunks_max: 6, bytes_max: 600, overdue: WindowLimits::OVERDUE },
            Shares::default(),
        );
        let large = Window::new(limits, &shares, AskedWindow::default());
        let small = Window::new(limits, &shares, AskedWindow::default());
        let admitted =
            |window: &Window| (0..9).filter(|no| window.try_admit(&chunk(*no, b"12345", 1))).count();
        assert_eq!((admitted(&large), admitted(&small)), (3, 3));
        drop(small);
        assert!(large.try_admit(&chunk(7, b"12345", 1)), "what the other run had is free");
    }

    #[tokio::test]
    async fn an_operator_widens_and_narrows_the_window_while_it_is_full() {
        let limits = WindowLimits { chunks_max: 2, bytes_max: 1000, overdue: WindowLimits::OVERDUE };
        let asked = AskedWindow::default();
        let window = Arc::new(Window::new(limits, &Shares::default(), asked.clone()));
        window.admit(&chunk(0, b"1", 1)).await;
        window.admit(&chunk(1, b"1", 1)).await;
        assert!(!window.try_admit(&chunk(2, b"1", 1)));
        let waiting = tokio::spawn({
            let window = Arc::clone(&window);
            async move { window.admit(&chunk(2, b"1", 1)).await }
        });
        tokio::task::yield_now().await;
        asked.set(Some(3));
        waiting.await.unwrap();
        asked.set(Some(1));
        window.release(0);
        window.release(1);
        assert!(!window.try_admit(&chunk(3, b"1", 1)), "one is in it");
        asked.set(None);
        assert!(window.try_admit(&chunk(3, b"1", 1)), "its share again");
    }

    #[tokio::test]
    async fn a_full_window_admits_when_something_leaves_and_one_large_chunk_goes_alone() {
        let limits = WindowLimits { chunks_max: 2, bytes_max: 10, overdue: WindowLimits::OVERDUE };
        let window = Arc::new(Window::new(limits, &Shares::default(), AskedWindow::default()));
        window.admit(&chunk(0, b"123456", 3)).await;
        assert!(!window.try_admit(&chunk(1, b"12345", 1)));
        assert!(window.try_admit(&chunk(1, b"1234", 1)));
        assert!(!window.try_admit(&chunk(2, b"", 1)));
        let waiting = tokio::spawn({
            let window = Arc::clone(&window);
            async move { window.admit(&chunk(2, b"far too large to fit", 1)).await }
        });
        assert_eq!(window.release(0).map(|entry| (entry.bytes, entry.records)), Some((6, 3)));
        assert!(window.release(0).is_none());
        window.release(1);
        waiting.await.unwrap();
        assert_eq!(window.numbers(), [2]);
        assert_eq!(window.older_than(Duration::ZERO).len(), 1);
        assert!(window.older_than(Duration::from_secs(3600)).is_empty());
        window.release(2);
        window.empty().await;
    }
}
