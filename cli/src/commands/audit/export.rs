//! `audit export`: a run's evidence as one signed file.

use coordinator::evidence::pack::keys::Signer;
use domain::event_kind::EventKind;
use domain::lifecycle::RunState;
use domain::retention::Part;

use crate::args::{Export, Global};
use crate::commands::context::find_run;
use crate::outcome::{Done, Failure};
use crate::output::{remark, tell, tell_json};
use crate::printed::ExportedPack;
use crate::wiring;

/// Runs `crossfoot audit export`.
pub(super) async fn export(global: &Global, args: &Export) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    let path = args.key.as_ref().or(settings.audit.signing_key.as_ref());
    let signer = match (path, args.unsigned) {
        (_, true) => None,
        (Some(path), false) => Some(Signer::read(path)?),
        (None, false) => {
            return Err(Failure::usage(
                "no signing key; pass `--key NAME.key` (create one with `crossfoot audit keygen -o NAME`), set \
                 `signing_key` under [audit] in crossfoot.toml, or pass `--unsigned`",
            ));
        }
    };
    let store = wiring::store(&settings, false).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let output = args.output.clone().unwrap_or_else(|| format!("{}.pack.tar", run.run_id).into());
    let (coordinator, _) = wiring::coordinator_without_broker(&settings, &store);
    let exported = coordinator.export(run.run_id, &output, signer.as_ref()).await?;
    coordinator.checkpoint(run.run_id, EventKind::Exported.name()).await;
    let manifest = exported.manifest;
    if global.json {
        let instead = format!("wrote the pack {}", output.display());
        tell_json(&ExportedPack { pack: output, bytes: exported.bytes, manifest }, &instead);
        return Ok(Done::Well);
    }
    let head = manifest.log_head;
    let signed = match manifest.signed_by {
        Some(key) => format!("signed by key {key}"),
        None => "NOT signed: only a noted log head can vouch for it".into(),
    };
    let told = format!(
        "{}: run {}, {}, {} bytes\n{signed}\nlog head {}:{}",
        output.display(),
        manifest.run_id,
        manifest.outcome.name(),
        exported.bytes,
        head.seq,
        head.hash
    );
    tell(&told, &told);
    if run.removed.has(Part::Rejects) && run.state != RunState::Cancelled {
        remark("note: the run was purged, so the pack does not contain its rejects and findings");
    }
    Ok(Done::Well)
}
