//! Who may approve of a run: four eyes, and a reason.

use thiserror::Error;

use crate::event_kind::EventKind;
use crate::lifecycle::RunState;

/// What a job requires of the people who decide about its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Approval {
    /// Each run waits for approval once staging is proven, by another operator than those who ran it.
    pub four_eyes: bool,
    /// Anyone who approves, redrives, cancels, backs out or purges a run, or loads bytes again, must give a reason.
    pub require_reason: bool,
}

/// An event of a run in the log: who did what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorEvent {
    /// The event's number in the evidence log, from 1.
    pub seq: u64,
    /// The event's kind by its name in the log, such as `opened`; a newer version may have written others.
    pub kind: String,
    /// Who did it: `operator@host`.
    pub actor: String,
    /// The run's state at the event; `None` if the event does not say.
    pub state: Option<RunState>,
}

/// Why a decision about a run is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The person who decides also ran the run.
    #[error("{who} {did} the run (event {seq}), and the job requires four eyes; another person must {act}")]
    SameEyes {
        /// The operator who ran the run, as the event names them: `operator@host`.
        who: String,
        /// What they did: `opened`, `resumed` or `redrove`.
        did: &'static str,
        /// The event that says so.
        seq: u64,
        /// What another person must do.
        act: &'static str,
    },
    /// No reason was given.
    #[error("the job requires a reason; pass `--reason TEXT`")]
    NoReason,
}

impl Approval {
    /// Whether a decision needs a reason and has none.
    ///
    /// # Errors
    /// [`Refusal::NoReason`].
    pub fn reasoned(&self, reason: Option<&str>) -> Result<(), Refusal> {
        match reason.map(str::trim) {
            None | Some("") if self.require_reason => Err(Refusal::NoReason),
            _ => Ok(()),
        }
    }

    /// Whether `actor` may do `act`, such as `approve`, to the run that `events` are all the events of.
    ///
    /// # Errors
    /// [`Refusal::SameEyes`] when they opened, resumed or redrove it.
    pub fn by_others<'a>(
        &self,
        act: &'static str,
        actor: &str,
        events: impl IntoIterator<Item = &'a ActorEvent>,
    ) -> Result<(), Refusal> {
        if !self.four_eyes {
            return Ok(());
        }
        for event in events {
            let Some(did) = ran(event) else { continue };
            if is_same(actor, &event.actor) {
                return Err(Refusal::SameEyes { who: event.actor.clone(), did, seq: event.seq, act });
            }
        }
        Ok(())
    }
}

/// The verb for an event that counts as running the run; `None` for every other event.
fn ran(event: &ActorEvent) -> Option<&'static str> {
    match EventKind::of(&event.kind)? {
        EventKind::Opened => Some("opened"),
        EventKind::Redriven => Some("redrove"),
        // An approval that was interrupted is resumed by whoever approved; that is not running it.
        EventKind::Resumed if event.state != Some(RunState::AwaitingApproval) => Some("resumed"),
        _ => None,
    }
}

/// Whether two actors, `operator@host`, are the same operator: on whichever host.
fn is_same(one: &str, other: &str) -> bool {
    let operator =
        |actor: &str| actor.rsplit_once('@').map_or(actor, |(operator, _)| operator).trim().to_lowercase();
    operator(one) == operator(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    const STRICT: Approval = Approval { four_eyes: true, require_reason: true };

    fn life(events: &[(&str, &str, Option<RunState>)]) -> Vec<ActorEvent> {
        let event = |(seq, (kind, actor, state)): (u64, &(&str, &str, Option<RunState>))| ActorEvent {
            seq,
            kind: (*kind).into(),
            actor: (*actor).into(),
            state: *state,
        };
        (1..).zip(events).map(event).collect()
    }

    #[test]
    fn whoever_ran_a_run_may_not_approve_of_it() {
        let events = life(&[
            ("opened", "anna@desk", None),
            ("resumed", "ben@desk", Some(RunState::Loading)),
            ("redriven", "cleo@desk", None),
            ("paused", "service@host", None),
            ("approved", "dora@desk", None),
            ("resumed", "dora@desk", Some(RunState::AwaitingApproval)),
        ]);
        //           who approves        what they did before
        let table = [
            ("anna@desk", Some("opened")),
            ("anna@laptop", Some("opened")),
            ("Anna@desk", Some("opened")),
            ("ben@desk", Some("resumed")),
            ("cleo@desk", Some("redrove")),
            ("dora@desk", None),
            ("emil@desk", None),
            ("service@host", None),
            ("annabel@desk", None),
        ];
        for (who, did) in table {
            let refused = STRICT.by_others("approve", who, &events).err();
            let found = refused.as_ref().map(|refusal| match refusal {
                Refusal::SameEyes { did, .. } => *did,
                Refusal::NoReason => "no reason",
            });
            assert_eq!(found, did, "{who}");
            assert_eq!(
                Approval::default().by_others("approve", who, &events),
                Ok(()),
                "nothing is asked for"
            );
        }
        let refused = STRICT.by_others("approve", "anna@desk", &events).unwrap_err().to_string();
        assert!(refused.contains("anna@desk opened the run (event 1)"), "{refused}");
    }

    #[test]
    fn a_reason_that_is_asked_for_is_more_than_blanks() {
        for (reason, is_one) in
            [(None, false), (Some(""), false), (Some("  "), false), (Some("checked"), true)]
        {
            assert_eq!(STRICT.reasoned(reason).is_ok(), is_one, "{reason:?}");
            assert_eq!(Approval::default().reasoned(reason), Ok(()));
        }
    }
}
