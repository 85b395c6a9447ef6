//! Files that nobody in this project wrote: where they are, and loading one of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::open::RunRequest;
use coordinator::split::ChunkLimits;
use domain::reconcile::VerifySource;
use job::Job;
use source::Location;

use crate::fleet::{Bench, Ended};

/// The folder that `variable` names, or nothing, said aloud.
///
/// # Panics
/// When there is none and `CROSSFOOT_INSIST` is set.
#[must_use]
pub fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_dir());
    if folder.is_none() {
        assert!(std::env::var_os("CROSSFOOT_INSIST").is_none(), "{variable} must name a folder here");
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(format!("SKIPPED: {variable} names no folder\n").as_bytes()));
    }
    folder
}

/// Runs `job` on the file `source` to its end.
pub async fn load(bench: &Bench, job: Arc<Job>, source: &Path) -> Ended {
    let request = RunRequest {
        job,
        source: Location::file(source.to_path_buf()),
        declared: None,
        again: false,
        reason: None,
        pause_after_staged: false,
        verify_source: VerifySource::Sample,
        submitted: false,
        chunks: ChunkLimits { bytes: bench.setup.chunk_bytes, records: bench.setup.chunk_records },
    };
    bench.run(&request).await
}
