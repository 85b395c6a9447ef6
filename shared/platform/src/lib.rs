//! What every process needs around it: [`backoff`], [`clock`], [`secret`]s, [`files`] beside the source, [`telemetry`],
//! whom to trust in [`tls`], an error with its [`causes`], [`health`], which is what a look at a server found, work
//! that may block, [`inline`] where it is simulated, the [`life`] of a loop, and [`trace`], the spans of the work on a
//! run.

pub mod backoff;
pub mod causes;
pub mod clock;
pub mod files;
pub mod health;
pub mod inline;
pub mod life;
pub mod secret;
pub mod telemetry;
pub mod tls;
pub mod trace;
