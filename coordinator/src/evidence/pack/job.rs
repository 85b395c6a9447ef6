//! A pack's job file.

use domain::fingerprint::Hash;
use domain::pack::lines::RunFacts;
use domain::pack::{Part, PartCheck};
use domain::report::Report;
use job::Job;

/// The job file against what is said of it.
pub(super) fn of_job(text: &[u8], run: &RunFacts, report: Option<&Report>) -> PartCheck {
    let digest = Hash::of(text);
    let part = Part::Job.name();
    let check = "is the job that ran";
    if digest != run.job_digest {
        return PartCheck::of(
            part,
            check,
            Err(format!("its SHA-256 is {digest}, but the run's job has {}", run.job_digest).into()),
        );
    }
    let job = std::str::from_utf8(text).map_err(|error| error.to_string());
    let job = job.and_then(|text| Job::parse(part, text).map_err(|error| error.to_string()));
    let result = match job {
        // A later version may understand it otherwise, or not at all; the digest is what counts.
        Err(_) => Ok(format!("SHA-256 {digest}; this version cannot read it")),
        Ok(job) => {
            let footer =
                run.split.is_none_or(|split| split.footer_bytes == job.format.outside.footer_bytes as u64);
            let names = report.is_none_or(|report| report.amount_names == job.amount_names());
            match job.name == run.job
                && job.types() == run.types
                && job.layout_digest() == run.layout_digest
                && footer
                && names
            {
                true => Ok(format!("SHA-256 {digest}, of record types {}", run.types.join(", "))),
                false => Err("name, record types, amounts or layout differ from the run".into()),
            }
        }
    };
    PartCheck::of(part, check, result)
}
