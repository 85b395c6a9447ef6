//! `fingerprint`: computes a source's control totals and root without loading it; `run --declared` reads the output.

use coordinator::split::declare::{DeclareError, declare};
use platform::causes::chain;
use source::SourceFile;

use super::context::{found_columns, read_job, source_of};
use crate::args::Fingerprint;
use crate::outcome::{Done, Failure};
use crate::output::{print_json, remark};

/// Runs `crossfoot fingerprint`: prints the source's totals and root as JSON.
pub(crate) fn fingerprint(args: &Fingerprint) -> Result<Done, Failure> {
    let job = read_job(&args.job)?;
    let source = SourceFile::open(source_of(&job, &args.job, args.source.as_deref())?, job.compression)?;
    let job = found_columns(&job, &source)?;
    let (declared, _) = declare(&job, &source, |_, _| {}).map_err(|error| match error {
        DeclareError::Source(error) => error.into(),
        DeclareError::Job(reason) => Failure::usage(reason),
        other => Failure::unfinished(chain(&other)),
    })?;
    let rejected = declared.rejected.unwrap_or(0);
    if rejected > 0 {
        remark(&format!(
            "warning: {} do not match the job file; the totals include their amounts where readable",
            domain::words::plural(rejected, "record")
        ));
    }
    print_json(&declared)?;
    Ok(Done::Well)
}
