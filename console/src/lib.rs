//! The operations console: what an operator asks and does, over HTTP, and the page that shows it.
//!
//! What is answered comes from [`coordinator::ops`], as the command line's answers do: a command and a button are the
//! same call, with the same refusals and the same event in the evidence log.
//!
//! | module | what it does |
//! |---|---|
//! | [`desk`] | holds what every request works with: the store, and the process that the console is part of |
//! | [`access`] | says who makes a request, and what they may do |
//! | `guard` | is what every request passes |
//! | `api` | answers under `/api/v1` |
//! | [`pulse`] | looks at the store once for all who watch |
//! | `metrics`, `openapi` | serve the metrics, and the description of the API |
//! | [`problem`] | says what went wrong, as RFC 9457 wants it |
//! | [`raw`] | writes the rejects of a run byte for byte |
//! | [`page`] | serves the page, which is in the binary |
//! | [`serve`] | listens, and ends when it is told to |

pub mod access;
mod api;
pub mod desk;
mod guard;
mod metrics;
mod openapi;
pub mod page;
pub mod problem;
pub mod pulse;
pub mod raw;
pub mod serve;

pub use api::acts::{WINDOW_CHUNKS, Why, carry_out, in_flight};
