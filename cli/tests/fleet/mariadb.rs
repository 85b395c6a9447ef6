//! `crossfoot reconcile` with MariaDB.

use std::process::Command;

use crate::desk::{JOB, postings};
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
