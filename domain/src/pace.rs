//! Which of several workers is slow.

/// A worker is compared once it has finished this many chunks.
const CHUNKS_MIN: u64 = 3;

/// A worker is slow whose median is more than this many times that of the others.
const TIMES: u64 = 2;

/// How long one of several workers in the same role takes for a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many chunks it finished.
    pub chunks: u64,
    /// The median of its times, in microseconds.
    pub median_us: u64,
}

/// Whether each worker is a straggler: it takes more than twice as long for a chunk, in the median, as the median of
/// the others that finished at least three chunks. A worker without others to compare it with is none.
#[must_use]
pub fn stragglers(paces: &[Pace]) -> Vec<bool> {
    let is_slow = |(at, pace): (usize, &Pace)| {
        let mut others: Vec<_> = paces
            .iter()
            .enumerate()
            .filter(|(other, pace)| *other != at && pace.chunks >= CHUNKS_MIN)
            .map(|(_, pace)| pace.median_us)
            .collect();
        others.sort_unstable();
        let usual = others.get(others.len().saturating_sub(1) / 2);
        pace.chunks >= CHUNKS_MIN && usual.is_some_and(|usual| pace.median_us > usual.saturating_mul(TIMES))
    };
    paces.iter().enumerate().map(is_slow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_one_is_marked_and_nobody_else() {
        for (medians, slow) in [
            (&[][..], &[][..]),
            (&[900], &[false]),
            (&[100, 210], &[false, true]),
            (&[100, 200], &[false, false]),
            (&[100, 110, 90, 1000], &[false, false, false, true]),
        ] {
            let paces: Vec<_> =
                medians.iter().map(|median_us| Pace { chunks: 3, median_us: *median_us }).collect();
            assert_eq!(stragglers(&paces), slow, "{medians:?}");
        }
        // One chunk says nothing.
        let paces = [Pace { chunks: 9, median_us: 100 }, Pace { chunks: 2, median_us: 5000 }];
        assert_eq!(stragglers(&paces), [false, false]);
    }
}
