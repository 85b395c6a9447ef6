//! Where the decoder of a job's records comes from. There is one, [`Selector`]; a drill puts one with a defect in its
//! place, to see that what it misreads is found out (INV-13, INV-14).

use std::fmt;
use std::sync::Arc;

use crate::Job;
use crate::chunk::ChunkDecoder;
use crate::select::RecordDecoder;

/// Makes the decoder of a job's records.
type Make = dyn Fn(&Job) -> Result<Box<dyn RecordDecoder>, String> + Send + Sync;

/// What makes the decoders of a process.
#[derive(Clone, Default)]
pub struct Decoders(Option<Arc<Make>>);

impl Decoders {
    /// Decoders that are made by `make`, instead of the program's own: for a drill.
    pub fn made_by(
        make: impl Fn(&Job) -> Result<Box<dyn RecordDecoder>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(make)))
    }

    /// A decoder for the chunks of `job`. Its proof is the program's own in any case.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn of_chunks(&self, job: &Arc<Job>) -> Result<ChunkDecoder, String> {
        match &self.0 {
            None => ChunkDecoder::new(job),
            Some(make) => ChunkDecoder::with(job, make(job)?),
        }
    }
}

impl fmt::Debug for Decoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Decoders(made)" } else { "Decoders" })
    }
}
