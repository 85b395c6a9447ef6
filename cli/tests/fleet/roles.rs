//! Least privilege: each process as its own role, on the database and on the broker.

use std::process::Command;

use crate::desk::{Going, postings};
use crate::own::Own;
use crate::servers::{Fleet, PATH, psql, servers, try_psql, until};

const RECORDS: u64 = 3000;
const ROLES: [&str; 5] = ["coordinator", "processor", "writer", "console", "auditor"];

/// A fleet whose processes have users of their own.
struct Guarded {
    fleet: Fleet,
    prefix: String,
}

/// The same URL as another user.
fn as_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.rsplit_once('@').unwrap();
    format!("{scheme}://{user}:{user}@{place}")
}

impl Guarded {
    fn new(fleet: Fleet, prefix: &str) -> Self {
        let guarded = Self { prefix: prefix.to_owned(), fleet };
        guarded.setup();
        for role in ROLES {
            let name = format!("{prefix}_{role}");
            psql(
                &guarded.fleet.store(),
                &format!(
                    "CREATE ROLE {name}_user LOGIN PASSWORD '{name}_user' IN ROLE {name};
                     ALTER ROLE {name}_user SET role = '{name}'"
                ),
            );
        }
        guarded
    }

    fn setup(&self) {
        let ended = self.fleet.run(&["setup", "job.toml", "--apply", "--role-prefix", &self.prefix]).exits(0);
        let ended = ended.prints(&[&format!("\"{}_writer\"", self.prefix), "set_permissions"]);
        assert!(!ended.out.contains("crossfoot:crossfoot"), "{ended}");
    }

    fn store_of(&self, role: &str) -> String {
        as_user(&self.fleet.store(), &format!("{}_{role}_user", self.prefix))
    }

    fn start(&self, role: &str, line: &[&str]) -> Going {
        self.fleet.start_with(line, &[("CROSSFOOT__STORE__URL", &self.store_of(role))])
    }

    fn start_at(&self, role: &str, amqp: Option<&str>, line: &[&str]) -> Going {
        let store = self.store_of(role);
        let mut settings = vec![("CROSSFOOT__STORE__URL", store.as_str())];
        settings.extend(amqp.map(|url| ("CROSSFOOT__BROKER__URL", url)));
        self.fleet.start_with(line, &settings)
    }

    /// What the server answers `role`; its complaint if it refuses.
    fn ask(&self, role: &str, sql: &str) -> Result<String, String> {
        let ended = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.store_of(role)])
            .env("PGOPTIONS", PATH)
            .output()
            .unwrap();
        if ended.status.success() {
            Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&ended.stderr).into_owned())
        }
    }

    fn refuses(&self, role: &str, sql: &str) {
        let said = self.ask(role, sql).expect_err(&format!("{role} may: {sql}"));
        assert!(
            ["permission denied", "must be owner", "may note refused messages", "not the next", "set chunk"]
                .iter()
                .any(|known| said.contains(known)),
            "{role}: {sql}: {said}"
        );
    }

    /// Loads `in.csv` with each process as its own role.
    fn load(&self, amqp: &dyn Fn(&str) -> Option<String>, code: i32) {
        let start = |role: &str, line: &[&str], word: &str| {
            let going = self.start_at(role, amqp(role).as_deref(), line);
            going.until_it_says(word);
            going
        };
        let coordinator = start("coordinator", &["coordinator"], "coordinator started");
        let processor = start("processor", &["worker", "--role", "processor", "--slots", "2"], "started");
        let writer = start("writer", &["worker", "--role", "writer", "--slots", "2"], "started");
        let line = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];
        self.start_at("coordinator", amqp("coordinator").as_deref(), &line)
            .end_within(crate::servers::PATIENCE)
            .exits(code);
        drop((coordinator, processor, writer));
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        for role in ROLES {
            let name = format!("{}_{role}", self.prefix);
            // What the role owns is in this test's own database.
            let gone = format!("DROP OWNED BY {name}_user, {name} CASCADE");
            drop(try_psql(&self.fleet.store(), &gone));
            drop(try_psql(&self.fleet.store(), &format!("DROP ROLE {name}_user")));
            drop(try_psql(&self.fleet.store(), &format!("DROP ROLE {name}")));
        }
    }
}

fn unique(of: &str) -> String {
    format!("cft{}_{of}", std::process::id())
}

const EVENT: &str = "INSERT INTO crossfoot_event (seq, run_id, at_ms, kind, actor, detail, previous, hash)
    SELECT seq + 1, NULL, 1, 'KIND', 'x', '{}', hash, hash FROM crossfoot_event ORDER BY seq DESC LIMIT 1";

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_reconciles_with_each_process_as_its_own_role_and_none_can_do_anothers_work() {
    let guarded = Guarded::new(Fleet::new(servers(), postings(RECORDS)), &unique("a"));
    let fleet = &guarded.fleet;
    // A second setup changes nothing.
    guarded.setup();
    guarded.load(&|_| None, 0);
    fleet.is_sound(RECORDS);
    // GIVEN tables that are there: setup hands them out again, and a second run works (its keys are in final already)
    guarded.setup();
    guarded.fleet.desk.put("in.csv", postings(RECORDS - 1));
    guarded.load(&|_| None, 1);
    guarded.fleet.desk.put("in.csv", postings(RECORDS));

    // No processor writes staging or final, no writer writes final or promotes, and neither appends what it likes.
    let partition =
        fleet.value("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' LIMIT 1");
    for role in ["processor", "console", "auditor"] {
        for table in
            ["stg_postings", &partition, "crossfoot_reject", "crossfoot_reject_reason", "crossfoot_breach"]
        {
            guarded.refuses(role, &format!("INSERT INTO {table} SELECT * FROM {table} LIMIT 1"));
            guarded.refuses(role, &format!("DELETE FROM {table}"));
        }
        guarded.refuses(role, "UPDATE crossfoot_chunk SET accepted = 0");
    }
    for role in ["processor", "writer", "console", "auditor"] {
        for sql in [
            "INSERT INTO postings SELECT * FROM postings LIMIT 1",
            "UPDATE postings SET amount = 0",
            "DELETE FROM postings",
            "TRUNCATE postings",
            "UPDATE crossfoot_run SET state = 'promoted'",
            "INSERT INTO crossfoot_run SELECT * FROM crossfoot_run LIMIT 1",
            "DELETE FROM crossfoot_run",
            "UPDATE crossfoot_check SET verdict = 'passed'",
            "INSERT INTO crossfoot_check SELECT * FROM crossfoot_check LIMIT 1",
            "UPDATE crossfoot_event SET actor = 'x'",
            "DELETE FROM crossfoot_event",
            "INSERT INTO crossfoot_token SELECT 't', 'n', 'viewer', 'x', 'n', 1, NULL, NULL",
            "CREATE TABLE public.mine (a int)",
            "ALTER TABLE crossfoot_event DISABLE TRIGGER ALL",
            "DELETE FROM crossfoot_message_key",
        ] {
            guarded.refuses(role, sql);
        }
        guarded.refuses(role, &EVENT.replace("KIND", "promoted"));
        // Nor a refused message that would break the chain.
        guarded.refuses(role, &EVENT.replace("KIND", "message-refused"));
        guarded.refuses(role, &EVENT.replace("KIND", "message-refused").replace("seq + 1", "seq + 1000000"));
        // A table of its own that looks like the log does not deceive the trigger.
        let shadow = format!(
            "CREATE TEMP TABLE crossfoot_event (seq bigint, hash bytea); INSERT INTO crossfoot_event VALUES (1, 'x'); {}",
            EVENT.replace("KIND", "message-refused").replacen(
                "crossfoot_event",
                "crossfoot.crossfoot_event",
                1
            )
        );
        guarded.refuses(role, &shadow);
    }
    // A processor sets chunks aside, and commits none.
    guarded.refuses("processor", "UPDATE crossfoot_chunk SET state = 'split' WHERE chunk_no = 0");
    for role in ["console", "auditor"] {
        guarded.refuses(role, "SELECT * FROM crossfoot_message_key");
    }
    guarded.refuses("auditor", "SELECT * FROM postings");
    guarded.refuses("auditor", "SELECT * FROM stg_postings");
    guarded.refuses("auditor", "SELECT * FROM crossfoot_token");
    assert_eq!(guarded.ask("console", "SELECT count(*) FROM postings").unwrap(), RECORDS.to_string());
    // What they are for, they can do.
    let promoted = fleet.value("SELECT run_id FROM crossfoot_run WHERE state = 'promoted'");
    for (role, line) in [
        ("auditor", &["audit", "verify"][..]),
        ("auditor", &["audit", "log"]),
        ("auditor", &["runs"]),
        ("auditor", &["trends", "postings"]),
        ("console", &["runs"]),
        ("console", &["show"]),
        ("console", &["report"]),
        ("console", &["workers"]),
        ("console", &["rejects"]),
        ("console", &["explain"]),
        ("console", &["trends", "postings"]),
        ("coordinator", &["attest", &promoted, "--source", "in.csv"]),
        ("coordinator", &["purge", &promoted, "--yes"]),
    ] {
        guarded.start(role, line).end_within(crate::servers::PATIENCE).exits(0);
    }
    // Doctor says who it is, and whose rights are too many.
    for role in ROLES {
        guarded.start(role, &["doctor", "--role", role]).end_within(crate::servers::PATIENCE).prints(&[
            "database role",
            &format!("{}_{role}", guarded.prefix),
            "and no more",
        ]);
    }
    fleet.run(&["doctor", "--role", "writer"]).exits(0).prints(&["superuser", "may write final"]);
    fleet.value(&format!("GRANT INSERT ON postings TO {}_writer", guarded.prefix));
    guarded
        .start("writer", &["doctor"])
        .end_within(crate::servers::PATIENCE)
        .prints(&["fits writer, but it may write final (\"postings\")"]);
    fleet.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn the_brokers_users_have_no_more_than_their_queues() {
    let own = Own::start();
    let guarded = Guarded::new(Fleet::new(own.urls(), postings(RECORDS)), &unique("b"));
    let fleet = &guarded.fleet;
    // What `setup` prints, but for the question for a password.
    let made = fleet.run(&["setup", "--json", "--role-prefix", &guarded.prefix]).exits(0).json();
    for line in made["rabbitmq"].as_array().unwrap() {
        let line = line.as_str().unwrap();
        if let Some((_, add)) = line.split_once("|| rabbitmqctl ") {
            let user = add.split(' ').nth(1).unwrap();
            own.rabbitmqctl(&["add_user", user, user]);
            continue;
        }
        let words: Vec<_> = line.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
        own.rabbitmqctl(&words);
    }
    let of = |role: &str| Some(as_user(&fleet.servers.amqp, &format!("{}_{role}", guarded.prefix)));
    // A worker that comes first may not make queues.
    let line = ["worker", "--role", "writer", "--slots", "1"];
    guarded
        .start_at("writer", of("writer").as_deref(), &line)
        .end_within(crate::servers::PATIENCE)
        .exits(3)
        .says(&["access to queue"]);
    guarded.load(&of, 0);
    fleet.is_sound(RECORDS);
    for role in ["coordinator", "processor", "writer"] {
        let ended = guarded
            .start_at(role, of(role).as_deref(), &["doctor", "--role", role])
            .end_within(crate::servers::PATIENCE);
        ended.exits(0).prints(&["this store", "and no more"]);
    }
    // A message that nobody sealed: the worker that refuses it says so in the log, as its role may.
    let writer = guarded.start_at("writer", of("writer").as_deref(), &line);
    writer.until_it_says("started");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(publish_garbage(fleet));
    until("the writer's refusal is in the log", || {
        fleet.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'message-refused'") == 1
    });
    fleet.run(&["audit", "verify"]).exits(0);
    // No worker consumes what is another's.
    for (role, line) in [("writer", "processor"), ("processor", "writer")] {
        let other = ["worker", "--role", line, "--slots", "1"];
        let going = guarded.start_at(role, of(role).as_deref(), &other);
        going.until_it_says("ACCESS_REFUSED");
    }
}

async fn publish_garbage(fleet: &Fleet) {
    use broker::rabbitmq::{Rabbit, RabbitSettings};
    use broker::{Broker as _, Queue};
    let settings = RabbitSettings {
        prefix: fleet.prefix().to_owned(),
        ..RabbitSettings::new(fleet.servers.amqp.as_str())
    };
    let broker = Rabbit::connect(settings).await.unwrap();
    broker.publish(Queue::Batches, bytes::Bytes::from_static(b"garbage")).await.unwrap();
    broker.close().await;
}
