//! The proof that one record is in a run's source as loaded: for anyone who has the record's bytes and trusts the root.
//!
//! The arithmetic, for anyone who wants to do it by hand (`||` is concatenation, `H` is SHA-256):
//!
//! 1. The *leaf's content* is one byte, 1 for an accepted record or 2 for a reject; then the record's number (8 bytes,
//!    big-endian); then, of an accepted record, each hashed field as in [`crate::record`], of a reject its raw bytes.
//!    `crossfoot prove --canonical-out FILE` writes it. The *leaf* is `H(00 || content)`.
//! 2. The *path* leads to the root of the record type's tree, which has a leaf for every record of the source:
//!
//!    ```text
//!    at = leaf_no; last = tree_size - 1; hash = leaf
//!    for beside in path:
//!        if last == 0: fail
//!        if at is odd or at == last:
//!            hash = H(01 || beside || hash)
//!            while at is even and at != 0: at = at / 2; last = last / 2
//!        else:
//!            hash = H(01 || hash || beside)
//!        at = at / 2; last = last / 2
//!    last must be 0, and hash must be roots[tree]
//!    ```
//!
//! 3. The *fingerprint* is the root, if there is one record type; of several, `H("crossfoot types 1\n" || roots)`, 32
//!    bytes each.
//! 4. `statement` is a JSON text that names run, job, records and fingerprint; `signature` is Ed25519 over its bytes.
//!
//! The path holds the hash of the neighbouring record's leaf: anyone who can guess that whole record can confirm it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PartCheck;
use crate::fingerprint::Hash;
use crate::ids::RecordNo;
use crate::inclusion;
use crate::report::Outcome;
use crate::words::counted;

/// What stands at the head of a proof.
pub const FORMAT: &str = "crossfoot record proof";

/// What stands at the head of a signed statement, so that no other signed text can be taken for one.
pub const STATEMENT_FORMAT: &str = "crossfoot root statement";

/// The version of both forms.
pub const FORMAT_VERSION: u32 = 1;

/// What a record became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It was accepted: its canonical form is hashed.
    Accepted,
    /// It is a reject: its raw bytes are hashed.
    Rejected,
}

/// From what the record's part of the tree was computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecomputedFrom {
    /// The source, whose chunk still had the bytes that were loaded.
    Source,
    /// Staging and rejects as they were read back, because the source no longer existed.
    Staging,
}

/// What is signed: the root, and of what it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The text that every statement begins with: `crossfoot root statement`.
    pub format: String,
    /// The version of the form.
    pub format_version: u32,
    /// The run's id, a UUID.
    pub run_id: String,
    /// The name of the job that the run executed.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// The digest of the hashed fields' names and types.
    pub layout_digest: Hash,
    /// What the run came to.
    pub outcome: Outcome,
    /// Records in the source: leaves of every tree.
    pub records: u64,
    /// The root over them.
    pub fingerprint: Hash,
    /// When it was stated: milliseconds since 1970, UTC.
    pub stated_at_ms: i64,
    /// The key that signs it, as in a pack's manifest.
    pub signed_by: Option<Hash>,
}

/// The proof of one record. It holds nothing of the record's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The text that every proof begins with: `crossfoot record proof`.
    pub format: String,
    /// The version of the form.
    pub format_version: u32,
    /// The run's id, a UUID.
    pub run_id: String,
    /// SHA-256 of the job file: anyone who has the job can make the canonical form of the record's raw bytes.
    pub job_digest: Hash,
    /// The record's place in its source, from 1.
    pub record_no: RecordNo,
    /// For each record type the number of the latest record of it before this one, 0 for none: they identify the
    /// record's parent.
    pub parents: Vec<u64>,
    /// What the record became.
    pub became: Became,
    /// From what its part of the tree was computed again.
    pub recomputed_from: RecomputedFrom,
    /// The record types, in the order of their trees.
    pub types: Vec<String>,
    /// The place of the tree that the record is a leaf of.
    pub tree: usize,
    /// How many leaves the tree has.
    pub tree_size: u64,
    /// The leaf's number, from 0.
    pub leaf_no: u64,
    /// The hash of the record's leaf.
    pub leaf: Hash,
    /// The hashes beside the way from the leaf to its tree's root, from the leaf up.
    pub path: Vec<Hash>,
    /// Each record type's root.
    pub roots: Vec<Hash>,
    /// The root of all.
    pub fingerprint: Hash,
    /// The statement, as it is signed: a JSON text of [`Statement`].
    pub statement: String,
    /// Its signature, 64 bytes in hexadecimal.
    pub signature: Option<String>,
}

/// The hash of a leaf with this content.
#[must_use]
pub fn leaf(content: &[u8]) -> Hash {
    Hash::of(&[&[0], content].concat())
}

/// The fingerprint of trees with these roots.
#[must_use]
pub fn fingerprint(roots: &[Hash]) -> Hash {
    match roots {
        [only] => *only,
        several => {
            let mut bytes = b"crossfoot types 1\n".to_vec();
            several.iter().for_each(|root| bytes.extend_from_slice(&root.0));
            Hash::of(&bytes)
        }
    }
}

/// The name that checks of a proof give as their part.
pub const PROOF: &str = "proof";

/// Leaf to path, path to root, roots to fingerprint, and the statement about it.
#[must_use]
pub fn follows(proof: &Proof, statement: &Statement) -> Vec<PartCheck> {
    let led = inclusion::root(&proof.leaf, proof.leaf_no, proof.tree_size, &proof.path);
    let of_tree = proof.roots.get(proof.tree).copied();
    let way = match (led, of_tree) {
        (Some(led), Some(root)) if led == root => {
            Ok(format!("{} hashes lead from the leaf to {root}", proof.path.len()))
        }
        (Some(led), Some(root)) => Err(format!("it leads to {led}, but the tree's root is {root}").into()),
        _ => Err(format!("a tree of {} leaves has no such path", proof.tree_size).into()),
    };
    let numbered = match proof.record_no.0.checked_sub(1) == Some(proof.leaf_no)
        && proof.types.len() == proof.roots.len()
    {
        true => Ok(format!("record {} is leaf {}", proof.record_no, proof.leaf_no)),
        false => Err(format!(
            "record {} is not leaf {}, or a record type has no root",
            proof.record_no, proof.leaf_no
        )
        .into()),
    };
    let of_all = match fingerprint(&proof.roots) {
        root if root == proof.fingerprint => Ok(format!("{} trees give {root}", proof.roots.len())),
        root => Err(format!("the roots give {root}, but the statement has {}", proof.fingerprint).into()),
    };
    let is_about = statement.format == STATEMENT_FORMAT
        && statement.format_version == FORMAT_VERSION
        && statement.run_id == proof.run_id
        && statement.job_digest == proof.job_digest
        && statement.records == proof.tree_size
        && statement.fingerprint == proof.fingerprint;
    let stated = match is_about {
        true => Ok(format!(
            "run {} of job {}: {}",
            statement.run_id,
            statement.job,
            counted(statement.records, "record")
        )),
        false => Err("its run, job, number of records or root differs from the proof".into()),
    };
    vec![
        PartCheck::of(PROOF, "numbers fit each other", numbered),
        PartCheck::of(PROOF, "the path leads from the leaf to the root", way),
        PartCheck::of(PROOF, "the roots give the fingerprint", of_all),
        PartCheck::of(PROOF, "the statement is about this root", stated),
    ]
}
