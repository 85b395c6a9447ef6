//! Findings that are collected before they are stored.

use std::io::{BufRead, BufReader, Seek, Write};

use domain::finding::Finding;
use store::{Fence, Store, StoreError};

/// Findings to be stored, collected in a temporary file: any number of them, in little memory.
#[derive(Debug, Default)]
pub struct FindingSpool {
    file: Option<std::fs::File>,
    /// How many there are.
    pub count: u64,
    /// Why they may not be all.
    pub incomplete: Option<String>,
}

impl FindingSpool {
    /// Keeps one more finding.
    pub fn push(&mut self, finding: &Finding) {
        if let Err(error) = self.try_push(finding) {
            self.incomplete = Some(format!("cannot write findings to a temporary file: {error}"));
        }
    }

    fn try_push(&mut self, finding: &Finding) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let mut line = serde_json::to_vec(finding)?;
        line.push(b'\n');
        file.write_all(&line)?;
        self.count += 1;
        Ok(())
    }

    /// Moves them into the store.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn keep(&mut self, store: &dyn Store, fence: Fence) -> Result<(), StoreError> {
        const GROUP: usize = 500;
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let damaged =
            |error: std::io::Error| StoreError::Damaged { what: format!("the file of findings: {error}") };
        file.rewind().map_err(damaged)?;
        let mut group = Vec::with_capacity(GROUP);
        for line in BufReader::new(file).lines() {
            let finding =
                serde_json::from_str(&line.map_err(damaged)?).map_err(|error| damaged(error.into()))?;
            group.push(finding);
            if group.len() == GROUP {
                store.keep_findings(fence, &group).await?;
                group.clear();
            }
        }
        store.keep_findings(fence, &group).await
    }
}
