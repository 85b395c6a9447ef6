//! `drill`: the control effectiveness test.

use std::io::IsTerminal;
use std::sync::Mutex;

use coordinator::report::text::table::sentence;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::visible::{visible_coloured, visible_json};
use drill::defect::{CATALOGUE, DrillReport, Seen};
use drill::report::{html, markdown, text};
use drill::{Drill, DrillError, Progress, ShadowFactory};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use settings::Settings;
use source::SourceFile;

use super::context::{found_columns, noted, read_job, source_of};
use crate::args::{Drill as Args, DrillFormat, Global};
use crate::outcome::{Done, Failure};
use crate::output::{deliver, print, print_json, remark, style, unwritten};
use crate::printed::ListedDefect;
use crate::wiring;

/// Runs `crossfoot drill`: injects the defects and reports which were caught.
pub(crate) async fn drill(global: &Global, args: &Args) -> Result<Done, Failure> {
    let (Some(job_path), false) = (&args.job, args.list) else { return list(global) };
    let settings = wiring::settings(global, None)?;
    let job = read_job(job_path)?;
    let location = source_of(&job, job_path, args.source.as_deref())?;
    let Some(source) = location.path().filter(|path| path.is_file()) else {
        return Err(Failure::usage(format!(
            "{location} is not a regular file; the drill needs one because it reads the source many times"
        )));
    };
    let job = found_columns(&job, &SourceFile::open(location.clone(), job.compression)?)?;
    let drill = Drill {
        job,
        source: source.to_owned(),
        shadows: wiring::shadows(&settings),
        actor: wiring::actor(&wiring::host()),
        only: args.only.clone(),
    };
    let shown = Shown::new(global.json);
    let report = drill.run(&|progress| shown.show(&progress)).await.map_err(|error| match error {
        DrillError::Source(_) | DrillError::Unknown(_) => Failure::usage(error.to_string()),
        DrillError::Shadow(_) => Failure::unfinished(error.to_string()),
    })?;
    shown.finish();
    let unmade =
        |error: &dyn std::fmt::Display| Failure::unfinished(format!("cannot render the document: {error}"));
    let json = serde_json::to_string_pretty(&report).map_err(|error| unmade(&error))?;
    note(&settings, &drill.shadows, &report, &json).await?;
    let format = if global.json { DrillFormat::Json } else { args.format };
    let rendered = match format {
        DrillFormat::Text => visible_coloured(&text(&report, style())),
        DrillFormat::Json => visible_json(&json),
        DrillFormat::Html => html(&report).map_err(|error| unmade(&error))?,
        DrillFormat::Markdown => markdown(&report),
    };
    let done = if report.is_effective() { Done::Well } else { Done::NotReconciled };
    let verdict =
        if report.is_effective() { "every defect was caught" } else { "NOT every defect was caught" };
    match (deliver(&rendered, args.output.as_deref()), &args.output) {
        // A missing output file is a failure of its own, unless the drill found something worse.
        (Err(failure), Some(_)) if done == Done::Well => return Err(failure.advise(verdict)),
        (Err(failure), _) => unwritten(failure, verdict),
        (Ok(()), _) => {}
    }
    Ok(done)
}

/// Prints the catalogue of defects, as text or JSON.
fn list(global: &Global) -> Result<Done, Failure> {
    if global.json {
        let entries: Vec<_> = CATALOGUE
            .iter()
            .map(|defect| ListedDefect {
                id: defect.id.as_str(),
                strikes: defect.strikes,
                what: defect.what,
                invariant: defect.invariant,
                must: defect.caught_by.iter().map(ToString::to_string).collect(),
                must_locate: defect.located,
            })
            .collect();
        print_json(&entries)?;
        return Ok(Done::Well);
    }
    let style = style();
    let mut lines = Vec::new();
    for defect in CATALOGUE {
        let must: Vec<_> = defect.caught_by.iter().map(ToString::to_string).collect();
        lines.push(format!("{}  {:8}  {}", defect.id, defect.strikes.name(), defect.invariant));
        for text in [defect.what.to_owned(), format!("{}, located to {}", must.join(" or "), defect.located)]
        {
            lines.extend(sentence(style, 8, &text).lines().map(String::from));
        }
    }
    print(&lines.join("\n"))?;
    Ok(Done::Well)
}

/// Records the drill in the evidence log of the configured store, if it exists: when the controls were tested, who
/// tested them, and the digest of the document.
async fn note(
    settings: &Settings,
    shadows: &ShadowFactory,
    report: &DrillReport,
    json: &str,
) -> Result<(), Failure> {
    if matches!(shadows, ShadowFactory::Embedded { real: None }) {
        return Ok(());
    }
    let store = wiring::store(settings, false).await?;
    let detail = json!({
        "job": report.job,
        "job_digest": report.job_digest,
        "effective": report.is_effective(),
        "defects": report.defects.len(),
        "missed": report.count(Seen::Missed),
        "document_sha256": Hash::of(json.as_bytes()),
    });
    noted(settings, &store, EventKind::Drilled, &detail).await.map(drop)
}

/// The progress display: a bar on a terminal, a line per missed defect in a pipe.
struct Shown {
    bar: Option<ProgressBar>,
    quiet: bool,
    missed: Mutex<usize>,
}

impl Shown {
    fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {wide_msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        });
        Self { bar, quiet, missed: Mutex::new(0) }
    }

    fn show(&self, progress: &Progress<'_>) {
        let missed = progress.last.filter(|last| last.judgement.seen == Seen::Missed);
        if let (Some(last), Ok(mut count)) = (missed, self.missed.lock()) {
            *count += 1;
            let line = format!("{} MISSED: {} ({})", last.id, last.what, last.judgement.why);
            match (&self.bar, self.quiet) {
                (Some(bar), _) => bar.println(line),
                (None, false) => remark(&line),
                (None, true) => {}
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_length(progress.of as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(progress.now.to_owned());
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
