//! Packs and proofs as a user has them: made at one desk, checked at another that has neither store nor broker.

use std::process::Command;

use super::desk::{CONTENT, Desk, postings};

/// A desk with a run, its pack, a proof of its record 17 with the record, and the key; and an empty one with these
/// files.
fn two_desks() -> (Desk, Desk) {
    let desk = Desk::with(postings(100));
    desk.run(&["run", "job.toml", "--source", "in.csv", "--chunk-records", "9"]).exits(0);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0).prints(&["me.key", "me.pub"]);
    desk.run(&["audit", "export", "-o", "run.tar", "--key", "me.key"])
        .exits(0)
        .prints(&["signed by key", "log head"]);
    let prove =
        ["prove", "--record", "17", "-o", "proof.json", "--key", "me.key", "--record-out", "record.txt"];
    desk.run(&prove).exits(0).says(&["proof.json"]);
    let elsewhere = Desk::new();
    for name in ["run.tar", "me.pub", "proof.json", "record.txt"] {
        elsewhere.put(name, std::fs::read(desk.path(name)).unwrap());
    }
    (desk, elsewhere)
}

#[test]
fn a_pack_is_verified_on_a_machine_that_has_nothing_else() {
    let (_, desk) = two_desks();
    let line = ["audit", "verify", "run.tar", "--key", "me.pub"];
    let ended = desk.run(&line).exits(0);
    ended.prints(&["VERIFIED  run.tar", "reconciled", "trees merge to the fingerprint", "manifest.sig"]);
    let json = desk.run(&[&line[..], &["--json"]].concat()).exits(0).json();
    assert_eq!((&json["verified"], &json["manifest"]["outcome"]), (&true.into(), &"reconciled".into()));
    assert!(!desk.path("crossfoot.db").exists(), "it needs no store, and makes none");
    // Without the key it says what holds, and that nobody vouches for it
    desk.run(&line[..3]).exits(1).prints(&["NOT VERIFIED", "nothing vouches for it", "--key"]);
    let head = json["manifest"]["log_head"].clone();
    let head = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap());
    desk.run(&["audit", "verify", "run.tar", "--head", &head]).exits(0).prints(&["by the noted head"]);
    // One byte
    let mut bytes = std::fs::read(desk.path("run.tar")).unwrap();
    let at = bytes.windows(6).rposition(|window| window == b"\"sums\"").unwrap();
    bytes[at + 9] ^= 1;
    desk.put("run.tar", bytes);
    let ended = desk.run(&line).exits(1);
    ended.prints(&["NOT VERIFIED  run.tar: chunks.jsonl was modified"]);
    assert_eq!(desk.run(&[&line[..], &["--json"]].concat()).exits(1).json()["verified"], false);
    // What is no pack, or no key
    desk.run(&["audit", "verify", "me.pub", "--key", "me.pub"]).exits(2).says(&["not an evidence pack"]);
    desk.run(&["audit", "verify", "gone.tar", "--key", "me.pub"]).exits(2).says(&["gone.tar"]);
    desk.run(&["audit", "verify", "run.tar", "--key", "gone.pub"]).exits(2).says(&["gone.pub"]);
    desk.run(&["audit", "verify", "run.tar", "--key", "job.toml"])
        .exits(2)
        .says(&["not an Ed25519 public key"]);
}

#[test]
fn openssl_checks_a_packs_signature_and_its_keys_sign_packs() {
    let (made_at, desk) = two_desks();
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let shell = |desk: &Desk, line: &str| {
        let ended = Command::new("sh").arg("-ec").arg(line).current_dir(desk.path("")).output().unwrap();
        assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let verify =
        "openssl pkeyutl -verify -rawin -pubin -inkey me.pub -in manifest.json -sigfile manifest.sig";
    let told = shell(&desk, &format!("tar xf run.tar && {verify}"));
    assert!(told.contains("Signature Verified Successfully"), "{told}");
    // The parts are what the log's last event noted
    let noted = shell(
        &desk,
        "sha256sum job.toml versions.json run.json report.json report.html checks.json workers.json chunks.jsonl rejects.jsonl | sha256sum",
    );
    let log = std::fs::read_to_string(desk.path("log.jsonl")).unwrap();
    assert!(log.lines().last().unwrap().contains(&noted[..64]), "{noted}{log}");
    // OpenSSL reads our private key, and makes one that we take
    shell(&made_at, "openssl pkey -in me.key -pubout | cmp - me.pub");
    shell(
        &made_at,
        "openssl genpkey -algorithm ed25519 -out their.key && openssl pkey -in their.key -pubout -out their.pub",
    );
    made_at.put("crossfoot.toml", "[audit]\nsigning_key = \"their.key\"\n");
    made_at.run(&["audit", "export", "-o", "theirs.tar"]).exits(0);
    made_at.run(&["audit", "verify", "theirs.tar", "--key", "their.pub"]).exits(0);
    made_at
        .run(&["audit", "verify", "theirs.tar", "--key", "me.pub"])
        .exits(1)
        .prints(&["NOT VERIFIED  theirs.tar: manifest.sig"]);
}

#[test]
fn a_pack_needs_a_key_or_a_plain_word_and_is_never_written_over() {
    let desk = Desk::with(postings(10));
    desk.load().exits(0);
    desk.run(&["audit", "export"]).exits(2).says(&["--key", "keygen", "--unsigned"]);
    desk.run(&["audit", "export", "-o", "plain.tar", "--unsigned"]).exits(0).prints(&["NOT signed"]);
    desk.run(&["audit", "export", "-o", "plain.tar", "--unsigned"])
        .exits(2)
        .says(&["plain.tar already exists"]);
    desk.run(&["audit", "verify", "plain.tar"])
        .exits(1)
        .prints(&["the pack is not signed", "nothing vouches"]);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(2).says(&["me.key already exists"]);
    desk.run(&["audit", "export", "-o", "x.tar", "--key", "me.pub"]).exits(2).says(&["it is the public key"]);
    assert!(!desk.path("x.tar").exists());
    let left: Vec<_> =
        std::fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".crossfoot")), "{left:?}");
}

#[test]
fn a_record_is_proven_to_somebody_who_has_its_bytes() {
    let (made_at, desk) = two_desks();
    assert!(std::fs::read_to_string(desk.path("record.txt")).unwrap().contains(CONTENT));
    assert!(!std::fs::read_to_string(desk.path("proof.json")).unwrap().contains(CONTENT));
    let line = ["audit", "verify", "proof.json", "--record", "record.txt", "--job", "job.toml"];
    desk.run(&[&line[..], &["--key", "me.pub"]].concat()).exits(0).prints(&["VERIFIED  record 17 of 100"]);
    desk.run(&line).exits(1).prints(&["nothing vouches for that root"]);
    let by_pack =
        ["audit", "verify", "proof.json", "--record", "record.txt", "--pack", "run.tar", "--key", "me.pub"];
    desk.run(&by_pack).exits(0).prints(&["the root is the pack's"]);
    desk.put("record.txt", "17,2024-02-18,17.18,forged\n");
    desk.run(&by_pack).exits(1).prints(&["NOT VERIFIED", "another leaf"]);
    desk.run(&["audit", "verify", "proof.json", "--key", "me.pub"])
        .exits(1)
        .prints(&["cannot tell which record"]);
    made_at.run(&["prove", "--record", "101"]).exits(2).says(&["records 1 to 100"]);
    made_at
        .run(&["prove", "--record", "17", "-o", "proof.json"])
        .exits(2)
        .says(&["proof.json already exists"]);
    made_at.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs PostgreSQL: run ./test"]
fn a_pack_of_a_run_on_postgresql_is_verified_too() {
    let server =
        std::env::var("CROSSFOOT_TEST_POSTGRES").expect("CROSSFOOT_TEST_POSTGRES says where a server is");
    let desk = Desk::with(postings(100));
    let name = format!("crossfoot_pack_{}", std::process::id());
    let made = Command::new("psql").args([&server, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(made.is_ok_and(|status| status.success()), "psql makes the database");
    let (base, _) = server.rsplit_once('/').unwrap();
    let store = format!("{base}/{name}");
    let on = |line: &[&str]| desk.run(&[line, &["--store", &store]].concat());
    on(&["run", "job.toml", "--source", "in.csv", "--chunk-records", "9"]).exits(0);
    on(&["audit", "keygen", "-o", "me"]).exits(0);
    on(&["audit", "export", "-o", "run.tar", "--key", "me.key"]).exits(0);
    on(&["prove", "--record", "17", "-o", "proof.json", "--key", "me.key", "--record-out", "record.txt"])
        .exits(0);
    desk.run(&["audit", "verify", "run.tar", "--key", "me.pub"]).exits(0).prints(&["VERIFIED"]);
    let line =
        ["audit", "verify", "proof.json", "--record", "record.txt", "--job", "job.toml", "--key", "me.pub"];
    desk.run(&line).exits(0).prints(&["VERIFIED"]);
    // The pack says of a database, too, whether its rows are those of the run.
    let attest =
        ["attest", "run.tar", "--target", &store, "--pack-key", "me.pub", "--store", "sqlite:log.db"];
    desk.run(&attest).exits(0).prints(&["CONTENT AGREES", "fingerprint of the run's rows"]);
    let altered =
        Command::new("psql").args([&store, "-qc", "UPDATE postings SET text = 'x' WHERE id = 17"]).status();
    assert!(altered.is_ok_and(|status| status.success()), "psql alters a row");
    desk.run(&attest).exits(1).prints(&["CONTENT DIFFERS", "fingerprint of the run's rows"]);
    drop(Command::new("psql").args([&server, "-qc", &format!("DROP DATABASE {name} WITH (FORCE)")]).status());
}
