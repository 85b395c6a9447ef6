//! Compares a source with a load that another program made, and locates every difference.
//!
//! ```text
//! source ─ split ─ decoders ─┐                        ┌─ slice ─┐
//!                            ├─ sorted by key on disk ┼─ slice ─┼─ checks, differences, report
//! target ──────── readers ───┘                        └─ slice ─┘
//! ```
//!
//! What was sorted can be kept in a folder ([`Work`]), so that a comparison that is stopped is resumed.
//!
//! Decoders and readers are threads and connections of this process, or the workers of a fleet ([`Fleet`], [`Helper`]).
//!
//! Nothing is loaded into the target and nothing is written to it. Both sides are read once, side by side, and sorted
//! by a number that follows from each key: in memory up to a bound, in temporary files beyond it. Then workers take the
//! sorted entries slice by slice and bring together what has one key. What counts as equal, and what two sides amount
//! to, is decided in [`domain::comparison`].

mod chain_text;
mod content;
mod differences;
mod entries;
mod error;
mod file_target;
mod fleet;
mod html;
mod join;
mod junit;
mod pace;
mod quick;
mod quick_text;
mod report;
mod run;
mod second;
mod sides;
mod sort;
mod source;
#[cfg(test)]
mod tests;
pub mod text;
mod work;

pub use chain_text::chain_text;
pub use content::KnownContent;
pub use differences::DifferenceFile;
pub use error::CompareError;
pub use file_target::FileTarget;
pub use fleet::{Fleet, Helper};
pub use html::html;
pub use junit::junit;
pub use pace::Pace;
pub use quick::Known;
pub use quick_text::quick_text;
pub use run::{Compare, Source, Workers};
pub use work::{ChainHop, ChainWork, Work};
