//! The fingerprint: the RFC 6962 Merkle tree hash over a run's records, one leaf a record, in record order.
//!
//! A leaf's place is its record number, so the fingerprint depends on the records and their order alone: not
//! on how the source was cut into chunks, who worked on them, or which store holds them. A sender who never
//! saw our chunk size computes the same number. Each chunk contributes a [`TreeRange`], the roots of the few
//! perfect subtrees that tile its leaves; ranges are appended in order, and the last one's [`TreeRange::root`]
//! is the fingerprint. One record's place in it can be proven with a path of hashes.
//!
//! Source of the construction: RFC 6962 section 2.1 (leaf prefix 0, node prefix 1).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::hex;

/// A SHA-256 value, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a SHA-256 value: expected 64 hexadecimal digits")]
pub struct NotAHash;

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        hex::decode(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotAHash)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Hash {
    fn schema_name() -> Cow<'static, str> {
        "Hash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A SHA-256 digest in hexadecimal digits.",
            "type": "string",
            "pattern": "^[0-9a-fA-F]{64}$",
        })
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The hash of two subtrees side by side.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1_u8; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash::of(&bytes)
}

/// Why two ranges do not make one, or bytes do not make a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RangeError {
    /// The second does not begin where the first ends.
    #[error("a range that starts at leaf {begin} cannot follow one that ends at {end}")]
    NotAdjacent {
        /// Where the first range ends (the first leaf not in it).
        end: u64,
        /// Where the second begins.
        begin: u64,
    },
    /// The bytes are not those of a range.
    #[error("the bytes do not encode a range of leaves")]
    Malformed,
}

/// What a leaf of the fingerprint's tree stands for; the first byte of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LeafKind {
    /// A record that was accepted: its canonical form follows.
    Accepted = 1,
    /// A reject: its number and its raw bytes follow.
    Rejected = 2,
    /// A record that is not at this level (rejected, held or merged, seen from final): its number follows.
    Absent = 3,
    /// A record of another type than the tree's: nothing follows.
    Other = 4,
}

/// The roots of perfect subtrees, by level, in which no record is of the tree's type. The leaf's content is the one
/// byte of [`LeafKind::Other`].
static OTHERS: LazyLock<[Hash; 64]> = LazyLock::new(|| {
    let mut roots = [Hash::of(&[0, LeafKind::Other as u8]); 64];
    for level in 1..roots.len() {
        roots[level] = node_hash(&roots[level - 1], &roots[level - 1]);
    }
    roots
});

/// The leaves `begin..end` of a tree, held as the roots of the largest perfect subtrees that tile them: at
/// most two for each power of two, whatever the number of leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRange {
    begin: u64,
    end: u64,
    nodes: Vec<Hash>,
    levels: Vec<u8>,
}

impl TreeRange {
    /// No leaves yet, the next one being number `begin`.
    #[must_use]
    pub const fn starting_at(begin: u64) -> Self {
        Self { begin, end: begin, nodes: Vec::new(), levels: Vec::new() }
    }

    /// The first leaf's number.
    #[must_use]
    pub const fn begin(&self) -> u64 {
        self.begin
    }

    /// The number of the first leaf that is not in the range.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The roots of the subtrees that tile the range, left to right.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.nodes
    }

    /// The subtrees that tile the range, left to right: first leaf, first leaf after it, root.
    pub fn tiles(&self) -> impl Iterator<Item = (u64, u64, Hash)> + '_ {
        let mut begin = self.begin;
        self.nodes.iter().zip(&self.levels).map(move |(root, level)| {
            let end = begin + (1 << level);
            (std::mem::replace(&mut begin, end), end, *root)
        })
    }

    /// The hash of these leaves as a tree of their own, if they begin where a subtree of their number does: at a
    /// multiple of the least power of two that is not less than it. `None` of no leaves.
    #[must_use]
    pub fn by_itself(&self) -> Option<Hash> {
        let mut nodes = self.nodes.iter().rev();
        let last = nodes.next()?;
        Some(nodes.fold(*last, |right, left| node_hash(left, &right)))
    }

    /// The range whose subtrees have these roots.
    ///
    /// # Errors
    /// [`RangeError::Malformed`] when their number does not fit the bounds.
    pub fn from_roots(begin: u64, end: u64, roots: Vec<Hash>) -> Result<Self, RangeError> {
        if begin > end {
            return Err(RangeError::Malformed);
        }
        let levels = levels_that_tile(begin, end);
        if levels.len() != roots.len() {
            return Err(RangeError::Malformed);
        }
        Ok(Self { begin, end, nodes: roots, levels })
    }

    /// Adds the leaf whose content is `content`.
    pub fn push(&mut self, content: &[&[u8]]) {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        for part in content {
            hasher.update(part);
        }
        self.push_node(Hash(hasher.finalize().into()), 0);
    }

    /// Adds the leaf of a record that is of another type than the tree's. All these leaves are alike, and so are
    /// subtrees of nothing else: they are hashed once for all.
    pub fn push_other(&mut self) {
        self.push_node(OTHERS[0], 0);
    }

    fn push_node(&mut self, mut node: Hash, mut level: u8) {
        let mut start = self.end;
        self.end += 1 << level;
        // A right-hand sibling joins the left-hand one as long as that one is wholly inside the range.
        while (start >> level) & 1 == 1 && self.levels.last() == Some(&level) {
            let Some(left) = self.nodes.pop() else { break };
            self.levels.pop();
            let others = &OTHERS[usize::from(level)];
            node = match OTHERS.get(usize::from(level) + 1) {
                Some(both) if left == *others && node == *others => *both,
                _ => node_hash(&left, &node),
            };
            start -= 1 << level;
            level += 1;
        }
        self.nodes.push(node);
        self.levels.push(level);
    }

    /// Adds the leaves of `next`, which must begin where this range ends.
    ///
    /// # Errors
    /// [`RangeError::NotAdjacent`] when there is a gap or an overlap; this range is then unchanged.
    pub fn append(&mut self, next: &Self) -> Result<(), RangeError> {
        if next.begin != self.end {
            return Err(RangeError::NotAdjacent { end: self.end, begin: next.begin });
        }
        for (node, level) in next.nodes.iter().zip(&next.levels) {
            self.push_node(*node, *level);
        }
        Ok(())
    }

    /// The tree's hash, if the range begins at the first leaf. Of no leaves: SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        if self.begin != 0 {
            return None;
        }
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return Some(Hash::of(&[])) };
        Some(nodes.fold(*last, |right, left| node_hash(left, &right)))
    }

    /// One hash that stands for the range: of its bounds and its subtrees. Equal only when all leaves are.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Hash::of(&self.to_bytes())
    }

    /// The range as bytes: `begin`, `end` (big-endian), then 32 bytes a subtree.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.nodes.len() * 32);
        out.extend_from_slice(&self.begin.to_be_bytes());
        out.extend_from_slice(&self.end.to_be_bytes());
        for node in &self.nodes {
            out.extend_from_slice(&node.0);
        }
        out
    }

    /// The range that [`TreeRange::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RangeError::Malformed`] when the number of subtrees does not fit the bounds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RangeError> {
        match Self::split_from(bytes)? {
            (range, []) => Ok(range),
            _ => Err(RangeError::Malformed),
        }
    }

    /// As [`TreeRange::from_bytes`], for bytes that others may follow; those are returned too.
    ///
    /// # Errors
    /// [`RangeError::Malformed`] when there are too few of them.
    pub fn split_from(bytes: &[u8]) -> Result<(Self, &[u8]), RangeError> {
        let (begin, rest) = bytes.split_first_chunk::<8>().ok_or(RangeError::Malformed)?;
        let (end, nodes) = rest.split_first_chunk::<8>().ok_or(RangeError::Malformed)?;
        let (begin, end) = (u64::from_be_bytes(*begin), u64::from_be_bytes(*end));
        if begin > end {
            return Err(RangeError::Malformed);
        }
        let levels = levels_that_tile(begin, end);
        let (nodes, rest) = nodes.split_at_checked(levels.len() * 32).ok_or(RangeError::Malformed)?;
        let nodes = nodes
            .chunks_exact(32)
            .map(|node| node.try_into().map(Hash).map_err(|_| RangeError::Malformed))
            .collect::<Result<_, _>>()?;
        Ok((Self { begin, end, nodes, levels }, rest))
    }
}

/// The levels of the largest aligned subtrees that tile `begin..end`, left to right.
fn levels_that_tile(begin: u64, end: u64) -> Vec<u8> {
    let mut levels = Vec::new();
    let mut at = begin;
    while at < end {
        let aligned = at.trailing_zeros().min(63);
        let fits = (end - at).ilog2();
        let level = aligned.min(fits);
        #[allow(clippy::cast_possible_truncation, reason = "at most 63")]
        levels.push(level as u8);
        at += 1 << level;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    fn range(begin: u64, end: u64) -> TreeRange {
        let mut range = TreeRange::starting_at(begin);
        for leaf in begin..end {
            range.push(&[&leaf.to_be_bytes()]);
        }
        range
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        // Test vectors of the certificate-transparency project (merkletree/merkle_tree_test.cc): leaves "", "00",
        // "10", "2021", "3031", ... and the roots after 1, 2 and 3 of them.
        let leaves = ["", "00", "10"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        let mut range = TreeRange::starting_at(0);
        assert_eq!(
            range.root().map(|r| r.to_string()).unwrap(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in leaves.iter().zip(roots) {
            range.push(&[&hex::decode(leaf).unwrap()]);
            assert_eq!(range.root().unwrap().to_string(), root);
        }
    }

    proptest! {
        #[test]
        fn any_cutting_into_chunks_gives_the_root_of_an_independent_implementation(cuts in prop::collection::vec(0_u64..70, 0..12)) {
            let mut whole = TreeRange::starting_at(0);
            let mut peer = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
            let mut begin = 0;
            for length in cuts {
                whole.append(&range(begin, begin + length)).unwrap();
                for leaf in begin..begin + length {
                    peer.push(leaf.to_be_bytes().to_vec());
                }
                begin += length;
            }
            prop_assert_eq!(whole.root().unwrap().0.to_vec(), peer.root().as_bytes().to_vec());
        }

        #[test]
        fn a_range_survives_its_bytes(begin in 0_u64..200, length in 0_u64..200) {
            let range = range(begin, begin + length);
            prop_assert_eq!(TreeRange::from_bytes(&range.to_bytes()), Ok(range));
        }
    }

    #[test]
    fn a_gap_or_an_overlap_is_refused() {
        let mut first = range(0, 5);
        assert_eq!(first.append(&range(6, 8)), Err(RangeError::NotAdjacent { end: 5, begin: 6 }));
        assert_eq!(first.append(&range(4, 8)), Err(RangeError::NotAdjacent { end: 5, begin: 4 }));
        assert!(TreeRange::from_bytes(&first.to_bytes()[..40]).is_err());
        assert_eq!(range(3, 8).root(), None);
    }
}
