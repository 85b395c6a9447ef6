//! Loading: chunks go out through the [`window`], what workers report is taken by the [`collector`], and the
//! [`ranges`] of committed chunks are handed out to be read back, until every chunk is committed or set aside.

mod beside;
pub mod collector;
mod dispatch;
mod error;
mod follow;
mod loading;
pub mod ranges;
mod recount;
pub mod window;

pub use error::LoadError;
pub use loading::Load;
