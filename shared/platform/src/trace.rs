//! Spans of the work on a run, for whoever exports them; without an exporter there are none, and it costs nothing.
//!
//! A trace is a run: its id is the run's own 16 bytes, so that every process knows it and nothing has to be kept. A
//! message carries the span that it was sent in ([`TraceParent`]), which becomes the parent of the span in which it is
//! handled. A process that exports nothing passes on what it was given.
//!
//! [`scope`] surrounds what one span is to cover, [`begin`] opens the span once it is known whose it is, and
//! [`current`] is what a message is sent with. None of it depends on the level of the log.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use domain::ids::RunId;
use domain::traceparent::TraceParent;

use crate::clock::system_now;

/// What takes the spans that ended. It must neither block nor fail.
pub trait Exporter: Send + Sync {
    /// Takes a span that ended.
    fn take(&self, span: Span);
}

/// Why a span was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work of this process.
    Internal,
    /// A message was handled.
    Consumer,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text that is safe to show: a name, never of a record.
    Text(String),
    /// A number, such as a count.
    Number(u64),
}

/// A span that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace and itself.
    pub own: TraceParent,
    /// The span that it is a child of; `None`: it is a root.
    pub parent: Option<[u8; 8]>,
    /// Whether another process told of the parent.
    pub is_parent_remote: bool,
    /// What was done.
    pub name: &'static str,
    /// Why the span was begun.
    pub kind: Kind,
    /// When it was begun.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether the work failed.
    pub has_failed: bool,
}

static EXPORTER: OnceLock<Box<dyn Exporter>> = OnceLock::new();

tokio::task_local! {
    static PLACE: Place;
}

/// What a scope knows.
struct Place {
    /// What a message told, or the scope around this one.
    given: Option<TraceParent>,
    is_remote: bool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// What messages are sent with.
    current: Option<TraceParent>,
    open: Option<(Span, Instant)>,
}

impl Place {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.inner().open.take();
        if let (Some((mut span, began)), Some(exporter)) = (open, EXPORTER.get()) {
            span.took = began.elapsed();
            exporter.take(span);
        }
    }
}

/// Exports spans of this process from now on. `false`: they are exported already.
pub fn export_to(exporter: Box<dyn Exporter>) -> bool {
    EXPORTER.set(exporter).is_ok()
}

/// Does `work` on a message that came with `given`. A span that is begun in it ends with it.
pub async fn scope<F: Future>(given: Option<TraceParent>, work: F) -> F::Output {
    PLACE.scope(Place { given, is_remote: true, inner: Mutex::default() }, work).await
}

/// Does `work` as a part of what is being done. A span that is begun in it ends with it.
pub async fn part<F: Future>(work: F) -> F::Output {
    let given = current();
    let inner = Mutex::new(Inner { current: given, open: None });
    PLACE.scope(Place { given, is_remote: false, inner }, work).await
}

/// Begins the span of the present scope, now that its run is known: what came with a message counts only if it is of
/// the same run.
pub fn begin(name: &'static str, kind: Kind, run_id: RunId) {
    let begun = |place: &Place| {
        let parent = place.given.filter(|given| given.is_of(run_id));
        let mut inner = place.inner();
        inner.current = parent;
        if EXPORTER.get().is_some() && inner.open.is_none() {
            let own = TraceParent { trace: run_id.to_bytes(), span: random() };
            let span = Span {
                own,
                parent: parent.map(|parent| parent.span),
                is_parent_remote: place.is_remote && parent.is_some(),
                name,
                kind,
                started: system_now(),
                took: Duration::ZERO,
                attributes: vec![("crossfoot.run_id", Value::Text(run_id.to_string()))],
                has_failed: false,
            };
            inner.current = Some(own);
            inner.open = Some((span, Instant::now()));
        }
    };
    // Outside of any scope nothing ends a span.
    PLACE.try_with(begun).unwrap_or_default();
}

/// Changes the span of the present scope, if there is one that is to be exported.
fn change(how: impl FnOnce(&mut Span)) {
    let changed = |place: &Place| {
        if let Some((span, _)) = &mut place.inner().open {
            how(span);
        }
    };
    PLACE.try_with(changed).unwrap_or_default();
}

/// Adds a number to the span.
pub fn number(key: &'static str, value: u64) {
    change(|span| span.attributes.push((key, Value::Number(value))));
}

/// Adds a text to the span.
pub fn text(key: &'static str, value: &str) {
    change(|span| span.attributes.push((key, Value::Text(value.to_owned()))));
}

/// Marks the span: what it covers failed. The log says why.
pub fn failed() {
    change(|span| span.has_failed = true);
}

/// What a message is sent with here.
#[must_use]
pub fn current() -> Option<TraceParent> {
    PLACE.try_with(|place| place.inner().current).ok().flatten()
}

/// A number of a span, never 0. (The standard library's source of randomness: it need not be secret.)
fn random() -> [u8; 8] {
    RandomState::new().build_hasher().finish().max(1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Default, Clone)]
    struct Kept(Arc<Mutex<Vec<Span>>>);

    impl Exporter for Kept {
        fn take(&self, span: Span) {
            self.0.lock().unwrap().push(span);
        }
    }

    /// One test, because a process has one exporter.
    #[tokio::test]
    async fn spans_are_children_of_what_was_told_and_only_within_their_run() {
        let (run, other) = (RunId::from_bytes([7; 16]), RunId::from_bytes([8; 16]));
        let told = TraceParent { trace: [7; 16], span: [1; 8] };
        // Nobody exports: what came is passed on, and only for its own run.
        scope(Some(told), async {
            assert_eq!(current(), None, "nothing is believed before the message is read");
            begin("process", Kind::Consumer, run);
            assert_eq!(current(), Some(told));
            part(async { assert_eq!(current(), Some(told)) }).await;
        })
        .await;
        scope(Some(told), async {
            begin("process", Kind::Consumer, other);
            assert_eq!(current(), None);
        })
        .await;
        assert_eq!(current(), None);
        let kept = Kept::default();
        assert!(export_to(Box::new(kept.clone())) && !export_to(Box::new(kept.clone())));
        scope(None, async {
            begin("run", Kind::Internal, run);
            let root = current().unwrap();
            part(async {
                begin("load", Kind::Internal, run);
                number("crossfoot.records", 3);
                failed();
                assert_ne!(current(), Some(root));
            })
            .await;
            assert_eq!(current(), Some(root));
        })
        .await;
        scope(Some(told), async {
            begin("process", Kind::Consumer, other);
        })
        .await;
        // A scope that is dropped half-way ends its span too.
        let half = scope(Some(told), async {
            begin("write", Kind::Consumer, run);
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::ZERO, half).await.is_err());
        let spans = kept.0.lock().unwrap().clone();
        let shown: Vec<_> =
            spans.iter().map(|span| (span.name, span.own.trace[0], span.has_failed)).collect();
        assert_eq!(shown, [("load", 7, true), ("run", 7, false), ("process", 8, false), ("write", 7, false)]);
        assert_eq!(spans[0].parent, Some(spans[1].own.span));
        assert_eq!((spans[1].parent, spans[2].parent, spans[3].parent), (None, None, Some([1; 8])));
        assert!(spans[3].is_parent_remote && !spans[0].is_parent_remote);
        assert_eq!(spans[0].attributes[1], ("crossfoot.records", Value::Number(3)));
    }
}
