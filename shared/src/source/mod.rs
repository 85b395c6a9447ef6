//! stub
/// c
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression { /// a
 Auto, /// b
 None, /// c
 Gzip, /// d
 Zstd }
