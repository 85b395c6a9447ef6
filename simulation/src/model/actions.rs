//! What may happen in the model, and what it changes.

use super::Protocol;
use super::state::{ChunkState, Coordinator, Message, Phase, Processor, Run, State, Writer};
use crate::mutants::Mutant;

/// Something that happens, with the place of the process among those alike, and the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A coordinator takes the run up, whose lease nobody holds.
    AcquireLease(usize),
    /// The lease ends: its holder was silent for too long. It may be alive and not know it.
    LeaseEnds,
    /// A coordinator hands a chunk out, or hands it out again.
    HandOut(usize, u8),
    /// A processor gets a chunk.
    TakeChunk(usize, Message),
    /// It charges a start, or finds that nothing is to be done.
    StartChunk(usize),
    /// It publishes the batch.
    PublishBatch(usize),
    /// It takes the charge back, and acknowledges the chunk.
    AckChunk(usize),
    /// A writer gets a batch.
    TakeBatch(usize, Message),
    /// It commits the batch, unless that is done or the run no longer loads.
    CommitBatch(usize),
    /// It reports what it wrote, and acknowledges the batch.
    AckBatch(usize),
    /// The coordinator stores counts, and acknowledges them, or fails to.
    KeepCounts(Message, bool),
    /// The coordinator has lost counts computed again.
    Recount(usize, u8),
    /// A coordinator books the run as staged.
    Stage(usize),
    /// A coordinator gives up a run with chunks that were set aside, or that did not reconcile.
    Fail(usize),
    /// A coordinator hands out what is to be read back.
    HandOutRange(usize),
    /// A worker reads it back.
    ReadBack(u8),
    /// The coordinator compares everything, and makes a permit.
    Reconcile(usize),
    /// It begins the promotion.
    BeginPromotion(usize),
    /// It commits the promotion; whether it learns of that.
    CommitPromotion(usize, bool),
    /// It is told that it was fenced off, and stops.
    Fenced(usize),
    /// A message is lost: its queue is purged, or the broker reset.
    Lose(Message),
    /// A coordinator dies.
    CrashCoordinator(usize),
    /// A processor dies.
    CrashProcessor(usize),
    /// A writer dies.
    CrashWriter(usize),
}

impl Protocol {
    /// What may happen next.
    pub(super) fn possible(&self, state: &State, out: &mut Vec<Action>) {
        if state.is_over() {
            return self.possible_afterwards(state, out);
        }
        if state.leased && state.epoch < self.attempts {
            out.push(Action::LeaseEnds);
        }
        for (at, coordinator) in state.coordinators.iter().enumerate() {
            self.coordinator(state, at, *coordinator, out);
        }
        for (at, processor) in state.processors.iter().enumerate() {
            match processor {
                Processor::Idle => out.extend(
                    Message::all()
                        .filter(|message| matches!(message, Message::Chunk(..)) && state.mail.has(*message))
                        .map(|message| Action::TakeChunk(at, message)),
                ),
                Processor::Has(..) => out.push(Action::StartChunk(at)),
                Processor::Working(..) => out.push(Action::PublishBatch(at)),
                Processor::Published(..) => out.push(Action::AckChunk(at)),
            }
            if *processor != Processor::Idle {
                out.push(Action::CrashProcessor(at));
            }
        }
        for (at, writer) in state.writers.iter().enumerate() {
            match writer {
                Writer::Idle => out.extend(
                    Message::all()
                        .filter(|message| matches!(message, Message::Batch(..)) && state.mail.has(*message))
                        .map(|message| Action::TakeBatch(at, message)),
                ),
                Writer::Has(_) => out.push(Action::CommitBatch(at)),
                Writer::Committed(_) => out.push(Action::AckBatch(at)),
            }
            if *writer != Writer::Idle {
                out.push(Action::CrashWriter(at));
            }
        }
        let collects = state.coordinators.iter().any(|one| one.phase != Phase::Idle);
        for message in Message::all().filter(|message| state.mail.has(*message)) {
            out.push(Action::Lose(message));
            match message {
                Message::Counts(_) if collects => {
                    out.extend([true, false].map(|acked| Action::KeepCounts(message, acked)));
                }
                Message::Range(epoch) => out.push(Action::ReadBack(epoch)),
                _ => {}
            }
        }
    }

    /// Once the run has ended, only those could do harm who do not know it.
    fn possible_afterwards(&self, state: &State, out: &mut Vec<Action>) {
        for (at, coordinator) in state.coordinators.iter().enumerate() {
            self.coordinator(state, at, *coordinator, out);
        }
        for (at, writer) in state.writers.iter().enumerate() {
            if matches!(writer, Writer::Has(_)) {
                out.push(Action::CommitBatch(at));
            }
        }
    }

    fn coordinator(&self, state: &State, at: usize, coordinator: Coordinator, out: &mut Vec<Action>) {
        let Coordinator { phase, epoch } = coordinator;
        let is_fenced = epoch != state.epoch && !self.has(Mutant::LeaseNotFenced);
        let settled = state.chunks.iter().all(|chunk| chunk.state != ChunkState::Split);
        let aside = state.chunks.iter().any(|chunk| chunk.state == ChunkState::Aside);
        match phase {
            Phase::Idle => {
                if !state.leased && !state.is_over() && state.epoch < self.attempts {
                    out.push(Action::AcquireLease(at));
                }
                return;
            }
            Phase::Loading => {
                for (no, chunk) in (0..).zip(&state.chunks) {
                    let message = Message::Chunk(no, epoch);
                    let was_sent = self.has(Mutant::ForgottenChunk) && state.handed_out(no, epoch);
                    if chunk.state == ChunkState::Split && !state.mail.has(message) && !was_sent {
                        out.push(Action::HandOut(at, no));
                    }
                }
                if settled && !is_fenced {
                    out.push(if aside { Action::Fail(at) } else { Action::Stage(at) });
                }
                if self.has(Mutant::ReadBackEarly) && !state.mail.has(Message::Range(epoch)) {
                    out.push(Action::HandOutRange(at));
                }
            }
            Phase::Staged => {
                for (no, chunk) in (0..).zip(&state.chunks) {
                    if chunk.counted == 0 && !state.mail.has(Message::Counts(no)) {
                        out.push(Action::Recount(at, no));
                    }
                }
                if state.read.0 == epoch {
                    if state.chunks.iter().all(|chunk| chunk.counted > 0) {
                        out.push(Action::Reconcile(at));
                    }
                } else if !state.mail.has(Message::Range(epoch)) {
                    out.push(Action::HandOutRange(at));
                }
            }
            Phase::Permit if !is_fenced => out.push(Action::BeginPromotion(at)),
            Phase::Promoting | Phase::Again if !is_fenced || phase == Phase::Again => {
                out.extend([true, false].map(|told| Action::CommitPromotion(at, told)));
            }
            _ => {}
        }
        if is_fenced {
            out.push(Action::Fenced(at));
        }
        // The last attempt of the scope goes on: what else would follow is left to further attempts.
        if epoch < self.attempts {
            out.push(Action::CrashCoordinator(at));
        }
    }

    /// What it changes.
    pub(super) fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::AcquireLease(at) => {
                state.epoch += 1;
                state.leased = true;
                state.read = (0, 0);
                let phase = if state.run == Run::Loading { Phase::Loading } else { Phase::Staged };
                state.coordinators[at] = Coordinator { phase, epoch: state.epoch };
            }
            Action::LeaseEnds => state.leased = false,
            Action::HandOut(at, no) => {
                let epoch = state.coordinators[at].epoch;
                state.mail.put(Message::Chunk(no, epoch));
                if self.has(Mutant::ForgottenChunk) {
                    state.note_handed_out(no, epoch);
                }
            }
            Action::TakeChunk(at, message) => {
                if let Message::Chunk(no, epoch) = message {
                    state.processors[at] = Processor::Has(no, epoch);
                    if self.has(Mutant::AckBeforePublish) {
                        state.ack(message);
                    }
                }
            }
            Action::StartChunk(at) => self.start(state, at),
            Action::PublishBatch(at) => {
                if let Processor::Working(no, epoch) = state.processors[at] {
                    state.mail.put(Message::Batch(no, false));
                    state.chunks[no as usize].batched = true;
                    state.processors[at] = Processor::Published(no, epoch);
                }
            }
            Action::AckChunk(at) => {
                if let Processor::Published(no, epoch) = state.processors[at] {
                    if !self.has(Mutant::ChargeKept) {
                        let chunk = &mut state.chunks[no as usize];
                        chunk.charged = chunk.charged.saturating_sub(1);
                    }
                    state.ack(Message::Chunk(no, epoch));
                    state.processors[at] = Processor::Idle;
                }
            }
            Action::TakeBatch(at, message) => {
                if let Message::Batch(no, again) = message {
                    if self.has(Mutant::RedeliveredDropped) && again {
                        return state.ack(message);
                    }
                    state.writers[at] = Writer::Has(no);
                    if self.has(Mutant::AckBeforeCommit) {
                        state.ack(message);
                    }
                }
            }
            Action::CommitBatch(at) => self.commit(state, at),
            Action::AckBatch(at) => {
                if let Writer::Committed(no) = state.writers[at] {
                    state.mail.put(Message::Counts(no));
                    state.ack_batch(no);
                    state.writers[at] = Writer::Idle;
                }
            }
            Action::KeepCounts(message, acked) => self.keep(state, message, acked),
            Action::Recount(_, no) => state.mail.put(Message::Counts(no)),
            Action::Stage(at) => {
                state.violated.fenced_change |= state.coordinators[at].epoch != state.epoch;
                if state.run == Run::Loading {
                    state.run = Run::Staged;
                }
                state.coordinators[at].phase = Phase::Staged;
            }
            Action::Fail(at) => {
                state.violated.fenced_change |= state.coordinators[at].epoch != state.epoch;
                if !state.is_over() {
                    state.run = Run::Failed;
                }
                state.coordinators[at].phase = Phase::Idle;
            }
            Action::HandOutRange(at) => state.mail.put(Message::Range(state.coordinators[at].epoch)),
            Action::ReadBack(epoch) => {
                if epoch == state.epoch {
                    state.violated.early_read |=
                        state.chunks.iter().any(|chunk| chunk.state == ChunkState::Split);
                    state.read = (epoch, state.chunks.iter().map(|chunk| chunk.rows).sum());
                }
                state.mail.remove(Message::Range(epoch));
            }
            Action::Reconcile(at) => {
                let is_right = state.read.1 as usize == state.chunks.len()
                    && state.chunks.iter().all(|chunk| chunk.counted == 1);
                let Coordinator { epoch, phase } = &mut state.coordinators[at];
                if is_right {
                    (*phase, state.reconciled) = (Phase::Permit, (*epoch).max(state.reconciled));
                } else if *epoch == state.epoch {
                    (*phase, state.run) = (Phase::Idle, Run::Failed);
                }
            }
            Action::BeginPromotion(at) => state.coordinators[at].phase = Phase::Promoting,
            Action::CommitPromotion(at, told) => self.promote(state, at, told),
            Action::Fenced(at) => self.stop(state, at),
            Action::Lose(message) => state.mail.remove(message),
            Action::CrashCoordinator(at) => self.stop(state, at),
            Action::CrashProcessor(at) => {
                state.crashed = true;
                state.processors[at] = Processor::Idle;
            }
            Action::CrashWriter(at) => {
                // That a message was delivered before is only noted where somebody asks for it.
                if let Writer::Has(no) | Writer::Committed(no) = state.writers[at]
                    && self.has(Mutant::RedeliveredDropped)
                    && state.mail.has(Message::Batch(no, false))
                {
                    state.mail.remove(Message::Batch(no, false));
                    state.mail.put(Message::Batch(no, true));
                }
                state.writers[at] = Writer::Idle;
            }
        }
    }

    fn start(&self, state: &mut State, at: usize) {
        let Processor::Has(no, epoch) = state.processors[at] else { return };
        let chunk = &mut state.chunks[no as usize];
        let is_open = state.run == Run::Loading && chunk.state == ChunkState::Split && epoch == state.epoch;
        if !is_open {
            state.ack(Message::Chunk(no, epoch));
            state.processors[at] = Processor::Idle;
        } else if chunk.charged >= self.starts {
            chunk.state = ChunkState::Aside;
            state.ack(Message::Chunk(no, epoch));
            state.processors[at] = Processor::Idle;
        } else {
            chunk.charged += 1;
            state.processors[at] = Processor::Working(no, epoch);
        }
    }

    fn commit(&self, state: &mut State, at: usize) {
        let Writer::Has(no) = state.writers[at] else { return };
        let chunk = &mut state.chunks[no as usize];
        state.writers[at] = match chunk.state {
            ChunkState::Split if state.run == Run::Loading => {
                chunk.state = ChunkState::Committed;
                chunk.rows += 1;
                Writer::Committed(no)
            }
            ChunkState::Committed => {
                if self.has(Mutant::BatchCommittedTwice) {
                    chunk.rows = 2;
                }
                Writer::Committed(no)
            }
            // The run no longer takes it: it is acknowledged, and that is all.
            _ => {
                state.ack_batch(no);
                Writer::Idle
            }
        };
    }

    fn keep(&self, state: &mut State, message: Message, acked: bool) {
        let Message::Counts(no) = message else { return };
        let count = &mut state.chunks[no as usize].counted;
        if self.has(Mutant::CountsAckedUnread) {
            state.violated.early_ack |= *count == 0;
        } else if self.has(Mutant::CountAddedTwice) {
            *count = (*count + 1).min(2);
        } else {
            // Kept under chunk, role and worker: again, it is the same.
            *count = 1;
        }
        if acked {
            state.mail.remove(message);
        }
    }

    fn promote(&self, state: &mut State, at: usize, told: bool) {
        let Coordinator { epoch, phase } = state.coordinators[at];
        let is_legal = state.run == Run::Staged || phase == Phase::Again;
        if is_legal {
            state.violated.fenced_change |= epoch != state.epoch;
            state.violated.no_permit |= state.reconciled != epoch;
            state.in_final += state.chunks.iter().map(|chunk| chunk.rows).sum::<u8>();
            state.run = Run::Promoted;
        }
        let repeats = self.has(Mutant::PromotionRepeated) && !told && phase == Phase::Promoting;
        state.coordinators[at] = if repeats {
            Coordinator { epoch, phase: Phase::Again }
        } else {
            Coordinator { epoch: 0, phase: Phase::Idle }
        };
    }

    fn stop(&self, state: &mut State, at: usize) {
        let before = state.coordinators[at].phase;
        state.coordinators[at] = Coordinator { epoch: 0, phase: Phase::Idle };
        // Its permit outlives the attempt, and is used in the next.
        if self.has(Mutant::PermitReused)
            && before == Phase::Permit
            && !state.is_over()
            && !state.leased
            && state.epoch < self.attempts
        {
            state.epoch += 1;
            state.leased = true;
            state.coordinators[at] = Coordinator { epoch: state.epoch, phase: Phase::Permit };
        }
    }
}

impl State {
    fn ack_batch(&mut self, no: u8) {
        for message in [Message::Batch(no, false), Message::Batch(no, true)] {
            if self.mail.has(message) {
                self.ack(message);
            }
        }
    }

    /// Removes an acknowledged message. Its effect must be durable.
    fn ack(&mut self, message: Message) {
        let open = |no: u8, state: &Self| {
            state.run == Run::Loading && state.chunks[no as usize].state == ChunkState::Split
        };
        self.violated.early_ack |= match message {
            Message::Chunk(no, epoch) => {
                open(no, self) && epoch == self.epoch && !self.chunks[no as usize].batched
            }
            Message::Batch(no, _) => open(no, self),
            _ => false,
        };
        self.mail.remove(message);
    }
}
