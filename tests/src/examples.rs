//! The job files under `examples/`, tried on bytes that a test wrote.

use std::path::PathBuf;
use std::sync::Arc;

use job::Job;

use crate::fleet::{Bench, Ended};
use crate::peers::load;

/// Where the example is.
fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

async fn run(bench: &Bench, job: Arc<Job>, bytes: &[u8]) -> Ended {
    let source = bench.path("exchanged");
    std::fs::write(&source, bytes).unwrap();
    load(bench, job, &source).await
}

/// Loads the bytes by an example's job, and once more with one byte changed, which is seen. `change` makes the job's text
/// another one first.
///
/// # Panics
/// When they do not load, or the damaged ones do.
pub async fn proved(
    name: &str,
    change: impl Fn(&str) -> String,
    bytes: &[u8],
    damaged: &[u8],
) -> (Bench, Ended) {
    let text = &Job::read(&example(name)).unwrap_or_else(|error| panic!("{error}")).text;
    let job = Arc::new(Job::parse(name, &change(text)).unwrap_or_else(|error| panic!("{error}")));
    let (bench, other) = (Bench::new().await, Bench::new().await);
    let ended = run(&bench, Arc::clone(&job), bytes).await.promoted();
    assert_ne!(bytes, damaged);
    run(&other, job, damaged).await.not_reconciled();
    (bench, ended)
}

/// `bytes` with the last occurrence of `this` replaced.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn replaced(bytes: &[u8], this: &[u8], that: &[u8]) -> Vec<u8> {
    let at = bytes.windows(this.len()).rposition(|window| window == this).unwrap();
    [&bytes[..at], that, &bytes[at + this.len()..]].concat()
}
