//! Jobs travel by digest: fetched once from the store, then kept.

use std::collections::HashMap;
use std::sync::Arc;

use domain::fingerprint::Hash;
use job::Job;
use store::{Store, stored_job};
use tokio::sync::Mutex;

/// The most jobs that are kept. A fleet has few jobs at a time; when there are more, all are fetched again.
const JOBS_MAX: usize = 64;

/// Why a job is not available, in words.
#[derive(Debug)]
pub enum Unavailable {
    /// The store cannot be asked now.
    Store(String),
    /// The store does not have it, or this program does not understand it.
    Job(String),
}

/// The jobs that this process has fetched, by their digests.
#[derive(Default)]
pub struct Jobs(Mutex<HashMap<[u8; 32], Arc<Job>>>);

impl Jobs {
    /// The job with this digest.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn get(&self, store: &dyn Store, digest: &Hash) -> Result<Arc<Job>, Unavailable> {
        let mut jobs = self.0.lock().await;
        if let Some(job) = jobs.get(&digest.0) {
            return Ok(Arc::clone(job));
        }
        let job = stored_job(store, digest).await.map_err(|error| match error {
            error if error.is_transient() => Unavailable::Store(error.to_string()),
            error => Unavailable::Job(error.to_string()),
        })?;
        if jobs.len() >= JOBS_MAX {
            jobs.clear();
        }
        let job = Arc::new(job);
        jobs.insert(digest.0, Arc::clone(&job));
        Ok(job)
    }
}
