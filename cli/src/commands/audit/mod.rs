//! `audit`: the evidence log and its checkpoints, evidence packs, and the keys that sign them.

mod comparison;
mod events;
mod export;
mod keygen;
mod log;
mod pack;
mod proof;

use coordinator::evidence::pack::comparison::is_comparison;
use coordinator::evidence::pack::proof::is_proof;
use domain::checkpoint::Head;

use crate::args::{Audit, Global};
use crate::outcome::{Done, Failure};

/// Runs `crossfoot audit`: verifies, exports or shows, as its subcommand says.
pub(crate) async fn audit(global: &Global, args: &Audit) -> Result<Done, Failure> {
    match args {
        Audit::Verify(verify) => {
            let noted = verify.head.as_deref().map(parse_head).transpose()?;
            match &verify.file {
                None => log::verify(global, noted, verify.checkpoints.as_deref()).await,
                Some(path) if is_comparison(path) => comparison::verify(global, verify, path, noted),
                Some(path) if is_proof(path) => proof::verify(global, verify, path, noted),
                Some(path) => pack::verify(global, verify, path, noted),
            }
        }
        Audit::Export(export) => export::export(global, export).await,
        Audit::Log { run, limit } => events::log(global, run.as_deref(), *limit).await,
        Audit::Keygen { output } => keygen::keygen(global, output),
    }
}

fn parse_head(text: &str) -> Result<Head, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "invalid head `{text}`: expected NUMBER:HASH, as `crossfoot audit verify` prints it"
        ))
    })
}
