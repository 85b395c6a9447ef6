//! Workers and messages: altered, lost, repeated, forged.

use std::sync::{Arc, Mutex, PoisonError};

use broker::DuplicatingBroker;
use coordinator::open::RunRequest;
use coordinator::run::Ending;
use domain::ids::RecordNo;
use domain::layout::Layout;
use domain::record::{self, records};
use domain::value::{FieldType, Value};
use job::Job;
use wire::{Batch, Work, WorkerReport};

use crate::fleet::broker;
use crate::meddling::{Fate, Meddler, Meddling};
use crate::scenario::{Scenario, Stop, Strike, Target, Victim};
use crate::survey::{Owned, Sample};

/// What becomes of a row between processor and writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InBatch {
    /// The row is left out of the batch.
    Lost,
    /// A value of it is altered.
    Altered,
}

/// What a processor gets wrong, so that everything it says agrees, and in which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgery {
    /// It loses a record.
    RecordLost,
    /// It reads a value wrongly, in a run with declared totals.
    Declared,
    /// It reads a value wrongly, in a run that an operator approves.
    Approved,
    /// It reads a value wrongly, in a run of which every chunk is decoded twice.
    DecodedTwice,
}

/// What the counts of a worker say wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// A writer reports a record too many.
    WriterMore,
    /// A writer reports a record too few.
    WriterLess,
    /// A processor reports a record too many.
    ProcessorMore,
    /// A writer's counts are lost.
    Lost,
    /// A writer's counts come under another worker's number.
    OtherWorker,
}

/// What happens to a chunk in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InTransit {
    /// A bit of it is flipped.
    Flipped,
    /// Its last byte is lost.
    Shortened,
}

/// A record of a type that has several, and a text in it that is no amount and no key.
fn text_of<'a>(scenario: &'a Scenario<'_>) -> Result<(&'a Sample, usize), Stop> {
    scenario
        .find(|sample, layout, at, value| {
            let is_many = scenario.fixture.survey.by_type[sample.place] > 1;
            match (value, &layout.fields[at].ty) {
                (Owned::Text(text), FieldType::Text { .. })
                    if is_many && !text.is_empty() && !layout.key.contains(&at) =>
                {
                    Some(())
                }
                _ => None,
            }
        })
        .map(|(sample, at, ())| (sample, at))
        .ok_or(Stop::NotHere("no record has a text field outside its key"))
}

/// The record as it is, but for one field.
fn with_field(record: &record::RawRecord<'_>, field: usize, new: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    record::begin(&mut out, record.record_no);
    for (at, raw) in record.fields().enumerate() {
        if at == field {
            record::put(&mut out, new);
        } else {
            record::put_raw(&mut out, raw.tag, raw.content);
        }
    }
    out
}

/// What becomes of a record among a batch's rows.
enum Row<'a> {
    Lost,
    Changed(usize, &'a Value<'a>),
}

/// The rows with one record changed; `None` when it is not among them.
fn rows_with(rows: &[u8], layout: &Layout, record_no: u64, what: &Row<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(rows.len());
    let mut is_there = false;
    for record in records(rows, layout.fields.len()) {
        let record = record.ok()?;
        if record.record_no.0 != record_no {
            out.extend_from_slice(record.bytes());
            continue;
        }
        is_there = true;
        if let Row::Changed(field, new) = what {
            out.extend(with_field(&record, *field, new));
        }
    }
    is_there.then_some(out)
}

/// Loses or alters a row after the processor: the counts say otherwise.
pub(super) async fn row_altered(what: InBatch, scenario: &Scenario<'_>) -> Strike {
    let (sample, at) = text_of(scenario)?;
    let layout = scenario.layout(sample).clone();
    let (place, record_no) = (sample.place, sample.record_no);
    let name = layout.fields[at].name.clone();
    let is_lost = what == InBatch::Lost;
    let old = sample.values[at].clone();
    let hand = Box::new(move |batch: &Batch| {
        let Owned::Text(old) = &old else { return Fate::Pass };
        let new = format!("{old}x");
        let (lost, changed) = (Row::Lost, Value::Text(&new));
        let changed = Row::Changed(at, &changed);
        let row = if is_lost { &lost } else { &changed };
        let Some(rows) = batch.rows.get(place).and_then(|rows| rows_with(rows, &layout, record_no, row))
        else {
            return Fate::Pass;
        };
        let mut batch = batch.clone();
        batch.rows[place] = rows;
        Fate::Instead(Box::new(batch))
    });
    let field = scenario.field().await?;
    let meddled = Meddler::on(broker(), &field.store, Meddling::Batches(hand));
    let (run_id, ended) = field.run_on(&scenario.request(), meddled).await;
    let (told, victim) = if is_lost {
        (format!("record {record_no} is removed from its batch"), Victim { record_no, field: None })
    } else {
        let told = format!("record {record_no}, {name}: altered in its batch");
        (told, Victim { record_no, field: Some(name) })
    };
    let target = Target { victims: vec![victim], part: Some("chunk".into()), told };
    field.over(run_id, ended, target, 0).await
}

/// The batch as a processor would have made it that read a record wrongly, or not at all.
fn forge(job: &Job, batch: &Batch, record_no: u64, what: &Row<'_>) -> Option<Batch> {
    let layout = &job.records.first()?.layout;
    let rows = rows_with(batch.rows.first()?, layout, record_no, what)?;
    let mut totals = job.no_totals(RecordNo(batch.first_record_no).leaf());
    let mut accepted = records(&rows, layout.fields.len()).map_while(Result::ok).peekable();
    let mut rejects = batch.rejects.iter().peekable();
    for number in batch.first_record_no..batch.first_record_no + batch.records_in {
        if let Some(record) = accepted.next_if(|record| record.record_no.0 == number) {
            totals.accept(layout, &record).ok()?;
        } else if let Some(reject) = rejects.next_if(|reject| reject.record_no == number) {
            totals.reject(RecordNo(number), &reject.raw);
        } else {
            totals.absent(RecordNo(number));
        }
    }
    let mut forged = batch.clone();
    forged.records_in = totals.records + batch.rejects.len() as u64;
    forged.accepted = totals.records;
    forged.by_type = totals.by_type.clone();
    forged.sums = wire::wire_sums(&totals.sums);
    forged.tree = totals.tree.to_bytes();
    drop(accepted);
    forged.rows = vec![rows];
    Some(forged)
}

/// A processor that is wrong throughout: nothing in what it hands on contradicts anything else.
pub(super) async fn forged(forgery: Forgery, scenario: &Scenario<'_>) -> Strike {
    if scenario.fixture.job.has_types() {
        return Err(Stop::NotHere("the job has records of several types"));
    }
    let (sample, at) = text_of(scenario)?;
    let (job, record_no, is_lost) =
        (Arc::clone(&scenario.fixture.job), sample.record_no, forgery == Forgery::RecordLost);
    let old = sample.values[at].clone();
    let chunk = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&chunk);
    let hand = Box::new(move |batch: &Batch| {
        let Owned::Text(old) = &old else { return Fate::Pass };
        let new = format!("{old}x");
        let changed = Value::Text(&new);
        let what = if is_lost { Row::Lost } else { Row::Changed(at, &changed) };
        match forge(&job, batch, record_no, &what) {
            Some(forged) => {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch.chunk_no);
                Fate::Instead(Box::new(forged))
            }
            None => Fate::Pass,
        }
    });
    let field = scenario.field().await?;
    let meddled = Meddler::on(broker(), &field.store, Meddling::Batches(hand));
    let what = if is_lost { "is lost" } else { "is read wrongly" };
    let mut target =
        Target::told(format!("record {record_no} {what}, and everything its processor reports agrees"));
    let (run_id, ended) = match forgery {
        Forgery::Declared => {
            let request = RunRequest { declared: Some(scenario.declared()), ..scenario.request() };
            field.run_on(&request, meddled).await
        }
        Forgery::Approved => {
            let request = RunRequest { pause_after_staged: true, ..scenario.request() };
            match field.run_on(&request, meddled).await {
                (Some(run_id), Ok(Ending::Paused)) => (Some(run_id), field.approve(run_id).await),
                other => other,
            }
        }
        Forgery::DecodedTwice => field.run_on(&super::bus::fully_verified(scenario), meddled).await,
        Forgery::RecordLost => field.run_on(&scenario.request(), meddled).await,
    };
    if let Some(chunk_no) = *chunk.lock().unwrap_or_else(PoisonError::into_inner) {
        target = target.part(format!("chunk {chunk_no}"));
    }
    field.over(run_id, ended, target, 0).await
}

/// Makes a worker report what it did not do.
pub(super) async fn counts(lie: Lie, scenario: &Scenario<'_>) -> Strike {
    let worker = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&worker);
    let told = match lie {
        Lie::WriterMore => "a writer reports one record too many",
        Lie::WriterLess => "a writer reports one record too few",
        Lie::ProcessorMore => "a processor reports one record too many",
        Lie::Lost => "a writer's counts are lost",
        Lie::OtherWorker => "a writer's counts are reported under another worker's number",
    };
    let hand = Box::new(move |report: &WorkerReport| {
        let mut report = report.clone();
        let by = report.worker;
        let (processor, counts) = match &mut report.work {
            Work::Processed(counts) if lie == Lie::ProcessorMore => (by, counts),
            Work::Written { processor, counts } if lie != Lie::ProcessorMore => (*processor, counts),
            _ => return Fate::Pass,
        };
        if counts.accepted == 0 {
            return Fate::Pass;
        }
        let mut struck = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *struck.get_or_insert((report.chunk_no, by)) != (report.chunk_no, by) {
            return Fate::Pass;
        }
        match lie {
            Lie::WriterMore | Lie::ProcessorMore => {
                counts.records += 1;
                counts.accepted += 1;
            }
            Lie::WriterLess => {
                counts.records -= 1;
                counts.accepted -= 1;
            }
            Lie::Lost => return Fate::Lost,
            Lie::OtherWorker => report.worker = processor,
        }
        Fate::Instead(Box::new(report))
    });
    let field = scenario.field().await?;
    let meddled = Meddler::on(broker(), &field.store, Meddling::Counts(hand));
    let (run_id, ended) = field.run_on(&scenario.request(), meddled).await;
    let mut target = Target::told(told);
    if let Some((_, worker)) = *worker.lock().unwrap_or_else(PoisonError::into_inner) {
        target = target.part(format!("worker {worker}"));
    }
    field.over(run_id, ended, target, 0).await
}

/// At-least-once delivery, taken at its word.
pub(super) async fn doubled(scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    let (run_id, ended) = field.run_on(&scenario.request(), Arc::new(DuplicatingBroker::new(broker()))).await;
    field.over(run_id, ended, Target::told("every message is delivered twice"), 0).await
}

/// A chunk is not what was split.
pub(super) async fn chunk_altered(what: InTransit, scenario: &Scenario<'_>) -> Strike {
    let survey = &scenario.fixture.survey;
    let wanted = u64::from(survey.records > scenario.fixture.chunks.records);
    let is_byte = what == InTransit::Flipped;
    let hand = Box::new(move |chunk: &wire::Chunk| {
        if chunk.chunk_no != wanted {
            return Fate::Pass;
        }
        let mut chunk = chunk.clone();
        let Some(bytes) = chunk.bytes.held_mut() else { return Fate::Pass };
        if is_byte {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        } else {
            bytes.pop();
        }
        Fate::Instead(Box::new(chunk))
    });
    let field = scenario.field().await?;
    let meddled = Meddler::on(broker(), &field.store, Meddling::Chunks(hand));
    let (run_id, ended) = field.run_on(&scenario.request(), meddled).await;
    let told = if is_byte {
        format!("a bit of chunk {wanted} is flipped in flight")
    } else {
        format!("chunk {wanted} arrives one byte shorter than it was split")
    };
    field.over(run_id, ended, Target::told(told).part(format!("chunk {wanted}")), 0).await
}
