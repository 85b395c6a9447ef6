//! What must hold of the mainframe formats whatever bytes they are given: the bodies of the fuzz targets in `fuzz/`.
//!
//! Each is a function of bytes alone that panics at the first surprise, so that libFuzzer, which finds its own way into
//! the code, and `tests/tests/fuzz.rs`, which needs nothing but a stable compiler, run the very same thing.

mod copybook;
mod decoder;
mod framing;
mod mutate;

pub use copybook::copybook;
pub use decoder::{decoder, is_accepted};
pub use framing::framing;
pub use mutate::Mutations;
