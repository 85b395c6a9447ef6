//! The only way to standard output. A reader that goes away (`| head`) ends the program quietly.

use std::io::{IsTerminal, Write};
use std::path::Path;

use coordinator::report::text::Style;
use domain::visible::{visible_coloured, visible_json, visible_lines};
use platform::secret::without_secrets;
use serde::Serialize;

use crate::outcome::Failure;

/// Prints `text`, with a line end if it lacks one, and with nothing in it that a terminal would act on but our own colours.
/// For what was asked for: where it cannot be written, the command failed.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_as_it_is(&if style().colour { visible_coloured(text) } else { visible_lines(text) })
}

/// As [`print`], of a document in which what a reader would not see is written as its own form has it.
pub(crate) fn print_as_it_is(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::unfinished(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints what tells of something that is done. It stays done where that cannot be written: standard error says so, with
/// `instead`, and the exit code stays what it is.
pub(crate) fn tell(text: &str, instead: &str) {
    if let Err(failure) = print(text) {
        unwritten(failure, instead);
    }
}

/// As [`tell`], in JSON.
pub(crate) fn tell_json<T: Serialize>(value: &T, instead: &str) {
    if let Err(failure) = print_json(value) {
        unwritten(failure, instead);
    }
}

/// Says that a document is lost, and what stands all the same.
pub(crate) fn unwritten(failure: Failure, instead: &str) {
    remark(&format!("crossfoot: {}\n  {instead}", failure.message()));
}

/// Prints `value` as JSON, indented.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    print_as_it_is(&json(value)?)
}

/// `value` as JSON, indented, with everything escaped that a reader would not see.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::unfinished(error.to_string()))?;
    Ok(visible_json(&text))
}

/// Writes a document to `path`, or prints it.
pub(crate) fn deliver(document: &str, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return print_as_it_is(document) };
    std::fs::write(path, document)
        .map_err(|error| Failure::unfinished(format!("{}: {error}", path.display())))?;
    remark(&format!("written to {}", path.display()));
    Ok(())
}

/// Prints a remark to standard error, so that standard output stays what was asked for.
pub(crate) fn remark(text: &str) {
    drop(writeln!(std::io::stderr(), "{}", visible_lines(text)));
}

/// Says what is wrong with a command line. It quotes words of it, and one of them may be a URL with a password.
pub(crate) fn say_usage(error: &clap::Error) {
    let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let rendered = error.render();
    let mut text = if is_coloured { rendered.ansi().to_string() } else { rendered.to_string() };
    for word in std::env::args_os().skip(1) {
        let word = word.to_string_lossy();
        // What is quoted may be the word, or what stands behind its `=`.
        for quoted in [Some(&*word), word.split_once('=').map(|(_, value)| value)].into_iter().flatten() {
            let shown = without_secrets(quoted);
            if shown != quoted {
                text = text.replace(quoted, &shown);
            }
        }
    }
    let text = if is_coloured { visible_coloured(&text) } else { visible_lines(&text) };
    drop(write!(std::io::stderr(), "{text}"));
}

/// Says so where others than its owner may read a file that was written in clear: it was there, and kept its mode.
pub(crate) fn warn_of_others(path: &Path) {
    if let Some(mode) = platform::files::open_to_others(path) {
        let path = path.display();
        remark(&format!(
            "warning: other users can read {path} (mode {mode}); restrict it with `chmod 600 {path}`"
        ));
    }
}

/// How text is laid out for whoever reads standard output.
pub(crate) fn style() -> Style {
    let is_terminal = std::io::stdout().is_terminal();
    let colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = if is_terminal { indicatif_width().or(columns) } else { columns };
    Style { colour, width: width.unwrap_or(100).clamp(60, 140) }
}

fn indicatif_width() -> Option<u16> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(columns)
}
