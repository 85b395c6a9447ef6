//! What a command that failed prints with `--json`: one line on standard error, the last.

use std::error::Error;

use broker::BrokerError;
use coordinator::load::LoadError;
use coordinator::open::OpenError;
use coordinator::ops::OpsError;
use coordinator::run::RunError;
use coordinator::split::SplitError;
use coordinator::verify::VerifyError;
use domain::lease::Holder;
use job::JobError;
use schemars::JsonSchema;
use serde::Serialize;
use source::SourceError;
use store::StoreError;

/// A command that failed: one line of JSON on standard error, the last.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailedCommand {
    /// What went wrong.
    pub(crate) error: FailedError,
}

/// What went wrong, where, and what to do next.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailedError {
    /// The exit code: 2 or 3.
    pub(crate) code: u8,
    /// The kind of failure.
    pub(crate) kind: ErrorKind,
    /// What happened, as the text output says it. It may span lines.
    pub(crate) message: String,
    /// Where it happened, as far as that is known; keys that say nothing are left out.
    #[serde(rename = "where")]
    pub(crate) place: ErrorPlace,
    /// What to do next; null if the message alone says it.
    pub(crate) next: Option<String>,
}

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ErrorKind {
    /// The command line is wrong, or does not fit what is there.
    Command,
    /// The settings are wrong.
    Settings,
    /// The job file is wrong.
    Job,
    /// The source is missing, damaged, or not the run's.
    Source,
    /// The store cannot be used.
    Store,
    /// The broker cannot be used.
    Broker,
    /// The run does not allow it: its state, its approval rules, or another process that drives it.
    Run,
    /// A pack, a proof or a key cannot be used.
    Evidence,
    /// An operator has not confirmed it.
    NotConfirmed,
    /// Something else prevented it.
    Unfinished,
}

/// Where a command failed.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ErrorPlace {
    /// The id of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_id: Option<String>,
    /// The chunk's number in the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_no: Option<u64>,
    /// The record's place in its source, from 1; 0 for the source's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record_no: Option<u64>,
    /// The offset in the source, in bytes from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) byte_offset: Option<u64>,
    /// The file: the job file or the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// The line in the job file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// The column in the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
    /// The table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<String>,
    /// The URL of the store or the broker, without its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The process that drives the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_by: Option<HeldBy>,
}

/// A process that drives a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HeldBy {
    /// The operator whose process it is: `user@host`.
    pub(crate) actor: String,
    /// The host that it runs on; null if it did not say.
    pub(crate) host: Option<String>,
    /// The number of the process on its host; null if it did not say.
    pub(crate) pid: Option<u32>,
    /// The version of Crossfoot that it runs; null if it did not say.
    pub(crate) version: Option<String>,
    /// When it started to coordinate, UTC: `2024-02-29T13:45:00.123Z`; null if it did not say.
    pub(crate) since: Option<String>,
}

impl HeldBy {
    fn of(owner: &str) -> Self {
        let holder = Holder::of(owner);
        Self {
            actor: holder.actor.to_owned(),
            host: holder.host.map(str::to_owned),
            pid: holder.pid,
            version: holder.version.map(str::to_owned),
            since: holder.since.map(str::to_owned),
        }
    }
}

impl ErrorPlace {
    /// Collects what `error` says of where it happened.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut place = Self::default();
        place.add(error);
        place
    }

    fn add(&mut self, error: &(dyn Error + 'static)) {
        // Transparent errors hide what they wrap from `source`, so they are opened one by one.
        if let Some(error) = error.downcast_ref::<OpenError>() {
            self.add_open(error);
        } else if let Some(error) = error.downcast_ref::<OpsError>() {
            match error {
                OpsError::Store(error) => self.add_store(error),
                OpsError::Refused { run_id, .. } | OpsError::WrongState { run_id, .. } => {
                    self.run_id = Some(run_id.to_string());
                }
            }
        } else if let Some(error) = error.downcast_ref::<RunError>() {
            self.add_run(error);
        } else if let Some(error) = error.downcast_ref::<StoreError>() {
            self.add_store(error);
        } else if let Some(error) = error.downcast_ref::<SourceError>() {
            self.add_source(error);
        } else if let Some(error) = error.downcast_ref::<BrokerError>() {
            self.add_broker(error);
        } else if let Some(JobError { file, place, .. }) = error.downcast_ref::<JobError>() {
            self.file = Some(file.clone());
            (self.line, self.column) = (place.as_ref().map(|at| at.line), place.as_ref().map(|at| at.column));
        }
    }

    fn add_open(&mut self, error: &OpenError) {
        match error {
            OpenError::Source(error) => self.add_source(error),
            OpenError::Store(error) => self.add_store(error),
            OpenError::LoadedBefore { run_id, .. } => self.run_id = Some(run_id.to_string()),
            OpenError::InHand { run_id, driven_by, .. } => {
                (self.run_id, self.held_by) =
                    (Some(run_id.to_string()), driven_by.as_deref().map(HeldBy::of));
            }
            OpenError::NotAsDescribed(error) => self.add_split(error),
            OpenError::NotByReference { location, .. } => self.file = Some(location.to_string()),
            OpenError::Declared(_) | OpenError::Refused(_) | OpenError::Stopped => {}
        }
    }

    fn add_run(&mut self, error: &RunError) {
        match error {
            RunError::Load(LoadError::Split(error)) => self.add_split(error),
            RunError::Load(LoadError::SetAside { chunk_no, .. } | LoadError::Unread { chunk_no, .. }) => {
                self.chunk_no = Some(chunk_no.0);
            }
            RunError::Load(LoadError::NotByReference { location, .. }) => {
                self.file = Some(location.to_string());
            }
            RunError::Load(LoadError::Broker(error)) | RunError::Verify(VerifyError::Broker(error)) => {
                self.add_broker(error);
            }
            RunError::Load(LoadError::Source(error)) | RunError::Source(error) => self.add_source(error),
            other => {
                if let Some(error) = other.store() {
                    self.add_store(error);
                }
            }
        }
    }

    fn add_split(&mut self, error: &SplitError) {
        match error {
            SplitError::Source(error) => self.add_source(error),
            SplitError::Frame { record_no, offset, .. } => {
                (self.record_no, self.byte_offset) = (Some(record_no.0), Some(*offset));
            }
            _ => {}
        }
    }

    fn add_source(&mut self, error: &SourceError) {
        use SourceError::{
            Corrupt, Inflated, IsDirectory, NoObjects, NotCompressed, NotFound, NotReadable, NotRepeatable,
            Read, Stopped, TrailingBytes, Truncated,
        };
        let (location, offset) = match error {
            NotFound { location }
            | IsDirectory { location }
            | NotReadable { location, .. }
            | NoObjects { location }
            | NotRepeatable { location }
            | NotCompressed { location, .. }
            | Stopped { location } => (location, None),
            Read { location, offset, .. } => (location, Some(*offset)),
            Truncated { location, compressed_offset, .. }
            | Corrupt { location, compressed_offset, .. }
            | Inflated { location, compressed_offset, .. }
            | TrailingBytes { location, compressed_offset, .. } => (location, Some(*compressed_offset)),
        };
        (self.file, self.byte_offset) = (Some(location.to_string()), offset);
    }

    fn add_store(&mut self, error: &StoreError) {
        match error {
            StoreError::Unreachable { url, .. }
            | StoreError::Unfit { url, .. }
            | StoreError::BadUrl { url }
            | StoreError::NoSuchRun { url, .. }
            | StoreError::OtherKey { url } => self.url = Some(url.clone()),
            StoreError::TableDiffers { table, .. } => self.table = Some(table.clone()),
            StoreError::TakenMeanwhile { run_id } => self.run_id = Some(run_id.clone()),
            StoreError::LeaseHeld { run_id, owner } => {
                (self.run_id, self.held_by) = (Some(run_id.to_string()), Some(HeldBy::of(owner)));
            }
            StoreError::Fenced { run_id }
            | StoreError::Over { run_id, .. }
            | StoreError::RunRemoved { run_id, .. }
            | StoreError::Kept { run_id, .. }
            | StoreError::LoadedMeanwhile { run_id } => self.run_id = Some(run_id.to_string()),
            _ => {}
        }
    }

    fn add_broker(&mut self, error: &BrokerError) {
        match error {
            BrokerError::Unreachable { url, .. }
            | BrokerError::Tls { url, .. }
            | BrokerError::LoginRefused { url, .. }
            | BrokerError::NoSuchVhost { url, .. }
            | BrokerError::Forbidden { url, .. }
            | BrokerError::OtherStore { url, .. }
            | BrokerError::Refused { url, .. } => self.url = Some(url.clone()),
            _ => {}
        }
    }
}

/// Says what to do next about errors whose message contains it, for machines that want it apart.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<JobError>() {
        let check = || format!("correct the job file; validate it with `crossfoot check {}`", error.file);
        return Some(error.advice.clone().unwrap_or_else(check));
    }
    let store = match (error.downcast_ref::<OpenError>(), error.downcast_ref::<OpsError>()) {
        (Some(OpenError::LoadedBefore { .. }), _) => {
            return Some("pass `--again` to load the same bytes again".into());
        }
        (Some(OpenError::InHand { run_id, driven_by: Some(_), .. }), _) => {
            return Some(format!("wait for that process; see `crossfoot show {run_id}`"));
        }
        (Some(OpenError::InHand { run_id, .. }), _) => {
            return Some(format!("see `crossfoot show {run_id}`; resume, approve or cancel it first"));
        }
        (_, Some(OpsError::WrongState { advice, .. })) => return Some((*advice).into()),
        (Some(OpenError::Store(error)), _) | (_, Some(OpsError::Store(error))) => Some(error),
        _ => error.downcast_ref::<StoreError>().or_else(|| error.downcast_ref::<RunError>()?.store()),
    };
    let is_broker = error.is::<BrokerError>()
        || matches!(
            error.downcast_ref::<RunError>(),
            Some(RunError::Load(LoadError::Broker(_)) | RunError::Verify(VerifyError::Broker(_)))
        );
    match store {
        Some(StoreError::RunRemoved { run_id, .. }) => {
            Some(format!("read its events with `crossfoot audit log {run_id}`"))
        }
        Some(StoreError::NoSuchRun { .. }) => Some("list the runs with `crossfoot runs`".into()),
        Some(StoreError::Over { run_id, .. } | StoreError::LeaseHeld { run_id, .. }) => {
            Some(format!("see `crossfoot show {run_id}`"))
        }
        Some(StoreError::Unreachable { .. } | StoreError::Unfit { .. }) => Some(DOCTOR.into()),
        _ if is_broker => Some(DOCTOR.into()),
        _ => None,
    }
}

const DOCTOR: &str = "check the settings and the servers with `crossfoot doctor`";
