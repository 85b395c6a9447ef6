//! A database that fails transactions, ends sessions, and lets nobody in for a while.

use std::time::Duration;

use super::ground::{Ground, Outcome, Who, let_pass};
use super::pairs::{Lab, Pair, Servers};
use super::processes::loading;
use crate::servers::psql;

/// What the server says, by SQLSTATE (PostgreSQL's manual, appendix A), three times.
const ERRORS: [(&str, &str); 4] = [
    ("serialization failure", "40001"),
    ("deadlock", "40P01"),
    ("disk full, as the server says it", "53100"),
    ("statement cancelled", "57014"),
];

/// At which change of the ledger, and from which time on.
const TABLES: [(&str, &str, u32); 6] = [
    ("a chunk", "INSERT OR UPDATE ON crossfoot_chunk", 1),
    ("a run", "UPDATE ON crossfoot_run", 1),
    // The first is the submitter's, who is told so.
    ("an event", "INSERT ON crossfoot_event", 2),
    ("a report", "INSERT ON crossfoot_report", 1),
    ("what was read back", "INSERT ON crossfoot_readback", 1),
    ("a check", "INSERT ON crossfoot_check", 1),
];

pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (kind, code) in ERRORS {
        for (what, table, first) in TABLES {
            pairs.push(Pair {
                kind,
                place: format!("PostgreSQL, writing {what}"),
                in_subset: (code, what) == ("40001", "a chunk") || (code, what) == ("40P01", "an event"),
                servers: Servers::Shared,
                strike: Box::new(move |lab| fails(lab, code, table, first)),
            });
        }
    }
    let mut other = |kind, place: &str, in_subset, strike: fn(&Lab) -> Outcome| {
        let (place, strike) = (place.to_owned(), Box::new(strike));
        pairs.push(Pair { kind, place, in_subset, servers: Servers::Shared, strike });
    };
    other("deadlock, a real one", "writers and another session", false, deadlock);
    other("every session ended", "PostgreSQL, while it loads", true, |lab| {
        let mut ground = loading(lab);
        ground.strikes();
        end_sessions(&ground);
        ground.reconciles()
    });
    other("connections refused for a minute", "PostgreSQL", false, |lab| {
        refuses(lab, Duration::from_secs(60))
    });
    other("connections refused for 5 s", "PostgreSQL", true, |lab| refuses(lab, Duration::from_secs(5)));
    other("a table locked for 10 s", "PostgreSQL, the chunks", false, |lab| locked(lab, "crossfoot_chunk"));
    other("a table locked for 10 s", "PostgreSQL, the final table", false, |lab| locked(lab, "postings"));
    other("a table locked for 10 s", "PostgreSQL, the events", false, |lab| locked(lab, "crossfoot_event"));
    pairs
}

/// How many changes of the kind came.
const STRUCK: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.strikes";

/// Three changes of the kind fail, from the `first` on.
fn fails(lab: &Lab, code: &str, change: &str, first: u32) -> Outcome {
    let mut ground = Ground::fleet(lab.servers(), |_| Vec::new());
    ground.fleet.value(&format!(
        "CREATE SEQUENCE public.strikes;
         CREATE FUNCTION public.strike() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             IF nextval('public.strikes') BETWEEN {first} AND {first} + 2 THEN
                 RAISE EXCEPTION 'struck' USING ERRCODE = '{code}';
             END IF;
             RETURN new;
         END $$;
         CREATE TRIGGER strike BEFORE {change} FOR EACH STATEMENT EXECUTE FUNCTION public.strike()"
    ));
    ground.submit();
    ground
        .until("a change was struck", |ground| ground.is_over() || ground.number(STRUCK) >= u64::from(first));
    ground.strikes();
    let outcome = ground.goes_on();
    assert!(ground.number(STRUCK) >= u64::from(first), "nothing was struck");
    // What reads the run afterwards must not be struck.
    ground.fleet.value("ALTER SEQUENCE public.strikes RESTART WITH 100");
    ground.ends_sound();
    outcome
}

fn end_sessions(ground: &Ground) {
    let of_this = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    ground.fleet.value(of_this);
}

fn refuses(lab: &Lab, time: Duration) -> Outcome {
    let mut ground = loading(lab);
    let store = ground.fleet.store();
    let (server, name) = store.rsplit_once('/').unwrap();
    let maintenance = format!("{server}/postgres");
    ground.strikes();
    psql(&maintenance, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    psql(
        &maintenance,
        &format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"),
    );
    let_pass(time);
    psql(&maintenance, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    // What counts is the time from when it is back.
    ground.strikes();
    ground.reconciles()
}

/// A session of the test's own has a chunk, then wants what the writer that waits for the chunk has.
fn deadlock(lab: &Lab) -> Outcome {
    let mut ground = Ground::fleet(lab.servers(), |who| {
        // The writer comes when everything is prepared.
        if who == Who::Writer {
            vec![("CROSSFOOT__STORE__MAX_CONNECTIONS".into(), "4".into())]
        } else {
            Vec::new()
        }
    });
    ground.submit();
    ground.until_it_loads();
    let store = ground.fleet.store();
    ground.strikes();
    // The lock on a run's state (shared/postgres/src/locks.rs), shared by those who commit.
    let script = "BEGIN; SET LOCAL deadlock_timeout = '20s';
        SELECT count(*) FROM (SELECT 1 FROM crossfoot_chunk WHERE state = 'split' FOR UPDATE) x;
        SELECT pg_sleep(0.6);
        SELECT pg_advisory_xact_lock(1128661510,
            ('x' || substr(replace(run_id::text, '-', ''), 25, 8))::bit(32)::int) FROM crossfoot_run;
        COMMIT";
    let other = std::thread::spawn(move || psql(&store, script));
    let outcome = ground.goes_on();
    other.join().expect("the other session came through");
    ground.ends_sound();
    outcome
}

fn locked(lab: &Lab, table: &'static str) -> Outcome {
    let mut ground = loading(lab);
    let store = ground.fleet.store();
    ground.strikes();
    let script = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(10); COMMIT");
    let other = std::thread::spawn(move || psql(&store, &script));
    let outcome = ground.goes_on();
    other.join().expect("the other session came through");
    ground.ends_sound();
    outcome
}
