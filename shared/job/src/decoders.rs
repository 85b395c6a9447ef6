//! Where the decoder of a job's records comes from. There is one, [`Selector`]; a drill puts one with a defect in its
//! place, to see that what it misreads is found out (INV-13, INV-14).

use std::fmt;
use std::sync::Arc;

use domain::constraint::Reason;
use format::Decoded;

use crate::Job;
use crate::chunk::ChunkDecoder;
use crate::select::{Selector, Standing};

/// Tells record types apart, and decodes records.
pub trait RecordDecoder: fmt::Debug + Send {
    /// The place, among the job's record types, of the first that the record is of; `None`: it is of none.
    /// `standing`: whether it is the source's first or last.
    fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize>;

    /// What is said against a record that is of none of the types of `job`.
    fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason;

    /// Decodes a record of the type at `place`.
    fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>>;
}

impl RecordDecoder for Selector {
    fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize> {
        Self::type_of(self, record, standing)
    }

    fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason {
        Self::of_no_type(self, job, record)
    }

    fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>> {
        Self::decode(self, place, record)
    }
}

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
