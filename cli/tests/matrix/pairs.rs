//! What a pair is, and every pair there is.

use super::ground::Outcome;
use super::{combined, database, links, points, processes, wrecked};
use crate::own::Own;

/// On which servers a pair is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    /// Those that all share: several pairs at a time.
    Shared,
    /// Instances that may be wrecked: one pair after the other.
    Own,
}

/// The servers at hand.
pub(crate) struct Lab {
    pub(crate) own: Option<Own>,
}

impl Lab {
    pub(crate) fn servers(&self) -> crate::servers::Servers {
        self.own.as_ref().map_or_else(crate::servers::servers, Own::urls)
    }
}

/// What is done.
pub(crate) type Strike = Box<dyn Fn(&Lab) -> Outcome + Send + Sync>;

/// A fault, and the place where it strikes.
pub(crate) struct Pair {
    pub(crate) kind: &'static str,
    pub(crate) place: String,
    /// Whether `./test` tries it.
    pub(crate) in_subset: bool,
    pub(crate) servers: Servers,
    pub(crate) strike: Strike,
}

/// The whole matrix.
pub(crate) fn all() -> Vec<Pair> {
    [
        points::pairs(),
        processes::pairs(),
        links::pairs(),
        database::pairs(),
        combined::pairs(),
        wrecked::pairs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
