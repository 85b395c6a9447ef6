//! `crossfoot reconcile` over ODBC: PostgreSQL, MariaDB and SQLite, from a file and from table to table. Built with the
//! feature `odbc` only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "cli/desk.rs"]
mod desk;

use std::process::{Command, Stdio};

use desk::{Desk, JOB, postings};

const RECORDS: u64 = 3000;

/// The URL of what `./test` set up.
fn url(kind: &str) -> String {
    let name = format!("CROSSFOOT_TEST_ODBC_{kind}");
    format!(
        "odbc:{}",
        std::env::var(&name).unwrap_or_else(|_| panic!("{name} must hold a connection string"))
    )
}

/// Runs statements, one a line, as any program with a driver would.
fn run(source: &str, statements: &[String]) {
    let mut command = Command::new("isql");
    command.args(["-b", &format!("crossfoot-{source}")]).stdin(Stdio::piped());
    let mut isql = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut isql.stdin.take().unwrap(), (statements.join("\n") + "\n").as_bytes())
        .unwrap();
    let ended = isql.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("ERROR"), "{source}: {said}");
}

/// Loads the records of `in.csv` into a table with these types for day and amount, as a script does.
fn load(desk: &Desk, source: &str, table: &str, (day, amount): (&str, &str)) {
    let text = std::fs::read_to_string(desk.path("in.csv")).unwrap();
    let mut statements = vec![format!(
        "CREATE TABLE {table} (id bigint, booked_on {day}, amount {amount}, narrative varchar(40))"
    )];
    let rows: Vec<_> = text.lines().skip(1).collect();
    for rows in rows.chunks(50) {
        let values = rows.iter().map(|row| {
            let fields: Vec<_> = row.split(',').collect();
            format!("({}, '{}', '{}', '{}')", fields[0], fields[1], fields[2], fields[3])
        });
        statements.push(format!("INSERT INTO {table} VALUES {}", values.collect::<Vec<_>>().join(", ")));
    }
    run(source, &statements);
}

fn desk(table: &str) -> Desk {
    let desk = Desk::with(postings(RECORDS));
    let columns = "columns = { text = \"narrative\" }\nfrom_columns = { text = \"narrative\" }";
    let target = format!("\n[target]\ntable = \"{table}\"\n{columns}\n");
    desk.put("job.toml", JOB.replace("\n[limits]", &format!("{target}\n[limits]")));
    desk
}

/// A defect in each field, a row lost, doubled, and one too many.
fn strike(source: &str, table: &str) {
    run(
        source,
        &[
            format!("UPDATE {table} SET amount = '0.01' WHERE id = 8"),
            format!("UPDATE {table} SET narrative = 'x ' WHERE id = 9"),
            format!("UPDATE {table} SET booked_on = '2024-03-01' WHERE id = 10"),
            format!("DELETE FROM {table} WHERE id = 11"),
            format!("INSERT INTO {table} SELECT * FROM {table} WHERE id = 12"),
            format!(
                "INSERT INTO {table} SELECT 9999, booked_on, amount, narrative FROM {table} WHERE id = 13"
            ),
        ],
    );
}

const FOUND: [&str; 6] = [
    "differs 8 amount",
    "differs 9 text",
    "differs 10 booked_on",
    "missing 11 ",
    "doubled 12 ",
    "extra 9999 ",
];

fn found(report: &serde_json::Value) -> Vec<String> {
    let all = report["first_differences"].as_array().unwrap().iter();
    let mut found: Vec<_> = all
        .map(|one| {
            let (kind, key) = (one["kind"].as_str().unwrap(), one["key"][0][1].as_str().unwrap());
            format!("{kind} {key} {}", one["fields"][0]["field"].as_str().unwrap_or_default())
        })
        .collect();
    found.sort_by_key(|one| one.split(' ').nth(1).unwrap().parse::<u64>().unwrap());
    found
}

#[test]
fn a_load_is_compared_over_each_of_three_drivers() {
    let table = format!("odbc_load_{}", std::process::id());
    for (kind, source, types) in [
        ("POSTGRES", "postgres", ("date", "numeric(15,2)")),
        ("MARIADB", "mariadb", ("date", "decimal(15,2)")),
        ("SQLITE", "sqlite", ("text", "text")),
    ] {
        let desk = desk(&table);
        load(&desk, source, &table, types);
        let target = url(kind);
        let line = ["reconcile", "job.toml", "--source", "in.csv", "--target", &target];
        let ended = desk.run(&line).exits(0);
        ended.prints(&["RECONCILED  3,000 records = 3,000 rows", "over ODBC", "up to the database"]);
        strike(source, &table);
        let ended = desk.run(&[&line[..], &["--json"]].concat()).exits(1);
        assert_eq!(found(&ended.json()), FOUND, "{source}");
        run(source, &[format!("DROP TABLE {table}")]);
    }
}

#[test]
fn a_table_is_compared_with_a_table_behind_another_driver() {
    let table = format!("odbc_pair_{}", std::process::id());
    let desk = desk(&table);
    load(&desk, "postgres", &table, ("date", "numeric(15,2)"));
    load(&desk, "mariadb", &table, ("date", "decimal(15,2)"));
    let (from, to) = (url("POSTGRES"), url("MARIADB"));
    // The password is the file's, not the connection string's.
    let password = to.split(';').find_map(|part| part.strip_prefix("Pwd=")).unwrap();
    desk.put("password", format!("{password}\n"));
    let to: Vec<_> = to.split(';').filter(|part| !part.starts_with("Pwd=")).collect();
    let to = to.join(";");
    let line =
        ["reconcile", "job.toml", "--from", &from, "--target", &to, "--target-password-file", "password"];
    desk.run(&line).exits(0).prints(&["RECONCILED  3,000 records = 3,000 rows", "MariaDB"]);
    strike("mariadb", &table);
    assert_eq!(found(&desk.run(&[&line[..], &["--json"]].concat()).exits(1).json()), FOUND);
    // What the evidence log keeps has no password in it.
    let log = desk.run(&["audit", "log", "--json"]).exits(0);
    assert!(!log.out.contains(password) || password == "crossfoot", "{}", log.out);
    run("postgres", &[format!("DROP TABLE {table}")]);
    run("mariadb", &[format!("DROP TABLE {table}")]);
}
