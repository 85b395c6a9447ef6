//! `crossfoot reconcile` with MariaDB.

use std::process::Command;

use serde_json::Value;

use crate::desk::{Going, JOB, postings, until};
use crate::fleet::reconcile::{loaded, reconcile};
use crate::servers::{Fleet, servers};

/// The MariaDB that `./test` set up.
fn mysql() -> String {
    std::env::var("CROSSFOOT_TEST_MYSQL")
        .unwrap_or_else(|_| panic!("CROSSFOOT_TEST_MYSQL must say where a MariaDB is"))
}

fn maria(url: &str, sql: &str) {
    let parsed = url.strip_prefix("mysql://").unwrap();
    let (user, rest) = parsed.split_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap();
    let (place, database) = rest.split_once('/').unwrap();
    let (host, port) = place.split_once(':').unwrap();
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--protocol=tcp", "--default-character-set=utf8mb4", "--local-infile=1"]);
    command.args([
        format!("--host={host}"),
        format!("--port={port}"),
        format!("--user={user}"),
        format!("--password={password}"),
    ]);
    let done = command.arg(database).arg("-e").arg(sql).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "needs PostgreSQL and MariaDB: run ./test"]
fn it_is_a_target_beside_files_and_postgresql() {
    let url = mysql();
    let fleet = Fleet::new(servers(), postings(5000));
    loaded(&fleet);
    let table = format!("ledger_{}", std::process::id());
    let file = fleet.desk.path("in.csv");
    maria(
        &url,
        &format!(
            "CREATE TABLE {table} (id BIGINT UNSIGNED, booked_on DATE, amount DECIMAL(15,2), text VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) ENGINE=InnoDB;
             LOAD DATA LOCAL INFILE '{}' INTO TABLE {table} FIELDS TERMINATED BY ',' IGNORE 1 LINES",
            file.display()
        ),
    );
    let job = JOB.replace(
        "\n[limits]",
        &format!("\n[target]\ntable = \"{table}\"\nfrom_table = \"ledger\"\n\n[limits]"),
    );
    fleet.desk.put("job.toml", &job);
    fleet
        .desk
        .run(&reconcile(&url, &[]))
        .exits(0)
        .prints(&["RECONCILED  5,000 records = 5,000 rows", "MariaDB"]);
    fleet.desk.run(&reconcile(&url, &["--quick"])).exits(0).prints(&["TOTALS AGREE", "no row was fetched"]);
    let from = fleet.store();
    let tables = ["reconcile", "job.toml", "--store", "sqlite:log.db", "--from", &from, "--target", &url];
    fleet.desk.run(&tables).exits(0).prints(&["RECONCILED  5,000 records = 5,000 rows", "5,000 rows"]);
    maria(
        &url,
        &format!(
            "UPDATE {table} SET amount = amount - 0.01 WHERE id = 4711; ALTER TABLE {table} ADD f FLOAT, ADD t TIMESTAMP(6) NULL"
        ),
    );
    let ended = fleet.desk.run(&reconcile(&url, &[])).exits(1);
    ended.prints(&["1 difference", "4711", "-0.01"]);
    fleet.desk.run(&reconcile(&url, &["--quick"])).exits(1).prints(&["TOTALS DIFFER", "sum of amount"]);
    maria(&url, &format!("DROP TABLE {table}"));
}

/// A table of this engine, with the postings of a file.
fn table_of(url: &str, engine: &str, file: &std::path::Path) -> String {
    let table = format!("ledger_{}_{}", engine.to_lowercase(), std::process::id());
    maria(
        url,
        &format!(
            "CREATE TABLE {table} (id BIGINT, booked_on DATE, amount DECIMAL(15,2), text VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) ENGINE={engine};
             LOAD DATA LOCAL INFILE '{}' INTO TABLE {table} FIELDS TERMINATED BY ',' IGNORE 1 LINES;
             UPDATE {table} SET amount = amount + 1 WHERE id IN (17, 18)",
            file.display()
        ),
    );
    table
}

/// What a comparison reports of two damaged rows, of which one is changed once the table has been read.
fn changed_between_two_looks(fleet: &Fleet, url: &str, engine: &str) -> Value {
    let table = table_of(url, engine, &fleet.desk.path("in.csv"));
    fleet
        .desk
        .put("job.toml", JOB.replace("\n[limits]", &format!("\n[target]\ntable = \"{table}\"\n\n[limits]")));
    let line = ["reconcile", "job.toml", "--source", "in.csv", "--target", url, "--json"];
    let line = [&line[..], &["--store", "sqlite:log.db"]].concat();
    let struck = fleet.desk.path(&format!("struck-{engine}"));
    let mut command = fleet.desk.command(&line);
    command.env("CROSSFOOT_FAULT", "compare.met=hang").env("CROSSFOOT_FAULT_LOG", &struck);
    let going = Going::start(line.join(" "), command, Vec::new());
    until("the table was read", || std::fs::read(&struck).is_ok_and(|struck| !struck.is_empty()));
    maria(url, &format!("UPDATE {table} SET amount = amount + 1 WHERE id = 17"));
    going.signal("CONT");
    let report = going.end().exits(1).json();
    maria(url, &format!("DROP TABLE {table}"));
    report
}

#[test]
#[ignore = "needs PostgreSQL and MariaDB: run ./test"]
fn a_row_of_a_table_without_snapshots_that_changes_while_it_is_read_is_unstable() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let url = mysql();
    let fleet = Fleet::new(servers(), postings(500));
    let kinds = |report: &Value| -> Vec<_> {
        let all = report["first_differences"].as_array().unwrap().iter();
        all.map(|one| (one["key"][0][1].as_str().unwrap().to_owned(), one["kind"].clone())).collect()
    };
    let report = changed_between_two_looks(&fleet, &url, "MyISAM");
    assert_eq!(
        kinds(&report),
        [("17".into(), "unstable".into()), ("18".into(), Value::from("differs"))],
        "{report}"
    );
    let balance = &report["tables"][0]["balance"];
    assert_eq!(
        ["differing", "unstable_records", "unstable_rows", "equal"]
            .map(|term| balance[term].as_u64().unwrap()),
        [1, 1, 1, 498]
    );
    let failed = |report: &Value, name: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .any(|check| check["verdict"] == "fail" && check["name"].as_str().unwrap().contains(name))
    };
    assert!(failed(&report, "rows that changed while they were read"), "{report}");
    // InnoDB shows one moment: the row was as it was read, and differs.
    let report = changed_between_two_looks(&fleet, &url, "InnoDB");
    assert_eq!(
        kinds(&report),
        [("17".into(), "differs".into()), ("18".into(), Value::from("differs"))],
        "{report}"
    );
    assert!(!failed(&report, "rows that changed while they were read"), "{report}");
}

#[test]
#[ignore = "needs PostgreSQL and MariaDB: run ./test"]
fn a_copy_of_a_run_is_attested_and_of_an_upsert_later_runs_are_told_apart() {
    let url = mysql();
    let fleet = Fleet::new(servers(), postings(200));
    // A name that is a word of SQL, and one of its own: the server is shared.
    let table = format!("copy_{}", std::process::id());
    let job = JOB
        .replace("final = \"postings\"", &format!("final = \"{table}\""))
        .replace("mode = \"append\"", "mode = \"upsert\"\nrun_column = \"load\"");
    fleet.desk.put("job.toml", &job);
    let store = ["--store", "sqlite:log.db"];
    let run = |line: &[&str]| fleet.desk.run(&[line, &store].concat());
    fleet.desk.put("later.csv", "id,booked_on,amount,text\n17,2024-02-01,1.00,later\n");
    run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    let sql = rusqlite::Connection::open(fleet.desk.path("log.db")).unwrap();
    let loaded = |table: &str| {
        let mut rows = sql.prepare(&format!("SELECT * FROM {table} ORDER BY id")).unwrap();
        let columns: Vec<_> = rows.column_names().into_iter().map(|name| format!("`{name}`")).collect();
        let values = rows
            .query_map([], |row| {
                let value = |at| match row.get::<_, rusqlite::types::Value>(at).unwrap() {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => format!("'{text}'"),
                    other => panic!("{other:?}"),
                };
                Ok(format!("({})", (0..6).map(value).collect::<Vec<_>>().join(",")))
            })
            .unwrap();
        let values: Vec<_> = values.map(Result::unwrap).collect();
        format!("INSERT INTO {table} ({}) VALUES {}", columns.join(","), values.join(","))
    };
    maria(
        &url,
        &format!(
            "CREATE TABLE {table} (id BIGINT, booked_on DATE, amount DECIMAL(20,4), text VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, `load` CHAR(36), last_record_no BIGINT);
             {}",
            loaded(&table)
        ),
    );
    run(&["audit", "keygen", "-o", "me"]).exits(0);
    run(&["audit", "export", "last", "--key", "me.key", "-o", "run.pack"]).exits(0);
    let pack = ["attest", "run.pack", "--pack-key", "me.pub", "--target", &url];
    run(&pack).exits(0).prints(&["CONTENT AGREES", "MariaDB"]);
    maria(&url, &format!("UPDATE {table} SET text = concat(text, ' ') WHERE id = 18"));
    run(&pack).exits(1).prints(&["CONTENT DIFFERS", "fingerprint of the run's rows"]);
    run(&[&pack[..], &["--source", "in.csv"]].concat()).exits(1).prints(&["18", "text"]);
    let first = fleet.desk.run(&["report", "--json", "--store", "sqlite:log.db"]).exits(0).json();
    let first = first["run_id"].as_str().unwrap();
    run(&["run", "job.toml", "--source", "later.csv"]).exits(0);
    maria(
        &url,
        &format!("DELETE FROM {table}; {}; ALTER TABLE {table} MODIFY amount DECIMAL(15,2)", loaded(&table)),
    );
    run(&["attest", first, "--target", &url]).exits(0).prints(&["RECONCILED", "1 replaced by later runs"]);
    maria(&url, &format!("DROP TABLE {table}"));
}
