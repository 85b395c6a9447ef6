//! What a console asks: runs with their counts, chunks by phase, rejects by reason, the log backwards, tokens.

use std::sync::Arc;
use std::time::Duration;

use domain::constraint::ReasonCode;
use domain::counts::Role;
use domain::event::Entry as LogEntry;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lifecycle::{RunEvent, RunState};
use store::Store;
use store::model::{ChunkCounts, Reported};
use store::tokens::TokenRow;
use store::views::{ChunkPhase, ChunkTotals, NewestRun, RejectPage, RunPage};

use super::fixture::{APPEND, LASTS, Loading, Record, cuts, entry, job, row, run_id};
use super::{NOW_MS, Subject};

async fn found(store: &dyn Store, page: RunPage) -> Vec<RunId> {
    store.counted_runs(&page, 9).await.unwrap().iter().map(|counted| counted.run.run_id).collect()
}

pub(crate) async fn runs_are_counted_found_and_paged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let first = Loading::begin(store, &job(APPEND, ""), 1).await;
    let second = Loading::begin(store, &first.job, 2).await;
    let third = Loading::begin(store, &first.job, 3).await;
    let chunks = [
        vec![row(1, "a", "1.00"), Record::Reject(b"x")],
        vec![row(3, "c", "1.00"), row(4, "d", "1.00"), Record::Reject(b"y")],
        vec![row(6, "f", "1.00")],
    ];
    first.promote(&chunks).await;
    let cut = cuts(&chunks);
    store.add_chunks(second.fence, &cut).await.unwrap();
    second.commit(second.batch(&cut[1], &chunks[1])).await.unwrap();
    store.set_aside(second.run_id, ChunkNo(2), "it failed").await.unwrap();
    store.release(third.fence, 0).await.unwrap();

    let whole = ChunkTotals {
        chunks: 3,
        records: 6,
        bytes: 60,
        committed: 3,
        set_aside: 0,
        read: 6,
        accepted: 4,
        rejected: 2,
        bytes_committed: 60,
    };
    let part = ChunkTotals {
        committed: 1,
        set_aside: 1,
        read: 3,
        accepted: 2,
        rejected: 1,
        bytes_committed: 30,
        ..whole
    };
    let all = store.counted_runs(&RunPage::default(), 9).await.unwrap();
    let totals: Vec<_> = all.iter().map(|counted| counted.totals).collect();
    assert_eq!(totals, [ChunkTotals::default(), part, whole], "newest first");
    assert_eq!(store.counted(first.run_id).await.unwrap().totals, whole);
    assert_eq!(all[1].run, store.run(second.run_id).await.unwrap(), "the run is as the ledger has it");
    let lease = all[1].lease.as_ref().expect("somebody holds it");
    assert!(lease.owner == "coordinator" && lease.left > LASTS / 2 && lease.left <= LASTS, "{lease:?}");
    assert!(all[0].lease.as_ref().is_none_or(|lease| lease.left == Duration::ZERO), "it was let go");
    assert!(store.counted(run_id(9)).await.is_err());

    let (one, two, three) = (first.run_id, second.run_id, third.run_id);
    let page = RunPage::default;
    let of = |states: &[RunState]| RunPage { states: states.to_vec(), ..page() };
    assert_eq!(found(&**store, of(&[RunState::Promoted])).await, [one]);
    assert_eq!(found(&**store, of(&[RunState::Promoted, RunState::Loading])).await, [three, two, one]);
    assert_eq!(found(&**store, RunPage { before: Some(three), ..page() }).await, [two, one]);
    assert_eq!(found(&**store, RunPage { job: Some("other".into()), ..page() }).await, []);
    for (text, runs) in [
        ("ENTRIES.csv", &[three, two, one][..]),
        (&two.to_string()[..], &[two]),
        ("tester@", &[three, two, one]),
        ("%", &[]),
        ("a_t", &[]),
    ] {
        assert_eq!(found(&**store, RunPage { text: text.into(), ..page() }).await, runs, "{text}");
    }
    assert_eq!(store.counted_runs(&page(), 1).await.unwrap().len(), 1);

    let held: Vec<_> =
        store.run_leases().await.unwrap().into_iter().filter(|held| !held.lease.left.is_zero()).collect();
    assert_eq!(held.iter().map(|held| held.run_id).collect::<Vec<_>>(), [two], "of runs that are not over");
    let jobs = store.jobs().await.unwrap();
    assert_eq!((jobs.len(), jobs[0].job.as_str(), jobs[0].runs), (1, "entries", 3));
    assert_eq!(jobs[0].latest.run.run_id, three);
    let took = store.durations(three, 5).await.unwrap();
    assert_eq!(took.iter().map(|one| one.run_id).collect::<Vec<_>>(), [one], "only promoted runs");
    let totals = store.job_totals().await.unwrap();
    let of = |state| totals.iter().find(|of| of.state == state).unwrap();
    assert_eq!((of(RunState::Promoted).runs, of(RunState::Promoted).totals), (1, whole));
    assert_eq!((of(RunState::Loading).runs, of(RunState::Loading).totals), (2, part));
    assert!(of(RunState::Promoted).last_ended_at_ms.is_some());
    assert_eq!(of(RunState::Loading).last_ended_at_ms, None);
}

pub(crate) async fn a_chunk_tells_how_far_it_is(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks: Vec<_> = (1..=5).map(|id| vec![row(id, "a", "1.00")]).collect();
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    let attempt = loading.fence.epoch;
    let (p, w) = (loading.processor, loading.writer);
    for no in [1, 2] {
        store.start_chunk(run, ChunkNo(no), Role::Processor, attempt, p).await.unwrap();
    }
    let report = |chunk_no, role, worker, busy_us| Reported {
        chunk_no: ChunkNo(chunk_no),
        role,
        worker,
        counts: ChunkCounts { records: 1, accepted: 1, rejected: 0, bytes: 10, busy_us },
    };
    // Two processors reported one chunk, as happens when a message is delivered again: its records count once.
    let other = WorkerId(p.0 + w.0 + 1);
    let reports = [
        report(2, Role::Processor, p, 40),
        report(2, Role::Processor, other, 7),
        report(3, Role::Processor, p, 10),
        report(3, Role::Writer, w, 99),
        report(4, Role::Processor, p, 20),
    ];
    store.keep_reports(run, &reports).await.unwrap();
    loading.commit(loading.batch(&cuts[3], &chunks[3])).await.unwrap();
    store.set_aside(run, ChunkNo(4), "it failed").await.unwrap();
    assert_eq!(store.chunk_phases(run, 0, 9).await.unwrap(), ChunkPhase::ALL);
    assert_eq!(store.chunk_phases(run, 3, 1).await.unwrap(), [ChunkPhase::Committed]);

    let ahead = store.read_ahead(run).await.unwrap();
    assert_eq!((ahead.chunks, ahead.read, ahead.accepted, ahead.rejected), (1, 1, 1, 0));
    let story = store.chunk_story(run, ChunkNo(2)).await.unwrap().unwrap();
    assert_eq!((story.processor_starts, story.writer_starts, story.started_by), (1, 0, Some(p)));
    let told: Vec<_> = story.reports.iter().map(|of| (of.role, of.worker, of.busy_us)).collect();
    assert_eq!(told, [(Role::Processor, p, 40), (Role::Processor, other, 7)]);
    let story = store.chunk_story(run, ChunkNo(0)).await.unwrap().unwrap();
    assert!(story.reports.is_empty() && story.started_by.is_none());
    assert_eq!(store.chunk_story(run, ChunkNo(9)).await.unwrap(), None);

    let times = store.chunk_times(run).await.unwrap();
    let of = |role, worker| *times.iter().find(|of| (of.role, of.worker) == (role, worker)).unwrap();
    let own = of(Role::Processor, p);
    assert_eq!((own.chunks, own.median_us, own.p95_us), (3, 20, 40));
    assert_eq!((of(Role::Writer, w).median_us, of(Role::Processor, other).p95_us), (99, 7));
}

pub(crate) async fn rejects_are_found_by_reason_field_and_worker(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks =
        [vec![Record::Reject(b"a"), row(2, "b", "1.00"), Record::Reject(b"c")], vec![Record::Reject(b"d")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    let mut second = loading.batch(&cuts[1], &chunks[1]);
    // Of this record the amount was good, and another worker saw it.
    second.rejects[0].reasons.remove(0);
    let other = WorkerId(loading.processor.0 + loading.writer.0 + 1);
    second.processor = other.0;
    loading.commit(loading.batch(&cuts[0], &chunks[0])).await.unwrap();
    loading.commit(second).await.unwrap();

    let numbers = async |page: RejectPage, limit| -> Vec<u64> {
        let rows = store.reject_page(run, &page, limit).await.unwrap();
        rows.iter().map(|row| row.record_no.0).collect()
    };
    let page = RejectPage::default;
    let after = |chunk_no, record_no| RejectPage { after: Some((ChunkNo(chunk_no), record_no)), ..page() };
    assert_eq!(numbers(page(), 9).await, [1, 3, 4]);
    assert_eq!(numbers(page(), 2).await, [1, 3]);
    assert_eq!(numbers(after(0, 1), 9).await, [3, 4]);
    assert_eq!(numbers(after(0, 3), 9).await, [4]);
    assert_eq!(numbers(RejectPage { code: Some(ReasonCode::Type), ..page() }, 9).await, [1, 3]);
    assert_eq!(numbers(RejectPage { field: Some("amt".into()), ..page() }, 9).await, [1, 3]);
    assert_eq!(numbers(RejectPage { field: Some(String::new()), ..page() }, 9).await, [1, 3, 4]);
    let both = RejectPage { code: Some(ReasonCode::Type), field: Some(String::new()), ..page() };
    assert_eq!(numbers(both, 9).await, [0_u64; 0], "one reason must be both");
    assert_eq!(numbers(RejectPage { worker: Some(other), ..page() }, 9).await, [4]);

    let reject = store.reject(run, 3).await.unwrap().unwrap();
    assert_eq!((&reject.raw[..], reject.reasons.len(), reject.chunk_no), (&b"c"[..], 2, ChunkNo(0)));
    assert_eq!(store.reject(run, 4).await.unwrap().unwrap().reasons.len(), 1);
    assert!(store.reject(run, 2).await.unwrap().is_none() && store.reject(run, 99).await.unwrap().is_none());

    let counts = store.reject_counts(run).await.unwrap();
    assert_eq!(counts.total, 3);
    assert_eq!(counts.by_reason, [(ReasonCode::FieldCount, 3), (ReasonCode::Type, 2)]);
    assert_eq!(counts.by_field, [(None, 3), (Some("amt".to_owned()), 2)]);
    assert_eq!(counts.by_worker, [(loading.processor, 2), (other, 1)]);
    assert_eq!(store.reject_counts(run_id(9)).await.unwrap().total, 0);
}

pub(crate) async fn the_log_is_read_backwards(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    for at in 1..=6 {
        store.log(entry((at % 2 == 0).then(|| run_id(1)), &format!("event {at}"))).await.unwrap();
    }
    let numbers = async |run, before, limit| -> Vec<u64> {
        store.events_before(run, before, limit).await.unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(numbers(None, None, 3).await, [6, 5, 4]);
    assert_eq!(numbers(None, Some(4), 9).await, [3, 2, 1]);
    assert_eq!(numbers(Some(run_id(1)), None, 9).await, [6, 4, 2]);
    assert_eq!(numbers(Some(run_id(1)), Some(4), 9).await, [2]);
    assert_eq!(numbers(None, Some(1), 9).await, [0_u64; 0]);
    let events = store.events_before(None, None, 1).await.unwrap();
    assert_eq!(events, store.events(5, 1).await.unwrap(), "as they are read forwards");
}

pub(crate) async fn events_of_a_kind_are_found_page_by_page(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    for kind in [EventKind::Attested, EventKind::Opened, EventKind::Attested, EventKind::Attested] {
        store.log(entry(None, kind.name())).await.unwrap();
    }
    let numbers = async |kind, after, limit| -> Vec<u64> {
        store.events_of(kind, after, limit).await.unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(numbers(EventKind::Attested, 0, 2).await, [1, 3]);
    assert_eq!(numbers(EventKind::Attested, 3, 2).await, [4]);
    assert_eq!(numbers(EventKind::Promoted, 0, 2).await, [0_u64; 0]);
}

pub(crate) async fn an_event_with_a_mark_is_logged_once(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let missing = |run: u8, at: u64| LogEntry {
        detail: format!("{{\"by\":\"x\",\"at_ms\":{at}}}"),
        ..entry(Some(run_id(run)), EventKind::RunMissing.name())
    };
    let once = async |store: &dyn Store, run, at: u64| {
        store.log_once(missing(run, at), &format!("\"at_ms\":{at}")).await.unwrap().map(|event| event.seq)
    };
    assert_eq!(store.last_event(run_id(1), EventKind::RunMissing).await.unwrap(), None);
    assert_eq!(once(&**store, 1, 1000).await, Some(1));
    assert_eq!(once(&**store, 1, 1000).await, None);
    // Another run's, another kind's, another mark.
    assert_eq!(once(&**store, 2, 1000).await, Some(2));
    store.log(LogEntry { kind: "opened".into(), ..missing(1, 2000) }).await.unwrap();
    assert_eq!(once(&**store, 1, 2000).await, Some(4));
    let last = store.last_event(run_id(1), EventKind::RunMissing).await.unwrap().unwrap();
    assert_eq!((last.seq, last.entry.detail.as_str()), (4, missing(1, 2000).detail.as_str()));
    // Of several at a time, one does.
    let looks = (0..8).map(|_| {
        let store = Arc::clone(store);
        let entry = missing(1, 3000);
        tokio::spawn(async move { store.log_once(entry, "\"at_ms\":3000").await.unwrap().is_some() })
    });
    let mut logged = 0;
    for look in looks.collect::<Vec<_>>() {
        logged += usize::from(look.await.unwrap());
    }
    assert_eq!(logged, 1);
}

pub(crate) async fn the_newest_run_of_each_job_is_found(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    assert_eq!(store.newest_runs().await.unwrap(), []);
    let first = Loading::begin(store, &job(APPEND, ""), 1).await;
    let second = Loading::begin(store, &first.job, 2).await;
    let found = store.newest_runs().await.unwrap();
    let newest = NewestRun {
        job: first.job.name.clone(),
        run_id: second.run_id,
        job_digest: first.job.digest,
        opened_at_ms: found[0].opened_at_ms,
    };
    assert_eq!(found, [newest]);
    assert_eq!(found[0].opened_at_ms, store.run(second.run_id).await.unwrap().opened_at_ms);
    assert_eq!(store.promoted_jobs().await.unwrap(), [], "none is promoted");
}

pub(crate) async fn a_token_is_found_by_its_digest(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let token = |id: &str, at| TokenRow {
        token_id: id.into(),
        name: "änna".into(),
        roles: "viewer,approver".into(),
        sha256: Hash::of(id.as_bytes()),
        made_by: "root@host".into(),
        made_at_ms: NOW_MS + at,
        expires_at_ms: Some(NOW_MS + 1000),
        revoked_at_ms: None,
    };
    let (one, two) = (token("one", 1), TokenRow { expires_at_ms: None, ..token("two", 2) });
    for token in [&two, &one] {
        store.add_token(token, entry(None, "token-added")).await.unwrap();
    }
    assert_eq!(store.tokens().await.unwrap(), [one.clone(), two.clone()], "the oldest first");
    assert_eq!(store.token(&one.sha256).await.unwrap(), Some(one.clone()));
    assert_eq!(store.token(&Hash::of(b"three")).await.unwrap(), None);
    assert!(store.add_token(&one, entry(None, "token-added")).await.is_err(), "an id is given once");
    assert!(store.revoke_token("one", entry(None, "token-revoked")).await.unwrap());
    assert!(!store.revoke_token("one", entry(None, "token-revoked")).await.unwrap(), "it is revoked already");
    assert!(!store.revoke_token("three", entry(None, "token-revoked")).await.unwrap());
    let revoked = store.token(&one.sha256).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at_ms, Some(NOW_MS));
    assert_eq!(store.token(&two.sha256).await.unwrap(), Some(two));
    let kinds: Vec<_> = store.events(0, 9).await.unwrap().into_iter().map(|event| event.entry.kind).collect();
    assert_eq!(kinds, ["token-added", "token-added", "token-revoked"], "what changed nothing is not logged");
}

/// What ended is over, whatever its lease says.
pub(crate) async fn a_run_that_is_over_is_held_by_nobody(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.step(RunEvent::Cancelled).await;
    assert_eq!(loading.store.run_leases().await.unwrap(), []);
}
