//! The arguments of the console.

use std::net::SocketAddr;

use clap::Args as ClapArgs;

/// The arguments of `crossfoot console`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Console {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
}
