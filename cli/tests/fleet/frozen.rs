//! Processes that live and do nothing: stopped (SIGSTOP) at the worst moments, each with its connections open. Nobody
//! waits for them, an operator least of all.
//!
//! A trigger holds one session at the moment that is wanted, until the process behind it is stopped.

use std::time::{Duration, Instant};

use crate::desk::{Going, postings};
use crate::servers::{Fleet, PATIENCE, servers, until};

const RECORDS: u64 = 20_000;

/// An operator's command is answered within this.
const ANSWERED: Duration = Duration::from_secs(5);

/// What holds the first session that comes by, and no other.
const GATE: &str = "CREATE TABLE gate (is_open boolean NOT NULL);
    INSERT INTO gate VALUES (false);
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NOT (SELECT is_open FROM gate) AND pg_try_advisory_lock(4711) THEN
            WHILE NOT (SELECT is_open FROM gate) LOOP PERFORM pg_sleep(0.05); END LOOP;
        END IF;
        RETURN new;
    END $$;";

/// The session that is, or was, held by the gate.
const HELD: &str = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = 4711 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

/// A fleet with a gate at `trigger`'s place, once its table is there.
fn gated(fleet: &Fleet, table: &str, trigger: &str) {
    until("the table is there", || {
        fleet.number(&format!("SELECT (to_regclass('{table}') IS NOT NULL)::int")) == 1
    });
    fleet.value(&format!("{GATE} CREATE TRIGGER gate BEFORE {trigger}"));
}

fn until_held(fleet: &Fleet) {
    until("a session is at the gate", || {
        fleet.number(&format!("SELECT count(*) FROM pg_stat_activity WHERE {HELD}")) == 1
    });
}

/// Stops the process whose session is at the gate, and lets the session go on: it waits for its process then.
fn freeze(fleet: &Fleet, process: &Going) {
    until_held(fleet);
    process.signal("STOP");
    fleet.value("UPDATE gate SET is_open = true");
    until("the session waits for its process, or was ended", || {
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE {HELD} AND coalesce(wait_event_type, '') <> 'Client'"
        );
        fleet.number(&waits) == 0
    });
}

fn submitted(fleet: &Fleet) -> Going {
    fleet.start(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "20000", "--wait"])
}

/// Cancels the run, and says how long that took.
fn cancelled(fleet: &Fleet) {
    let began = Instant::now();
    fleet.run(&["cancel", "--yes", "--reason", "it is stuck"]).exits(0).prints(&["cancelled"]);
    assert!(began.elapsed() < ANSWERED, "cancelling took {:?}", began.elapsed());
}

/// The coordinator says why it does not go on with the run: its session was ended, or somebody else has the run,
/// whichever it learns first.
fn until_it_gave_up(fleet: &Fleet, coordinator: &Going) {
    let run_id = fleet.value("SELECT run_id FROM crossfoot_run");
    coordinator.until_it_says(&format!("run {run_id}: "));
}

/// Nothing came after the operator's word.
fn stays_cancelled(fleet: &Fleet) {
    assert_eq!(
        fleet.value("SELECT state || ': ' || note FROM crossfoot_run"),
        "cancelled: cancelled: it is stuck"
    );
    assert_eq!(fleet.value("SELECT kind FROM crossfoot_event ORDER BY seq DESC LIMIT 1"), "cancelled");
    assert_eq!(fleet.number("SELECT count(*) FROM postings"), 0);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_writer_that_is_frozen_with_its_chunk_locked_is_in_nobodys_way() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let (_p1, _p2) = (fleet.worker("processor", "p1"), fleet.worker("processor", "p2"));
    gated(
        &fleet,
        "crossfoot_chunk",
        "UPDATE ON crossfoot_chunk FOR EACH ROW WHEN (new.state = 'committed' AND new.chunk_no = 3) EXECUTE FUNCTION gate()",
    );
    let frozen = fleet.worker("writer", "w1");
    let submitted = submitted(&fleet);
    freeze(&fleet, &frozen);
    let began = Instant::now();
    let _w2 = fleet.worker("writer", "w2");
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    fleet.is_sound(RECORDS);
    // Awake again, it finds that its work was done by somebody else.
    frozen.signal("CONT");
    fleet.is_sound(RECORDS);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_whose_writer_is_frozen_is_cancelled_at_once() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let _p1 = fleet.worker("processor", "p1");
    gated(
        &fleet,
        "crossfoot_chunk",
        "UPDATE ON crossfoot_chunk FOR EACH ROW WHEN (new.state = 'committed' AND new.chunk_no = 3) EXECUTE FUNCTION gate()",
    );
    let frozen = fleet.worker("writer", "w1");
    let submitted = submitted(&fleet);
    freeze(&fleet, &frozen);
    // Whoever looks is told what the run waits for.
    until("the frozen writer is named", || {
        fleet.run(&["show", "last"]).exits(0).out.contains("has been silent for")
    });
    fleet
        .run(&["show", "last"])
        .prints(&["waiting  chunk 3: writer w1 on host", "if that process is frozen, stop it"]);
    fleet.run(&["doctor"]).prints(&["! chunk in hand", "chunk 3 of run", "writer w1"]);
    cancelled(&fleet);
    submitted.end_within(PATIENCE).exits(1);
    frozen.signal("CONT");
    stays_cancelled(&fleet);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_writer_that_is_frozen_while_it_sends_rows_is_in_nobodys_way() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let submitted = submitted(&fleet);
    gated(
        &fleet,
        "stg_postings",
        "INSERT ON stg_postings FOR EACH ROW WHEN (new.chunk_no = 2) EXECUTE FUNCTION gate()",
    );
    let frozen = fleet.worker("writer", "w1");
    let _p1 = fleet.worker("processor", "p1");
    freeze(&fleet, &frozen);
    let held = format!(
        "SELECT count(*) FROM pg_locks WHERE {HELD} AND granted AND relation IN ('crossfoot_chunk'::regclass, 'crossfoot_run'::regclass)
         AND mode <> 'AccessShareLock'"
    );
    assert_eq!(fleet.number(&held), 0, "while rows are sent neither the chunk nor the run is locked");
    let _w2 = fleet.worker("writer", "w2");
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
    // What it had sent is not among the rows, and its partition can be dropped under its hands.
    let began = Instant::now();
    fleet.run(&["purge", "--yes", "--reason", "tidying"]).exits(0);
    assert!(began.elapsed() < Duration::from_secs(30), "purging took {:?}", began.elapsed());
    assert_eq!(fleet.number("SELECT count(*) FROM stg_postings"), 0);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_whose_coordinator_is_frozen_in_its_promotion_is_cancelled_at_once() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let coordinator = fleet.coordinator();
    let submitted = submitted(&fleet);
    gated(&fleet, "postings", "INSERT ON postings FOR EACH STATEMENT EXECUTE FUNCTION gate()");
    let _workers = fleet.workers();
    freeze(&fleet, &coordinator);
    cancelled(&fleet);
    submitted.end_within(PATIENCE).exits(1);
    stays_cancelled(&fleet);
    // Awake again, it does nothing more about it.
    coordinator.signal("CONT");
    until_it_gave_up(&fleet, &coordinator);
    stays_cancelled(&fleet);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn another_coordinator_takes_over_from_one_that_is_frozen_in_its_promotion() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let coordinator = fleet.coordinator();
    let submitted = submitted(&fleet);
    gated(&fleet, "postings", "INSERT ON postings FOR EACH STATEMENT EXECUTE FUNCTION gate()");
    let _workers = fleet.workers();
    freeze(&fleet, &coordinator);
    let began = Instant::now();
    let _standby = fleet.coordinator();
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    fleet.is_sound(RECORDS);
    coordinator.signal("CONT");
    until_it_gave_up(&fleet, &coordinator);
    fleet.is_sound(RECORDS);
}

/// A session of somebody else, with a lock.
fn holding(fleet: &Fleet, lock: &str) -> Going {
    let mut command = std::process::Command::new("psql");
    command.args(["-XAtq", "-c", &format!("BEGIN; {lock}; SELECT pg_sleep(600)"), &fleet.store()]);
    command.env("PGAPPNAME", "somebody").env("PGOPTIONS", crate::servers::PATH);
    let going = Going::start("psql".into(), command, Vec::new());
    until("the lock is held", || {
        fleet.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'somebody' AND wait_event = 'PgSleep'") == 1
    });
    going
}

/// Ends the session as well as its process: asleep, the server does not see that its client is gone.
fn let_go(fleet: &Fleet, somebody: Going) {
    fleet.value("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'somebody'");
    somebody.kill();
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn whoever_holds_what_a_run_waits_for_is_named() {
    let fleet = Fleet::new(servers(), postings(2000));
    let coordinator = fleet.coordinator();
    let submitted = submitted(&fleet);
    until("final is there", || fleet.number("SELECT (to_regclass('postings') IS NOT NULL)::int") == 1);
    let somebody = holding(&fleet, "LOCK TABLE postings IN ROW EXCLUSIVE MODE");
    let _workers = fleet.workers();
    coordinator.until_it_says("promoting: waiting for a lock");
    coordinator.until_it_says("application somebody");
    // Another job's tables are its own.
    fleet.desk.put_job(
        "other.toml",
        &[
            ("\"postings\"", "\"others\""),
            ("\"stg_postings\"", "\"stg_others\""),
            ("final = \"postings\"", "final = \"others\""),
        ],
    );
    let other = ["submit", "other.toml", "--source", "in.csv", "--wait"];
    fleet.start(&other).end_within(Duration::from_secs(60)).exits(0).prints(&["RECONCILED"]);
    let_go(&fleet, somebody);
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn an_operator_is_told_who_holds_the_runs_row() {
    let fleet = Fleet::new(servers(), postings(200));
    // Nobody works on it.
    fleet.run(&["submit", "job.toml", "--source", "in.csv"]).exits(0);
    let somebody = holding(&fleet, "SELECT 1 FROM crossfoot_run FOR UPDATE");
    let began = Instant::now();
    let told = fleet.run(&["cancel", "--yes", "--reason", "it is stuck"]).exits(3);
    assert!(began.elapsed() < ANSWERED, "cancelling took {:?}", began.elapsed());
    told.says(&["application somebody", "pid "]);
    let_go(&fleet, somebody);
    cancelled(&fleet);
}
