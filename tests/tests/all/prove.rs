//! One record's proof: whoever has the record's bytes and trusts the root can check it, by hand if need be.

use std::sync::Arc;

use coordinator::evidence::pack::keys::{KeyPair, PublicKey, Signer, generate};
use coordinator::evidence::pack::proof::{Proven, With, read, text, verify};
use coordinator::evidence::pack::prove::Proved;
use coordinator::evidence::pack::{PackError, Vouched, check};
use domain::ids::{RecordNo, RunId};
use domain::pack::Outcome;
use domain::pack::proof::{Became, Proof, RecomputedFrom};
use job::Job;
use tests::fleet::Bench;
use tests::jobs::{self, JobText};
use tests::ledger::Ledger;

fn keys() -> (Signer, PublicKey) {
    let dir = tempfile::tempdir().unwrap();
    let KeyPair { private, public, .. } = generate(&dir.path().join("auditor")).unwrap();
    (Signer::read(&private).unwrap(), PublicKey::read(&public).unwrap())
}

async fn proved(bench: &Bench, run_id: RunId, record_no: u64, signer: &Signer) -> Result<Proved, PackError> {
    bench.coordinator().prove(run_id, RecordNo(record_no), None, Some(signer)).await
}

fn job(text: &JobText) -> Arc<Job> {
    Arc::new(Job::parse("job.toml", &text.text()).unwrap())
}

fn with<'a>(key: &'a PublicKey, job: &Arc<Job>, record: &[u8]) -> With<'a> {
    With { key: Some(key), record: Some(record.to_vec()), job: Some(Arc::clone(job)), ..With::default() }
}

fn failed(proven: &Proven) -> Vec<&str> {
    let failed = proven.checks.iter().filter(|check| check.outcome == Outcome::Failed);
    failed.map(|check| check.check.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_a_run_accepted_or_rejected_is_proven_by_its_bytes() {
    let (bench, (signer, key)) = (Bench::new().await, keys());
    let text_of_job = jobs::ledger().and("[limits]\nrejects = 1");
    let mut source = Ledger::random(80, 25).csv();
    source.extend(b"no,record\n");
    let ended = bench.load(&text_of_job, &source).await.promoted();
    let job = job(&text_of_job);
    let root = ended.report.levels[0].fingerprint.unwrap();
    let mut records = Vec::new();
    for record_no in 1..=26 {
        let proved = proved(&bench, ended.run_id, record_no, &signer).await.unwrap();
        let record = proved.record.unwrap();
        let proven = verify(proved.proof.clone(), &with(&key, &job, &record));
        assert!(proven.is_verified(), "{record_no}: {:#?}", proven.checks);
        assert_eq!((proven.vouched, proved.proof.fingerprint), (Vouched::Key(key.id()), root));
        let became = if record_no == 26 { Became::Rejected } else { Became::Accepted };
        assert_eq!((proved.proof.became, proved.proof.recomputed_from), (became, RecomputedFrom::Source));
        // With its line end it is the same record
        assert!(
            verify(proved.proof.clone(), &with(&key, &job, &[&record[..], b"\n"].concat())).is_verified()
        );
        // Nothing of the record is in the proof
        let written = String::from_utf8(text(&proved.proof).unwrap()).unwrap();
        assert!(!written.contains(std::str::from_utf8(&record).unwrap()), "{written}");
        records.push((proved.proof, record));
    }
    // No record is any other, nor is it with another byte
    for (at, (proof, record)) in records.iter().enumerate() {
        for (_, other) in records.iter().enumerate().filter(|(other, _)| *other != at) {
            let proven = verify(proof.clone(), &with(&key, &job, &other.1));
            assert_eq!(failed(&proven), ["the record gives the leaf"]);
        }
        let mut changed = record.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!verify(proof.clone(), &with(&key, &job, &changed)).is_verified());
    }
    for none in [0, 27] {
        let refused = proved(&bench, ended.run_id, none, &signer).await;
        assert!(matches!(refused, Err(PackError::NotProvable { .. })), "{refused:?}");
    }
    coordinator::evidence::audit::verify(&*bench.store, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_in_a_proof_it_proves_nothing_any_more() {
    let (bench, (signer, key)) = (Bench::new().await, keys());
    let run_id = bench.load(&jobs::ledger(), &Ledger::random(81, 25).csv()).await.promoted().run_id;
    let proved = proved(&bench, run_id, 7, &signer).await.unwrap();
    let (job, record) = (job(&jobs::ledger()), proved.record.unwrap());
    let path = bench.path("proof.json");
    let whole = text(&proved.proof).unwrap();
    // What only tells the reader something: where it was computed from, and what the types are called.
    let told =
        |proof: &Proof| Proof { recomputed_from: RecomputedFrom::Source, types: Vec::new(), ..proof.clone() };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 5);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(proof) = read(&path) else { continue };
        let is_same = told(&proof) == told(&proved.proof);
        let proven = verify(proof, &with(&key, &job, &record));
        assert_eq!(proven.is_verified(), is_same, "byte {at}: {:#?}", proven.checks);
    }
    // Nobody vouches for it without the key, or with another
    let without = With { key: None, ..with(&key, &job, &record) };
    let proven = verify(proved.proof.clone(), &without);
    assert!(proven.holds() && !proven.is_verified() && proven.vouched == Vouched::Nobody);
    let (_, other) = keys();
    assert_eq!(
        failed(&verify(proved.proof.clone(), &with(&other, &job, &record))),
        ["the statement is signed"]
    );
    // Nor is a proof without a record one of a record
    assert!(!verify(proved.proof.clone(), &With { key: Some(&key), ..With::default() }).is_verified());
    let other_job =
        Arc::new(Job::parse("job.toml", &jobs::ledger().and("[limits]\nrejects = 3").text()).unwrap());
    assert!(!verify(proved.proof, &with(&key, &other_job, &record)).is_verified());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_vouches_for_a_proof_and_brings_the_job() {
    let (bench, (signer, key)) = (Bench::new().await, keys());
    let loaded = bench.load(&jobs::ledger(), &Ledger::random(82, 25).csv()).await.promoted().run_id;
    let path = bench.path("pack.tar");
    bench.coordinator().export(loaded, &path, Some(&signer)).await.unwrap();
    let proved = bench.coordinator().prove(loaded, RecordNo(9), None, None).await.unwrap();
    let pack = check(std::fs::File::open(&path).unwrap(), Some(&key), None).unwrap();
    let job = Job::parse("job.toml", std::str::from_utf8(pack.job.as_ref().unwrap()).unwrap()).unwrap();
    let with = With { record: proved.record, job: Some(Arc::new(job)), pack: Some(pack), ..With::default() };
    let proven = verify(proved.proof, &with);
    assert!(proven.is_verified(), "{:#?}", proven.checks);
    // Another run's pack does not
    let other = Bench::new().await;
    let run_id = other.load(&jobs::ledger(), &Ledger::random(83, 25).csv()).await.promoted().run_id;
    let proved = other.coordinator().prove(run_id, RecordNo(9), None, None).await.unwrap();
    let with = With { record: proved.record, ..with };
    assert_eq!(failed(&verify(proved.proof, &with)), ["the root is the pack's"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_source_is_gone_staging_gives_the_leaf_if_it_is_what_was_loaded() {
    let (bench, (signer, key)) = (Bench::new().await, keys());
    let run_id = bench.load(&jobs::ledger(), &Ledger::random(84, 25).csv()).await.promoted().run_id;
    let source = std::fs::read(bench.path("source.dat")).unwrap();
    let record = proved(&bench, run_id, 13, &signer).await.unwrap().record.unwrap();
    std::fs::remove_file(bench.path("source.dat")).unwrap();
    let from_staging = proved(&bench, run_id, 13, &signer).await.unwrap();
    assert_eq!((from_staging.proof.recomputed_from, from_staging.record), (RecomputedFrom::Staging, None));
    let proven = verify(from_staging.proof.clone(), &with(&key, &job(&jobs::ledger()), &record));
    assert!(proven.is_verified(), "{:#?}", proven.checks);
    let canonical = With { key: Some(&key), canonical: Some(from_staging.canonical), ..With::default() };
    assert!(verify(from_staging.proof, &canonical).is_verified());
    // The chunk of a source that was changed is not what was loaded; one that was named must be
    let mut changed = source.clone();
    changed[3] ^= 1;
    std::fs::write(bench.path("copy.dat"), &changed).unwrap();
    let copy = source::Location::file(bench.path("copy.dat"));
    let refused = bench.coordinator().prove(run_id, RecordNo(3), Some(copy), None).await;
    assert!(refused.unwrap_err().to_string().contains("was changed"));
    // Nor does staging that was tampered with prove anything
    bench.execute("UPDATE stg_ledger SET text = 'x' WHERE record_no = 14");
    let refused = proved(&bench, run_id, 13, &signer).await.unwrap_err().to_string();
    assert!(
        refused.contains("staging differs from what was loaded") && refused.contains("--source"),
        "{refused}"
    );
    bench.coordinator().purge(run_id, None).await.unwrap();
    let refused = proved(&bench, run_id, 13, &signer).await.unwrap_err().to_string();
    assert!(refused.contains("staging was purged"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_any_type_is_proven_in_its_types_tree() {
    let (bench, (signer, key)) = (Bench::new().await, keys());
    let text_of_job = super::types::job();
    let run_id = bench.load(&text_of_job, super::types::source().as_bytes()).await.promoted().run_id;
    let job = job(&text_of_job);
    // The file header, a batch, its first and last entry, the first entry of a batch in the middle, the trailer
    for (record_no, tree) in [(1, 0), (2, 1), (3, 2), (9, 2), (51, 2), (98, 3)] {
        let proved = proved(&bench, run_id, record_no, &signer).await.unwrap();
        assert_eq!((proved.proof.tree, proved.proof.roots.len()), (tree, 4));
        let proven = verify(proved.proof.clone(), &with(&key, &job, proved.record.as_ref().unwrap()));
        assert!(proven.is_verified(), "{record_no}: {:#?}", proven.checks);
        by_hand(&proved);
    }
}

/// The arithmetic as `domain::pack::proof` documents it, in another language with nothing but its SHA-256.
const BY_HAND: &str = r#"
import hashlib, json, sys
H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
proof = json.load(open(sys.argv[1]))
content = open(sys.argv[2], "rb").read()
assert int.from_bytes(content[1:9], "big") == proof["record_no"] == proof["leaf_no"] + 1
hash = H(b"\x00", content)
assert hash.hex() == proof["leaf"]
at, last = proof["leaf_no"], proof["tree_size"] - 1
for beside in map(bytes.fromhex, proof["path"]):
    assert last != 0
    if at % 2 == 1 or at == last:
        hash = H(b"\x01", beside, hash)
        while at % 2 == 0 and at != 0:
            at, last = at // 2, last // 2
    else:
        hash = H(b"\x01", hash, beside)
    at, last = at // 2, last // 2
roots = [bytes.fromhex(root) for root in proof["roots"]]
assert last == 0 and hash == roots[proof["tree"]]
fingerprint = roots[0] if len(roots) == 1 else H(b"crossfoot types 1\n", *roots)
assert fingerprint.hex() == proof["fingerprint"] == json.loads(proof["statement"])["fingerprint"]
print("proven")
"#;

fn by_hand(proved: &Proved) {
    let dir = tempfile::tempdir().unwrap();
    let (proof, content) = (dir.path().join("proof.json"), dir.path().join("leaf.bin"));
    std::fs::write(&proof, text(&proved.proof).unwrap()).unwrap();
    std::fs::write(&content, &proved.canonical).unwrap();
    let python =
        std::process::Command::new("python3").arg("-c").arg(BY_HAND).args([&proof, &content]).output();
    let Ok(ended) = python else { return };
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout),
        "proven\n",
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_can_do_the_arithmetic_by_hand() {
    let (bench, (signer, _)) = (Bench::new().await, keys());
    let mut source = Ledger::random(85, 36).csv();
    source.extend(b"no,record\n");
    let job = jobs::ledger().and("[limits]\nrejects = 1");
    let run_id = bench.load(&job, &source).await.promoted().run_id;
    for record_no in [1, 2, 32, 33, 36, 37] {
        by_hand(&proved(&bench, run_id, record_no, &signer).await.unwrap());
    }
}
