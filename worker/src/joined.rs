//! A processor and a writer in one slot: the batch that one makes is committed by the other, and does not travel.
//!
//! Both are registered and counted as they are apart. The writer also takes batches from the queue, those of other
//! processors and of recounts, and takes all of them if the processor is drained.

use domain::counts::Role;

use crate::processor::ProcessorError;
use crate::writer::WriterError;
use crate::{Ended, Identity, Jobs, WorkerContext, processor, writer};

/// Why a joined slot ended although no one stopped it.
#[derive(Debug, thiserror::Error)]
pub enum JoinedError {
    /// Its processor ended.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// Its writer ended.
    #[error(transparent)]
    Writer(#[from] WriterError),
}

/// Runs a processor and its writer until the context's `stop` is cancelled, or an operator drains both.
///
/// # Errors
/// [`JoinedError`] when one of them cannot begin.
pub async fn run(
    context: &WorkerContext,
    (of_processor, of_writer): (&Identity, &Identity),
    jobs: &Jobs,
) -> Result<Ended, JoinedError> {
    let worker = context.register(Role::Writer, of_writer).await.map_err(WriterError::from)?;
    let first = context.register(Role::Processor, of_processor).await.map_err(ProcessorError::from)?;
    let (ended, _) = tokio::try_join!(
        async {
            Ok::<_, JoinedError>(processor::run_as(context, of_processor, jobs, (first, Some(worker))).await?)
        },
        async { Ok(writer::run_as(context, of_writer, jobs, worker).await?) },
    )?;
    Ok(ended)
}
