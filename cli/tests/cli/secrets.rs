//! Passwords that were typed where anybody could read them later: in the log, in messages, in packs.

use super::desk::{Desk, postings};

const SECRET: &str = "geheim42";

#[test]
fn a_mistyped_url_is_shown_without_its_password() {
    let desk = Desk::with(postings(5));
    for (flag, url) in [
        ("--store", format!("postgre://u:{SECRET}@h/d")),
        ("--store", format!("postgres:/u:{SECRET}@h/d")),
        ("--store", format!("postgres://u:{SECRET}@127.0.0.1:99999/d")),
        ("--store", format!("postgres://127.0.0.1:1/d?user=u&pasword={SECRET}")),
        ("--store", format!("postgres://127.0.0.1:1/d?user=u&password={SECRET}@x")),
        ("--store", format!("mysql://u:{SECRET}@h/d")),
        ("--store", format!("sqlite:/nowhere/u:{SECRET}@h/d")),
        ("--broker", format!("ampq://u:{SECRET}@h")),
        ("--broker", format!("amqp:u:{SECRET}@h")),
        ("--broker", format!("amqp://u:{SECRET}@127.0.0.1:99999/")),
        ("--broker", format!("amqp://u:{SECRET}@127.0.0.1:1/%2f")),
    ] {
        for line in [&["run", "job.toml", "--source", "in.csv", flag, &url][..], &["doctor", flag, &url]] {
            let ended = desk.run(line);
            assert_ne!(ended.code, Some(0), "{ended}");
            assert!(!ended.err.contains(SECRET) && !ended.out.contains(SECRET), "{ended}");
        }
    }
    // Where a URL does not belong, and where it is not understood at all.
    for line in [
        &["run", "job.toml", &format!("postgres://u:{SECRET}@h/d")][..],
        &["run", "job.toml", "--source", &format!("sftp://u:{SECRET}@h/in.csv")],
        &["run", "job.toml", &format!("--stor=postgres://u:{SECRET}@h/d")],
    ] {
        let ended = desk.run(line).exits(2);
        assert!(!ended.err.contains(SECRET), "{ended}");
    }
    for settings in [
        format!("store = \"postgres://u:{SECRET}@h/d\"\n"),
        format!("[store]\npassword = \"{SECRET}\n"),
        format!("[store]\npassword = [\"{SECRET}\"]\n"),
        format!("[store]\nurl = \"postgre://u:{SECRET}@h/d\"\n"),
    ] {
        desk.put("crossfoot.toml", settings);
        let ended = desk.run(&["runs"]).exits(2);
        assert!(!ended.err.contains(SECRET), "{ended}");
    }
}

#[test]
fn the_log_and_a_pack_keep_a_command_without_its_passwords() {
    let desk = Desk::with(postings(5));
    let broker = format!("--broker=amqp://u:{SECRET}@h");
    let reason = format!("as PGPASSWORD={SECRET} said");
    desk.load().exits(0);
    desk.run(&["purge", "--yes", "last", &broker, "--reason", &reason]).exits(0);
    desk.run(&["audit", "export", "last", "--unsigned", "-o", "p.tar", &broker]).exits(0);
    let commands = "SELECT group_concat(json_extract(detail, '$.command'), ' ') FROM crossfoot_event";
    let commands: String = desk.sql().query_row(commands, [], |row| row.get(0)).unwrap();
    assert!(commands.contains("--broker=amqp://***@h") && !commands.contains(SECRET), "{commands}");
}

#[test]
fn doctor_names_the_events_of_old_logs_that_hold_a_password() {
    let desk = Desk::with(postings(5));
    desk.load().exits(0);
    desk.run(&["doctor"]).exits(0);
    assert!(!desk.run(&["doctor"]).out.contains("password"));
    desk.sql()
        .execute_batch(
            "INSERT INTO crossfoot_event SELECT seq + 100, run_id, at_ms, kind, actor, \
             '{\"command\":\"crossfoot run --store postgres://u:geheim42@h/d\"}', previous, hash \
             FROM crossfoot_event WHERE seq = 1",
        )
        .unwrap();
    let ended = desk.run(&["doctor"]).exits(0).prints(&["event 101", "change that password"]);
    assert!(!ended.out.contains(SECRET), "{ended}");
}
