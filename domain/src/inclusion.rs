//! One record's place in the fingerprint's tree: the audit path of RFC 6962 section 2.1.1, built from what chunks
//! contribute, and followed from leaf to root as RFC 9162 section 2.1.3.2 says.

use crate::fingerprint::{Hash, RangeError, TreeRange, node_hash};

/// Gathers the hashes beside the way from a leaf to the root, while the tree's ranges go by. It holds a few hashes for
/// each level of the tree, whatever its size.
#[derive(Debug)]
pub struct PathBuilder {
    leaf: u64,
    /// The subtrees beside the way, in the order of their leaves, each with where it ends.
    beside: Vec<(TreeRange, u64)>,
    next: u64,
    size: u64,
}

impl PathBuilder {
    /// For leaf number `leaf` of a tree of `size` leaves; `None` where it has no such leaf.
    #[must_use]
    pub fn new(leaf: u64, size: u64) -> Option<Self> {
        if leaf >= size {
            return None;
        }
        let mut beside = Vec::new();
        let (mut begin, mut end) = (0, size);
        while end - begin > 1 {
            // The greatest power of two that is less than the number of leaves.
            let split = begin + (1_u64 << (end - begin - 1).ilog2());
            if leaf < split {
                beside.push((TreeRange::starting_at(split), end));
                end = split;
            } else {
                beside.push((TreeRange::starting_at(begin), split));
                begin = split;
            }
        }
        beside.sort_by_key(|(range, _)| range.begin());
        Some(Self { leaf, beside, next: 0, size })
    }

    /// Takes the next leaves. The leaf itself must come as a range of its own.
    ///
    /// # Errors
    /// [`RangeError`] when they do not follow those before, or hide the leaf among others.
    pub fn take(&mut self, range: &TreeRange) -> Result<(), RangeError> {
        if range.begin() != self.next {
            return Err(RangeError::NotAdjacent { end: self.next, begin: range.begin() });
        }
        for (begin, end, root) in range.tiles() {
            if (begin, end) == (self.leaf, self.leaf + 1) {
                continue;
            }
            // A perfect subtree is a node of the whole tree: it lies within one of those beside the way, or holds the
            // leaf.
            let at = self.beside.partition_point(|(_, until)| *until <= begin);
            // Behind the leaf's own place `partition_point` has gone past it: ranges do not overlap.
            let within = self.beside.get_mut(at).filter(|(_, until)| end <= *until);
            let (subtree, _) = within.ok_or(RangeError::Malformed)?;
            subtree.append(&TreeRange::from_roots(begin, end, vec![root])?)?;
        }
        self.next = range.end();
        Ok(())
    }

    /// The path, from the leaf's sibling up.
    ///
    /// # Errors
    /// [`RangeError`] when leaves are missing.
    pub fn finish(self) -> Result<Vec<Hash>, RangeError> {
        let Self { leaf, mut beside, next, size } = self;
        if next != size || beside.iter().any(|(range, end)| range.end() != *end) {
            return Err(RangeError::NotAdjacent { end: next, begin: size });
        }
        // The nearer a subtree is to the leaf, the lower it stands.
        beside.sort_by_key(|(range, _)| height(leaf, range.begin()));
        beside.into_iter().map(|(range, _)| range.by_itself().ok_or(RangeError::Malformed)).collect()
    }
}

/// At which height the subtree that begins at `begin` is beside the way of `leaf`: the more the two numbers differ, the
/// higher.
const fn height(leaf: u64, begin: u64) -> u32 {
    64 - (leaf ^ begin).leading_zeros()
}

/// The root to which `path` leads from the leaf with this hash; `None` when a tree of `size` leaves has no such way.
#[must_use]
pub fn root(leaf: &Hash, leaf_no: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if leaf_no >= size {
        return None;
    }
    let (mut at, mut last) = (leaf_no, size - 1);
    let mut hash = *leaf;
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    fn range(begin: u64, end: u64) -> TreeRange {
        let mut range = TreeRange::starting_at(begin);
        (begin..end).for_each(|leaf| range.push(&[&leaf.to_be_bytes()]));
        range
    }

    /// The path of `leaf`, with the leaves before and after its chunk in chunks of `chunk`.
    fn path(leaf: u64, size: u64, chunk: u64) -> Vec<Hash> {
        let mut builder = PathBuilder::new(leaf, size).unwrap();
        let mut begin = 0;
        while begin < size {
            let end = (begin + chunk).min(size);
            if (begin..end).contains(&leaf) {
                (begin..end).for_each(|at| builder.take(&range(at, at + 1)).unwrap());
            } else {
                builder.take(&range(begin, end)).unwrap();
            }
            begin = end;
        }
        builder.finish().unwrap()
    }

    #[test]
    fn every_leaf_of_every_small_tree_leads_to_the_root_and_nowhere_else() {
        for size in 1..36 {
            let whole = range(0, size).root();
            for leaf in 0..size {
                for chunk in [1, 3, 7, 16, 64] {
                    let path = path(leaf, size, chunk);
                    let hash = range(leaf, leaf + 1).roots()[0];
                    assert_eq!(
                        root(&hash, leaf, size, &path),
                        whole,
                        "leaf {leaf} of {size}, chunks of {chunk}"
                    );
                    assert_ne!(root(&Hash::of(b"x"), leaf, size, &path), whole);
                    for other in 0..size {
                        assert!(
                            other == leaf || root(&hash, other, size, &path) != whole,
                            "{leaf} as {other} of {size}"
                        );
                    }
                    let longer = [&path[..], &[hash]].concat();
                    assert_ne!(root(&hash, leaf, size, &longer), whole);
                }
            }
        }
        assert!(PathBuilder::new(5, 5).is_none());
    }

    proptest! {
        #[test]
        fn a_path_is_that_of_an_independent_implementation(size in 1_u64..600, at in 0_u64..600, chunk in 1_u64..90) {
            let leaf = at % size;
            let mut peer = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
            (0..size).for_each(|leaf| peer.push(leaf.to_be_bytes().to_vec()));
            let theirs = peer.prove_inclusion(usize::try_from(leaf).unwrap());
            let ours: Vec<u8> = path(leaf, size, chunk).iter().flat_map(|hash| hash.0).collect();
            prop_assert_eq!(ours, theirs.as_bytes().to_vec());
        }
    }

    #[test]
    fn leaves_that_are_missing_or_hide_the_leaf_are_refused() {
        let mut builder = PathBuilder::new(5, 9).unwrap();
        assert!(builder.take(&range(1, 3)).is_err());
        builder.take(&range(0, 4)).unwrap();
        assert!(builder.take(&range(4, 8)).is_err());
        assert!(PathBuilder::new(5, 9).unwrap().finish().is_err());
    }
}
