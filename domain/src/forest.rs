//! One tree for each record type of a source, each over all of the source's records.
//!
//! A record is a leaf of its own type's tree; in the others the same leaf says that the record is of another type.
//! So every tree has a leaf for every record, wherever the source was cut, and each type has a fingerprint of its own.
//! A source of one record type has one tree, and its root is the run's fingerprint; of several, the run's fingerprint
//! is the SHA-256 of `crossfoot types 1\n` and the roots in the order of the types.

use crate::fingerprint::{Hash, RangeError, TreeRange};

/// The leaves `begin..end` of each record type's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forest(Vec<TreeRange>);

impl From<TreeRange> for Forest {
    fn from(only: TreeRange) -> Self {
        Self(vec![only])
    }
}

impl Forest {
    /// One tree without leaves, the next one being number `begin`.
    #[must_use]
    pub fn starting_at(begin: u64) -> Self {
        Self(vec![TreeRange::starting_at(begin)])
    }

    /// One tree without leaves for each of `types` record types, at least one; the next leaf will be number `begin`.
    #[must_use]
    pub fn of_types(begin: u64, types: usize) -> Self {
        Self(vec![TreeRange::starting_at(begin); types.max(1)])
    }

    /// The first leaf's number.
    #[must_use]
    pub fn begin(&self) -> u64 {
        self.0.first().map_or(0, TreeRange::begin)
    }

    /// The number of the first leaf that is not there.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.0.first().map_or(0, TreeRange::end)
    }

    /// The tree of each record type.
    #[must_use]
    pub fn trees(&self) -> &[TreeRange] {
        &self.0
    }

    /// The first type's tree.
    pub(crate) fn first(&mut self) -> Option<&mut TreeRange> {
        self.0.first_mut()
    }

    /// These trees, then those of `others`: they must have the same leaves.
    ///
    /// # Errors
    /// [`RangeError::NotAdjacent`] when they have not.
    pub fn beside(mut self, others: Self) -> Result<Self, RangeError> {
        for tree in others.0 {
            if (tree.begin(), tree.end()) != (self.begin(), self.end()) && !self.0.is_empty() {
                return Err(RangeError::NotAdjacent { end: self.end(), begin: tree.begin() });
            }
            self.0.push(tree);
        }
        Ok(self)
    }

    /// Adds the leaves of `next`, which must begin where these trees end.
    ///
    /// # Errors
    /// [`RangeError`] when there is a gap, an overlap or another number of trees; these are then unchanged.
    pub fn append(&mut self, next: &Self) -> Result<(), RangeError> {
        if self.0.len() != next.0.len() {
            return Err(RangeError::Malformed);
        }
        let pairs = || self.0.iter().zip(&next.0);
        if let Some((tree, next)) = pairs().find(|(tree, next)| tree.end() != next.begin()) {
            return Err(RangeError::NotAdjacent { end: tree.end(), begin: next.begin() });
        }
        self.0.iter_mut().zip(&next.0).try_for_each(|(tree, next)| tree.append(next))
    }

    /// The fingerprint, if the trees begin at the first leaf; see the module.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        if let [only] = &self.0[..] {
            return only.root();
        }
        let mut bytes = b"crossfoot types 1\n".to_vec();
        for tree in &self.0 {
            bytes.extend_from_slice(&tree.root()?.0);
        }
        Some(Hash::of(&bytes))
    }

    /// The trees as bytes, one after the other: each states its own length.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(TreeRange::to_bytes).collect()
    }

    /// The trees that [`Forest::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RangeError::Malformed`] when the bytes are not those of trees with the same leaves.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, RangeError> {
        let mut trees: Vec<TreeRange> = Vec::new();
        while !bytes.is_empty() {
            let (tree, rest) = TreeRange::split_from(bytes)?;
            if trees.first().is_some_and(|first| (first.begin(), first.end()) != (tree.begin(), tree.end())) {
                return Err(RangeError::Malformed);
            }
            trees.push(tree);
            bytes = rest;
        }
        if trees.is_empty() { Err(RangeError::Malformed) } else { Ok(Self(trees)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two types, whose records come in the order of `is_second`.
    fn forest(begin: u64, is_second: &[bool]) -> Forest {
        let (mut one, mut two) = (TreeRange::starting_at(begin), TreeRange::starting_at(begin));
        for (at, second) in (begin..).zip(is_second) {
            let (own, other) = if *second { (&mut two, &mut one) } else { (&mut one, &mut two) };
            own.push(&[&at.to_be_bytes()]);
            other.push_other();
        }
        Forest(vec![one]).beside(Forest(vec![two])).unwrap()
    }

    #[test]
    fn a_source_of_one_type_has_that_types_fingerprint() {
        let mut tree = TreeRange::starting_at(0);
        tree.push(&[b"a"]);
        let forest = Forest(vec![tree.clone()]);
        assert_eq!(forest.root(), tree.root());
        assert_eq!(forest.to_bytes(), tree.to_bytes());
    }

    #[test]
    fn chunks_make_no_difference_and_types_do() {
        let types = [false, true, true, false, false, false, false, false, true, false, true];
        let whole = forest(0, &types);
        for cut in 0..types.len() {
            let mut joined = forest(0, &types[..cut]);
            let next = forest(cut as u64, &types[cut..]);
            joined.append(&Forest::from_bytes(&next.to_bytes()).unwrap()).unwrap();
            assert_eq!(joined, whole);
        }
        let mut other = types;
        other[3] = true;
        assert_ne!(forest(0, &other).root(), whole.root());
    }

    #[test]
    fn trees_of_other_leaves_do_not_stand_side_by_side() {
        let one = Forest::starting_at(0);
        assert!(one.clone().beside(Forest::starting_at(1)).is_err());
        assert!(Forest::from_bytes(&[]).is_err());
        let mut bytes = forest(0, &[true, false]).to_bytes();
        bytes.pop();
        assert!(Forest::from_bytes(&bytes).is_err());
        let mut two = forest(0, &[true]);
        assert_eq!(two.append(&Forest::starting_at(1)), Err(RangeError::Malformed));
        assert_eq!(two, forest(0, &[true]));
    }
}
