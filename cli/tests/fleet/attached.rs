//! A run whose partition becomes one of final, from the file to the table and back.

use crate::desk::postings;
use crate::servers::{Fleet, psql, servers};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_fleet_promotes_by_attaching_and_backs_out_again() {
    let fleet = Fleet::new(servers(), postings(3000));
    fleet.desk.put_job("job.toml", &[("[[record]]", "[[record]]\npromotion = \"attach\"")]);
    let _coordinator = fleet.start(&["coordinator"]);
    let _processor = fleet.start(&["worker", "--role", "processor"]);
    let _writer = fleet.start(&["worker", "--role", "writer"]);
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];
    fleet.run(&submit).exits(0).prints(&["RECONCILED"]);
    let of_final = |what: &str| psql(&fleet.store(), &format!("SELECT {what} FROM postings"));
    assert_eq!(of_final("count(*), count(DISTINCT record_no), max(record_no)"), "3000|3000|3000");
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM stg_postings"), "0");
    // Everything that is asked of staging later is answered from final.
    let workers = fleet.run(&["workers", "last"]).exits(0);
    workers.prints(&["3,000"]);
    fleet.run(&["attest", "last", "--source", "in.csv"]).exits(0);
    fleet.run(&["audit", "keygen", "-o", "me"]).exits(0);
    fleet.run(&["audit", "export", "last", "-o", "run.tar", "--key", "me.key"]).exits(0);
    fleet.run(&["audit", "verify", "run.tar", "--key", "me.pub"]).exits(0).prints(&["VERIFIED"]);
    fleet.run(&["prove", "last", "--record", "17", "-o", "proof.json", "--key", "me.key"]).exits(0);
    fleet.run(&submit).exits(2).says(&["--again"]);
    // The same keys in another file: the run fails, and names the records.
    fleet.desk.put("other.csv", [&postings(3001)[..]].concat());
    let other = ["submit", "job.toml", "--source", "other.csv", "--wait"];
    fleet.run(&other).exits(1).prints(&["NOT RECONCILED", "in final"]);
    assert_eq!(of_final("count(*)"), "3000");
    // And back.
    let first = psql(&fleet.store(), "SELECT run_id FROM crossfoot_run WHERE state = 'promoted'");
    fleet.run(&["back-out", &first, "--reason", "wrong file"]).exits(0).prints(&["3,000 rows taken out"]);
    assert_eq!(of_final("count(*)"), "0");
    fleet.run(&other).exits(0).prints(&["RECONCILED"]);
    assert_eq!(of_final("count(*)"), "3001");
    fleet.run(&["purge", &first, "--reason", "done"]).exits(0);
    assert_eq!(of_final("count(*)"), "3001");
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM stg_postings"), "3001");
}
