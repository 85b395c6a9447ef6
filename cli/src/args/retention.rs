//! The arguments of `crossfoot retention`.

use clap::Args as ClapArgs;
use domain::retention::{Age, Policy, Size};

/// The arguments of `crossfoot retention`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Retention {
    /// Remove what is listed
    #[arg(long, requires = "reason")]
    pub(crate) apply: bool,
    /// Reason, which the evidence log keeps
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// How long staging rows are kept after a run's end, such as 90d [default: as configured]
    #[arg(long, value_name = "AGE")]
    staging: Option<Age>,
    /// How long rejects are kept [default: as configured, else as staging rows]
    #[arg(long, value_name = "AGE")]
    rejects: Option<Age>,
    /// How long findings are kept [default: as configured, else as staging rows]
    #[arg(long, value_name = "AGE")]
    reports: Option<Age>,
    /// How long runs are kept [default: as configured]
    #[arg(long, value_name = "AGE")]
    runs: Option<Age>,
    /// How many runs of each job are kept, the newest [default: as configured]
    #[arg(long, value_name = "N")]
    runs_per_job: Option<u64>,
    /// How much staging is kept, such as 500GiB of source [default: as configured]
    #[arg(long, value_name = "SIZE")]
    staging_bytes: Option<Size>,
}

impl Retention {
    /// What is kept: as asked for here, else as configured.
    pub(crate) fn policy(&self, configured: Policy) -> Policy {
        Policy {
            staging: self.staging.or(configured.staging),
            rejects: self.rejects.or(configured.rejects),
            reports: self.reports.or(configured.reports),
            runs: self.runs.or(configured.runs),
            runs_per_job: self.runs_per_job.or(configured.runs_per_job),
            staging_bytes: self.staging_bytes.or(configured.staging_bytes),
        }
    }
}
