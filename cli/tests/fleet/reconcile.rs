//! `crossfoot reconcile` with PostgreSQL: by several connections in one snapshot, and values at the edges.

use std::time::Duration;

use crate::desk::{Going, JOB, postings};
use crate::servers::{Fleet, psql, servers};

const RECORDS: u64 = 400_000;

/// A load as a script makes it: psql's `\copy` into a table of its own.
pub(crate) fn loaded(fleet: &Fleet) {
    let file = fleet.desk.path("in.csv");
    let make = "CREATE TABLE ledger (id bigint, booked_on date, amount numeric(15,2), text varchar(40))";
    psql(&fleet.store(), make);
    psql(&fleet.store(), &format!("\\copy ledger FROM '{}' WITH (FORMAT csv, HEADER)", file.display()));
    let job = JOB.replace("\n[limits]", "\n[target]\ntable = \"ledger\"\n\n[limits]");
    fleet.desk.put("job.toml", job);
}

pub(crate) fn reconcile<'a>(target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let line =
        ["reconcile", "job.toml", "--source", "in.csv", "--store", "sqlite:log.db", "--target", target];
    [&line[..], more].concat()
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_table_of_many_pages_is_read_in_parts_as_of_one_moment_and_not_written_to() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    loaded(&fleet);
    let store = fleet.store();
    // A reader of the table and nothing else.
    let role = format!("cf_auditor_{}", std::process::id());
    psql(&store, &format!("CREATE ROLE {role} LOGIN PASSWORD 'look'; GRANT SELECT ON ledger TO {role}"));
    let target = store.replacen("crossfoot:crossfoot@", &format!("{role}@"), 1);
    fleet.desk.put("password", "look\n");
    let rows = "SELECT sum(hashtextextended(l::text, 0)) || ' ' || count(*) FROM ledger l";
    let written = "SELECT n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del
                   FROM pg_stat_user_tables WHERE relname = 'ledger'";
    let (before, rows_before) = (fleet.value(written), fleet.value(rows));
    let json = ["--json", "--target-password-file", "password", "--readers", "2"];
    let report = fleet.desk.run(&reconcile(&target, &json)).exits(0).json();
    assert_eq!(report["tables"][0]["balance"]["equal"], RECORDS);
    let read: Vec<_> = report["workers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["name"].as_str().unwrap().starts_with("reader"))
        .collect();
    assert_eq!(read.iter().map(|one| one["records"].as_u64().unwrap()).sum::<u64>(), RECORDS);
    assert_eq!(fleet.value(rows), rows_before);
    // A quick look fetches one row.
    let quick = ["--quick", "--target-password-file", "password"];
    let looked = fleet.desk.run(&reconcile(&target, &quick)).exits(0);
    looked.prints(&["TOTALS AGREE", "no row was fetched", "400,000"]);
    assert_eq!(fleet.value(written), before, "nothing is written, by the server's own count");
    // One cent, one row lost, one doubled, in a table that someone holds locked for writing.
    psql(
        &store,
        "UPDATE ledger SET amount = amount + 0.01 WHERE id = 77; DELETE FROM ledger WHERE id = 78; INSERT INTO ledger SELECT * FROM ledger WHERE id = 79",
    );
    fleet.desk.run(&reconcile(&store, &["--quick"])).exits(1).prints(&["TOTALS DIFFER", "different keys"]);
    let report = fleet.desk.run(&reconcile(&store, &["--json"])).exits(1).json();
    let found: Vec<_> = report["first_differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["key"][0][1].as_str().unwrap()))
        .collect();
    assert_eq!(found, ["differs 77", "missing 78", "doubled 79"]);
    // A policy that hides rows from the reader hides the extra ones too: what is hidden cannot be compared.
    psql(&store, "ALTER TABLE ledger ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON ledger USING (id < 10)");
    fleet.desk.run(&reconcile(&target, &json)).exits(3).says(&["row-level security"]);
    psql(&store, &format!("REVOKE ALL ON ledger FROM {role}; DROP ROLE {role}"));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn values_at_the_edges_are_read_as_they_are() {
    let fleet = Fleet::new(
        servers(),
        "id,n,d,t,z,b,x,s\n1,99999999999999999999999999.0123456789,2026-11-27,2026-11-27 23:59:59.999999,2026-11-27 23:59:59.000001Z,true,00ff,\"e\u{301} \u{1f600} \"\n2,,,,,,,\n",
    );
    psql(
        &fleet.store(),
        "CREATE DOMAIN money_amount AS numeric(36,10);
         CREATE TABLE edge (id smallint, n money_amount, d date, t timestamp, z timestamptz, b boolean, x bytea, s char(8));
         INSERT INTO edge VALUES (1, 99999999999999999999999999.0123456789, '2026-11-27', '2026-11-27 23:59:59.999999',
            '2026-11-28 00:59:59.000001+01', true, '\\x00ff', 'e\u{301} \u{1f600} ');
         INSERT INTO edge (id) VALUES (2)",
    );
    let field = |name: &str, ty: &str| format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n");
    let fields = [
        ("id", "integer"),
        ("n", "decimal(36,10)"),
        ("d", "date"),
        ("t", "timestamp"),
        ("z", "timestamptz"),
        ("b", "boolean"),
        ("x", "bytes"),
        ("s", "text(8)"),
    ];
    let fields: String = fields.map(|(name, ty)| field(name, ty)).concat();
    let job = |equal: &str| {
        format!(
            "[job]\nname = \"edges\"\n[source]\nformat = \"delimited\"\nheader = true\n[[record]]\nname = \"edge\"\n\
             key = [\"id\"]\namounts = [\"n\"]\n{fields}[target]\n{equal}\n"
        )
    };
    fleet.desk.put("job.toml", job(""));
    let store = fleet.store();
    let report = fleet.desk.run(&reconcile(&store, &["--json"])).exits(1).json();
    assert_eq!(report["first_differences"][0]["fields"][0]["field"], "s", "{report}");
    assert_eq!(report["tables"][0]["would_be_equal"][0]["equalities"][0], "trailing-blanks");
    fleet.desk.put("job.toml", job("equal = [\"trailing-blanks\"]"));
    fleet.desk.run(&reconcile(&store, &[])).exits(0);
    fleet.desk.run(&reconcile(&store, &["--quick"])).exits(0).prints(&["TOTALS AGREE"]);
    for damage in [
        "UPDATE edge SET n = n - 0.0000000001 WHERE id = 1",
        "UPDATE edge SET d = 'infinity'",
        "UPDATE edge SET t = t - interval '1 microsecond'",
        "UPDATE edge SET z = '-infinity' WHERE id = 1",
        "UPDATE edge SET b = false WHERE id = 2",
        "UPDATE edge SET x = '' WHERE id = 2",
        "UPDATE edge SET n = 'NaN' WHERE id = 1",
    ] {
        psql(&store, &format!("BEGIN; CREATE TABLE kept AS SELECT * FROM edge; {damage}; COMMIT"));
        fleet.desk.run(&reconcile(&store, &[])).exits(1);
        psql(&store, "BEGIN; TRUNCATE edge; INSERT INTO edge SELECT * FROM kept; DROP TABLE kept; COMMIT");
    }
    fleet.desk.run(&reconcile(&store, &[])).exits(0);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_table_that_was_read_before_a_comparison_was_resumed_is_as_it_was_then() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let fleet = Fleet::new(servers(), postings(3000));
    loaded(&fleet);
    let store = fleet.store();
    let line = reconcile(&store, &["--json", "--work-dir", "work"]);
    let mut command = fleet.desk.command(&line);
    command.env("CROSSFOOT_FAULT", "compare.met=die");
    let going = Going::start(line.join(" "), command, Vec::new());
    assert!(going.ends_within(Duration::from_secs(60)), "{}", going.said());
    going.kill();
    // What has other types now is another table.
    psql(&store, "ALTER TABLE ledger ALTER COLUMN id TYPE numeric");
    let refused = fleet.desk.run(&line).exits(2);
    let said = format!("{}{}", refused.out, refused.err);
    assert!(said.contains("the types of the target's columns"), "{refused}");
    psql(&store, "ALTER TABLE ledger ALTER COLUMN id TYPE bigint; DELETE FROM ledger WHERE id = 5");
    let report = fleet.desk.run(&line).exits(0).json();
    let phases: Vec<_> = report["resumed"].as_array().unwrap().iter().map(|one| &one["earlier"]).collect();
    assert_eq!(phases, [&true, &true]);
    let snapshot = report["target"]["snapshot"].as_str().unwrap();
    assert!(snapshot.ends_with("before the comparison was resumed"), "{snapshot}");
    // With its verdict it is over, and the next one reads the table as it is now.
    let report = fleet.desk.run(&line).exits(1).json();
    assert!(report.get("resumed").is_none());
    assert_eq!(report["tables"][0]["balance"]["missing"], 1);
}
