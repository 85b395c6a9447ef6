//! Whether work on a chunk may begin, and whether its batch may be committed.

use crate::counts::Role;
use crate::lifecycle::{ChunkState, RunState};

/// The answer to a worker that asks whether it may begin work on a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Begin: a start is charged.
    Go,
    /// The chunk is committed: there is nothing to do.
    Committed,
    /// The chunk was set aside, its run loads no more, or a newer attempt sends it again: there is nothing to do.
    Closed,
}

/// Whether `role` may begin work on a chunk. `attempt` is the run's attempt that the message was sent in, `epoch`
/// the present one: a processor does not begin what an earlier attempt sent, because the present one sends it
/// again; a batch stays good.
#[must_use]
pub fn may_start(chunk: ChunkState, run: RunState, role: Role, attempt: u64, epoch: u64) -> Start {
    match (chunk, run) {
        (ChunkState::Committed, _) => Start::Committed,
        (ChunkState::Split, RunState::Loading) if role == Role::Writer || attempt >= epoch => Start::Go,
        _ => Start::Closed,
    }
}

/// What stands against committing a chunk's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The chunk is committed already.
    AlreadyThere,
    /// The run takes no more batches.
    RunClosed,
    /// The batch was made from other bytes than the ledger has.
    OtherBytes,
}

/// Whether a batch may be committed. The batch of a chunk that was set aside may: its work was done anyway.
///
/// # Errors
/// [`Objection`], and which.
pub fn may_commit(chunk: ChunkState, run: RunState, is_of_these_bytes: bool) -> Result<(), Objection> {
    match (chunk, run) {
        (ChunkState::Committed, _) => Err(Objection::AlreadyThere),
        (_, RunState::Loading) if is_of_these_bytes => Ok(()),
        (_, RunState::Loading) => Err(Objection::OtherBytes),
        _ => Err(Objection::RunClosed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChunkState::{Committed, SetAside, Split};
    use Role::{Processor, Writer};
    use RunState::{Cancelled, Loading, Staged};

    #[test]
    fn work_begins_by_this_table() {
        for (chunk, run, role, attempt, expected) in [
            (Split, Loading, Processor, 2, Start::Go),
            (Split, Loading, Processor, 3, Start::Go),
            (Split, Loading, Processor, 1, Start::Closed),
            (Split, Loading, Writer, 1, Start::Go),
            (Split, Staged, Writer, 2, Start::Closed),
            (SetAside, Loading, Writer, 2, Start::Closed),
            (Committed, Loading, Processor, 1, Start::Committed),
            (Committed, Cancelled, Writer, 2, Start::Committed),
        ] {
            assert_eq!(may_start(chunk, run, role, attempt, 2), expected, "{chunk} {run} {role:?} {attempt}");
        }
    }

    #[test]
    fn a_batch_is_committed_by_this_table() {
        for (chunk, run, is_of_these_bytes, expected) in [
            (Split, Loading, true, Ok(())),
            (SetAside, Loading, true, Ok(())),
            (Split, Loading, false, Err(Objection::OtherBytes)),
            (Split, Staged, true, Err(Objection::RunClosed)),
            (Split, Cancelled, false, Err(Objection::RunClosed)),
            (Committed, Loading, false, Err(Objection::AlreadyThere)),
            (Committed, Cancelled, true, Err(Objection::AlreadyThere)),
        ] {
            assert_eq!(may_commit(chunk, run, is_of_these_bytes), expected, "{chunk} {run}");
        }
    }
}
