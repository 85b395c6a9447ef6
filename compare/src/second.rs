//! A second look at the keys that differ, where a database does not show its rows as of one moment.
//!
//! A row that someone changes, moves or removes while a table is read may be seen twice, not at all, or as it never
//! was beside others. So what differs is read once more: a key whose rows are then the same differs, and one whose rows
//! are others is unstable, which is neither equal nor different.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use store::target::Target;

use crate::entries::Side;
use crate::error::CompareError;
use crate::join::kept;
use crate::run::{Compare, Read};
use crate::sides::Met;
use crate::sort::{SLICES, Sorted};

/// Keys that are looked at twice. Of a table in which more differ, it is not a writer that is to blame.
const KEYS_MAX: usize = 200_000;

/// For each table, the numbers of keys.
pub(crate) type Keys = Vec<HashSet<u64>>;

impl Compare {
    /// The keys that differ, and whose rows in `of`, which is one side, are others at a second look.
    pub(crate) async fn unstable(
        self: &Arc<Self>,
        of: &Arc<dyn Target>,
        side: Side,
        met: &Met,
    ) -> Result<Keys, CompareError> {
        let none = vec![HashSet::new(); met.sides.len()];
        if of.is_of_one_moment() || met.found.entries == 0 || met.found.entries > KEYS_MAX as u64 {
            return Ok(none);
        }
        let keys = tokio::task::block_in_place(|| self.differing(met))?;
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        let tables = self.prepared(&**of, side).await?;
        let tables = Arc::new(tables);
        let (again, _) = self.read_only(of, side, &tables, (None, Some(&keys)), None).await?;
        tokio::task::block_in_place(|| {
            let sides = met.sides.iter().zip(again).zip(&keys);
            let unstable = sides.map(|((sides, again), keys)| {
                let first = match side {
                    Side::Source => &sides.source,
                    Side::Target => &sides.target,
                };
                self.changed(first, again, keys)
            });
            unstable.collect()
        })
    }

    /// The keys of all differences, table by table.
    fn differing(&self, met: &Met) -> Result<Keys, CompareError> {
        let mut keys = vec![HashSet::new(); met.sides.len()];
        for slice in 0..SLICES {
            let mut merge = met.found.slice(slice, self.buffer(met.found.width(), 1))?;
            while let Some((_, bytes)) = merge.peek() {
                let (_, number, table) = kept(bytes).ok_or(CompareError::Ended("a temporary file"))?;
                keys.get_mut(table).map(|keys| keys.insert(number));
                merge.advance()?;
            }
        }
        Ok(keys)
    }

    /// The keys whose rows were others at the second look.
    fn changed(
        &self,
        first: &Sorted,
        again: Read,
        keys: &HashSet<u64>,
    ) -> Result<HashSet<u64>, CompareError> {
        let first = self.digests(first, keys)?;
        let again = self.digests(&Sorted::of(again.sorters)?, keys)?;
        Ok(keys.iter().copied().filter(|key| first.get(key) != again.get(key)).collect())
    }

    /// A digest of the rows of each key. Rows of one key come in the order of their bytes.
    fn digests(&self, sorted: &Sorted, keys: &HashSet<u64>) -> Result<HashMap<u64, u64>, CompareError> {
        let mut digests: HashMap<u64, DefaultHasher> = HashMap::new();
        for slice in 0..SLICES {
            let mut merge = sorted.slice(slice, self.buffer(sorted.width(), 1))?;
            while let Some((number, bytes)) = merge.peek() {
                if keys.contains(&number) {
                    let digest = digests.entry(number).or_default();
                    digest.write_usize(bytes.len());
                    digest.write(bytes);
                }
                merge.advance()?;
            }
        }
        Ok(digests.into_iter().map(|(number, digest)| (number, digest.finish())).collect())
    }
}

/// The keys of both, table by table.
pub(crate) fn together(mut keys: Keys, more: Keys) -> Keys {
    keys.iter_mut().zip(more).for_each(|(keys, more)| keys.extend(more));
    keys
}
