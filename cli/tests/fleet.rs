//! The fleet as its users run it: coordinator, processors and writers in processes of their own, on RabbitMQ and
//! PostgreSQL; killed, restarted, doubled, poisoned.
//!
//! `CROSSFOOT_TEST_AMQP` and `CROSSFOOT_TEST_POSTGRES` say where the servers are (`./test` sets them and runs
//! these tests, which are ignored otherwise). Tests that restart servers start their own.

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
#[path = "cli/browser.rs"]
mod browser;

#[path = "cli/metrics.rs"]
mod metrics;

#[path = "cli/numbers.rs"]
mod numbers;

#[allow(dead_code, reason = "shared with the other tests of the binary")]
#[path = "fleet/own.rs"]
mod own;

#[path = "fleet/servers.rs"]
mod servers;

mod fleet {
    mod attached;
    mod attendance;
    mod by_reference;
    mod clocks;
    mod compared;
    mod console;
    mod cut_off;
    mod dead_letters;
    mod frozen;
    mod hosts;
    mod intruder;
    mod joined;
    mod killed;
    mod mainframe;
    mod mariadb;
    mod metrics;
    mod missing;
    mod orders;
    mod reconcile;
    mod refused;
    mod restarted;
    mod restored;
    mod retention;
    mod roles;
    mod same;
    mod shared_out;
    mod together;
    mod watch;
}
