//! What cannot work says why, and what to do.

use crate::desk::{Desk, postings};
use crate::servers::{Fleet, servers};

#[test]
fn a_worker_or_a_coordinator_without_a_broker_is_refused() {
    let desk = Desk::with(postings(10));
    for line in [&["worker", "--role", "writer"][..], &["coordinator"][..]] {
        desk.run(line).exits(2).says(&["memory:", "amqp://"]);
    }
    desk.run(&["run", "job.toml", "--source", "in.csv", "--broker", "http://x"])
        .exits(2)
        .says(&["amqp://HOST"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn servers_that_do_not_let_us_in_are_named_with_the_reason() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(10));
    let (credentials, host) = fleet.servers.amqp.split_once("://").unwrap().1.rsplit_once('@').unwrap();
    let user = credentials.split(':').next().unwrap();
    let host = host.split('/').next().unwrap();
    let cases = [
        (format!("amqp://{user}:wrong-secret@{host}/%2f"), "password"),
        (format!("amqp://{credentials}@{host}/nowhere"), "virtual host"),
        ("amqp://guest:guest@127.0.0.1:1/%2f".into(), "cannot reach"),
    ];
    for (url, words) in cases {
        let ended = fleet
            .start_with(&["run", "job.toml", "--source", "in.csv"], &[("CROSSFOOT__BROKER__URL", &url)])
            .end();
        assert!(!ended.err.contains("wrong-secret"), "{}", ended.err);
        ended.exits(3).says(&[words]);
    }
    let (server, _) = fleet.servers.postgres.rsplit_once('/').unwrap();
    let server = server.rsplit_once('@').unwrap().1;
    let cases = [
        (format!("postgres://crossfoot:wrong-secret@{server}/postgres"), "password"),
        (
            format!(
                "postgres://{}/no_such_database",
                fleet.servers.postgres.split("://").nth(1).unwrap().rsplit_once('/').unwrap().0
            ),
            "no_such_database",
        ),
        ("postgres://crossfoot:x@127.0.0.1:1/postgres".into(), "refused"),
    ];
    for (url, words) in cases {
        let ended = fleet
            .start_with(&["run", "job.toml", "--source", "in.csv"], &[("CROSSFOOT__STORE__URL", &url)])
            .end();
        assert!(!ended.err.contains("wrong-secret"), "{}", ended.err);
        ended.exits(3).says(&[words]);
    }
    let bad = [("CROSSFOOT__BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f")];
    fleet.start_with(&["doctor"], &bad).end().exits(3).prints(&["✗", "cannot reach"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn servers_that_one_authority_vouches_for_are_trusted_by_one_setting() {
    let fleet = Fleet::new(servers(), postings(10));
    let of = |name: &str| std::env::var(name).unwrap();
    let (broker, store) = (of("CROSSFOOT_TEST_AMQPS"), format!("{}?sslmode=verify-full", fleet.store()));
    let doctor = |ca_file: &str| {
        let settings = [
            ("CROSSFOOT__BROKER__URL", &*broker),
            ("CROSSFOOT__STORE__URL", &store),
            ("CROSSFOOT__TLS__CA_FILE", ca_file),
        ];
        fleet.start_with(&["doctor"], &settings).end()
    };
    doctor(&of("CROSSFOOT_TEST_CA")).exits(0).prints(&["opens, and its schema is current"]);
    let refused = doctor(&of("CROSSFOOT_TEST_OTHER_CA")).exits(3);
    assert!(refused.out.matches("UnknownIssuer").count() >= 2, "{}", refused.out);
}
