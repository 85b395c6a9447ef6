//! `prove`: proves that one record is part of a run's source as loaded, to anyone who has the record's bytes.

use std::io::Write;
use std::path::Path;

use coordinator::evidence::pack::keys::Signer;
use coordinator::evidence::pack::{PackError, proof};
use domain::ids::RecordNo;
use domain::pack::proof::RecomputedFrom;
use platform::files::create_new_private;
use source::Location;

use super::context::find_run;
use crate::args::{Global, Prove};
use crate::outcome::{Done, Failure};
use crate::output::{print_as_it_is, remark};
use crate::wiring;

/// Runs `crossfoot prove`: writes the proof of one record, signed if a key is given.
pub(crate) async fn prove(global: &Global, args: &Prove) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    let key = args.key.as_ref().or(settings.audit.signing_key.as_ref());
    let signer = key.map(|path| Signer::read(path)).transpose()?;
    let store = wiring::store(&settings, false).await?;
    let run = find_run(&*store, &args.run.run).await?;
    for path in [&args.output, &args.record_out, &args.canonical_out].into_iter().flatten() {
        if path.exists() {
            return Err(PackError::Exists { path: path.clone() }.into());
        }
    }
    let (coordinator, _) = wiring::coordinator_without_broker(&settings, &store);
    let source = args.source.as_deref().map(Location::parse);
    let proved = coordinator.prove(run.run_id, RecordNo(args.record), source, signer.as_ref()).await?;
    let text = proof::text(&proved.proof)?;
    if let Some(path) = &args.canonical_out {
        write_private(path, &proved.canonical)?;
    }
    match (&args.record_out, &proved.record) {
        (Some(path), Some(record)) => write_private(path, record)?,
        (Some(_), None) => {
            return Err(Failure::usage(
                "the source no longer exists, so the record's bytes are not available; use `--canonical-out` to \
                 get its canonical form",
            ));
        }
        (None, _) => {}
    }
    match &args.output {
        Some(path) => {
            write(path, &text)?;
            remark(&format!("written to {}", path.display()));
        }
        None => print_as_it_is(&String::from_utf8_lossy(&text))?,
    }
    if proved.proof.signature.is_none() {
        remark(
            "note: the proof is not signed; verify it with a pack of the run (`crossfoot audit verify PROOF \
             --pack PACK`)",
        );
    }
    if proved.proof.recomputed_from == RecomputedFrom::Staging {
        remark("note: the source no longer exists; the record's part of the tree was computed from staging");
    }
    Ok(Done::Well)
}

/// Writes an unmasked record to a file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    create_new_private(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::unfinished(format!("{}: {error}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::unfinished(format!("{}: {error}", path.display())))
}
