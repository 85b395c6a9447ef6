//! What the model remembers: the ledger, the mail, and what each process is at.

/// Chunks that the model has at most.
pub(super) const CHUNKS: usize = 2;

/// A run's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Run {
    /// Chunks are loaded.
    Loading,
    /// All are committed.
    Staged,
    /// Final has the rows.
    Promoted,
    /// Failed by name, nothing promoted.
    Failed,
}

/// A chunk's state in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkState {
    /// Cut, and not committed.
    Split,
    /// Its rows are in staging.
    Committed,
    /// Given up.
    Aside,
}

/// A chunk in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chunk {
    /// Its state.
    pub state: ChunkState,
    /// Starts charged by processors.
    pub charged: u8,
    /// How often its rows are in staging.
    pub rows: u8,
    /// How often its counts are in the ledger.
    pub counted: u8,
    /// Whether a batch of it was ever published. Nobody asks for this but the properties.
    pub batched: bool,
    /// The attempts in which it was handed out, as bits. Only a mutant asks for this, and only then is it noted.
    pub handed_out: u8,
}

/// What a coordinator is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// It stands by.
    Idle,
    /// It hands chunks out.
    Loading,
    /// Everything is committed: it has it read back.
    Staged,
    /// It has a permit.
    Permit,
    /// Its promotion's transaction is open.
    Promoting,
    /// Only of a mutant: it commits the promotion again.
    Again,
}

/// A coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinator {
    /// What it is at.
    pub phase: Phase,
    /// The attempt that it believes to drive.
    pub epoch: u8,
}

/// What a processor is at, with the chunk and the attempt of the message in its hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Processor {
    /// It waits.
    Idle,
    /// It has a message.
    Has(u8, u8),
    /// Its start is charged.
    Working(u8, u8),
    /// The batch is published.
    Published(u8, u8),
}

/// What a writer is at, with the chunk of the batch in its hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Writer {
    /// It waits.
    Idle,
    /// It has a batch.
    Has(u8),
    /// The batch is committed.
    Committed(u8),
}

/// A message in the broker, in hand or not, until it is acknowledged or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// A chunk, handed out in an attempt.
    Chunk(u8, u8),
    /// A batch; whether it was delivered before.
    Batch(u8, bool),
    /// A worker's counts of a chunk. Those of writers stand for both roles': they are kept in the same way.
    Counts(u8),
    /// The request to read back, in an attempt.
    Range(u8),
}

/// Most attempts that the model has: bits are reserved for them.
pub(super) const EPOCHS: u8 = 3;

impl Message {
    const fn bit(self) -> u32 {
        match self {
            Self::Chunk(chunk, epoch) => chunk as u32 * EPOCHS as u32 + epoch as u32 - 1,
            Self::Batch(chunk, again) => 6 + chunk as u32 * 2 + again as u32,
            Self::Counts(chunk) => 10 + chunk as u32,
            Self::Range(epoch) => 12 + epoch as u32 - 1,
        }
    }

    /// Every message there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        let chunks = (0..CHUNKS as u8).flat_map(|chunk| {
            (1..=EPOCHS).map(move |epoch| Self::Chunk(chunk, epoch)).chain([
                Self::Batch(chunk, false),
                Self::Batch(chunk, true),
                Self::Counts(chunk),
            ])
        });
        chunks.chain((1..=EPOCHS).map(Self::Range))
    }
}

/// The messages in the broker: at most one of each, because it may be delivered as often as one likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mail(u32);

impl Mail {
    /// Whether the message is there.
    #[must_use]
    pub const fn has(self, message: Message) -> bool {
        self.0 & (1 << message.bit()) != 0
    }

    /// Puts it there.
    pub const fn put(&mut self, message: Message) {
        self.0 |= 1 << message.bit();
    }

    /// Removes it.
    pub const fn remove(&mut self, message: Message) {
        self.0 &= !(1 << message.bit());
    }
}

/// What was violated on the way; properties ask for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Violated {
    /// A message was acknowledged before its effect was durable.
    pub early_ack: bool,
    /// A coordinator whose lease was taken over changed the run.
    pub fenced_change: bool,
    /// A promotion had no permit of its own attempt.
    pub no_permit: bool,
    /// Something was read back before it was committed.
    pub early_read: bool,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// The run's state in the ledger.
    pub run: Run,
    /// How often the run was taken up.
    pub epoch: u8,
    /// Whether the lease of that attempt lasts.
    pub leased: bool,
    /// The chunks.
    pub chunks: [Chunk; CHUNKS],
    /// The attempt in which staging was read back, and how many rows were found.
    pub read: (u8, u8),
    /// The attempt in which it reconciled.
    pub reconciled: u8,
    /// How many chunks' rows are in final.
    pub in_final: u8,
    /// The messages.
    pub mail: Mail,
    /// The coordinator and the one on standby.
    pub coordinators: [Coordinator; 2],
    /// The processors.
    pub processors: [Processor; 2],
    /// The writers.
    pub writers: [Writer; 2],
    /// Whether a processor crashed: what it charged stays charged.
    pub crashed: bool,
    /// What was violated.
    pub violated: Violated,
}

impl State {
    /// The beginning, with so many chunks; the others are done.
    #[must_use]
    pub fn begin(chunks: usize) -> Self {
        let split = Chunk {
            state: ChunkState::Split,
            charged: 0,
            rows: 0,
            counted: 0,
            batched: false,
            handed_out: 0,
        };
        let done = Chunk { state: ChunkState::Committed, rows: 1, counted: 1, batched: true, ..split };
        let mut all = [done; CHUNKS];
        all[..chunks].fill(split);
        Self {
            run: Run::Loading,
            epoch: 0,
            leased: false,
            chunks: all,
            read: (0, 0),
            reconciled: 0,
            in_final: 0,
            mail: Mail::default(),
            coordinators: [Coordinator { phase: Phase::Idle, epoch: 0 }; 2],
            processors: [Processor::Idle; 2],
            writers: [Writer::Idle; 2],
            crashed: false,
            violated: Violated::default(),
        }
    }

    /// Whether the chunk was handed out in the attempt, as far as that was noted.
    pub(super) const fn handed_out(&self, no: u8, epoch: u8) -> bool {
        self.chunks[no as usize].handed_out & (1 << epoch) != 0
    }

    pub(super) const fn note_handed_out(&mut self, no: u8, epoch: u8) {
        self.chunks[no as usize].handed_out |= 1 << epoch;
    }

    /// Whether the run has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.run, Run::Promoted | Run::Failed)
    }

    /// Processes of one role are alike: which is which does not matter.
    pub(super) fn sort(&mut self) {
        self.coordinators.sort_unstable();
        self.processors.sort_unstable();
        self.writers.sort_unstable();
    }
}
