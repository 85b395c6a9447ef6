//! Runs and jobs in the ledger, the job's tables, the workers' shares, and opening the store again.

use domain::counts::{Counts, Role};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lifecycle::{RunEvent, RunState};
use store::model::{ChunkCounts, NewRun, Reported};
use store::{Claim, RunFilter, Store, StoreError};

use super::Subject;
use super::fixture::{
    APPEND, KEYLESS, LASTS, Loading, Record, entry, job, new_run, new_worker, row, run_id, split_totals,
};
use super::{NOW_MS, fixture};

pub(crate) async fn a_run_is_kept_as_it_was_opened(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let new = new_run(&job, 1);
    let run = subject.store.open_run(&new).await.unwrap();
    for store in [&subject.store, &subject.again().await] {
        assert_eq!(store.run(run.run_id).await.unwrap(), run);
    }
    assert_eq!((run.run_id, run.state, run.epoch), (new.run_id, RunState::Loading, 0));
    assert_eq!((&run.job, run.job_digest, &run.source), (&new.job, new.job_digest, &new.source));
    assert_eq!((run.source_bytes, run.source_sha256), (new.source_bytes, new.source_sha256));
    assert_eq!((&run.declared, &run.actor, run.opened_at_ms), (&new.declared, &new.actor, NOW_MS));
    assert_eq!((run.chunk_bytes, run.chunk_records), (new.chunk_bytes, new.chunk_records));
    assert_eq!((run.again, run.pause_after_staged, run.interrupted, run.purged), (false, true, false, false));
    assert_eq!((run.split, run.split_sha256, run.ended_at_ms, run.note), (None, None, None, None));
    // A stream: nothing is known of it beforehand.
    let mut stream = new_run(&job, 2);
    (stream.source_bytes, stream.source_sha256, stream.declared) = (None, None, None);
    (stream.again, stream.pause_after_staged) = (true, false);
    let run = subject.store.open_run(&stream).await.unwrap();
    assert_eq!((run.source_bytes, run.source_sha256, run.declared), (None, None, None));
    assert_eq!((run.again, run.pause_after_staged), (true, false));
}

pub(crate) async fn bytes_that_a_run_has_in_hand_are_not_taken_twice(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let first = Loading::begin(&subject.store, &job, 1).await;
    let same = NewRun { run_id: run_id(2), ..new_run(&job, 1) };
    for state in [RunState::Loading, RunState::Staged, RunState::AwaitingApproval] {
        match state {
            RunState::Staged => first.step(RunEvent::AllCommitted).await,
            RunState::AwaitingApproval => first.step(RunEvent::Paused).await,
            _ => {}
        }
        match subject.store.open_run(&same).await {
            Err(StoreError::TakenMeanwhile { run_id }) => assert_eq!(run_id, first.run_id.to_string()),
            opened => panic!("{opened:?}"),
        }
        assert!(subject.store.run(same.run_id).await.is_err(), "nothing of it is left");
    }
    // By another job, or when it is insisted on; and once the first run has come to nothing.
    for new in [
        NewRun { run_id: run_id(3), job: "another".into(), ..same.clone() },
        NewRun { run_id: run_id(4), again: true, ..same.clone() },
    ] {
        subject.store.open_run(&new).await.unwrap();
    }
    let fence = subject.store.acquire_lease(run_id(4), "c", LASTS, Claim::IfFree).await.unwrap();
    let cancelled = fixture::entry(None, "cancelled");
    subject.store.step(fence, RunEvent::Cancelled, None, cancelled).await.unwrap();
    first.step(RunEvent::Failed).await;
    subject.store.open_run(&same).await.unwrap();
}

pub(crate) async fn the_split_is_kept_with_the_run(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let mut totals = split_totals(&[fixture::cut(0, 1, 3), fixture::cut(1, 4, 2)]);
    (totals.header_bytes, totals.bytes_on_disk) = (14, 33);
    loading.store.finish_split(loading.fence, &totals).await.unwrap();
    let run = loading.store.run(loading.run_id).await.unwrap();
    assert_eq!((run.split, run.split_sha256), (Some(totals), Some(totals.sha256)));
}

pub(crate) async fn a_run_that_is_not_there_is_named(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let missing = subject.store.run(run_id(9)).await.unwrap_err();
    let StoreError::NoSuchRun { what, url } = &missing else { panic!("{missing}") };
    assert_eq!((what, url), (&run_id(9).to_string(), &subject.store.url()));
}

pub(crate) async fn runs_come_newest_first(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    assert_eq!(store.runs(&RunFilter::default(), 10).await.unwrap(), []);
    for number in [3, 1, 5, 2, 4] {
        store.open_run(&new_run(&job, number)).await.unwrap();
    }
    let numbers = async |limit| -> Vec<u8> {
        store
            .runs(&RunFilter::default(), limit)
            .await
            .unwrap()
            .iter()
            .map(|run| run.run_id.to_bytes()[0])
            .collect()
    };
    assert_eq!(numbers(10).await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers(2).await, [5, 4]);
}

pub(crate) async fn runs_are_listed_by_job_state_and_time(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    for number in 1..=4 {
        let mut new = new_run(&job, number);
        new.now_ms = i64::from(number) * 1000;
        if number == 2 {
            new.job = "another's 100%".into();
        }
        store.open_run(&new).await.unwrap();
    }
    let fence = store.acquire_lease(run_id(3), "c", LASTS, Claim::IfFree).await.unwrap();
    store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(3)), "cancelled")).await.unwrap();
    let found = async |filter: RunFilter| -> Vec<u8> {
        let runs = store.runs(&filter, 10).await.unwrap();
        runs.iter().map(|run| run.run_id.to_bytes()[0]).collect()
    };
    let all = RunFilter::default;
    assert_eq!(found(RunFilter { job: Some(job.name.clone()), ..all() }).await, [4, 3, 1]);
    assert_eq!(found(RunFilter { job: Some("another's 100%".into()), ..all() }).await, [2]);
    assert!(found(RunFilter { job: Some("anothers".into()), ..all() }).await.is_empty());
    assert_eq!(found(RunFilter { states: vec![RunState::Cancelled], ..all() }).await, [3]);
    let both = vec![RunState::Cancelled, RunState::Loading];
    assert_eq!(found(RunFilter { states: both, opened_since_ms: 2000, ..all() }).await, [4, 3, 2]);
}

pub(crate) async fn a_run_keeps_why_it_stands_where_it_stands(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    store.open_run(&new_run(&job, 1)).await.unwrap();
    let fence = store.acquire_lease(run_id(1), "c", LASTS, Claim::IfFree).await.unwrap();
    let note = async || store.run(run_id(1)).await.unwrap().note;
    store.note(fence, Some("record 7 is too long")).await.unwrap();
    assert_eq!(note().await.as_deref(), Some("record 7 is too long"));
    store.note(fence, None).await.unwrap();
    assert_eq!(note().await, None);
    // What an operator has to decide stays.
    store.park(fence, Some("chunk 3 failed three times")).await.unwrap();
    store.note(fence, None).await.unwrap();
    assert_eq!(note().await.as_deref(), Some("chunk 3 failed three times"));
    store.acquire_lease(run_id(1), "d", LASTS, Claim::Evict).await.unwrap();
    let fenced = store.note(fence, Some("late")).await.unwrap_err();
    assert!(matches!(fenced, StoreError::Fenced { .. }), "{fenced}");
}

pub(crate) async fn runs_are_found_by_the_bytes_they_loaded(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    let (known, split) = (Hash::of(b"known beforehand"), split_totals(&[]));
    for number in 1..=4 {
        let mut new = new_run(&job, number);
        new.source_sha256 = (number != 2).then_some(if number == 3 { split.sha256 } else { known });
        if number == 4 {
            new.job = "another".into();
        }
        store.open_run(&new).await.unwrap();
    }
    // A stream's digest is known once it was split.
    let fence = store.acquire_lease(run_id(2), "c", LASTS, Claim::IfFree).await.unwrap();
    store.finish_split(fence, &split).await.unwrap();
    let found = async |job: &str, sha256| -> Vec<u8> {
        let runs = store.runs_with_source(job, &sha256).await.unwrap();
        runs.iter().map(|run| run.run_id.to_bytes()[0]).collect()
    };
    assert_eq!(found("entries", known).await, [1]);
    assert_eq!(found("entries", split.sha256).await, [3, 2]);
    assert_eq!(found("another", known).await, [4]);
    assert_eq!(found("another", split.sha256).await, [0; 0]);
}

pub(crate) async fn a_jobs_text_is_found_by_its_digest(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (one, other) = (job(APPEND, "# „ä“\n"), job(KEYLESS, ""));
    for (number, job) in [(1, &one), (2, &other), (3, &one)] {
        subject.store.open_run(&new_run(job, number)).await.unwrap();
    }
    for job in [&one, &other] {
        assert_eq!(subject.store.job_text(&job.digest).await.unwrap(), job.text);
    }
    let missing = subject.store.job_text(&Hash::of(b"x")).await;
    assert!(matches!(missing, Err(StoreError::Damaged { .. })), "{missing:?}");
    // Its rules and limits decide, so a text that was altered is not handed out.
    subject.execute("UPDATE crossfoot_job SET body = 'another'").await;
    let altered = subject.store.job_text(&one.digest).await;
    assert!(matches!(altered, Err(StoreError::Damaged { .. })), "{altered:?}");
}

pub(crate) async fn tables_are_made_once_and_equal_ones_are_taken(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    for (key, number) in [(APPEND, 1), (fixture::UPSERT, 2)] {
        let job = job(key, "[limits]\nrejects = 5");
        subject.store.prepare(&job).await.unwrap();
        let loading = Loading::begin(&subject.again().await, &job, number).await;
        loading.load(&[vec![row(1, "a", "1.00")]]).await;
    }
    assert_eq!(subject.count("SELECT count(*) FROM stg_entries").await, 2, "what is there stays");
}

/// What the store says to differ about `expected_table`.
async fn differences(subject: &Subject, key: &str, expected_table: &str) -> Vec<String> {
    match subject.store.prepare(&job(key, "")).await {
        Err(StoreError::TableDiffers { table, differences }) => {
            assert_eq!(table, expected_table);
            differences
        }
        prepared => panic!("{prepared:?}"),
    }
}

pub(crate) async fn a_table_that_differs_is_refused_and_nothing_is_changed(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let mentions = |differences: &[String], wanted: &[&str]| {
        assert_eq!(differences.len(), wanted.len(), "{differences:?}");
        for name in wanted {
            assert!(differences.iter().any(|one| one.contains(name)), "{name} is not in {differences:?}");
        }
    };
    subject.store.prepare(&job(APPEND, "")).await.unwrap();
    // The key is another one; the job without a key wants a column more.
    let found = differences(&subject, KEYLESS, "entries").await;
    assert!(found.iter().any(|one| one.contains("last_record_no")), "{found:?}");
    assert!(found.iter().any(|one| one.contains("primary key")), "{found:?}");
    subject.store.prepare(&job(APPEND, "")).await.unwrap();
    // A column more may be final's, which is the user's, but not staging's, which is ours.
    subject.execute("ALTER TABLE entries ADD COLUMN surprise INTEGER").await;
    subject.store.prepare(&job(APPEND, "")).await.unwrap();
    subject.execute("ALTER TABLE entries DROP COLUMN surprise").await;
    subject.execute("ALTER TABLE stg_entries ADD COLUMN surprise INTEGER").await;
    mentions(&differences(&subject, APPEND, "stg_entries").await, &["surprise"]);
    subject.execute("ALTER TABLE stg_entries DROP COLUMN surprise").await;
    // One too few.
    subject.execute("ALTER TABLE entries DROP COLUMN amt").await;
    mentions(&differences(&subject, APPEND, "entries").await, &["amt"]);
    // Another type, and staging is not made for a final table that cannot be used.
    subject.execute("ALTER TABLE entries ADD COLUMN amt REAL").await;
    subject.execute("DROP TABLE stg_entries").await;
    mentions(&differences(&subject, APPEND, "entries").await, &["amt"]);
    assert!(subject.database.count("SELECT count(*) FROM stg_entries").await.is_err());
    // And the other way round.
    subject.execute("DROP TABLE entries").await;
    subject.execute("CREATE TABLE stg_entries (id INTEGER)").await;
    assert!(differences(&subject, APPEND, "stg_entries").await.len() > 3);
    assert!(subject.database.count("SELECT count(*) FROM entries").await.is_err());
    subject.execute("DROP TABLE stg_entries").await;
    subject.store.prepare(&job(APPEND, "")).await.unwrap();
}

fn report(chunk_no: u64, role: Role, worker: WorkerId, accepted: u64, rejected: u64) -> Reported {
    Reported {
        chunk_no: ChunkNo(chunk_no),
        role,
        worker,
        counts: ChunkCounts { records: accepted + rejected, accepted, rejected, bytes: 100, busy_us: 7 },
    }
}

pub(crate) async fn shares_are_counted_in_three_places(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let one = Loading::begin(&subject.store, &job(KEYLESS, ""), 1).await;
    let (store, run_id) = (&one.store, one.run_id);
    let writer = store.register_worker(&new_worker(Role::Writer, "other writer")).await.unwrap();
    let other = Loading { writer, ..one.clone() };
    let chunks = [
        vec![row(1, "a", "1.00"), Record::Reject(b"x"), row(3, "b", "1.00")],
        vec![row(4, "c", "1.00")],
        vec![Record::Reject(b"y"), row(6, "d", "1.00")],
    ];
    let cuts = fixture::cuts(&chunks);
    store.add_chunks(one.fence, &cuts).await.unwrap();
    for (at, by) in [(0, &one), (1, &other), (2, &one)] {
        by.commit(by.batch(&cuts[at], &chunks[at])).await.unwrap();
    }
    let (p, w) = (Role::Processor, Role::Writer);
    let reports = [
        report(0, p, one.processor, 2, 1),
        report(1, p, one.processor, 1, 0),
        report(0, w, one.writer, 2, 1),
        report(1, w, other.writer, 1, 0),
        // The ledger credits another worker with the chunk.
        report(1, w, one.writer, 1, 0),
        report(2, p, one.processor, 1, 1),
    ];
    store.keep_reports(run_id, &reports[..3]).await.unwrap();
    // Again, and again with something else: the first stands.
    store.keep_reports(run_id, &reports).await.unwrap();
    store.keep_reports(run_id, &[report(0, p, one.processor, 9, 9)]).await.unwrap();

    let counts =
        |chunks, accepted, rejected| Counts { chunks, records: accepted + rejected, accepted, rejected };
    let shares = store.worker_shares(run_id, &one.job).await.unwrap();
    let found: Vec<_> = shares
        .iter()
        .map(|s| (s.worker_id, s.role, s.ledger, s.reported, s.unreported_chunks, s.table, s.busy_us))
        .collect();
    assert_eq!(
        found,
        [
            (one.processor, p, counts(3, 4, 2), counts(3, 4, 2), 0, 2, 21),
            (one.writer, w, counts(2, 3, 2), counts(1, 2, 1), 1, 3, 7),
            (other.writer, w, counts(1, 1, 0), counts(1, 1, 0), 0, 1, 7),
        ]
    );
    assert!(shares.iter().all(domain::counts::WorkerShare::agrees));
    assert_eq!((shares[2].name.as_str(), shares[2].host.as_str()), ("other writer", "host"));

    // The tables are counted, not believed: rows under a number that nobody has.
    subject.execute("UPDATE stg_entries SET worker_id = 77 WHERE record_no = 4").await;
    let shares = store.worker_shares(run_id, &one.job).await.unwrap();
    let tables: Vec<_> = shares.iter().map(|s| (s.worker_id.0, s.table, s.agrees())).collect();
    let expected =
        [(one.processor.0, 2, true), (one.writer.0, 3, true), (other.writer.0, 0, false), (77, 1, false)];
    assert_eq!(tables, expected);
    assert_eq!(store.worker_shares(fixture::run_id(9), &one.job).await.unwrap(), []);
}

pub(crate) async fn workers_have_numbers_of_their_own(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let other = subject.again().await;
    let mut numbers = Vec::new();
    for store in [&subject.store, &other, &subject.store, &other] {
        let WorkerId(number) = store.register_worker(&new_worker(Role::Writer, "same")).await.unwrap();
        numbers.push(number);
    }
    assert!(numbers[0] > 0 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

pub(crate) async fn a_store_that_is_opened_again_holds_everything(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&[vec![row(1, "a", "1.00"), Record::Reject(b"x")]]).await;
    loading.step(RunEvent::AllCommitted).await;
    let again = Loading { store: subject.again().await, ..loading.clone() };
    assert_eq!(again.store.url(), loading.store.url());
    assert_eq!(again.staging().await, loading.staging().await);
    let kept = async |store: &dyn Store| {
        let run = store.run(loading.run_id).await.unwrap();
        (run, store.chunks(loading.run_id, 0, 10).await.unwrap(), store.log_head().await.unwrap())
    };
    assert_eq!(kept(&*again.store).await, kept(&*loading.store).await);
    // The fence is the run's, whoever holds it.
    again.step(RunEvent::Failed).await;
}

pub(crate) async fn a_newer_schema_is_refused(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let later = "INSERT INTO crossfoot_schema (version, description, success, checksum, execution_time)
                 SELECT 9999, 'later', success, checksum, execution_time FROM crossfoot_schema WHERE version = 1";
    subject.execute(later).await;
    match subject.database.open().await {
        Err(StoreError::Newer { found, known }) => assert!(found == 9999 && known < found, "{found} {known}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
    subject.execute("DELETE FROM crossfoot_schema WHERE version = 9999").await;
    subject.again().await;
}

pub(crate) async fn the_history_of_a_job_has_its_runs_with_their_summaries(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(KEYLESS, ""));
    let mut runs = Vec::new();
    for number in 1..=3 {
        let loading = Loading::begin(store, &job, number).await;
        loading.load(&[vec![row(1, "a", "1.00")]]).await;
        store.keep_checks(loading.fence, &[], &format!("{{\"n\":{number}}}")).await.unwrap();
        runs.push(loading);
    }
    runs[1].step(RunEvent::Cancelled).await;
    let of = async |name: &str, before: Option<RunId>, promoted, limit| {
        let history = store.history(name, before, promoted, limit).await.unwrap();
        history.into_iter().map(|past| (past.run.run_id, past.summary)).collect::<Vec<_>>()
    };
    let entry = |at: usize| (runs[at].run_id, Some(format!("{{\"n\":{}}}", at + 1)));
    assert_eq!(of(&job.name, None, false, 9).await, [entry(2), entry(1), entry(0)], "the newest first");
    assert_eq!(of(&job.name, None, false, 1).await, [entry(2)]);
    assert_eq!(of(&job.name, Some(runs[2].run_id), false, 9).await, [entry(1), entry(0)]);
    assert_eq!(of(&job.name, None, true, 9).await, [], "none is in final");
    assert_eq!(of("other", None, false, 9).await, []);
    // A run is promoted by its promotion alone; here it is enough that the ledger says so.
    subject.execute("UPDATE crossfoot_run SET state = 'promoted' WHERE state <> 'cancelled'").await;
    assert_eq!(of(&job.name, None, true, 9).await, [entry(2), entry(0)]);
    assert_eq!(of(&job.name, Some(runs[2].run_id), true, 9).await, [entry(0)]);
}
