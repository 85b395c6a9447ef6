"""An Airflow operator that loads a file with Crossfoot and proves it: an example to copy into your plugins.

    load = CrossfootLoadOperator(
        task_id="load_ledger",
        job="/etc/crossfoot/ledger.toml",
        job_name="ledger",
        source="/landing/ledger-{{ ds_nodash }}.dat",
        console="https://crossfoot.example",
        token_variable="crossfoot_token",
    )

The task submits the run with the command line, which needs `crossfoot` and its settings on the worker, and a fleet with
a coordinator service. It then waits for the verdict through the console's API. It succeeds only if the run is
reconciled and promoted. Otherwise it fails, with the failed checks and the differing records in its log, and is not
tried again: the same file would fail the same way. A task that Airflow starts again (its worker died) waits for the run
that it had submitted: the unfinished one with this source and `job_name`, the name in the job file. `source` must be an
absolute path. Killing the task leaves the run to the fleet, unless `cancel_on_kill` is set.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Optional

from airflow.exceptions import AirflowFailException
from airflow.models import BaseOperator
from crossfoot_client import AwaitingApproval, Cancelled, Client, NotReconciled, Report


class CrossfootLoadOperator(BaseOperator):
    """Loads a file with Crossfoot, and succeeds only if it is reconciled and promoted."""

    template_fields = ("job", "source")

    def __init__(self, *, job: str, job_name: str, source: str, console: str, token_variable: Optional[str] = None,
                 crossfoot: str = "crossfoot", approval: str = "wait", run_timeout: Optional[float] = None,
                 poll: float = 5.0, cancel_on_kill: bool = False, **others: Any) -> None:
        super().__init__(**others)
        self.job, self.job_name, self.source = job, job_name, source
        self.console, self.token_variable = console, token_variable
        self.crossfoot, self.approval, self.run_timeout, self.poll = crossfoot, approval, run_timeout, poll
        self.cancel_on_kill = cancel_on_kill
        self.run_id: Optional[str] = None

    def client(self) -> Client:
        token = None
        if self.token_variable is not None:
            from airflow.models import Variable

            token = Variable.get(self.token_variable)
        return Client(self.console, token)

    def execute(self, context: Any) -> str:
        client = self.client()
        self.run_id = self.unfinished(client) or self.submit()
        try:
            report = client.wait(self.run_id, approval=self.approval, timeout=self.run_timeout, poll=self.poll,
                                 on_progress=self.say)
        except (NotReconciled, Cancelled, AwaitingApproval) as outcome:
            self.log.error("%s", outcome)
            raise AirflowFailException(str(outcome).splitlines()[0]) from outcome
        self.log.info("run %s of job %s is reconciled: %d checks, none failed", report.run_id, report.job,
                      len(report.checks))
        return report.run_id

    def unfinished(self, client: Client) -> Optional[str]:
        """The run of this source that an earlier start of this task submitted, if it has no verdict yet."""
        for state in ("loading", "staged", "awaiting-approval"):
            for run in client.runs(job=self.job_name, state=state):
                if run.source == self.source:
                    self.log.info("waiting for run %s, which was submitted before", run.run_id)
                    return run.run_id
        return None

    def submit(self) -> str:
        command = [self.crossfoot, "--json", "submit", self.job, "--source", self.source]
        done = subprocess.run(command, text=True, capture_output=True)
        if done.returncode != 0:
            # The error is the last line of standard error.
            self.log.error("%s", done.stderr.strip())
            message = f"the run was not submitted (exit code {done.returncode})"
            # 2: the command, job file or settings are wrong, or the file was loaded before: trying again cannot help.
            raise AirflowFailException(message) if done.returncode == 2 else RuntimeError(message)
        run_id = json.loads(done.stdout)["run_id"]
        self.log.info("submitted run %s", run_id)
        return str(run_id)

    def say(self, run: Report) -> None:
        self.log.info("run %s is %s: %d of %d chunks", run.run_id, run.state, run.chunks_committed, run.chunks_split)

    def on_kill(self) -> None:
        if self.cancel_on_kill and self.run_id is not None:
            self.client().cancel(self.run_id, "its Airflow task was killed")
