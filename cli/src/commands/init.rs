//! `init`: a job file to start from.

use std::io::Read;

use crate::args::Init;
use crate::infer::infer;
use crate::outcome::{Done, Failure};
use crate::output::{print, remark};

/// How much of the sample is looked at: 1 MiB.
const SAMPLE_BYTES: u64 = 1 << 20;

/// `crossfoot init`.
pub(crate) fn init(args: &Init) -> Result<Done, Failure> {
    let path = &args.sample;
    let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let source = shared::source::SourceFile::open(
        shared::source::Location::file(path),
        shared::source::Compression::Auto,
    )?;
    let mut sample = Vec::new();
    let mut reader = source.reader()?;
    Read::by_ref(&mut reader).take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|error| wrong(&error))?;
    let whole_file = (sample.len() as u64) < SAMPLE_BYTES;
    let stem = path.file_name().map_or_else(|| "job".into(), |name| name.to_string_lossy().into_owned());
    let name = stem.split('.').next().unwrap_or("job");
    let inferred = infer(name, &sample, whole_file).map_err(|reason| wrong(&reason))?;
    for note in &inferred.notes {
        remark(&format!("note: {note}"));
    }
    match &args.output {
        None => print(&inferred.text)?,
        Some(output) => {
            let mut options = std::fs::OpenOptions::new();
            // Never over a job file that somebody has worked on.
            let written = options
                .write(true)
                .create_new(true)
                .open(output)
                .and_then(|mut file| std::io::Write::write_all(&mut file, inferred.text.as_bytes()));
            written.map_err(|error| Failure::usage(format!("{}: {error}", output.display())))?;
            remark(&format!(
                "written to {}; `crossfoot check {}` shows what it means",
                output.display(),
                output.display()
            ));
        }
    }
    Ok(Done::Well)
}
