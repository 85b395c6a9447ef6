//! Stores and packs that an earlier version made are opened, migrated and continued. `tests/older/VERSION` holds one of
//! each: a run that was promoted with one reject, and one that waits for approval; the promoted run's pack, signed.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::desk::Desk;

/// What version 0.1.0 left behind.
fn older(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/older/0.1.0").join(name)
}

/// The content of a file that is kept compressed.
fn unpacked(name: &str) -> Vec<u8> {
    let mut content = Vec::new();
    let file = std::fs::File::open(older(name)).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut content).unwrap();
    content
}

/// What must hold of the store, which `on` reaches.
fn continues(desk: &Desk, store: &[&str]) {
    desk.put("second.csv", std::fs::read(older("second.csv")).unwrap());
    let on = |line: &[&str]| desk.run(&[line, store].concat());
    on(&["audit", "verify"]).exits(0);
    on(&["runs"]).exits(0).prints(&["reconciled", "awaiting approval"]);
    on(&["rejects"]).exits(0);
    let line =
        ["approve", "--yes", "last", "--source", "second.csv", "--operator", "bert", "--reason", "as agreed"];
    on(&line).exits(0).prints(&["RECONCILED"]);
    on(&["audit", "verify"]).exits(0);
    on(&["report", "last"]).exits(0).prints(&["RECONCILED"]);
}

#[test]
fn a_store_in_a_file_is_migrated_and_its_run_is_promoted() {
    let desk = Desk::new();
    desk.put("crossfoot.db", unpacked("crossfoot.db.gz"));
    continues(&desk, &[]);
    assert_eq!(desk.final_rows(), 5);
}

#[test]
#[ignore = "needs PostgreSQL: run ./test"]
fn a_store_on_postgresql_is_migrated_and_its_run_is_promoted() {
    let server =
        std::env::var("CROSSFOOT_TEST_POSTGRES").expect("CROSSFOOT_TEST_POSTGRES says where a server is");
    let desk = Desk::new();
    let name = format!("crossfoot_older_{}", std::process::id());
    let psql = |url: &str, arguments: &[&str]| {
        let told = Command::new("psql")
            .arg(url)
            .args(["-q", "-v", "ON_ERROR_STOP=1"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    };
    psql(&server, &["-c", &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")]);
    let store = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    desk.put("store.sql", unpacked("store.sql.gz"));
    psql(&store, &["-o", "/dev/null", "-f", desk.path("store.sql").to_str().unwrap()]);
    continues(&desk, &["--store", &store]);
    psql(&server, &["-c", &format!("DROP DATABASE {name} WITH (FORCE)")]);
}

#[test]
fn a_pack_is_verified_with_the_key_that_signed_it() {
    let desk = Desk::new();
    desk.put("pack.tar", unpacked("pack.tar.gz"));
    desk.put("signer.pub", std::fs::read(older("signer.pub")).unwrap());
    desk.run(&["audit", "verify", "pack.tar", "--key", "signer.pub"]).exits(0).prints(&["VERIFIED"]);
}
