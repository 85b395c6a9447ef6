//! How the bytes of a source's chunks reach the workers, and which sources can be read in parts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

/// How the bytes of a chunk reach the worker that decodes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Travel {
    /// The message holds them.
    #[default]
    Inline,
    /// The message holds none: the worker reads them where the ledger says that the source is.
    ByReference,
}

/// What a source is to a process that wants to read a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A file or an object whose bytes are its content.
    Plain,
    /// A file or an object that must be read from its beginning, because it is compressed.
    Compressed,
    /// Standard input, a pipe or a device, which can be read only once.
    Stream,
}

/// Why chunks of a source cannot be handed out by reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotByReference {
    /// The source is compressed.
    #[error(
        "the source is compressed, so its chunks have no place in it that a worker could read; decompress it, or load \
         it with `chunks = \"inline\"` under [fleet]"
    )]
    Compressed,
    /// The source is a stream.
    #[error(
        "the source can be read only once, so that no worker can read a part of it; save it to a file, or load it with \
         `chunks = \"inline\"` under [fleet]"
    )]
    Stream,
}

impl Travel {
    /// Whether the chunks of a source of this shape can travel so.
    ///
    /// # Errors
    /// [`NotByReference`] when they are to travel by reference and cannot.
    pub const fn of(self, shape: Shape) -> Result<Self, NotByReference> {
        match (self, shape) {
            (Self::Inline, _) | (Self::ByReference, Shape::Plain) => Ok(self),
            (Self::ByReference, Shape::Compressed) => Err(NotByReference::Compressed),
            (Self::ByReference, Shape::Stream) => Err(NotByReference::Stream),
        }
    }
}

/// A run ends when none of its chunks was settled for this long, and only workers that could not read the source have
/// begun those that are in flight.
pub const UNREAD_MAX: Duration = Duration::from_secs(60);

/// Whether a run whose chunks travel by reference is to end, because no worker can read its source. `still` is the time
/// since a chunk was settled. `only_handed_back`: workers handed chunks back that are in flight, and none of the others
/// in flight was begun by a worker that could read it.
#[must_use]
pub fn is_unreadable(still: Duration, only_handed_back: bool) -> bool {
    only_handed_back && still >= UNREAD_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_source_is_handed_out_by_reference() {
        for (shape, by_reference) in [
            (Shape::Plain, Ok(Travel::ByReference)),
            (Shape::Compressed, Err(NotByReference::Compressed)),
            (Shape::Stream, Err(NotByReference::Stream)),
        ] {
            assert_eq!(Travel::ByReference.of(shape), by_reference);
            assert_eq!(Travel::Inline.of(shape), Ok(Travel::Inline));
        }
    }

    #[test]
    fn a_run_ends_when_nobody_could_read_for_long_and_not_while_one_worker_can() {
        let (soon, late) = (UNREAD_MAX.saturating_sub(Duration::from_millis(1)), UNREAD_MAX);
        for (still, only_handed_back, ends) in
            [(soon, true, false), (late, true, true), (late, false, false), (soon, false, false)]
        {
            assert_eq!(is_unreadable(still, only_handed_back), ends, "{still:?}");
        }
    }
}
