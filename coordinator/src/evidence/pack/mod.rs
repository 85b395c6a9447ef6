//! The evidence pack: written by [`export`], checked by [`mod@verify`] with neither store nor broker.
//!
//! What is in it and what must hold of it is in [`domain::pack`].

pub mod comparison;
mod contents;
mod error;
pub mod export;
mod job;
mod json;
pub mod keys;
mod leaves;
mod masked;
pub mod proof;
pub mod prove;
mod read;
mod verified;
pub mod verify;
mod write;

pub use error::PackError;
pub use verified::{Verified, Vouched};
pub use verify::{check, verify};
