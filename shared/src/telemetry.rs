//! Logs: to standard error, as lines or as JSON, filtered by `CROSSFOOT_LOG`. Record contents never go there.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process. `default` is the level without `CROSSFOOT_LOG`; `json` for machines.
///
/// A second call changes nothing.
pub fn start(default: &str, json: bool) {
    let filter = EnvFilter::try_from_env("CROSSFOOT_LOG").unwrap_or_else(|_| {
        // Lost connections are said by our own adapter, with what comes of them.
        EnvFilter::new(format!("{default},lapin=off"))
    });
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let outcome = if json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    // Only fails when logging was started before.
    drop(outcome);
}
