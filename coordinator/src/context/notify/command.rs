//! The command: a program that gets the JSON on its standard input.

use std::process::Stdio;

use domain::ids::RunId;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Notify, NotifyError};

impl Notify {
    /// Starts the command, if there is one, and hands it `body`.
    pub(crate) async fn command(
        &self,
        run_id: RunId,
        outcome: &str,
        job: &str,
        body: &str,
    ) -> Result<(), NotifyError> {
        let Some((program, arguments)) = self.command.split_first() else { return Ok(()) };
        let name = || program.clone();
        let mut child = Command::new(program)
            .args(arguments)
            .env("CROSSFOOT_RUN", run_id.to_string())
            .env("CROSSFOOT_OUTCOME", outcome)
            .env("CROSSFOOT_JOB", job)
            .stdin(Stdio::piped())
            // Standard output is the report's.
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| NotifyError::Start { program: name(), error })?;
        let done = async {
            if let Some(mut stdin) = child.stdin.take() {
                // A program that does not read it is free not to.
                drop(stdin.write_all(body.as_bytes()).await);
            }
            child.wait().await
        };
        match tokio::time::timeout(self.timeout(), done).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(NotifyError::Exit { program: name(), status }),
            Ok(Err(error)) => Err(NotifyError::Wait { program: name(), error }),
            Err(_) => Err(NotifyError::Late { program: name(), limit_s: self.timeout().as_secs() }),
        }
    }
}
