//! Where a chunk's bytes went, as it travels.

use bincode::{Decode, Encode};
use domain::bytes::{ByteCounts, BytePlace, ByteShares, Places};
use domain::round_trip::{Equivalence, EquivalenceCount, RoundTrips};

/// How many bytes are of each class, in the order of [`domain::bytes::ByteClass::ALL`].
type Counts = [u64; 7];

/// Where a chunk's bytes went: see [`ByteShares`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct WireShares {
    types: Vec<Counts>,
    untyped: Counts,
    unaccounted: WirePlaces,
    filler_data: Vec<WirePlaces>,
    /// Accepted records that were encoded again, and those that were not.
    proved: u64,
    unproved: u64,
    /// Values in another form than the usual one: record type, field, the form's place in [`Equivalence::ALL`], count.
    equivalences: Vec<(u32, u32, u8, u64)>,
}

/// Records at which something was noticed: see [`Places`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
struct WirePlaces {
    records: u64,
    /// The first of them: number and offset.
    first: Vec<(u64, u64)>,
}

const fn counts(of: &ByteCounts) -> Counts {
    let ByteCounts { framing, fields, filler, unused_views, left_out, padding, rejects } = *of;
    [framing, fields, filler, unused_views, left_out, padding, rejects]
}

const fn byte_counts(of: Counts) -> ByteCounts {
    let [framing, fields, filler, unused_views, left_out, padding, rejects] = of;
    ByteCounts { framing, fields, filler, unused_views, left_out, padding, rejects }
}

impl From<&ByteShares> for WireShares {
    fn from(shares: &ByteShares) -> Self {
        Self {
            types: shares.types.iter().map(counts).collect(),
            untyped: counts(&shares.untyped),
            unaccounted: (&shares.unaccounted).into(),
            filler_data: shares.filler_data.iter().map(Into::into).collect(),
            proved: shares.round_trips.proved,
            unproved: shares.round_trips.unproved,
            equivalences: shares
                .round_trips
                .equivalences
                .iter()
                .map(|of| (of.record, of.field, of.kind as u8, of.values))
                .collect(),
        }
    }
}

impl From<&WireShares> for ByteShares {
    fn from(wire: &WireShares) -> Self {
        Self {
            types: wire.types.iter().copied().map(byte_counts).collect(),
            untyped: byte_counts(wire.untyped),
            unaccounted: (&wire.unaccounted).into(),
            filler_data: wire.filler_data.iter().map(Into::into).collect(),
            round_trips: RoundTrips {
                proved: wire.proved,
                unproved: wire.unproved,
                equivalences: wire.equivalences.iter().filter_map(equivalence).collect(),
            },
        }
    }
}

/// `None` for a form that this version does not know; the digest of the batch's content tells of it.
fn equivalence(&(record, field, kind, values): &(u32, u32, u8, u64)) -> Option<EquivalenceCount> {
    let kind = *Equivalence::ALL.get(usize::from(kind))?;
    Some(EquivalenceCount { record, field, kind, values })
}

impl From<&Places> for WirePlaces {
    fn from(places: &Places) -> Self {
        let first = places.first.iter().map(|place| (place.record_no, place.offset));
        Self { records: places.records, first: first.collect() }
    }
}

impl From<&WirePlaces> for Places {
    fn from(wire: &WirePlaces) -> Self {
        let first = wire.first.iter().map(|&(record_no, offset)| BytePlace { record_no, offset });
        Self { records: wire.records, first: first.collect() }
    }
}

impl WireShares {
    /// Every number, one after the other, each list after its length: what a digest is made of.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let mut all = vec![self.types.len() as u64];
        all.extend(self.types.iter().flatten());
        all.extend(self.untyped);
        all.push(self.filler_data.len() as u64);
        for places in self.filler_data.iter().chain([&self.unaccounted]) {
            all.extend([places.records, places.first.len() as u64]);
            all.extend(places.first.iter().flat_map(|(record_no, offset)| [*record_no, *offset]));
        }
        all.extend([self.proved, self.unproved, self.equivalences.len() as u64]);
        for (record, field, kind, values) in &self.equivalences {
            all.extend([u64::from(*record), u64::from(*field), u64::from(*kind), *values]);
        }
        all
    }
}

/// Shares with something in each part.
#[cfg(test)]
pub(crate) fn sample() -> WireShares {
    let mut shares = ByteShares::none(1);
    shares.types[0] = ByteCounts { fields: 900, filler: 90, ..ByteCounts::default() };
    shares.untyped.rejects = 10;
    shares.filler_data[0].note(BytePlace { record_no: 300, offset: 2 });
    let signs = EquivalenceCount { record: 0, field: 2, kind: Equivalence::Sign, values: 5 };
    shares.round_trips = RoundTrips { proved: 299, unproved: 1, equivalences: vec![signs] };
    let wire = WireShares::from(&shares);
    assert_eq!(ByteShares::from(&wire), shares);
    wire
}
