//! The arguments of `crossfoot setup`, `completions` and `man`: what an administrator installs.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// The arguments of `crossfoot setup`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Setup {
    /// Job files whose tables may exist already: coordinators and writers get their rights on them
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<PathBuf>,
    /// Run the SQL as the user of the store's URL, an administrator; creates the ledger if it is missing
    #[arg(long)]
    pub(crate) apply: bool,
    /// Names of the roles begin with this
    #[arg(long, value_name = "NAME", default_value = "crossfoot")]
    pub(crate) role_prefix: String,
    /// Schema in which coordinators create the jobs' tables
    #[arg(long, value_name = "SCHEMA", default_value = "public")]
    pub(crate) tables_schema: String,
}

/// The arguments of `crossfoot completions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// The arguments of `crossfoot man`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Folder to write the pages to, one for each command; it is created if it is missing
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}
