//! `audit`: the evidence log, packs of evidence, and the keys that sign them.

mod export;
mod keygen;
mod log;
mod pack;

use domain::pack::lines::Head;

use crate::args::{Audit, Global};
use crate::outcome::{Done, Failure};

/// `crossfoot audit`.
pub(crate) async fn audit(global: &Global, args: &Audit) -> Result<Done, Failure> {
    match args {
        Audit::Verify(verify) => {
            let noted = verify.head.as_deref().map(parse_head).transpose()?;
            match &verify.pack {
                None => log::verify(global, noted).await,
                Some(path) => pack::verify(global, verify, path, noted),
            }
        }
        Audit::Export(export) => export::export(global, export).await,
        Audit::Keygen { output } => keygen::keygen(global, output),
    }
}

fn parse_head(text: &str) -> Result<Head, Failure> {
    let parsed = text
        .split_once(':')
        .and_then(|(number, hash)| Some(Head { seq: number.parse().ok()?, hash: hash.parse().ok()? }));
    parsed.ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a head: NUMBER:HASH, as `crossfoot audit verify` prints it"))
    })
}
