//! `report`: renders a run's report as text, JSON, HTML or JUnit.

use coordinator::report::text::Style;
use coordinator::report::{html, junit, summary, text};

use super::context::{find_run, open_store};
use crate::args::{Format, Global, Report};
use crate::outcome::{Done, Failure};
use crate::output::{deliver, json, style};

/// How wide a text report in a file is.
const FILE_COLUMNS: u16 = 100;

/// Runs `crossfoot report`: renders the run's report in the format asked for.
pub(crate) async fn report(global: &Global, args: &Report) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let report = summary::report(&*store, run.run_id).await?;
    let format = if global.json { Format::Json } else { args.format };
    let unmade =
        |error: &dyn std::fmt::Display| Failure::unfinished(format!("cannot render the report: {error}"));
    let rendered = match format {
        Format::Text if args.output.is_some() => text::text(&report, Style::plain(FILE_COLUMNS)),
        Format::Text => {
            let style = style();
            text::text(&report, Style { lists_passed: style.lists_passed || args.all, ..style })
        }
        Format::Json => json(&report)?,
        Format::Junit => junit::junit(&report),
        Format::Html => html::html(&report).map_err(|error| unmade(&error))?,
    };
    deliver(&rendered, args.output.as_deref())?;
    Ok(Done::of(report.outcome, args.verdict))
}
