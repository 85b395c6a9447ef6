//! What every process needs around it: [`backoff`], [`clock`], [`secret`]s, [`files`] beside the source, [`telemetry`],
//! whom to trust in [`tls`], an error with its [`causes`], and [`health`], which is what a look at a server found.

pub mod backoff;
pub mod causes;
pub mod clock;
pub mod files;
pub mod health;
pub mod secret;
pub mod telemetry;
pub mod tls;
