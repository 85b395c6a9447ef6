//! Logs: to standard error, as lines or as JSON, filtered by `CROSSFOOT_LOG`. Record contents never go there.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tokio::task::JoinError;

use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process. `default` is the level without `CROSSFOOT_LOG`; `json` for machines.
///
/// A second call changes nothing.
pub fn start(default: &str, json: bool) {
    let filter = EnvFilter::try_from_env("CROSSFOOT_LOG").unwrap_or_else(|_| {
        // Lost connections are said by our own adapter, with what comes of them.
        EnvFilter::new(format!("{default},lapin=off"))
    });
    // What it says below this level are the frames themselves, and so the records in them.
    let filter = match "lapin=info".parse() {
        Ok(directive) if !filter.to_string().contains("lapin=off") => filter.add_directive(directive),
        _ => filter,
    };
    std::panic::set_hook(Box::new(report_panic));
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

/// Says where a panic was, and what if that is a fixed text: a text made at run time may quote a record.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let message =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(its message is withheld)");
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(place, thread, "panic: {message}");
}

/// Why a task ended, without the message of a panic.
#[must_use]
pub fn ended(error: &JoinError) -> &'static str {
    if error.is_panic() { "it panicked; the log says where" } else { "it was stopped" }
}
