//! The source and what is declared of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::open::RunRequest;
use coordinator::run::Ending;
use domain::amount::Amount;
use domain::declared::Declared;
use domain::ids::RecordNo;
use job::chunk::{ChunkDecoder, Start};

use crate::reference;
use crate::scenario::{Field, Scenario, Stop, Strike, Target};
use crate::survey::{Edit, bytes_of, edited};

/// What becomes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileDamage {
    /// Every record is removed.
    Emptied,
    /// A record cannot be decoded any more.
    Garbled,
    /// The last records are missing.
    EndMissing,
    /// Two records are swapped.
    RecordsExchanged,
    /// The file ends in the middle of a record.
    CutInRecord,
}

/// What the sender declares wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declaration {
    /// One record more than came.
    RecordMore,
    /// A sum that is off by the smallest unit.
    SumOff,
    /// The SHA-256 of another file.
    OtherFile,
}

/// What is wrong with a header or a trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlDamage {
    /// The trailer's count is one too many.
    Count,
    /// The trailer's total is a cent too high.
    Total,
    /// The trailer's hash total.
    HashTotal,
    /// The header's business day.
    OtherDay,
    /// The trailer is missing.
    NoTrailer,
}

fn plain(scenario: &Scenario<'_>) -> Result<(), Stop> {
    if scenario.fixture.survey.is_plain { Ok(()) } else { Err(Stop::NotHere("the source is compressed")) }
}

fn io(error: &std::io::Error) -> Stop {
    Stop::Failed(format!("cannot copy the source: {error}"))
}

impl Field<'_> {
    /// A copy of the source with these edits.
    fn copy(&self, name: &str, edits: &[Edit]) -> Result<PathBuf, Stop> {
        let path = self.shadow.path(name);
        edited(&self.scenario.fixture.source, &path, edits).map_err(|error| io(&error))?;
        Ok(path)
    }
}

/// A bit of the file is flipped while the run waits for approval.
pub(super) async fn changed_under_the_run(scenario: &Scenario<'_>) -> Strike {
    plain(scenario)?;
    let extent = *scenario.fixture.survey.extents.last().ok_or(Stop::NotHere("the source is empty"))?;
    let field = scenario.field().await?;
    let path = field.copy("source", &[])?;
    let request = RunRequest { pause_after_staged: true, ..scenario.request_of(path.clone()) };
    let run_id = field.stage_of(&request).await?;
    flip(&path, extent.offset)?;
    let ended = field.approve(run_id).await;
    let told = format!("a bit of byte {} of the file is flipped while the run waits", extent.offset);
    field.over(Some(run_id), ended, Target::told(told), 0).await
}

fn flip(path: &Path, offset: u64) -> Result<(), Stop> {
    use std::io::{Read, Seek, SeekFrom, Write};
    let flipped = || {
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
        let mut byte = [0];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut byte)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(&[byte[0] ^ 1])
    };
    flipped().map_err(|error| io(&error))
}

/// Another file than the one that its sender made.
pub(super) async fn edited_file(what: FileDamage, scenario: &Scenario<'_>) -> Strike {
    plain(scenario)?;
    let survey = &scenario.fixture.survey;
    let source = &scenario.fixture.source;
    let last = *survey.extents.last().ok_or(Stop::NotHere("the source is empty"))?;
    let (edits, told) = match what {
        FileDamage::Emptied => {
            let first = survey.extents[0];
            let end = last.offset + last.bytes;
            let all = Edit { offset: first.offset, removed: end - first.offset, inserted: Vec::new() };
            (vec![all], "every record is removed".to_owned())
        }
        FileDamage::Garbled => garbled(scenario)?,
        FileDamage::EndMissing => {
            let first = match survey.extents.len().checked_sub(3) {
                Some(at) if survey.extents.len() as u64 == survey.records => survey.extents[at],
                _ => last,
            };
            let removed = last.offset + last.bytes - first.offset;
            let edit = Edit { offset: first.offset, removed, inserted: Vec::new() };
            (vec![edit], format!("the file ends before record {}", first.record_no))
        }
        FileDamage::RecordsExchanged => {
            let mut pairs = survey.details.windows(2);
            let read = |extent| bytes_of(source, extent).map_err(|error| io(&error));
            let pair = pairs.find_map(|pair| {
                let (one, other) = (read(pair[0]).ok()?, read(pair[1]).ok()?);
                (one != other).then(|| (pair[0], one, pair[1], other))
            });
            let (first, one, second, other) = pair.ok_or(Stop::NotHere("no two records differ"))?;
            let edits = vec![
                Edit { offset: first.offset, removed: first.bytes, inserted: other },
                Edit { offset: second.offset, removed: second.bytes, inserted: one },
            ];
            (edits, format!("records {} and {} are swapped", first.record_no, second.record_no))
        }
        FileDamage::CutInRecord => {
            let kept = last.bytes / 2;
            let edit = Edit { offset: last.offset + kept, removed: last.bytes - kept, inserted: Vec::new() };
            (vec![edit], format!("the file ends within record {}", last.record_no))
        }
    };
    let field = scenario.field().await?;
    let path = field.copy("source", &edits)?;
    let is_declared = match what {
        FileDamage::Emptied | FileDamage::Garbled => false,
        FileDamage::EndMissing | FileDamage::RecordsExchanged | FileDamage::CutInRecord => true,
    };
    let declared = is_declared.then(|| scenario.declared());
    let request = RunRequest { declared, ..scenario.request_of(path) };
    let (run_id, ended) = field.run(&request).await;
    field.over(run_id, ended, Target::told(told), 0).await
}

/// A record whose bytes cannot be decoded any more.
fn garbled(scenario: &Scenario<'_>) -> Result<(Vec<Edit>, String), Stop> {
    let fixture = scenario.fixture;
    let Some(extent) = fixture.survey.details.get(1).copied() else {
        return Err(Stop::NotHere("no record type has several records"));
    };
    let mut bytes = bytes_of(&fixture.source, extent).map_err(|error| io(&error))?;
    // Framing stays: line ends behind, and whatever a length before the record says.
    let from = bytes.len() / 2;
    let to = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(from, |at| at + 1);
    let filler = if bytes.ends_with(b"\n") { b'?' } else { 0xff };
    bytes[from..to.max(from)].fill(filler);
    let mut decoder = ChunkDecoder::new(&fixture.job)?;
    let parents = vec![1; fixture.job.records.len()];
    let start = Start {
        first_record_no: RecordNo(extent.record_no),
        offset: extent.offset,
        parents: &parents,
        ends_source: false,
    };
    let is_rejected = decoder.decode(start, &bytes).is_ok_and(|decoded| decoded.rejects.len() == 1);
    if !is_rejected {
        return Err(Stop::NotHere("a garbled record would still be valid"));
    }
    let edit = Edit { offset: extent.offset, removed: extent.bytes, inserted: bytes };
    let told = format!("the second half of record {} is overwritten", extent.record_no);
    // As many as the job allows are no defect: the first too.
    let limit = fixture.job.reject_limit.of(fixture.survey.records);
    if limit > fixture.survey.rejects.len() as u64 {
        return Err(Stop::NotHere("the job allows rejects"));
    }
    Ok((vec![edit], told))
}

/// The sender says something else than what came.
pub(super) async fn declared(what: Declaration, scenario: &Scenario<'_>) -> Strike {
    let mut declared = scenario.declared();
    let told = match what {
        Declaration::RecordMore => {
            declared.records = declared.records.map(|records| records + 1);
            "the declared number of records is one too high".to_owned()
        }
        Declaration::SumOff => {
            let (name, sum) =
                declared.amounts.iter_mut().next().ok_or(Stop::NotHere("the job sums no amounts"))?;
            let unit = Amount::new(1, sum.scale()).map_err(|error| error.to_string())?;
            *sum = sum.checked_add(unit).map_err(|error| error.to_string())?;
            format!("the declared sum of {name} is one unit too high")
        }
        Declaration::OtherFile => {
            // Of another file all that is right is what nobody looks at.
            let sha256 = Some(domain::fingerprint::Hash::of(b"another day's file"));
            declared = Declared { sha256, values: declared.values, ..Declared::default() };
            "the SHA-256 of another file is declared".to_owned()
        }
    };
    let field = scenario.field().await?;
    let request = RunRequest { declared: Some(declared), ..scenario.request() };
    let (run_id, ended) = field.run(&request).await;
    field.over(run_id, ended, Target::told(told), 0).await
}

/// The same file is loaded a second time.
pub(super) async fn again(scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    match field.run(&scenario.request()).await {
        (_, Ok(Ending::Promoted)) => {}
        (_, ended) => return Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    }
    let rows = field.final_rows().await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.over(run_id, ended, Target::told("the file is loaded a second time"), rows).await
}

/// Changes the headers or trailers of the reference file.
pub(super) async fn controls(what: ControlDamage, scenario: &Scenario<'_>) -> Strike {
    let made = reference::controls_of(&scenario.fixture.job.name)
        .ok_or(Stop::NotHere("only the job knows what its headers and trailers mean"))?;
    let (text, record_no, told) = match what {
        ControlDamage::Count => {
            (made.clone().with_count_off(), made.trailer_no(), "the trailer's count is one too high")
        }
        ControlDamage::Total => {
            (made.clone().with_total_off(), made.trailer_no(), "the trailer's total is one cent too high")
        }
        ControlDamage::HashTotal => {
            (made.clone().with_hash_off(), made.trailer_no(), "the trailer's hash total is one too high")
        }
        ControlDamage::OtherDay => (made.of_another_day(), 1, "the header names another day"),
        ControlDamage::NoTrailer => (made.without_trailer(), 0, "the trailer is missing"),
    };
    let field = scenario.field().await?;
    let path = field.shadow.path("source");
    std::fs::write(&path, text).map_err(|error| io(&error))?;
    let (run_id, ended) = field.run(&scenario.request_of(path)).await;
    let target = match record_no {
        0 => Target::told(told),
        record_no => Target::records(told, [record_no]),
    };
    field.over(run_id, ended, target, 0).await
}

/// The next file but one.
pub(super) async fn gap(scenario: &Scenario<'_>) -> Strike {
    let made = reference::controls_of(&scenario.fixture.job.name)
        .ok_or(Stop::NotHere("only the job knows what its headers and trailers mean"))?;
    let field = scenario.field().await?;
    match field.run(&scenario.request()).await {
        (_, Ok(Ending::Promoted)) => {}
        (_, ended) => return Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    }
    let rows = field.final_rows().await?;
    let path = field.shadow.path("source");
    std::fs::write(&path, made.two_files_on()).map_err(|error| io(&error))?;
    let (run_id, ended) = field.run(&scenario.request_of(path)).await;
    field
        .over(
            run_id,
            ended,
            Target::records("the file's sequence number is two above the previous one", [1]),
            rows,
        )
        .await
}

/// Two columns of a file with a header row are swapped.
pub(super) async fn columns_exchanged(scenario: &Scenario<'_>) -> Strike {
    let text = reference::columns_exchanged(&scenario.fixture.job.name, &scenario.fixture.source)
        .ok_or(Stop::NotHere("the source has no header row that names its columns"))?;
    let field = scenario.field().await?;
    let path = field.shadow.path("source");
    std::fs::write(&path, text).map_err(|error| io(&error))?;
    let request = RunRequest { job: Arc::clone(&scenario.fixture.job), ..scenario.request_of(path) };
    let (run_id, ended) = field.run(&request).await;
    field
        .over(
            run_id,
            ended,
            Target::told("two columns of the file are swapped, and their names with them"),
            0,
        )
        .await
}
