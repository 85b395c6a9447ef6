//! `fingerprint`: a source's control totals and root, loading nothing. What it prints, `run --declared` takes.

use std::sync::mpsc::sync_channel;
use std::thread;

use coordinator::split::{ChunkLimits, SplitError, split};
use domain::declared::Declared;
use shared::format::chunk::ChunkDecoder;
use shared::source::SourceFile;

use super::context::{read_job, source_of};
use crate::args::Fingerprint;
use crate::outcome::{Done, Failure};
use crate::output::{print_json, remark};

/// What the cutting is does not matter to the result; this is a size that keeps two threads busy.
const CHUNK_BYTES: usize = 1 << 20;

/// `crossfoot fingerprint`.
pub(crate) fn fingerprint(args: &Fingerprint) -> Result<Done, Failure> {
    let job = read_job(&args.job)?;
    let source = SourceFile::open(source_of(&job, &args.job, args.source.as_deref())?, job.compression)?;
    let failed = |error: &dyn std::error::Error| Failure::unfinished(crate::outcome::chain(error));
    let reader = source.reader()?;
    let (sender, cuts) = sync_channel(4);
    let limits = ChunkLimits { bytes: CHUNK_BYTES, records: 0 };
    let (declared, rejected) = thread::scope(|scope| {
        let splitter = scope.spawn(|| split(reader, &job, limits, move |chunk| sender.send(chunk).is_ok()));
        let mut decoder = ChunkDecoder::new(&job).map_err(Failure::usage)?;
        let mut totals = job.no_totals(0);
        let mut rejected_sums = job.no_sums();
        let mut rejected = 0;
        for chunk in cuts {
            let decoded = decoder.decode(chunk.cut.start(), &chunk.bytes).map_err(|error| failed(&error))?;
            totals.merge(&decoded.accepted).map_err(|error| failed(&error))?;
            rejected_sums.merge(&decoded.rejected_sums).map_err(|error| failed(&error))?;
            rejected += decoded.rejects.len() as u64;
        }
        let split = splitter.join().unwrap_or(Err(SplitError::Stopped)).map_err(|error| failed(&error))?;
        totals.sums.merge(&rejected_sums).map_err(|error| failed(&error))?;
        let declared = Declared {
            job: Some(job.name.clone()),
            records: Some(split.records),
            rejected: Some(rejected),
            amounts: job.amount_names().into_iter().zip(totals.sums.0.iter().copied()).collect(),
            values: Default::default(),
            sha256: Some(split.sha256),
            bytes: Some(split.bytes_on_disk),
            layout: Some(job.layout_digest()),
            fingerprint: totals.fingerprint(),
        };
        Ok::<_, Failure>((declared, rejected))
    })?;
    if rejected > 0 {
        remark(&format!(
            "{rejected} records are not as the job describes them; amounts include theirs where they can be read"
        ));
    }
    print_json(&declared)?;
    Ok(Done::Well)
}
