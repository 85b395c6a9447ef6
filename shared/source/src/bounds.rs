//! What a compressed source cannot exceed. Nothing that it says makes memory grow past these.

/// How many bytes of content a compressed source may have for each of its bytes: no more than fixed-length records of
/// blanks have, and less than gzip's 1,032 and zstd's millions of a bomb.
pub const RATIO_MAX: u64 = 1000;

/// So much content may be compressed to any size.
pub const RATIO_FREE_BYTES: u64 = 64 << 20;

/// The base-2 logarithm of the most memory that a zstd frame may ask for: 128 MiB, as the `zstd` command takes.
pub const WINDOW_LOG_MAX: u32 = 27;
