//! What workers found when they read ranges of chunks back, by pass of verification.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::ids::RunId;

use crate::database::{Change, Database};
use crate::model::{ChunkRange, Readback};
use crate::param::Param;
use crate::runs::hold_fence;
use crate::{Fence, StoreError, params};

/// What was read back. A pass is the epoch of the fence under which its ranges were handed out.
#[async_trait]
#[delegatable_trait]
pub trait Readbacks: Send + Sync {
    /// Keeps what a worker found when it read a range of chunks back, in a pass of verification. Of the same range,
    /// the first to come stands.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn keep_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: &[u8],
    ) -> Result<(), StoreError>;
    /// What was found in a pass, from ranges that begin at chunk `from` on, in order, `limit` at most: each with
    /// its range.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<Readback>, StoreError>;
    /// Forgets what was found in every pass.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn clear_readbacks(&self, fence: Fence) -> Result<(), StoreError>;
}

#[async_trait]
impl<D: Database> Readbacks for D {
    async fn keep_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: &[u8],
    ) -> Result<(), StoreError> {
        let values = params![run_id, pass, range.first, range.end, found];
        // Lost in a crash of the server, the range is read back once more.
        self.write(Change::IN_PASSING, move |connection| {
            Box::pin(async move {
                let sql = "INSERT INTO crossfoot_readback (run_id, pass, first_chunk, end_chunk, body)
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
                connection.execute(sql, values).await?;
                Ok(())
            })
        })
        .await
    }

    async fn readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<Readback>, StoreError> {
        let sql = "SELECT first_chunk, end_chunk, body FROM crossfoot_readback
                   WHERE run_id = $1 AND pass = $2 AND first_chunk >= $3 ORDER BY first_chunk, end_chunk LIMIT $4";
        let values = params![run_id, Param::place(pass), Param::place(from), limit];
        let mut all = Vec::new();
        for row in self.fetch(sql, values).await? {
            let range = ChunkRange { first: row.get("first_chunk")?, end: row.get("end_chunk")? };
            all.push(Readback { range, body: row.get("body")? });
        }
        Ok(all)
    }

    async fn clear_readbacks(&self, fence: Fence) -> Result<(), StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql = "DELETE FROM crossfoot_readback WHERE run_id = $1";
                connection.execute(sql, params![fence.run_id]).await?;
                Ok(())
            })
        })
        .await
    }
}
