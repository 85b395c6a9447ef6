//! The evidence pack: what is exported is verified with the file alone, and whatever is changed in it is found and
//! named.

use coordinator::evidence::pack::keys::{KeyPair, PublicKey, Signer, generate};
use coordinator::evidence::pack::{PackError, Verified, Vouched, check, verify};
use domain::checkpoint::Head;
use domain::ids::RunId;
use domain::pack::Outcome;
use tests::fleet::Bench;
use tests::jobs::{self, JobText};
use tests::ledger::Ledger;
use tests::pack::Parts;

struct Keys {
    signer: Signer,
    public: PublicKey,
    _dir: tempfile::TempDir,
}

fn keys() -> Keys {
    let dir = tempfile::tempdir().unwrap();
    let KeyPair { private, public, .. } = generate(&dir.path().join("auditor")).unwrap();
    Keys { signer: Signer::read(&private).unwrap(), public: PublicKey::read(&public).unwrap(), _dir: dir }
}

async fn exported(bench: &Bench, run_id: RunId, keys: &Keys) -> Vec<u8> {
    let path = bench.path(&format!("{}.tar", uuid_of(run_id)));
    bench.coordinator().export(run_id, &path, Some(&keys.signer)).await.unwrap();
    std::fs::read(path).unwrap()
}

fn uuid_of(run_id: RunId) -> String {
    run_id.to_string()
}

fn checked(bytes: &[u8], keys: &Keys) -> Verified {
    check(bytes, Some(&keys.public), None).unwrap()
}

fn failed(verified: &Verified) -> Vec<(String, String, String)> {
    let failed = verified.checks.iter().filter(|check| check.outcome == Outcome::Failed);
    failed.map(|check| (check.part.clone(), check.check.clone(), check.detail.clone())).collect()
}

fn assert_verified(bytes: &[u8], keys: &Keys) -> Verified {
    let verified = checked(bytes, keys);
    assert_eq!(failed(&verified), []);
    assert_eq!(verified.vouched, Vouched::Key(keys.public.id()));
    assert!(verified.is_verified());
    verified
}

/// Fails on a part, and says why.
fn assert_fails(bytes: &[u8], keys: &Keys, part: &str, why: &str) {
    let failed = failed(&checked(bytes, keys));
    let is_meant = |(of, check, detail): &(String, String, String)| {
        of == part && (check.contains(why) || detail.contains(why))
    };
    assert!(failed.iter().any(is_meant), "`{part}: {why}` is not among {failed:#?}");
}

fn with_rejects() -> (JobText, Vec<u8>) {
    let mut source = Ledger::random(70, 25).csv();
    source.extend(b"no,record\n");
    (jobs::ledger().and("[limits]\nrejects = 1"), source)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_is_verified_with_nothing_but_the_file_and_the_key() {
    let (bench, keys) = (Bench::new().await, keys());
    let (job, source) = with_rejects();
    let ended = bench.load(&job, &source).await.promoted();
    // Another run's events lie between this run's and the export.
    bench.load(&jobs::ledger(), &Ledger::random(71, 20).csv()).await;
    let bytes = exported(&bench, ended.run_id, &keys).await;
    drop(bench);
    let verified = assert_verified(&bytes, &keys);
    assert!(verified.checks.iter().all(|check| check.outcome == Outcome::Passed), "{:#?}", verified.checks);
    let manifest = verified.manifest.unwrap();
    assert_eq!(manifest.fingerprint, ended.report.levels[0].fingerprint);
    let mut parts = Parts::of(&bytes);
    let log = String::from_utf8(parts.part("log.jsonl").clone()).unwrap();
    // The other run is in it as bare links: nothing of what it is or loaded.
    let links = log.lines().filter(|line| !line.contains("run_id")).collect::<Vec<_>>();
    assert_eq!((log.lines().count(), links.len()), (7, 3), "{log}");
    let rejects = String::from_utf8(parts.part("rejects.jsonl").clone()).unwrap();
    assert!(rejects.contains("6e6f2c7265636f7264") && rejects.contains("field-count"), "{rejects}");
}

/// Every byte of a small pack, changed: found, and attributed to the part that it lies in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_byte_is_changed_the_part_that_it_lies_in_is_named() {
    let (bench, keys) = (Bench::new().await, keys());
    let (job, source) = with_rejects();
    let run_id = bench.load(&job, &source).await.promoted().run_id;
    let signed = exported(&bench, run_id, &keys).await;
    let path = bench.path("unsigned.tar");
    bench.coordinator().export(run_id, &path, None).await.unwrap();
    let unsigned = std::fs::read(path).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| flip_every_byte(&signed, Some(&keys.public)));
        // Nobody vouches for this one, but it contradicts itself all the same.
        scope.spawn(|| flip_every_byte(&unsigned, None));
    });
}

fn flip_every_byte(whole: &[u8], key: Option<&PublicKey>) {
    let ends = Parts::of(whole).ends();
    let mut bytes = whole.to_vec();
    // All of them where that is asked for (a minute, optimised); else every so many, and another set for each pack.
    let every = std::env::var_os("CROSSFOOT_TEST_EVERY_BYTE").is_some();
    let (first, step) = if every { (0, 1) } else { (whole[whole.len() / 2] as usize % 61, 61) };
    for at in (first..bytes.len()).step_by(step) {
        bytes[at] ^= 1 << (at % 8);
        let part = &ends.iter().find(|(end, _)| at < *end).unwrap().1;
        let verified = check(&bytes[..], key, None).unwrap();
        assert!(!verified.holds(), "byte {at} of {part}");
        assert!(verified.changed().contains(&part.as_str()), "byte {at} of {part}: {:#?}", failed(&verified));
        bytes[at] = whole[at];
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_is_cut_short_or_goes_on_is_not_whole() {
    let (bench, keys) = (Bench::new().await, keys());
    let run_id = bench.load(&jobs::ledger(), &Ledger::random(72, 5).csv()).await.promoted().run_id;
    let whole = exported(&bench, run_id, &keys).await;
    let ends = Parts::of(&whole).ends();
    let cuts = (0..whole.len()).step_by(97).chain(ends.iter().flat_map(|(end, _)| [end - 1, *end - 511]));
    for length in cuts.filter(|length| *length < whole.len()) {
        let part = &ends.iter().find(|(end, _)| length < *end).unwrap().1;
        let verified = checked(&whole[..length], &keys);
        assert!(
            verified.changed().contains(&part.as_str()),
            "{length} bytes, {part}: {:#?}",
            failed(&verified)
        );
        assert!(!verified.is_verified());
    }
    for more in [&[0][..], &[0; 512], &[0; 1024], b"x"] {
        assert_fails(&[&whole[..], more].concat(), &keys, "archive", "extra data after its end");
    }
    // Parts that are left out, doubled, swapped or added
    let parts = Parts::of(&whole);
    for at in 0..parts.0.len() {
        let (mut without, mut doubled, mut swapped) = (parts.clone(), parts.clone(), parts.clone());
        without.0.remove(at);
        doubled.0.insert(at, parts.0[at].clone());
        swapped.0.swap(at, (at + 1) % parts.0.len());
        for altered in [without, doubled, swapped] {
            assert!(!checked(&altered.bytes(), &keys).holds(), "{}", parts.0[at].0);
        }
    }
    // Nor is every file a pack
    let path = bench.path("other.tar");
    for other in [&b""[..], b"PK\x03\x04", &[0; 4096], "job.tom".as_bytes()] {
        std::fs::write(&path, other).unwrap();
        assert!(matches!(verify(&path, None, None), Err(PackError::NotAPack { .. })));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_vouches_for_a_pack_without_a_key_or_by_another() {
    let (bench, keys, other) = (Bench::new().await, keys(), keys());
    let run_id = bench.load(&jobs::ledger(), &Ledger::random(73, 5).csv()).await.promoted().run_id;
    let bytes = exported(&bench, run_id, &keys).await;
    assert_fails(&bytes, &other, "manifest.sig", "not the given key");
    let anyway = check(&bytes[..], None, None).unwrap();
    assert!(anyway.holds() && !anyway.is_verified() && anyway.vouched == Vouched::Nobody);
    // Signed by somebody else who puts his own key's name into it: not the key that was asked for
    let forged = Parts::of(&bytes)
        .signed_again(&other.signer, |manifest| manifest.signed_by = Some(other.public.id()));
    assert_fails(&forged, &keys, "manifest.sig", "not the given key");
    assert_fails(&forged, &other, "manifest.json", "signed by");
    // A signature that was taken away
    let mut parts = Parts::of(&bytes);
    parts.0.pop();
    assert_fails(&parts.bytes(), &keys, "manifest.sig", "ends before it");
    // The head of the log, noted by somebody when the pack was made, is as good as a signature
    let head = anyway.manifest.unwrap().log_head;
    let noted = check(&bytes[..], None, Some(head)).unwrap();
    assert_eq!((noted.is_verified(), noted.vouched), (true, Vouched::Head(head.seq)));
    let wrong = Head { hash: domain::fingerprint::Hash::of(b""), ..head };
    assert!(!check(&bytes[..], None, Some(wrong)).unwrap().holds());
    // An unsigned pack
    let path = bench.path("unsigned.tar");
    bench.coordinator().export(run_id, &path, None).await.unwrap();
    let unsigned = verify(&path, None, None).unwrap();
    assert!(unsigned.holds() && !unsigned.is_verified());
    assert_fails(&std::fs::read(&path).unwrap(), &keys, "manifest.sig", "not signed");
    // A pack is never written over
    let again = bench.coordinator().export(run_id, &path, None).await;
    assert!(matches!(again, Err(PackError::Exists { .. })), "{again:?}");
}

/// Whoever has the key can sign what he likes. What he changes must then still agree with everything else, and with the
/// log: this one does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_altered_and_signed_again_contradicts_itself() {
    let (bench, keys) = (Bench::new().await, keys());
    let (job, source) = with_rejects();
    let ended = bench.load(&job, &source).await.promoted();
    let bytes = exported(&bench, ended.run_id, &keys).await;
    let parts = || Parts::of(&bytes);
    let sum = &ended.level(domain::check::Stage::Source).1[0];
    let signed = |parts: Parts| parts.signed_again(&keys.signer, |_| {});
    assert_verified(&signed(parts()), &keys);

    // A chunk's sum, a cent more
    let line = String::from_utf8(parts().part("chunks.jsonl").clone()).unwrap();
    let chunk: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let of_chunk = chunk["committed"]["sums"][0].as_str().unwrap().to_owned();
    let cent = |amount: &str| {
        let amount: domain::amount::Amount = amount.parse().unwrap();
        amount.checked_add("0.01".parse().unwrap()).unwrap().to_string()
    };
    let more = parts().with("chunks.jsonl", &format!("\"{of_chunk}\""), &format!("\"{}\"", cent(&of_chunk)));
    assert_fails(&signed(more.clone()), &keys, "chunks.jsonl", "add up to the report's");
    assert_fails(&signed(more.clone()), &keys, "log.jsonl", "recorded parts with digest");

    // The report's totals with it, on every level
    let mut all = more;
    for _ in 0..ended.report.levels.len() {
        all = all.with(
            "report.json",
            &format!("\"sums\": [\n        \"{sum}\""),
            &format!("\"sums\": [\n        \"{}\"", cent(sum)),
        );
    }
    assert_fails(
        &signed(all.clone()),
        &keys,
        "report.html",
        "differs from the page made from the report's JSON",
    );
    assert_fails(&signed(all.clone()), &keys, "checks.json", "the totals are");

    // And the checks too: but the log noted others
    let mut checks = all;
    let text = String::from_utf8(checks.part("checks.json").clone()).unwrap();
    *checks.part("checks.json") =
        text.replace(&format!("\"{sum}\""), &format!("\"{}\"", cent(sum))).into_bytes();
    assert_fails(&signed(checks.clone()), &keys, "checks.json", "recorded SHA-256");

    // And the log's event: but the chain breaks
    let text = String::from_utf8(checks.part("checks.json").clone()).unwrap();
    let (old, new) = (
        domain::fingerprint::Hash::of(&Parts::of(&bytes).part("checks.json").clone()).to_string(),
        domain::fingerprint::Hash::of(text.as_bytes()).to_string(),
    );
    assert_fails(&signed(checks.with("log.jsonl", &old, &new)), &keys, "log.jsonl", "was altered");

    // Other things that somebody might like better
    let root = ended.report.levels[0].fingerprint.unwrap().to_string();
    let other_root = domain::fingerprint::Hash::of(b"another").to_string();
    for (part, this, that, told_of, told) in [
        (
            "report.json",
            "\"outcome\": \"reconciled\"",
            "\"outcome\": \"not-reconciled\"",
            "report.json",
            "outcome",
        ),
        ("run.json", "\"purged\": false", "\"purged\": true", "log.jsonl", "purged"),
        ("run.json", "\"again\": false", "\"again\": true", "log.jsonl", "recorded parts with digest"),
        ("job.toml", "rejects = 1", "rejects = 9", "job.toml", "is the job that ran"),
        ("workers.json", "\"busy_us\": ", "\"busy_us\": 1", "report.json", "workers"),
        ("rejects.jsonl", "\"chunk_no\":2", "\"chunk_no\":1", "rejects.jsonl", "as many as the chunks say"),
        ("chunks.jsonl", "\"records\":10", "\"records\":11", "chunks.jsonl", "tile the source"),
        (
            "report.json",
            &format!("\"fingerprint\": \"{root}"),
            &format!("\"fingerprint\": \"{other_root}"),
            "chunks.jsonl",
            "trees merge",
        ),
        ("checks.json", "\"verdict\":\"pass\"", "\"verdict\":\"warn\"", "checks.json", "recorded SHA-256"),
        ("log.jsonl", "\"kind\":\"staged\"", "\"kind\":\"stared\"", "log.jsonl", "was altered"),
        ("report.html", "</title>", " </title>", "report.html", "shows the report"),
        ("versions.json", "\"name\": \"", "\"name\": \"x", "workers.json", "is not in versions.json"),
        (
            "chunks.jsonl",
            "{\"chunk_no\"",
            "{ \"chunk_no\"",
            "chunks.jsonl",
            "differs from what crossfoot writes",
        ),
        ("run.json", "{\n", "{\n  \"more\": 1,\n", "run.json", "unknown field"),
    ] {
        assert_fails(&signed(parts().with(part, this, that)), &keys, told_of, told);
    }
    let of_manifest = [
        parts().signed_again(&keys.signer, |manifest| manifest.fingerprint = None),
        parts().signed_again(&keys.signer, |manifest| manifest.exported_by = "somebody@else".into()),
        parts().signed_again(&keys.signer, |manifest| manifest.outcome = domain::report::Outcome::Cancelled),
        parts().signed_again(&keys.signer, |manifest| manifest.log_head.seq -= 1),
        parts().signed_again(&keys.signer, |manifest| manifest.format_version = 2),
        parts().signed_again(&keys.signer, |manifest| drop(manifest.parts.pop())),
    ];
    for altered in of_manifest {
        assert!(failed(&checked(&altered, &keys)).iter().any(|(part, _, _)| part == "manifest.json"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_failed_was_cancelled_or_waits_has_a_pack_too_and_one_at_work_has_none() {
    let (bench, keys) = (Bench::new().await, keys());
    let job = jobs::ledger();
    bench.load(&job, &Ledger::random(74, 20).csv()).await.promoted();
    // The same keys again
    let failed = bench.load(&job, &Ledger::random(75, 20).csv()).await.not_reconciled();
    let verified = assert_verified(&exported(&bench, failed.run_id, &keys).await, &keys);
    assert_eq!(verified.manifest.unwrap().outcome, domain::report::Outcome::NotReconciled);
    let upsert = job.record("key = [\"id\"]\nmode = \"upsert\"");
    let waiting = bench.stage(&upsert, &Ledger::random(76, 20).csv()).await;
    assert_verified(&exported(&bench, waiting, &keys).await, &keys);
    bench.coordinator().cancel(waiting, Some("not this one")).await.unwrap();
    let path = bench.path("cancelled.tar");
    bench.coordinator().export(waiting, &path, Some(&keys.signer)).await.unwrap();
    assert_verified(&std::fs::read(path).unwrap(), &keys);
    // Cancelled before anything was cut
    let request = bench.request(&upsert, &Ledger::random(77, 20).csv());
    let unbegun = bench.open(&request).await.unwrap();
    let refused = bench.coordinator().export(unbegun, &bench.path("none.tar"), None).await;
    assert!(matches!(refused, Err(PackError::NotOver { .. })), "{refused:?}");
    assert!(!bench.path("none.tar").exists());
    bench.coordinator().cancel(unbegun, None).await.unwrap();
    let verified = assert_verified(&exported(&bench, unbegun, &keys).await, &keys);
    let not_made: Vec<_> =
        verified.checks.iter().filter(|check| check.outcome == Outcome::NotChecked).collect();
    assert!(not_made.iter().any(|check| check.detail.contains("never reconciled")), "{not_made:#?}");
    // Each export is an event, and the log is whole
    coordinator::evidence::audit::verify(&*bench.store, None).await.unwrap();
}

/// The checks of a run against its history compare an amount with a range: passed, and not equal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_held_against_its_history_has_a_pack() {
    let (bench, keys) = (Bench::new().await, keys());
    let trends = "[trends]\nrecords = \"900%\"\namounts = \"900%\"\nruns_min = 2\nsame_weekday = false";
    let job = jobs::ledger().record("amounts = [\"amount\"]").and(trends);
    for seed in 90..93 {
        bench.load(&job, &Ledger::random(seed, 20).csv()).await.promoted();
    }
    let ended = bench.load(&job, &Ledger::random(94, 20).csv()).await.promoted();
    assert!(ended.report.checks.iter().any(|check| check.name.starts_with("trend of")));
    assert_verified(&exported(&bench, ended.run_id, &keys).await, &keys);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sensitive_is_not_in_a_pack() {
    let (bench, keys) = (Bench::new().await, keys());
    let fields = [("id", "integer", ""), ("iban", "text(40)", "sensitive = true")];
    let job = jobs::of(&fields).and("[limits]\nrejects = 2");
    let source = b"1,CANARY-ONE\nx,CANARY-TWO\n3,CANARY-THREE,more\n";
    let run_id = bench.load(&job, source).await.promoted().run_id;
    let bytes = exported(&bench, run_id, &keys).await;
    assert_verified(&bytes, &keys);
    let text = String::from_utf8_lossy(&bytes).to_uppercase();
    for canary in ["CANARY", &domain::hex::encode(b"CANARY").to_uppercase()] {
        assert!(!text.contains(canary), "{canary}");
    }
    let rejects = String::from_utf8(Parts::of(&bytes).part("rejects.jsonl").clone()).unwrap();
    assert_eq!((rejects.lines().count(), rejects.contains("\"raw\"")), (2, false), "{rejects}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_purged_run_lacks_is_said() {
    let (bench, keys) = (Bench::new().await, keys());
    let (job, source) = with_rejects();
    let run_id = bench.load(&job, &source).await.promoted().run_id;
    bench.coordinator().purge(run_id, None).await.unwrap();
    let verified = assert_verified(&exported(&bench, run_id, &keys).await, &keys);
    let gone = verified.checks.iter().find(|check| check.outcome == Outcome::NotChecked).unwrap();
    assert_eq!(
        (gone.part.as_str(), gone.detail.as_str()),
        ("rejects.jsonl", "the run was purged, and with it 1 reject")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_ledger_was_damaged_has_a_pack_that_says_so() {
    let (bench, keys) = (Bench::new().await, keys());
    let run_id = bench.stage(&jobs::ledger(), &Ledger::random(78, 25).csv()).await;
    bench.execute("UPDATE crossfoot_chunk SET accepted = accepted + 1 WHERE chunk_no = 1");
    let ended = bench.approve(run_id).await.not_reconciled();
    let verified = assert_verified(&exported(&bench, ended.run_id, &keys).await, &keys);
    let unbalanced = verified.checks.iter().find(|check| check.check.starts_with("records in =")).unwrap();
    assert_eq!(unbalanced.outcome, Outcome::NotChecked);
    assert!(unbalanced.detail.contains("failed checks: "), "{unbalanced:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_source_and_several_record_types_have_packs() {
    let keys = keys();
    let bench = Bench::new().await;
    let empty = jobs::ledger().and("[declared]\nrecords = 0");
    let ended = bench.load(&empty, b"").await.promoted();
    assert_verified(&exported(&bench, ended.run_id, &keys).await, &keys);
    let bench = Bench::new().await;
    let ended = bench.load(&super::types::job(), super::types::source().as_bytes()).await.promoted();
    let verified = assert_verified(&exported(&bench, ended.run_id, &keys).await, &keys);
    assert_eq!(verified.manifest.unwrap().fingerprint, ended.report.levels[0].fingerprint);
}
