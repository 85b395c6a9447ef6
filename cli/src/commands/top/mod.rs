//! `top`: runs, workers and chunks live in the terminal, with the same numbers and acts as the console.
//!
//! [`state`] is what is on the screen and what a key does to it, [`draw`] shows it; neither reads anything. [`look`]
//! reads the store once a second, in the background, and this module joins them with the terminal.

mod draw;
mod look;
mod state;
#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use console::Why;
use console::access::SignIn;
use console::desk::Desk;
use coordinator::ops::acts::Act;
use domain::ids::RunId;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::{mpsc, watch};

use super::console::{How, desk};
use super::context::open_store;
use crate::args::{Global, Top};
use crate::operator;
use crate::outcome::{Done, Failure};
use crate::output::mute_remarks;
use look::Look;
use state::{State, Wish};

/// How long the terminal is waited for before it is looked whether the program ends.
const KEY: Duration = Duration::from_millis(100);

/// What the screen has to follow.
enum News {
    Key(event::KeyEvent),
    Resized,
    Looked(Box<Look>),
    Acted(Result<String, String>),
}

/// Runs `crossfoot top` until it is left.
pub(crate) async fn top(global: &Global, args: &Top) -> Result<Done, Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("`top` needs a terminal").advise(
            "use `crossfoot runs`, `crossfoot show RUN` or `crossfoot workers RUN`, also with `--json`",
        ));
    }
    let (settings, store) = open_store(global).await?;
    let how = How {
        listen: ([127, 0, 0, 1], 0).into(),
        require_token: false,
        read_only: args.read_only,
        refuses: None,
    };
    let (desk, driving) = desk(&settings, &store, &how, how.listen, SignIn::default())?;
    let shown = watch::channel(None).0;
    let (tell, mut news) = mpsc::channel(64);
    let looking = tokio::spawn(look::keep_looking(Arc::clone(&desk), shown.subscribe(), tell.clone()));
    let keys = tell.clone();
    let reading = tokio::task::spawn_blocking(move || read_keys(&keys));
    let mut state = State::new(store.url(), desk.is_read_only);
    mute_remarks();
    let mut terminal = ratatui::init();
    let ended = loop {
        if let Err(error) = terminal.draw(|frame| draw::draw(frame, &mut state)) {
            break Err(Failure::unfinished(format!("cannot draw on the terminal: {error}")));
        }
        let Some(next) = news.recv().await else { break Ok(Done::Well) };
        match next {
            News::Resized => {}
            News::Looked(look) => state.looked(*look),
            News::Acted(done) => state.acted(done),
            News::Key(key) => match state.key(key) {
                None => {}
                Some(Wish::Leave) => break Ok(Done::Well),
                Some(Wish::Show(run_id)) => drop(shown.send_replace(run_id)),
                Some(Wish::Act { run_id, act, why }) => {
                    tokio::spawn(carry_out(Arc::clone(&desk), run_id, act, why, tell.clone()));
                }
            },
        }
    };
    ratatui::restore();
    drop(news);
    looking.abort();
    desk.stop.cancel();
    // It ends after a moment, because the screen no longer listens.
    drop(reading.await);
    driving.end().await;
    ended
}

/// Hands every key on until the screen no longer listens.
fn read_keys(tell: &mpsc::Sender<News>) {
    while !tell.is_closed() {
        let next = match event::poll(KEY) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let news = match next {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => News::Key(key),
            Ok(Event::Resize(..)) => News::Resized,
            Ok(_) => continue,
            // The terminal no longer exists.
            Err(_) => return,
        };
        if tell.blocking_send(news).is_err() {
            return;
        }
    }
}

async fn carry_out(desk: Arc<Desk>, run_id: RunId, act: Act, why: Why, tell: mpsc::Sender<News>) {
    let (name, context) = operator::acting();
    let acting = console::desk::Acting {
        actor: format!("{name}@{}", desk.coordinator.host),
        context: coordinator::context::actor::ActorContext {
            command: Some(format!("top: {} {run_id}", act.name())),
            ..context
        },
    };
    let done = console::carry_out(&desk, run_id, act, &acting, &why).await;
    let said = done.map_err(|problem| match problem.next {
        Some(next) => format!("{}; {next}", problem.detail),
        None => problem.detail,
    });
    drop(tell.send(News::Acted(said)).await);
}
