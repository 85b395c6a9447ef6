//! The stream of what is new: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use domain::role::OperatorRole;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::broadcast::error::RecvError;

use crate::access::Who;
use crate::desk::Desk;
use crate::problem::Problem;
use crate::pulse::News;

/// How often a comment tells that the stream lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many may watch at a time.
const WATCHERS_MAX: usize = 500;

/// An event that tells the watcher to load again what it shows.
fn reload() -> Event {
    Event::default().event("resync").data("{}")
}

pub(crate) async fn stream(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let pulse = Arc::clone(&desk.pulse);
    if pulse.watchers() >= WATCHERS_MAX {
        return Err(Problem::unavailable("too many watch already").advise("poll /api/v1/runs instead"));
    }
    pulse.begin().await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let (missed, receiver, is_whole) = pulse.join(&pulse.place(last));
    // The log of the store is the auditors'; a run's own events are asked for run by run.
    let reads_log = who.roles.has(OperatorRole::Auditor);
    let event = move |news: &News| {
        (news.kind != "log" || reads_log)
            .then(|| Event::default().id(pulse.name(news.id)).event(news.kind).data(news.data.clone()))
    };
    let first = (!is_whole).then(reload).into_iter().chain(missed.iter().filter_map(|news| event(news)));
    let first = stream::iter(first.collect::<Vec<_>>());
    let later = stream::unfold((receiver, event), async |(mut receiver, event)| {
        loop {
            match receiver.recv().await {
                Ok(news) => {
                    if let Some(one) = event(&news) {
                        return Some((one, (receiver, event)));
                    }
                }
                Err(RecvError::Lagged(_)) => return Some((reload(), (receiver, event))),
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let hello = stream::once(async { Event::default().comment("watching") });
    let all = hello.chain(first).chain(later).take_until(desk.stop.clone().cancelled_owned()).map(Ok);
    Ok(Sse::new(all).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}
