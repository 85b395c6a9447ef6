//! The kill matrix: faults by places, on real servers and processes. Each pair must end reconciled, unattended, with
//! the source's fingerprint, every row, and every worker's counts.
//!
//! `./test` tries some of each kind. `CROSSFOOT_MATRIX=all` tries every pair (`./test --matrix`), and writes
//! `docs/faults.md`; `CROSSFOOT_MATRIX=TEXT` tries those whose names have TEXT in them, and writes nothing.
//! `CROSSFOOT_MATRIX_AT_ONCE` is how many are tried at a time. `CROSSFOOT_SOAK_MINUTES` soaks a fleet for as long.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise"
)]

#[allow(dead_code, reason = "shared with the other tests of the binary")]
#[path = "cli/desk.rs"]
mod desk;

#[allow(dead_code, reason = "shared with the other tests of the binary")]
#[path = "fleet/own.rs"]
mod own;

#[allow(dead_code, reason = "shared with the other tests of the binary")]
#[path = "fleet/servers.rs"]
mod servers;

#[path = "matrix"]
mod matrix {
    mod combined;
    mod database;
    mod ground;
    mod links;
    mod page;
    mod pairs;
    mod points;
    mod processes;
    mod run;
    mod soak;
    mod wrecked;

    use ground::Outcome;
    use run::Tried;
}
