"""A client for the API of Crossfoot's console.

    from crossfoot_client import Client

    client = Client("https://crossfoot.example", token=TOKEN)
    report = client.wait(run_id)        # returns only if the run is reconciled and promoted

`Client.wait` raises `NotReconciled` with the checks that failed. No outcome but `reconciled` returns from it.
"""

from .client import Client
from .errors import (
    ApiError,
    AwaitingApproval,
    BackedOut,
    Cancelled,
    CrossfootError,
    NotReconciled,
    Stalled,
    TimedOut,
    Unreachable,
    UnexpectedAnswer,
)
from .model import Act, Check, Finding, Report, Run, Session

__all__ = [
    "Act",
    "ApiError",
    "AwaitingApproval",
    "BackedOut",
    "Cancelled",
    "Check",
    "Client",
    "CrossfootError",
    "Finding",
    "NotReconciled",
    "Report",
    "Run",
    "Session",
    "Stalled",
    "TimedOut",
    "Unreachable",
    "UnexpectedAnswer",
]
