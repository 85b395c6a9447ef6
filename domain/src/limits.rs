//! How large a chunk may be, whatever a job or the settings ask for.

/// The largest chunk, in bytes: as rows (a field of one digit and its separator become 13 bytes) it must fit a
/// message, and no message is above 16 MiB.
pub const CHUNK_BYTES_MAX: usize = 2 << 20;

/// The most records a chunk may have, so that what is known of each of them stays small.
pub const CHUNK_RECORDS_MAX: u64 = 50_000;
