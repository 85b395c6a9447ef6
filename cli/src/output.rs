//! The only module that writes to standard output. A reader that closes the pipe (`| head`) ends the program quietly.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use coordinator::report::text::Style;
use domain::visible::{visible_coloured, visible_json, visible_lines};
use platform::secret::without_secrets;
use serde::Serialize;

use crate::outcome::Failure;

/// Prints `text` with a final line end, and escapes everything that a terminal would act on except Crossfoot's own
/// colours. Use it for requested output: the command fails if this cannot be written.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_as_it_is(&if style().colour { visible_coloured(text) } else { visible_lines(text) })
}

/// Prints a document like [`print`], but does not escape invisible characters, because the document's format has done
/// so.
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

/// Prints the result of an action. If that fails, the action remains done: standard error gets `instead`, and the exit
/// code does not change.
pub(crate) fn tell(text: &str, instead: &str) {
    if let Err(failure) = print(text) {
        unwritten(failure, instead);
    }
}

/// Prints the result of an action like [`tell`], as JSON.
pub(crate) fn tell_json<T: Serialize>(value: &T, instead: &str) {
    if let Err(failure) = print_json(value) {
        unwritten(failure, instead);
    }
}

/// Reports that output was lost, and the result that holds anyway.
pub(crate) fn unwritten(failure: Failure, instead: &str) {
    remark(&format!("crossfoot: {}\n  {instead}", failure.message()));
}

/// Prints `value` as JSON, indented.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    print_as_it_is(&json(value)?)
}

/// Prints `value` as JSON in one line, for a command that prints one after the other.
pub(crate) fn print_json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::unfinished(error.to_string()))?;
    print_as_it_is(&visible_json(&text))
}

/// Formats `value` as indented JSON, and escapes invisible characters.
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

/// Whether remarks are lines of JSON.
static REMARKS_IN_JSON: AtomicBool = AtomicBool::new(false);

/// Makes remarks lines of JSON, so that with `--json` each line of standard error is an object.
pub(crate) fn remark_in_json() {
    REMARKS_IN_JSON.store(true, Ordering::Relaxed);
}

/// Whether remarks are left out.
static REMARKS_ARE_MUTE: AtomicBool = AtomicBool::new(false);

/// Leaves remarks out from now on: something else is drawn on the terminal.
pub(crate) fn mute_remarks() {
    REMARKS_ARE_MUTE.store(true, Ordering::Relaxed);
}

/// Prints a remark to standard error, so that standard output contains only what was requested.
pub(crate) fn remark(text: &str) {
    if REMARKS_ARE_MUTE.load(Ordering::Relaxed) {
        return;
    }
    let line = match REMARKS_IN_JSON.load(Ordering::Relaxed) {
        true => visible_json(&serde_json::json!({ "remark": text }).to_string()),
        false => visible_lines(text),
    };
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Prints a usage error, without passwords.
pub(crate) fn say_usage(error: &clap::Error) {
    let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = usage_text(error, is_coloured);
    let text = if is_coloured { visible_coloured(&text) } else { visible_lines(&text) };
    drop(write!(std::io::stderr(), "{text}"));
}

/// Returns the text of a usage error, without passwords: the error quotes words of the command line, which may be URLs.
pub(crate) fn usage_text(error: &clap::Error, is_coloured: bool) -> String {
    let rendered = error.render();
    let mut text = if is_coloured { rendered.ansi().to_string() } else { rendered.to_string() };
    for word in std::env::args_os().skip(1) {
        let word = word.to_string_lossy();
        // The error may quote the whole word, or the part after its `=`.
        for quoted in [Some(&*word), word.split_once('=').map(|(_, value)| value)].into_iter().flatten() {
            let shown = without_secrets(quoted);
            if shown != quoted {
                text = text.replace(quoted, &shown);
            }
        }
    }
    text
}

/// Warns if other users can read an unmasked file: an existing file keeps its mode.
pub(crate) fn warn_of_others(path: &Path) {
    if let Some(mode) = platform::files::open_to_others(path) {
        let path = path.display();
        remark(&format!(
            "warning: other users can read {path} (mode {mode}); restrict it with `chmod 600 {path}`"
        ));
    }
}

/// Returns the text style for standard output: colours, width, and on a terminal only the checks that need a look.
pub(crate) fn style() -> Style {
    let is_terminal = std::io::stdout().is_terminal();
    let colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = if is_terminal { indicatif_width().or(columns) } else { columns };
    Style { colour, width: width.unwrap_or(100).clamp(60, 140), lists_passed: !is_terminal }
}

fn indicatif_width() -> Option<u16> {
    let (_, columns) = terminal::Term::stdout().size_checked()?;
    Some(columns)
}
