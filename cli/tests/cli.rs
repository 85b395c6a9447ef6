//! The built binary, driven as a user would: what it prints, what it says when it fails, how it exits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise"
)]

mod cli {
    mod acts;
    mod attested;
    mod attested_copy;
    mod audit;
    mod back_out;
    mod bad_data;
    mod bombs;
    mod browser;
    mod by_reference;
    mod chain;
    mod chain_resumed;
    mod console;
    mod console_access;
    mod desk;
    mod drill;
    mod encodings;
    mod files;
    mod install;
    mod killed;
    mod layouts;
    mod logged;
    mod made;
    mod mailed;
    mod mainframe;
    mod masked;
    mod masked_mainframe;
    mod memory;
    mod notified;
    mod numbers;
    mod oidc;
    mod older;
    mod operator;
    mod own_sample;
    mod own_tables;
    mod pack;
    mod parquet;
    mod provider;
    mod proxied;
    mod quick;
    mod reconcile;
    mod refused;
    mod resend;
    mod restored;
    mod resumed;
    mod retention;
    mod rows;
    mod scheduled;
    mod schema;
    mod secrets;
    mod shaped;
    mod streams;
    mod together;
    mod trends;
    mod unfinished;
    mod unreconciled;
    mod watch;
    mod well;
}
