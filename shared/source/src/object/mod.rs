//! Objects in S3, Google Cloud Storage and Azure Blob Storage, for callers that block as they do for files.
//!
//! Credentials and endpoints come from the environment, under the names that the providers' own tools use (`AWS_*`,
//! `GOOGLE_*`, `AZURE_*`). A URL never holds any.

mod error;
mod opened;
mod place;
mod reader;
mod wait;

pub use error::ObjectError;
pub use opened::Opened;
pub use place::{About, Place};
pub use reader::{Object, ObjectReader};
