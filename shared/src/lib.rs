//! What coordinator and workers have in common.
//!
//! In the order of the flow: a [`job`] says what to load, [`source`] is where its bytes come from, [`mod@format`] how
//! bytes become records, [`wire`] what travels between processes, [`broker`] what carries it, [`post`] who seals it and
//! refuses what is not sealed, [`store`] where it
//! ends, [`readback`] how what is there is read again. [`config`], [`secret`], [`files`], [`clock`] and [`telemetry`] are the
//! surroundings, and [`health`] is what a look at them found.

pub mod broker;
pub mod causes;
pub mod clock;
pub mod config;
pub mod files;
pub mod format;
pub mod health;
pub mod job;
pub mod post;
pub mod readback;
pub mod secret;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod wire;
