//! Who did what: four eyes, reasons, and checkpoints outside of the store.

use std::sync::Arc;

use coordinator::Coordinator;
use coordinator::context::actor::ActorContext;
use coordinator::context::checkpoints::{Checkpoints, read};
use coordinator::evidence::audit;
use coordinator::open::{OpenError, RunRequest};
use coordinator::ops::OpsError;
use coordinator::run::{Drive, Ending};
use domain::checkpoint::Noted;
use domain::event::{Entry, Event, GENESIS};
use tests::fleet::Bench;
use tests::jobs::{self, JobText};
use tests::ledger::Ledger;

/// A job that asks for both.
fn strict() -> JobText {
    jobs::ledger().and("[approval]\nfour_eyes = true\nrequire_reason = true")
}

fn by(bench: &Bench, operator: &str) -> Coordinator {
    Coordinator { actor: format!("{operator}@here"), ..bench.coordinator() }
}

/// One that notes heads in the file `checkpoints` of the bench.
fn noting(bench: &Bench, operator: &str) -> Coordinator {
    let checkpoints = Checkpoints {
        store: "the store".into(),
        file: Some(bench.path("checkpoints")),
        ..Checkpoints::default()
    };
    Coordinator { checkpoints: Arc::new(checkpoints), ..by(bench, operator) }
}

async fn kinds(bench: &Bench) -> Vec<(String, String)> {
    let events = bench.store.events(0, 1000).await.unwrap();
    events.into_iter().map(|event| (event.entry.kind, event.entry.actor)).collect()
}

fn noted(bench: &Bench) -> Vec<Noted> {
    read(&bench.path("checkpoints")).unwrap().into_iter().map(|line| line.noted).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_asks_for_four_eyes_is_approved_by_somebody_else_with_a_reason() {
    let bench = Bench::new().await;
    let request = bench.request(&strict(), &Ledger::random(61, 30).csv());
    assert!(!request.pause_after_staged, "the job makes it wait, whatever the command says");
    let (anna, ben) = (by(&bench, "anna"), by(&bench, "ben"));
    let run_id = anna.open(&request).await.unwrap();
    assert_eq!(bench.drive_with(&anna, run_id, &Drive::default()).await.unwrap(), Ending::Paused);

    for (who, reason, says) in [
        (&anna, Some("looks right"), "anna@here opened the run (event 1)"),
        (&by(&bench, "Anna"), Some("looks right"), "another person must approve"),
        (&ben, None, "requires a reason"),
        (&ben, Some(" "), "requires a reason"),
    ] {
        let refused = who.approve(run_id, reason).await.unwrap_err();
        assert!(refused.is_usage() && matches!(refused, OpsError::Refused { .. }), "{refused:?}");
        assert!(refused.to_string().contains(says), "{refused}");
    }
    // Nobody promotes without an approval.
    assert_eq!(bench.drive_with(&anna, run_id, &Drive::default()).await.unwrap(), Ending::Paused);
    assert_eq!(bench.final_rows(), 0);

    ben.approve(run_id, Some("looks right")).await.unwrap();
    let approved = Drive { approved: true, ..Drive::default() };
    assert_eq!(bench.drive_with(&ben, run_id, &approved).await.unwrap(), Ending::Promoted);
    assert_eq!(bench.final_rows(), 30);
    let kinds = kinds(&bench).await;
    let refused = kinds.iter().filter(|(kind, _)| kind == "approval-refused").map(|(_, who)| who.as_str());
    assert_eq!(refused.collect::<Vec<_>>(), ["anna@here", "Anna@here", "ben@here", "ben@here"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_resumed_a_run_did_not_only_look_at_it() {
    let bench = Bench::new().await;
    let request = bench.request(&strict(), &Ledger::random(62, 30).csv());
    let (anna, ben, cleo) = (by(&bench, "anna"), by(&bench, "ben"), by(&bench, "cleo"));
    let run_id = anna.open(&request).await.unwrap();
    // Anna takes it up and is stopped; Ben resumes it.
    anna.stop.cancel();
    assert!(anna.drive(run_id, &Drive::default()).await.is_err());
    assert_eq!(bench.drive_with(&ben, run_id, &Drive::default()).await.unwrap(), Ending::Paused);
    let refused = ben.approve(run_id, Some("looks right")).await.unwrap_err().to_string();
    assert!(refused.contains("ben@here resumed the run"), "{refused}");
    cleo.approve(run_id, Some("looks right")).await.unwrap();
    // Cleo's own promotion is interrupted: it is hers to approve once more.
    cleo.stop.cancel();
    let approved = Drive { approved: true, ..Drive::default() };
    assert!(cleo.drive(run_id, &approved).await.is_err());
    let cleo = by(&bench, "cleo");
    cleo.approve(run_id, Some("once more")).await.unwrap();
    assert_eq!(bench.drive_with(&cleo, run_id, &approved).await.unwrap(), Ending::Promoted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_without_a_reason_are_refused_where_the_job_asks_for_one() {
    let bench = Bench::new().await;
    let job = jobs::ledger().and("[approval]\nrequire_reason = true");
    let request = bench.request(&job, &Ledger::random(63, 10).csv());
    bench.run(&request).await.promoted();
    let coordinator = bench.coordinator();
    let again = RunRequest { again: true, ..request };
    let refused = coordinator.open(&again).await.unwrap_err();
    assert!(refused.is_usage() && matches!(refused, OpenError::Refused(_)), "{refused:?}");
    let run_id =
        coordinator.open(&RunRequest { reason: Some("the first was a test".into()), ..again }).await.unwrap();
    assert!(matches!(coordinator.cancel(run_id, None).await, Err(OpsError::Refused { .. })));
    coordinator.cancel(run_id, Some("a mistake")).await.unwrap();
    assert!(matches!(coordinator.purge(run_id, Some("")).await, Err(OpsError::Refused { .. })));
    coordinator.purge(run_id, Some("a mistake")).await.unwrap();
    let opened = bench.store.run_events(run_id, 0, 1).await.unwrap().remove(0).entry;
    assert!(opened.detail.contains("\"reason\":\"the first was a test\""), "{}", opened.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_says_who_by_which_command_and_process() {
    let bench = Bench::new().await;
    let actor_context =
        ActorContext { os_user: Some("root".into()), command: Some("crossfoot run job.toml".into()) };
    let anna = Coordinator { actor_context, ..by(&bench, "anna") };
    let run_id = anna.open(&bench.request(&jobs::ledger(), &Ledger::random(64, 10).csv())).await.unwrap();
    bench.drive_with(&anna, run_id, &Drive::default()).await.unwrap();
    anna.purge(run_id, Some("disk")).await.unwrap();
    let events = bench.store.run_events(run_id, 0, 100).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.entry.kind.as_str()).collect();
    assert_eq!(kinds, ["opened", "staged", "promoted", "purged"]);
    for event in events {
        let detail: serde_json::Value = serde_json::from_str(&event.entry.detail).unwrap();
        assert_eq!(event.entry.actor, "anna@here");
        assert_eq!(detail["process"], std::process::id(), "{}", event.entry.kind);
        assert_eq!(
            (&detail["os_user"], &detail["command"]),
            (&"root".into(), &"crossfoot run job.toml".into())
        );
    }
}

/// The log as it would be if somebody had written it anew: each event as `change` leaves it, chained from the first.
fn rewrite(bench: &Bench, events: &[Event], change: impl Fn(&mut Entry)) {
    let sql = bench.sql();
    sql.execute_batch("DROP TRIGGER crossfoot_event_no_update; DROP TRIGGER crossfoot_event_no_delete; DELETE FROM crossfoot_event")
        .unwrap();
    let mut previous = GENESIS;
    for event in events {
        let mut entry = event.entry.clone();
        change(&mut entry);
        let event = Event::seal(event.seq, entry, previous);
        previous = event.hash;
        sql.execute(
            "INSERT INTO crossfoot_event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                event.seq,
                &event.entry.run_id,
                event.entry.at_ms,
                &event.entry.kind,
                &event.entry.actor,
                &event.entry.detail,
                event.previous.0.as_slice(),
                event.hash.0.as_slice(),
            ),
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_show_a_log_that_was_cut_or_written_anew() {
    let bench = Bench::new().await;
    let anna = noting(&bench, "anna");
    let request = RunRequest {
        pause_after_staged: true,
        ..bench.request(&jobs::ledger(), &Ledger::random(65, 10).csv())
    };
    let run_id = anna.open(&request).await.unwrap();
    bench.drive_with(&anna, run_id, &Drive::default()).await.unwrap();
    // Each fleet has a broker of its own.
    let anna = noting(&bench, "anna");
    anna.approve(run_id, Some("looks right")).await.unwrap();
    bench.drive_with(&anna, run_id, &Drive { approved: true, ..Drive::default() }).await.unwrap();
    anna.purge(run_id, None).await.unwrap();
    // opened 1, staged 2, paused 3 (a verdict), approved 4 (an act), resumed 5, promoted 6, purged 7
    let seqs: Vec<_> = noted(&bench).iter().map(|one| one.head.seq).collect();
    assert_eq!(seqs, [3, 4, 6, 7]);
    audit::verify(&*bench.store, noted(&bench)).await.unwrap();
    let events = bench.store.events(0, 100).await.unwrap();

    // WHEN the end is cut off, THEN the log is sound by itself, and not what was noted
    rewrite(&bench, &events[..6], |_| {});
    audit::verify(&*bench.store, None).await.unwrap();
    let error = audit::verify(&*bench.store, noted(&bench)).await.unwrap_err().to_string();
    assert!(error.contains("ends at event 6") && error.contains("line 4"), "{error}");

    // WHEN an event is altered and all that follow are chained anew, THEN likewise
    bench.execute("CREATE TRIGGER crossfoot_event_no_update BEFORE UPDATE ON crossfoot_event BEGIN SELECT 1; END; CREATE TRIGGER crossfoot_event_no_delete AFTER INSERT ON crossfoot_event BEGIN SELECT 1; END");
    rewrite(&bench, &events, |entry| {
        if entry.kind == "resumed" {
            entry.actor = "ben@here".into();
        }
    });
    audit::verify(&*bench.store, None).await.unwrap();
    let error = audit::verify(&*bench.store, noted(&bench)).await.unwrap_err().to_string();
    assert!(error.contains("event 6 is not the one that line 3"), "{error}");
    assert!(error.contains("rewritten from event 5 or 6 on"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_cannot_be_written_costs_no_run() {
    let bench = Bench::new().await;
    let nowhere = Checkpoints { file: Some(bench.path("no/such/folder/c")), ..Checkpoints::default() };
    let anna = Coordinator { checkpoints: Arc::new(nowhere), ..by(&bench, "anna") };
    let run_id = anna.open(&bench.request(&jobs::ledger(), &Ledger::random(66, 10).csv())).await.unwrap();
    assert_eq!(bench.drive_with(&anna, run_id, &Drive::default()).await.unwrap(), Ending::Promoted);
    let last = bench.store.run_events(run_id, 0, 100).await.unwrap().pop().unwrap();
    assert_eq!(last.entry.kind, "checkpoint-failed");
    let head = format!("{}:", last.seq - 1);
    assert!(last.entry.detail.contains("no/such/folder") && last.entry.detail.contains(&head));
}
