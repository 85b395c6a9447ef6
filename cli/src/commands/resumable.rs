//! `--work-dir`: a comparison that can be stopped and resumed, and the list of differences that it writes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compare::{DifferenceFile, Work};

use super::reconcile::failure;
use crate::args::Comparing;
use crate::outcome::Failure;

/// What outlives the process that compares, until there is a verdict.
#[derive(Clone)]
pub(super) struct Resumable {
    pub(super) work: Arc<Work>,
    folder: PathBuf,
    /// The list of differences under the name that it has until then, and the name that it gets.
    list: Option<(PathBuf, PathBuf)>,
}

/// What takes every difference, if something does, and what outlives the process, if something does.
pub(super) fn list(args: &Comparing) -> Result<(Option<DifferenceFile>, Option<Resumable>), Failure> {
    let cannot =
        |path: &Path, error: io::Error| Failure::usage(format!("cannot create {}: {error}", path.display()));
    let path = args.differences.as_deref();
    let Some(folder) = &args.work_dir else {
        let made = path.map(|path| DifferenceFile::create(path).map_err(|error| cannot(path, error)));
        return Ok((made.transpose()?, None));
    };
    if let Some(path) = path.filter(|path| path.exists()) {
        return Err(cannot(path, io::ErrorKind::AlreadyExists.into()));
    }
    let work = Work::open(folder).map_err(failure)?;
    let (mut made, mut list) = (None, None);
    if let Some(path) = path {
        let token = work.token().map_err(failure)?;
        let (file, unfinished) =
            DifferenceFile::unfinished(path, &token).map_err(|error| cannot(path, error))?;
        made = Some(file);
        list = Some((unfinished, path.to_owned()));
    }
    Ok((made, Some(Resumable { work: Arc::new(work), folder: folder.clone(), list })))
}

impl Resumable {
    /// The list of differences under the name that it has until there is a verdict, and the name that it gets.
    pub(super) fn list(&self) -> Option<(&Path, &Path)> {
        self.list.as_ref().map(|(unfinished, path)| (unfinished.as_path(), path.as_path()))
    }

    /// There is a verdict: the list gets its name, and the folder's files are removed.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        if let Some((unfinished, path)) = &self.list {
            DifferenceFile::settle(unfinished, path)
                .map_err(|error| Failure::unfinished(format!("{}: {error}", path.display())))?;
        }
        self.work
            .finish()
            .map_err(|error| Failure::unfinished(format!("cannot empty {}: {error}", self.folder.display())))
    }

    /// Says of a comparison that could not be finished where what is finished is kept.
    pub(super) fn kept(&self, failure: Failure) -> Failure {
        failure.advise(&format!(
            "what is finished is kept in {}; run the same command to resume",
            self.folder.display()
        ))
    }
}
