//! What is on the screen, and what a key does to it. Nothing is read or done here.

use console::{WINDOW_CHUNKS, Why};
use coordinator::ops::acts::{Act, ActView};
use domain::ids::RunId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;

use super::look::{Look, Open, Seen};

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 2000;

/// The most digits of a number of chunks.
const DIGITS_MAX: usize = 6;

/// What the person wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To leave.
    Leave,
    /// To see a run in detail, or the list again.
    Show(Option<RunId>),
    /// To do something with a run.
    Act {
        /// The run.
        run_id: RunId,
        /// What to do.
        act: Act,
        /// Why, which the evidence log keeps; and how many chunks may be in flight.
        why: Why,
    },
}

/// What is shown of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Checks,
    Workers,
    Chunks,
    Log,
}

impl Tab {
    pub(crate) const ALL: [Self; 4] = [Self::Checks, Self::Workers, Self::Chunks, Self::Log];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Checks => "Checks",
            Self::Workers => "Workers",
            Self::Chunks => "Chunks",
            Self::Log => "Log",
        }
    }

    fn after(self) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// What lies over a run: which act, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    /// The acts, with the place of the selected one.
    Acts(usize),
    /// How many chunks may be in flight, as far as it is written.
    Chunks(ActView, String),
    /// The reason for an act, as far as it is written, after how many chunks may be in flight. The act is carried out
    /// when it is confirmed.
    Reason(ActView, Option<u64>, String),
}

/// What is on the screen.
pub(crate) struct State {
    /// The store, without its password.
    pub(crate) store: String,
    pub(crate) is_read_only: bool,
    /// What the last look saw, and when; older while the store cannot be read.
    pub(crate) seen: Option<Seen>,
    pub(crate) at_ms: i64,
    /// Why the store could not be read.
    pub(crate) fault: Option<String>,
    /// The run that is open.
    pub(crate) opened: Option<RunId>,
    pub(crate) tab: Tab,
    pub(crate) dialog: Option<Dialog>,
    /// What an act came to.
    pub(crate) said: Option<Result<String, String>>,
    /// Which run is selected.
    pub(crate) runs: TableState,
    /// The first line that is shown of a run.
    pub(crate) scroll: usize,
}

impl State {
    pub(crate) fn new(store: String, is_read_only: bool) -> Self {
        Self {
            store,
            is_read_only,
            seen: None,
            at_ms: 0,
            fault: None,
            opened: None,
            tab: Tab::Checks,
            dialog: None,
            said: None,
            runs: TableState::default(),
            scroll: 0,
        }
    }

    /// The open run, once it was read.
    pub(crate) fn open(&self) -> Option<&Open> {
        let open = self.seen.as_ref()?.open.as_deref()?;
        (Some(open.run_id) == self.opened).then_some(open)
    }

    /// Takes in what a look saw. The selected run stays selected, wherever it is now.
    pub(crate) fn looked(&mut self, look: Look) {
        self.at_ms = look.at_ms;
        match look.seen {
            Err(fault) => self.fault = Some(fault),
            Ok(seen) => {
                self.fault = None;
                let selected = self.selected();
                let place = |run_id| seen.runs.iter().position(|run| run.run.run_id == run_id);
                let at = selected.and_then(place).or_else(|| (!seen.runs.is_empty()).then_some(0));
                self.runs.select(at);
                self.seen = Some(seen);
            }
        }
    }

    /// Takes in what an act came to.
    pub(crate) fn acted(&mut self, done: Result<String, String>) {
        self.said = Some(done);
    }

    fn selected(&self) -> Option<RunId> {
        let seen = self.seen.as_ref()?;
        seen.runs.get(self.runs.selected()?).map(|run| run.run.run_id)
    }

    /// What a key does.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return (key.code == KeyCode::Char('c')).then_some(Wish::Leave);
        }
        if let Some(dialog) = self.dialog.take() {
            return self.key_of_dialog(dialog, key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Some(Wish::Leave),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1),
            KeyCode::PageUp => self.move_by(-10),
            KeyCode::PageDown => self.move_by(10),
            KeyCode::Home | KeyCode::Char('g') => self.move_by(isize::MIN),
            _ if self.opened.is_none() => {
                if matches!(key.code, KeyCode::Enter | KeyCode::Right) {
                    self.opened = Some(self.selected()?);
                    (self.tab, self.scroll, self.said) = (Tab::Checks, 0, None);
                    return Some(Wish::Show(self.opened));
                }
            }
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => {
                (self.opened, self.said) = (None, None);
                return Some(Wish::Show(None));
            }
            KeyCode::Tab => (self.tab, self.scroll) = (self.tab.after(), 0),
            KeyCode::Char(digit @ '1'..='4') => {
                (self.tab, self.scroll) = (Tab::ALL[digit as usize - '1' as usize], 0);
            }
            KeyCode::Char('a') if !self.is_read_only && self.open().is_some() => {
                (self.dialog, self.said) = (Some(Dialog::Acts(0)), None);
            }
            _ => {}
        }
        None
    }

    fn move_by(&mut self, by: isize) {
        if self.opened.is_some() {
            // What is drawn holds it to the last line.
            self.scroll = self.scroll.saturating_add_signed(by);
            return;
        }
        let runs = self.seen.as_ref().map_or(0, |seen| seen.runs.len());
        let at = self.runs.selected().unwrap_or(0).saturating_add_signed(by);
        self.runs.select(runs.checked_sub(1).map(|last| at.min(last)));
    }

    fn key_of_dialog(&mut self, dialog: Dialog, key: KeyCode) -> Option<Wish> {
        match (dialog, key) {
            (_, KeyCode::Esc) => None,
            (Dialog::Acts(at), KeyCode::Up | KeyCode::Char('k')) => {
                self.dialog = Some(Dialog::Acts(at.saturating_sub(1)));
                None
            }
            (Dialog::Acts(at), KeyCode::Down | KeyCode::Char('j')) => {
                let last = Act::ALL.len() - 1;
                self.dialog = Some(Dialog::Acts((at + 1).min(last)));
                None
            }
            (Dialog::Acts(at), KeyCode::Enter) => {
                let act = self.open()?.view.acts.get(at)?.clone();
                match &act.why_not {
                    Some(why) => self.said = Some(Err(format!("cannot {}: {why}", act.act.name()))),
                    None if act.act == Act::Window => self.dialog = Some(Dialog::Chunks(act, String::new())),
                    None => self.dialog = Some(Dialog::Reason(act, None, String::new())),
                }
                None
            }
            (Dialog::Chunks(act, digits), KeyCode::Enter) => {
                let chunks = digits.parse().ok();
                if chunks.is_some_and(|chunks| !WINDOW_CHUNKS.contains(&chunks)) {
                    let (least, most) = (WINDOW_CHUNKS.start(), WINDOW_CHUNKS.end());
                    self.said = Some(Err(format!("write a number from {least} to {most}, or none")));
                    self.dialog = Some(Dialog::Chunks(act, digits));
                    return None;
                }
                (self.said, self.dialog) = (None, Some(Dialog::Reason(act, chunks, String::new())));
                None
            }
            (Dialog::Chunks(act, mut digits), key) => {
                match key {
                    KeyCode::Backspace => drop(digits.pop()),
                    KeyCode::Char(c) if c.is_ascii_digit() && digits.len() < DIGITS_MAX => digits.push(c),
                    _ => {}
                }
                self.dialog = Some(Dialog::Chunks(act, digits));
                None
            }
            (Dialog::Reason(act, chunks, reason), KeyCode::Enter) => {
                let why = Why { chunks, ..Why::because(Some(&reason)) };
                if act.reason_needed && why.reason.is_none() {
                    self.said = Some(Err("a reason is needed: write one".into()));
                    self.dialog = Some(Dialog::Reason(act, chunks, String::new()));
                    return None;
                }
                self.said = None;
                Some(Wish::Act { run_id: self.opened?, act: act.act, why })
            }
            (Dialog::Reason(act, chunks, mut reason), key) => {
                match key {
                    KeyCode::Backspace => drop(reason.pop()),
                    KeyCode::Char(c) if reason.chars().count() < REASON_CHARS_MAX => reason.push(c),
                    _ => {}
                }
                self.dialog = Some(Dialog::Reason(act, chunks, reason));
                None
            }
            (dialog @ Dialog::Acts(_), _) => {
                self.dialog = Some(dialog);
                None
            }
        }
    }
}
