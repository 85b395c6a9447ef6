//! What every process needs around it: [`backoff`], [`clock`], [`secret`]s, [`files`] beside the source, [`telemetry`],
//! whom to trust in [`tls`], an error with its [`causes`], [`health`], which is what a look at a server found, and
//! work that may block, [`inline`] where it is simulated.

pub mod backoff;
pub mod causes;
pub mod clock;
pub mod files;
pub mod health;
pub mod inline;
pub mod secret;
pub mod telemetry;
pub mod tls;
