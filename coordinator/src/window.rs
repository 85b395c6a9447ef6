//! The window of work: chunks that were handed out and are not committed yet, bounded in number and bytes.
//!
//! What is in it is kept as it was published, so that a chunk that got lost can be handed out again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// How much may be on its way at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Chunks.
    pub chunks_max: usize,
    /// Bytes of messages. One message may exceed it alone.
    pub bytes_max: usize,
}

/// How many runs share the window of a coordinator: each has an equal part of it, so that a large run cannot keep a
/// small one waiting behind all of its chunks.
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

/// The chunks that are on their way.
#[derive(Debug)]
pub struct Window {
    limits: WindowLimits,
    share: Share,
    inside: Mutex<Inside>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    chunks: BTreeMap<u64, Bytes>,
    bytes: usize,
}

impl Window {
    /// An empty window, with an equal part of `limits` among those who share them.
    #[must_use]
    pub fn new(limits: WindowLimits, shares: &Shares) -> Self {
        Self { limits, share: shares.join(), inside: Mutex::default(), changed: Notify::new() }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_admit(&self, chunk_no: u64, body: &Bytes) -> bool {
        let mut inside = self.inside();
        let Share(shares) = &self.share;
        let fits = inside.chunks.len() < shares.part_of(self.limits.chunks_max)
            && inside.bytes + body.len() <= shares.part_of(self.limits.bytes_max);
        if !fits && !inside.chunks.is_empty() {
            return false;
        }
        inside.bytes += body.len();
        if let Some(before) = inside.chunks.insert(chunk_no, body.clone()) {
            inside.bytes -= before.len();
        }
        true
    }

    /// Waits until there is room, then takes the chunk in.
    pub async fn admit(&self, chunk_no: u64, body: &Bytes) {
        loop {
            let changed = self.changed.notified();
            if self.try_admit(chunk_no, body) {
                return;
            }
            changed.await;
        }
    }

    /// Lets a chunk go, and says how large its message was. Again, or one that was never in: `None`.
    pub fn release(&self, chunk_no: u64) -> Option<usize> {
        let mut inside = self.inside();
        let body = inside.chunks.remove(&chunk_no)?;
        inside.bytes -= body.len();
        drop(inside);
        self.changed.notify_waiters();
        Some(body.len())
    }

    /// Whether a chunk is inside.
    #[must_use]
    pub fn holds(&self, chunk_no: u64) -> bool {
        self.inside().chunks.contains_key(&chunk_no)
    }

    /// Waits until nothing is inside.
    pub async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.inside().chunks.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// What is inside, by chunk number.
    #[must_use]
    pub fn contents(&self) -> Vec<(u64, Bytes)> {
        self.inside().chunks.iter().map(|(chunk_no, body)| (*chunk_no, body.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_the_window_in_equal_parts() {
        let (limits, shares) = (WindowLimits { chunks_max: 6, bytes_max: 600 }, Shares::default());
        let large = Window::new(limits, &shares);
        let small = Window::new(limits, &shares);
        let body = Bytes::from_static(b"12345");
        let admitted = |window: &Window| (0..9).filter(|no| window.try_admit(*no, &body)).count();
        assert_eq!((admitted(&large), admitted(&small)), (3, 3));
        drop(small);
        assert!(large.try_admit(7, &body), "what the other run had is free");
    }

    #[tokio::test]
    async fn a_full_window_admits_when_something_leaves_and_one_large_chunk_goes_alone() {
        let window = Arc::new(Window::new(WindowLimits { chunks_max: 2, bytes_max: 10 }, &Shares::default()));
        window.admit(0, &Bytes::from_static(b"123456")).await;
        assert!(!window.try_admit(1, &Bytes::from_static(b"12345")));
        assert!(window.try_admit(1, &Bytes::from_static(b"1234")));
        assert!(!window.try_admit(2, &Bytes::new()));
        let waiting = tokio::spawn({
            let window = Arc::clone(&window);
            async move { window.admit(2, &Bytes::from_static(b"far too large to fit")).await }
        });
        assert_eq!(window.release(0), Some(6));
        assert_eq!(window.release(0), None);
        window.release(1);
        waiting.await.unwrap();
        assert_eq!(window.contents().len(), 1);
        window.release(2);
        window.empty().await;
    }
}
