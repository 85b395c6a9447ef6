//! What can be wrong with an object.

use object_store::Error;
use platform::secret::without_secrets;
use thiserror::Error as ThisError;

/// Why an object store did not do what it was asked for. Messages hold no credentials.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum ObjectError {
    /// The URL names no object store, or holds what belongs into the environment.
    #[error("invalid object URL: {0}")]
    BadUrl(String),
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// An object of that name is there already.
    #[error("the object exists already")]
    Exists,
    /// The object is no longer the one that was opened.
    #[error("the object was replaced by another one while it was read")]
    Replaced,
    /// The store refuses, or cannot be reached.
    #[error("{0}")]
    Failed(String),
}

impl From<Error> for ObjectError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::NotFound,
            Error::AlreadyExists { .. } => Self::Exists,
            Error::Precondition { .. } => Self::Replaced,
            other => Self::Failed(without_secrets(&platform::causes::chain(&other))),
        }
    }
}
