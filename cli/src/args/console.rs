//! The arguments of the console, and of the tokens for it.

use std::net::SocketAddr;

use clap::{Args as ClapArgs, Subcommand};
use domain::role::OperatorRole;

/// The arguments of `crossfoot console`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Console {
    /// Address to listen on; port 0 takes a free port. On an address that other machines reach, operators sign in with
    /// tokens (`crossfoot token add`)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// Ask for a token on a loopback address, too; needed if a proxy passes requests on
    #[arg(long)]
    pub(crate) require_token: bool,
    /// Show only: no one can approve, resume, redrive, cancel or purge a run from this console
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// The arguments of `crossfoot top`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Top {
    /// Show only: nothing can be done with runs from here
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// An option of commands that serve the console beside what they do.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Beside {
    /// Serve the operations console while this runs, and print its address [default address: 127.0.0.1, a free port]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0")]
    pub(crate) console: Option<SocketAddr>,
}

/// The commands of `crossfoot token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token for an operator, and print it; it cannot be printed again
    Add(AddToken),
    /// List the tokens, with what they are valid for
    List,
    /// Revoke a token; an operator who is signed in with it is signed out
    Revoke {
        /// The token's ID, as `token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// The arguments of `crossfoot token add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AddToken {
    /// Operator who gets the token; the evidence log names them so
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Roles, with commas between them: viewer, operator, approver, auditor, scraper
    #[arg(long, value_name = "ROLE", value_delimiter = ',', required = true)]
    pub(crate) role: Vec<OperatorRole>,
    /// Days until the token expires
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
}
