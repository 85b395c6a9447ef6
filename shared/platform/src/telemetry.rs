//! Logs: to standard error, as lines or as JSON, filtered by `CROSSFOOT_LOG`. Record contents never go there.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use domain::visible::{visible, visible_coloured, visible_json};
use tokio::task::JoinError;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging for the whole process. `default` is the level without `CROSSFOOT_LOG`; `json` for machines.
///
/// A second call changes nothing.
pub fn start(default: &str, json: bool) {
    let given = std::env::var("CROSSFOOT_LOG").unwrap_or_default();
    let filter = of(&given).or_else(|| of(default)).unwrap_or_default();
    // What it says below this level are the frames themselves, and so the records in them.
    let filter = match "lapin=info".parse() {
        Ok(directive) if !filter.to_string().contains("lapin=off") => filter.add_directive(directive),
        _ => filter,
    };
    std::panic::set_hook(Box::new(report_panic));
    let is_terminal = io::stderr().is_terminal();
    let form = match (json, is_terminal) {
        (true, _) => Form::Json,
        (false, true) => Form::Coloured,
        (false, false) => Form::Text,
    };
    // A subscriber that complains of a failed write does so with `eprintln!`, which panics where the write failed.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(move || Unfailing(io::stderr(), form))
        .with_target(false);
    let outcome = if json {
        builder.fmt_fields(JsonFields::new()).event_format(Flat).try_init()
    } else {
        builder.with_ansi(is_terminal).try_init()
    };
    // Only fails when logging was started before.
    drop(outcome);
}

/// An event as one flat JSON object: time, level and message, and beside them the fields of the spans that the event
/// is in, the outermost first, and the event's own. So every line that is written while a chunk is handled has the
/// names of its run and of its worker in the same place.
struct Flat;

impl<S, N> FormatEvent<S, N> for Flat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut own = Fields(Map::new());
        event.record(&mut own);
        let mut line = Map::new();
        line.insert("timestamp".into(), time.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("message".into(), own.0.shift_remove("message").unwrap_or_default());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<N>>() else { continue };
            if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&fields.fields) {
                line.extend(fields);
            }
        }
        line.extend(own.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of an event.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }
}

/// A writer that takes every line and never says that it could not: a log on a full disk must not stop the work that it
/// tells of, and nothing is left to complain on.
///
/// What is written is one event; text from outside in it makes neither a second line nor a terminal do anything.
struct Unfailing<W>(W, Form);

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Coloured,
    Json,
}

/// An event without anything unseen in it, but for the line end that it has, and our own colours.
fn one_line(bytes: &[u8], form: Form) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (text, end) = match text.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (&*text, ""),
    };
    let text = match form {
        Form::Json => visible_json(text),
        Form::Coloured => visible_coloured(text).replace('\n', "\\n"),
        Form::Text => visible(text),
    };
    format!("{text}{end}").into_bytes()
}

impl<W: Write> Write for Unfailing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.0.write_all(&one_line(bytes, self.1)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        drop(self.0.flush());
        Ok(())
    }
}

/// The filter that `text` describes; libraries that it does not name are quiet, where they are not in need: lost
/// connections are said by our own adapters, with what comes of them, a statement over a whole run is slow by nature,
/// and what an ODBC driver says may quote a value.
fn of(text: &str) -> Option<EnvFilter> {
    if text.trim().is_empty() {
        return None;
    }
    let quiet = [("lapin", ",lapin=off"), ("sqlx", ",sqlx=error"), ("odbc_api", ",odbc_api=off")];
    let added: String =
        quiet.iter().filter(|(name, _)| !text.contains(name)).map(|(_, added)| *added).collect();
    EnvFilter::try_new(format!("{text}{added}")).ok()
}

/// Says where a panic was, and what if that is a fixed text: a text made at run time may quote a record.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let message =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(its message is withheld)");
    let place = panic.location().map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(place, thread, "panic: {message}");
}

/// Why a task ended, without the message of a panic.
#[must_use]
pub fn ended(error: &JoinError) -> &'static str {
    if error.is_panic() { "it panicked; the log says where" } else { "it was stopped" }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, Result, Write};

    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::JsonFields;

    use super::{Flat, Form, Unfailing, of};

    #[test]
    fn a_line_of_json_is_flat_and_has_the_fields_of_its_spans() {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(of("warn").unwrap())
            .with_writer({
                let kept = kept.clone();
                move || Unfailing(kept.clone(), Form::Json)
            })
            .fmt_fields(JsonFields::new())
            .event_format(Flat)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::error_span!("run", role = "coordinator", run_id = "r1");
            let span = tracing::error_span!(
                parent: &outer,
                "message",
                role = "writer",
                chunk_no = tracing::field::Empty
            );
            span.record("chunk_no", 7_u64);
            let _entered = span.enter();
            tracing::info!("this is not written");
            tracing::warn!(error = %"a \"b\"\nc", starts = 3, is_late = true, "failed {}", 1);
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
        for (key, value) in [
            ("level", "WARN".into()),
            ("message", "failed 1".into()),
            ("run_id", "r1".into()),
            ("role", "writer".into()),
            ("chunk_no", 7.into()),
            ("error", "a \"b\"\nc".into()),
            ("starts", 3.into()),
            ("is_late", serde_json::Value::Bool(true)),
        ] {
            assert_eq!(line[key], value, "{key}: {text}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_stops_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> Result<usize> {
                Err(Error::from_raw_os_error(28))
            }
            fn flush(&mut self) -> Result<()> {
                Err(Error::from_raw_os_error(28))
            }
        }
        let mut log = Unfailing(Full, Form::Text);
        log.write_all(b"a line").unwrap();
        log.flush().unwrap();
        let mut kept = Unfailing(Vec::new(), Form::Text);
        kept.write_all("a line\nof\u{1b}[2J \u{202e}two\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(kept.0).unwrap(), "a line\\nof\\u{1b}[2J \\u{202e}two\n");
        let mut kept = Unfailing(Vec::new(), Form::Json);
        kept.write_all("{\"a\":\"\u{202e}\"}\n".as_bytes()).unwrap();
        assert_eq!(kept.0, b"{\"a\":\"\\u202e\"}\n");
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        for (given, lapin, sqlx) in [
            ("info", "lapin=off", "sqlx=error"),
            ("debug,worker=trace", "lapin=off", "sqlx=error"),
            ("warn,lapin=info", "lapin=info", "sqlx=error"),
            ("warn,sqlx=debug", "lapin=off", "sqlx=debug"),
        ] {
            let filter = of(given).unwrap().to_string();
            let is_silent = filter.contains("odbc_api=off");
            assert!(filter.contains(lapin) && filter.contains(sqlx) && is_silent, "{given}: {filter}");
        }
        assert!(of(" ").is_none(), "nothing given is not a filter");
        assert!(of("=nonsense=").is_none(), "nor is nonsense");
    }
}
