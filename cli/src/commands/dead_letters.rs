//! `dead-letters`: lists, shows, replays and clears messages that could not be handled.

use std::io::{IsTerminal, Write};
use std::path::Path;

use coordinator::Coordinator;
use coordinator::ops::dead_letters::{DeadLetter, HELD_MAX, HeldLetters, LetterAct, LettersError};
use domain::visible::visible;
use domain::words::{grouped, plural};
use platform::files::create_new_private;

use super::context::find_run;
use super::target::{ask, declined};
use crate::args::{DeadLetters, Global, Letters};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark, tell, tell_json};
use crate::printed::dead_letters::{ListedLetters, SettledLetters};
use crate::printed::failed::ErrorKind;
use crate::wiring;

/// Why an embedded broker has no dead letters to show.
const EMBEDDED: &str = "the broker is memory:, whose dead letters end with the process that has them; the ledger keeps \
                        the chunks that were set aside (`crossfoot show RUN`), and `crossfoot redrive RUN` requeues \
                        them";

/// The least number of characters of an abbreviated ID.
const ID_CHARS_MIN: usize = 4;

impl From<LettersError> for Failure {
    fn from(error: LettersError) -> Self {
        match error {
            LettersError::Broker(error) => error.into(),
            LettersError::Ops(error) => error.into(),
        }
    }
}

/// Runs `crossfoot dead-letters`.
pub(crate) async fn dead_letters(global: &Global, args: &DeadLetters) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    if wiring::is_embedded(&settings) {
        if !matches!(args, DeadLetters::List { .. }) {
            return Err(Failure::usage(EMBEDDED));
        }
        let list = ListedLetters { dead_letters: Vec::new(), others: 0, note: Some(EMBEDDED.into()) };
        if global.json {
            print_json(&list)?
        } else {
            print(&format!("no dead letters: {EMBEDDED}"))?
        }
        return Ok(Done::Well);
    }
    wiring::require_broker_url(&settings)?;
    let store = wiring::store(&settings, false).await?;
    let (coordinator, _watcher) = wiring::coordinator(&settings, &store).await?;
    let ended = act(global, &coordinator, args).await;
    // Until the broker has them back, the next command would not find them.
    coordinator.post.broker().close().await;
    ended
}

async fn act(global: &Global, coordinator: &Coordinator, args: &DeadLetters) -> Result<Done, Failure> {
    match args {
        DeadLetters::List { limit } => {
            let HeldLetters { letters, others, .. } = coordinator.dead_letters((*limit).into()).await?;
            let dead_letters: Vec<_> = letters.iter().map(|letter| letter.shown.clone()).collect();
            if global.json {
                print_json(&ListedLetters { dead_letters, others, note: None })?;
            } else {
                print(&list(&dead_letters, others))?;
            }
            Ok(Done::Well)
        }
        DeadLetters::Show { id, output } => show(global, coordinator, id, output.as_deref()).await,
        DeadLetters::Replay(letters) => settle(global, coordinator, letters, LetterAct::Replay).await,
        DeadLetters::Clear(letters) => settle(global, coordinator, letters, LetterAct::Clear).await,
    }
}

fn about(letter: &DeadLetter) -> String {
    let or = |text: Option<&String>| text.map_or_else(|| "not known".to_owned(), |text| visible(text));
    let run = match (letter.run_id, letter.run_state) {
        (Some(run_id), Some(state)) => format!("{run_id} ({state})"),
        (Some(run_id), None) => format!("{run_id} (not in this store)"),
        (None, _) => "not known".into(),
    };
    let chunk = match (letter.chunk_no, &letter.chunk_state) {
        (Some(chunk_no), Some(state)) => format!("{chunk_no} ({state})"),
        (Some(chunk_no), None) => chunk_no.to_string(),
        (None, _) => "not known".into(),
    };
    let genuine = if letter.is_genuine { "yes" } else { "no: do not believe what it says" };
    format!(
        "{}\n  reason   {}\n  queue    {}\n  since    {}, delivered again {} before\n  run      {run}\n  chunk    \
         {chunk}\n  genuine  {genuine}\n  size     {}",
        letter.id,
        or(letter.reason.as_ref()),
        or(letter.queue.as_ref()),
        or(letter.at.as_ref()),
        plural(letter.redeliveries.into(), "time"),
        plural(letter.bytes as u64, "byte"),
    )
}

fn list(letters: &[DeadLetter], others: usize) -> String {
    let mut lines: Vec<_> = letters.iter().map(about).collect();
    match (letters.len(), others) {
        (0, 0) => lines.push("no dead letters".into()),
        (_, 0) => {}
        (_, others) => lines.push(format!(
            "{} more: raise --limit, or wait until another process that looks at them has ended",
            grouped(others as u64)
        )),
    }
    lines.join("\n")
}

/// Whether `typed` abbreviates the dead letter's ID or digest.
fn is_meant(letter: &DeadLetter, typed: &str) -> bool {
    letter.sha256.to_string().starts_with(&typed.to_ascii_lowercase())
}

/// Fails unless each ID is long enough and means one message.
fn check_ids(held: &HeldLetters, ids: &[String]) -> Result<(), Failure> {
    for id in ids {
        if id.len() < ID_CHARS_MIN {
            return Err(Failure::usage(format!(
                "`{id}` is too short; type at least {ID_CHARS_MIN} characters"
            )));
        }
        let mut found: Vec<_> = held
            .letters
            .iter()
            .filter(|letter| is_meant(&letter.shown, id))
            .map(|one| one.shown.sha256)
            .collect();
        found.dedup();
        if found.is_empty() {
            let others = match held.others {
                0 => String::new(),
                others => format!(" among those that were looked at; {} more wait", grouped(others as u64)),
            };
            return Err(Failure::usage(format!("there is no dead letter {id}{others}"))
                .advise("list them with `crossfoot dead-letters list`"));
        }
        if found.iter().any(|one| *one != found[0]) {
            return Err(Failure::usage(format!("`{id}` matches several dead letters; type more characters")));
        }
    }
    Ok(())
}

async fn show(
    global: &Global,
    coordinator: &Coordinator,
    id: &str,
    output: Option<&Path>,
) -> Result<Done, Failure> {
    let held = coordinator.dead_letters(HELD_MAX).await?;
    check_ids(&held, &[id.to_owned()])?;
    let Some(letter) = held.letters.iter().find(|letter| is_meant(&letter.shown, id)) else {
        return Err(Failure::usage(format!("there is no dead letter {id}")));
    };
    if let Some(path) = output {
        let failed = |error: std::io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
        let mut file = create_new_private(path).map_err(failed)?;
        coordinator.note_letter_written(&letter.shown, path).await?;
        file.write_all(letter.body()).and_then(|()| file.sync_all()).map_err(failed)?;
        remark(&format!("written to {}", path.display()));
    }
    if global.json {
        print_json(&letter.shown)?
    } else {
        print(&about(&letter.shown))?
    }
    Ok(Done::Well)
}

async fn settle(
    global: &Global,
    coordinator: &Coordinator,
    args: &Letters,
    act: LetterAct,
) -> Result<Done, Failure> {
    let run_id = match &args.of_run {
        Some(typed) => Some(find_run(&*coordinator.store, typed).await?.run_id),
        None => None,
    };
    let mut held = coordinator.dead_letters(HELD_MAX).await?;
    check_ids(&held, &args.ids)?;
    let is_asked_for = |letter: &DeadLetter| {
        args.all
            || args.ids.iter().any(|id| is_meant(letter, id))
            || (run_id.is_some() && letter.run_id == run_id)
    };
    let (meant, _rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut held.letters).into_iter().partition(|letter| is_asked_for(&letter.shown));
    let (verb, past) = match act {
        LetterAct::Replay => ("replay", "replayed"),
        LetterAct::Clear => ("clear", "cleared"),
    };
    if !meant.is_empty() {
        let shown: Vec<_> = meant.iter().map(|letter| letter.shown.clone()).collect();
        confirm(global, args, verb, &shown)?;
    }
    let done = coordinator.settle_letters(meant, act, args.reason.as_deref()).await?;
    let mut told = format!("{past} {}", plural(done.done.len() as u64, "dead letter"));
    for left in &done.left {
        told.push_str(&format!("\nleft {}: {}", left.id, visible(&left.why)));
    }
    if held.others > 0 {
        told.push_str(&format!(
            "\n{} more were not looked at; repeat the command",
            grouped(held.others as u64)
        ));
    }
    let is_complete = done.left.is_empty();
    if global.json {
        tell_json(&SettledLetters { done: done.done, left: done.left, others: held.others }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(if is_complete { Done::Well } else { Done::Unfinished })
}

/// Asks on a terminal. A script names the dead letters, or passes `--yes`.
fn confirm(global: &Global, args: &Letters, verb: &str, letters: &[DeadLetter]) -> Result<(), Failure> {
    /// The number of dead letters that a prompt lists.
    const SHOWN: usize = 3;
    if args.yes {
        return Ok(());
    }
    let mut what: Vec<_> = letters.iter().take(SHOWN).map(about).collect();
    what.extend(
        (letters.len() > SHOWN).then(|| format!("and {} more", grouped((letters.len() - SHOWN) as u64))),
    );
    let (what, count) = (what.join("\n"), plural(letters.len() as u64, "dead letter"));
    if !global.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let is_meant = ask(&format!("{what}\n{verb} {count}? [y/N] "));
        return if is_meant { Ok(()) } else { Err(declined(verb)) };
    }
    if !args.ids.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`crossfoot dead-letters {verb}` would act on {count}, which was not confirmed:\n{what}"
    ))
    .advise("name them by their IDs, or pass `--yes`; nothing was done")
    .of_kind(ErrorKind::NotConfirmed))
}
