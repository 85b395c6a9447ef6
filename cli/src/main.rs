//! `crossfoot`: loads batch extracts and proves that what arrived is what was sent.
//!
//! [`args`] parses the command line, [`operator`] identifies the user, [`wiring`] chooses the adapters (nothing else
//! does), [`commands`] has a file per command, [`outcome`] maps results to exit codes, and only [`output`] writes to
//! standard output.

mod args;
mod commands;
mod demo;
mod driving;
mod help;
mod hooks;
mod infer;
mod notifying;
mod operator;
#[cfg(feature = "otlp")]
mod otlp;
mod outcome;
mod output;
mod printed;
mod progress;
mod schema;
mod wiring;

use std::process::ExitCode;

use clap::FromArgMatches;

fn main() -> ExitCode {
    let parsed = help::command().try_get_matches().and_then(|matches| args::Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to standard output and are not errors; clap distinguishes them.
            if !error.use_stderr() {
                drop(error.print());
                return ExitCode::SUCCESS;
            }
            // The arguments are not parsed, so the option is looked for as it is written.
            if std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json") {
                return outcome::report_usage(&output::usage_text(&error, false));
            }
            output::say_usage(&error);
            return ExitCode::from(2);
        }
    };
    // The warnings of a drill's shadows are caused by the injected damage; `top` draws on the terminal.
    let is_silent = matches!(args.command, args::Command::Drill(_) | args::Command::Top(_));
    let level = if is_silent { "off" } else { "warn" };
    let is_json = args.global.json;
    if is_json {
        output::remark_in_json();
    }
    platform::telemetry::start(level, is_json);
    // Dropped last: what the runtime's tasks did is among what is sent then.
    #[cfg(feature = "otlp")]
    let _export = otlp::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return outcome::Failure::unfinished(format!("cannot start the async runtime: {error}"))
                .report(is_json);
        }
    };
    match runtime.block_on(commands::run(args)) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(is_json),
    }
}
