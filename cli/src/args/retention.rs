//! The arguments of `crossfoot retention`.

use clap::Args as ClapArgs;
use domain::retention::Age;

/// The arguments of `crossfoot retention`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Retention {
    /// Remove what is listed
    #[arg(long, requires = "reason")]
    pub(crate) apply: bool,
    /// Reason, which the evidence log keeps
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// How long a run's staging rows and rejects are kept after its end, such as 90d [default: as configured]
    #[arg(long, value_name = "AGE")]
    pub(crate) staging: Option<Age>,
}
