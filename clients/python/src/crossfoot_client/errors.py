"""What can go wrong, each kind a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional

if TYPE_CHECKING:
    from .model import Check, Report


class CrossfootError(Exception):
    """Anything that this client raises."""


class Unreachable(CrossfootError):
    """The console did not answer."""


class UnexpectedAnswer(CrossfootError):
    """The console's answer is not of the form that this client knows."""


class ApiError(CrossfootError):
    """The console refused a request (RFC 9457)."""

    def __init__(self, status: int, detail: str, next: Optional[str] = None) -> None:
        super().__init__(f"{detail}; {next}" if next else detail)
        self.status = status
        self.detail = detail
        self.next = next


class TimedOut(CrossfootError):
    """The run did not end within the time that was allowed. It continues."""


class _OfRun(CrossfootError):
    """What a run came to, other than reconciled."""

    def __init__(self, message: str, report: "Report") -> None:
        super().__init__(message)
        self.report = report
        self.run_id = report.run_id


class NotReconciled(_OfRun):
    """The run is not reconciled. `failed_checks` are the checks that say why; nothing of the run is in final."""

    def __init__(self, report: "Report") -> None:
        self.failed_checks: List["Check"] = report.failed_checks
        lines = [f"run {report.run_id} of job {report.job} is not reconciled: {report.note or report.outcome}"]
        lines += [f"  failed: {check}" for check in self.failed_checks]
        if report.findings_total:
            lines.append(f"  differing records: {report.findings_total:,}")
            lines += [f"    {finding}" for finding in report.findings[:20]]
        super().__init__("\n".join(lines), report)


class Cancelled(_OfRun):
    """An operator cancelled the run. Nothing of it is in final."""


class BackedOut(Cancelled):
    """The run was promoted, and an operator took its rows out of final again. Nothing of it is in final."""


class AwaitingApproval(_OfRun):
    """The run waits for a person's approval."""


class Stalled(_OfRun):
    """No process drives the run, and it does not move. It can be resumed."""
