//! Memory while a gigabyte of short records is loaded, which takes minutes: `cargo bench -p crossfoot --bench memory`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    dead_code,
    reason = "shared with the tests of the command line"
)]

#[path = "../tests/cli/desk.rs"]
mod desk;
#[path = "../tests/cli/memory.rs"]
mod memory;

fn main() {
    // `cargo test --all-targets` starts it too, without this argument.
    if std::env::args().any(|argument| argument == "--bench") {
        memory::stays_flat(100, 1000, 80);
    }
}
