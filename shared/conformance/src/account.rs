//! Where the bytes of the fixture's chunks went.

use domain::bytes::{ByteClass, ByteCounts, BytePlace, ByteShares};
use domain::round_trip::{Equivalence, EquivalenceCount, RoundTrips};
use store::model::ChunkCut;

/// Where the bytes of a chunk of the fixture went, as far as a store is concerned.
pub(crate) fn shares(cut: &ChunkCut) -> ByteShares {
    let mut shares = all_in_fields(cut.bytes);
    shares.unaccounted.note(BytePlace { record_no: cut.first_record_no.0, offset: cut.offset });
    let sign = EquivalenceCount { record: 0, field: 1, kind: Equivalence::Sign, values: cut.records };
    shares.round_trips = RoundTrips { proved: cut.records, unproved: 0, equivalences: vec![sign] };
    shares
}

/// Shares in which all bytes are of fields.
pub(crate) fn all_in_fields(bytes: u64) -> ByteShares {
    let mut shares = ByteShares::none(1);
    *shares.of_type(Some(0)) = ByteCounts::only(ByteClass::Fields, bytes);
    shares
}
