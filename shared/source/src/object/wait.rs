//! Waits for a store's answer on a thread that may block.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

use super::ObjectError;

/// Runs the requests, whatever runtime the callers have, or none.
static RUNTIME: OnceLock<Result<Runtime, ObjectError>> = OnceLock::new();

fn runtime() -> Result<&'static Runtime, ObjectError> {
    let made = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("object-store").enable_all();
        let what = |error| ObjectError::Failed(format!("no thread for requests to object stores: {error}"));
        builder.build().map_err(what)
    });
    made.as_ref().map_err(Clone::clone)
}

/// Begins `request`, whose answer the receiver gets.
pub(super) fn begin<T: Send + 'static>(
    request: impl Future<Output = Result<T, ObjectError>> + Send + 'static,
) -> Receiver<Result<T, ObjectError>> {
    let (answer, receiver) = sync_channel(1);
    match runtime() {
        Ok(runtime) => drop(runtime.spawn(async move {
            // An error means that nobody waits any more.
            drop(answer.send(request.await));
        })),
        Err(error) => drop(answer.send(Err(error))),
    }
    receiver
}

/// Waits for an answer. A thread of a runtime hands its other tasks over first, where it can.
pub(super) fn answer<T: Send>(receiver: &Receiver<Result<T, ObjectError>>) -> Result<T, ObjectError> {
    let gone = || Err(ObjectError::Failed("the request ended without an answer".into()));
    let wait = || receiver.recv().unwrap_or_else(|_| gone());
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(wait)
        }
        _ => wait(),
    }
}

/// Makes a request, and waits for its answer.
pub(super) fn wait<T: Send + 'static>(
    request: impl Future<Output = Result<T, ObjectError>> + Send + 'static,
) -> Result<T, ObjectError> {
    answer(&begin(request))
}
