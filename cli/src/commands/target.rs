//! The run that an operator acts on, and the operator's word that it is the one that was meant.

use std::io::{BufRead, IsTerminal, Write};

use coordinator::ops::OpsError;
use coordinator::ops::standing::standing;
use domain::report::CheckCounts;
use domain::visible::{visible, visible_lines};
use domain::words::{grouped, plural};
use store::model::Run;
use store::{RunFilter, Store};

use super::context::{RUNS_LOOKED_AT, find_run};
use crate::args::{Global, Operate, TargetArg};
use crate::outcome::Failure;
use crate::printed::failed::ErrorKind;

/// The number of runs that a message lists.
const RUNS_SHOWN: usize = 10;

/// A command that acts on a run.
pub(crate) struct Act {
    /// The command's name.
    pub(crate) command: &'static str,
    /// What the command does to the run, as a sentence for the prompt.
    pub(crate) does: &'static str,
    /// Whether the state of a run allows the command.
    pub(crate) may: fn(&Run) -> Result<(), OpsError>,
}

/// Finds the run that the operator means, and has it confirmed: on a terminal by a prompt, in a script by the run's ID
/// or by `--yes`.
pub(crate) async fn target(
    global: &Global,
    store: &dyn Store,
    operate: &Operate,
    act: &Act,
) -> Result<Run, Failure> {
    let Found { run, is_named } = find(store, &operate.run, act).await?;
    if operate.yes {
        return Ok(run);
    }
    // Here, and not only by the command: the state may change before it looks, and no one has confirmed that.
    if let Err(error) = (act.may)(&run) {
        let failure = Failure::from(error);
        let is_late = run.state.is_over();
        return Err(if is_late { failure.advise(&standing(store, run.run_id).await.said) } else { failure });
    }
    let summary = summary(store, &run).await?;
    // With `--json` a program reads standard error, whatever it is.
    let can_ask = !global.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if can_ask {
        let question = format!("{}: {}\n{summary}\n{} this run? [y/N] ", act.command, act.does, act.command);
        return if ask(&question) { Ok(run) } else { Err(declined(act.command).of_run(run.run_id)) };
    }
    if is_named {
        return Ok(run);
    }
    let (command, run_id) = (act.command, run.run_id);
    Err(Failure::usage(format!(
        "`crossfoot {command}` would act on this run, which was not confirmed:\n{summary}"
    ))
    .advise(&format!("name the run (`crossfoot {command} {run_id}`), or pass `--yes`; nothing was done"))
    .of_kind(ErrorKind::NotConfirmed)
    .of_run(run_id))
}

/// A failure because the operator said no.
pub(crate) fn declined(command: &str) -> Failure {
    Failure::usage(format!("`{command}` was not confirmed; nothing was done"))
        .of_kind(ErrorKind::NotConfirmed)
}

/// Asks the operator. Anything but `y` or `yes` means no.
pub(crate) fn ask(question: &str) -> bool {
    let mut terminal = std::io::stderr();
    if write!(terminal, "{}", visible_lines(question)).and_then(|()| terminal.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// A run that was found, and whether the operator named it.
struct Found {
    run: Run,
    is_named: bool,
}

async fn find(store: &dyn Store, arg: &TargetArg, act: &Act) -> Result<Found, Failure> {
    if let Some(typed) = &arg.run {
        // `last` may be another job's run than the operator thinks of.
        return Ok(Found { run: find_run(store, typed).await?, is_named: typed != "last" });
    }
    if let Some(job) = arg.job.as_ref().filter(|_| arg.last) {
        let filter = RunFilter { job: Some(job.clone()), ..RunFilter::default() };
        let latest = store.runs(&filter, 1).await?.pop();
        let run = latest.ok_or_else(|| {
            Failure::usage(format!("no runs of job `{job}` in {}", store.url()))
                .advise("list the runs with `crossfoot runs`; `--job` takes the job's name, not its file")
        })?;
        return Ok(Found { run, is_named: false });
    }
    let mut fitting: Vec<_> = store.runs(&RunFilter::default(), RUNS_LOOKED_AT).await?;
    fitting.retain(|run| !run.purged && (act.may)(run).is_ok());
    let run = match fitting.len() {
        // The command itself says what is wrong with the latest.
        0 => find_run(store, "last").await?,
        1 => fitting.remove(0),
        many => {
            let shown = |run: &Run| format!("\n  {} {} ({})", run.run_id, visible(&run.job), run.state);
            let list: String = fitting.iter().take(RUNS_SHOWN).map(shown).collect();
            let more = if many > RUNS_SHOWN { "\n  ..." } else { "" };
            let command = act.command;
            let what = format!("`{command}` could mean {many} runs; name one: crossfoot {command} RUN");
            return Err(Failure::usage(format!("{what}{list}{more}")));
        }
    };
    Ok(Found { run, is_named: false })
}

/// What an operator needs to know of a run before acting on it.
async fn summary(store: &dyn Store, run: &Run) -> Result<String, Failure> {
    let progress = store.progress(run.run_id).await?;
    let chunks = match run.split {
        Some(split) => format!("{} of {}", grouped(progress.committed), plural(split.chunks, "chunk")),
        None => format!("{} of {} so far", grouped(progress.committed), plural(progress.split, "chunk")),
    };
    let mut lines = format!(
        "  run     {}\n  job     {}\n  source  {}\n  state   {}, opened {} by {}\n  counts  {chunks} committed, \
         {} set aside; {}",
        run.run_id,
        visible(&run.job),
        visible(&run.source),
        run.state,
        platform::clock::iso(run.opened_at_ms),
        visible(&run.actor),
        grouped(progress.set_aside),
        plural(progress.records, "record"),
    );
    let checks = CheckCounts::of(&store.checks(run.run_id).await?.checks);
    if checks.decided() > 0 {
        let (passed, failed) = (checks.passed as u64, plural(checks.failed as u64, "failure"));
        lines.push_str(&format!("\n  checks  {} passed, {failed}", grouped(passed)));
    }
    if let Some(lease) = store.lease(run.run_id).await?.filter(|lease| !lease.left.is_zero()) {
        let holder = domain::lease::Holder::of(&lease.owner);
        lines.push_str(&format!("\n  driver  {}", visible(&holder.to_string())));
    }
    Ok(lines)
}
