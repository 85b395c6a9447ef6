//! The arguments of what runs and looks after a fleet.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use domain::process_role::ProcessRole;

use super::{Chunks, Fleet, Opening, Operate};

/// The arguments of `crossfoot doctor`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// Take the broker's queues over from another store; first stop the processes of that store
    #[arg(long)]
    pub(crate) take_queues: bool,
    /// The process that will use these settings: coordinator, processor, writer, console or auditor. Warns if its role
    /// on the database may do more than that
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<ProcessRole>,
}

/// The arguments of `crossfoot submit`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Submit {
    /// Job file to submit (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// Source file, at a path that the coordinator can read too [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Wait for the verdict, print the report, and exit with the same code as `run`
    #[arg(long)]
    pub(crate) wait: bool,
    /// Stop waiting after this long without progress and exit with code 3; the run continues [default: no limit]
    #[arg(long, value_name = "SECONDS", requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) chunks: Chunks,
}

/// The arguments of `crossfoot coordinator`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Maximum number of concurrent runs
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) runs: u16,
    #[command(flatten)]
    pub(crate) beside: super::Beside,
    #[command(flatten)]
    pub(crate) metrics: Metrics,
}

/// An option of the services of a fleet.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Metrics {
    /// Serve /metrics, /healthz and /readyz on this port of 127.0.0.1, or at this address; port 0 takes a free port. An
    /// address that other machines reach needs `token_file` under [metrics]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
}

/// Reads a port or an address with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "expected a port, such as 9464, or an address, such as 0.0.0.0:9464".to_owned())
}

/// The arguments of `crossfoot worker`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    /// Role of the workers; separate several with commas
    #[arg(long, value_enum, value_delimiter = ',', required = true, value_name = "ROLE")]
    pub(crate) role: Vec<WorkerRole>,
    /// Number of workers per role [default: one processor per core, two writers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) slots: Option<u16>,
    /// With both roles: each processor's batches are committed by the writer of its slot, and not sent over the broker
    #[arg(long)]
    pub(crate) join: bool,
    /// Worker name, to which role and slot number are added [default: the role]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Time to finish work in progress after a stop signal
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) drain_seconds: u64,
    #[command(flatten)]
    pub(crate) metrics: Metrics,
}

/// The role of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkerRole {
    /// Decode chunks of bytes into batches of rows
    Processor,
    /// Commit batches to staging
    Writer,
}

/// The arguments of `crossfoot redrive`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// Source file, if it has moved since the run was opened; its bytes must be identical
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Wait for the verdict, print the report, and exit with the same code as `run`, even if the coordinator service
    /// continues the run
    #[arg(long)]
    pub(crate) wait: bool,
    /// Stop after this long without progress and exit with code 3; the run can be resumed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// The arguments of `crossfoot drain`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct Drain {
    /// Worker: its number, its name, or NAME@HOST
    #[arg(value_name = "WORKER", group = "which")]
    pub(crate) workers: Vec<String>,
    /// Drain every worker of this host
    #[arg(long, value_name = "HOST", group = "which")]
    pub(crate) host: Vec<String>,
    /// Reason, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Wait until the workers have ended, for at most this long; exit with code 3 if one has not
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) wait: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:9464", "0.0.0.0:9464"),
            ("[::]:9464", "[::]:9464"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        for text in ["", "70000", "localhost:9464", ":9464", "0.0.0.0"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
