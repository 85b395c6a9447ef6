"""What the console answers, as types.

Each type has the members that programs decide by. `raw` is the whole answer: keys that a later version adds are in it.
A member that is missing or has another type than expected is an `UnexpectedAnswer`, never a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Mapping, Optional, Type, TypeVar

from .errors import UnexpectedAnswer

T = TypeVar("T")
Json = Dict[str, Any]

#: Verdicts that do not make a run fail. Every other one does, one that this client does not know included.
HARMLESS = frozenset({"pass", "warn", "vacuous"})


def take(source: Mapping[str, Any], name: str, kind: Type[T]) -> T:
    """Takes a member of the given type."""
    value = source.get(name)
    # A bool is an int in Python, but no number here.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UnexpectedAnswer(f"`{name}` is {value!r}, not of type {kind.__name__}")
    return value


def take_optional(source: Mapping[str, Any], name: str, kind: Type[T]) -> Optional[T]:
    """Takes a member that may be null or absent."""
    return None if source.get(name) is None else take(source, name, kind)


def moment(milliseconds: Optional[int]) -> Optional[datetime]:
    """The moment of a number of milliseconds since 1970, UTC."""
    if milliseconds is None:
        return None
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=milliseconds)


@dataclass(frozen=True)
class Session:
    """Who the client is at the console."""

    operator: str
    roles: List[str]
    version: str
    read_only: bool
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Session":
        return cls(take(raw, "operator", str), take(raw, "roles", list), take(raw, "version", str),
                   take(raw, "read_only", bool), raw)


@dataclass(frozen=True)
class Check:
    """What one check found. Counts and amounts are texts: exact, and never read as a float."""

    kind: str
    stage: str
    name: str
    invariant: Optional[str]
    expected: str
    actual: str
    discrepancy: str
    verdict: str
    message: str
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Check":
        return cls(take(raw, "kind", str), take(raw, "stage", str), take(raw, "name", str),
                   take_optional(raw, "invariant", str), take(raw, "expected", str), take(raw, "actual", str),
                   take(raw, "discrepancy", str), take(raw, "verdict", str), take(raw, "message", str), raw)

    @property
    def failed(self) -> bool:
        """Whether the check makes its run fail."""
        return self.verdict not in HARMLESS

    def __str__(self) -> str:
        values = f" (expected {self.expected}, found {self.actual})" if self.failed else ""
        return f"{self.name} ({self.stage}): {self.message}{values}"


@dataclass(frozen=True)
class Finding:
    """A record that differs: where it is, and both values."""

    stage: str
    difference: str
    record_no: Optional[int]
    byte_offset: Optional[int]
    field: Optional[str]
    expected: Optional[str]
    actual: Optional[str]
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Finding":
        return cls(take(raw, "stage", str), take(raw, "difference", str), take_optional(raw, "record_no", int),
                   take_optional(raw, "byte_offset", int), take_optional(raw, "field", str),
                   take_optional(raw, "expected", str), take_optional(raw, "actual", str), raw)

    def __str__(self) -> str:
        place = f"record {self.record_no}" if self.record_no is not None else "a record"
        if self.byte_offset is not None:
            place += f" at byte {self.byte_offset}"
        where = f", {self.field}" if self.field else ""
        values = "" if self.expected is None and self.actual is None else f": {self.expected!r} became {self.actual!r}"
        return f"{place}{where} {self.difference} ({self.stage}){values}"


@dataclass(frozen=True)
class Run:
    """A run of the list, and its progress."""

    run_id: str
    job: str
    state: str
    outcome: str
    source: str
    records: Optional[int]
    opened_at: Optional[datetime]
    ended_at: Optional[datetime]
    driven_by: Optional[str]
    note: Optional[str]
    chunks_split: int
    chunks_committed: int
    chunks_set_aside: int
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Run":
        return cls(take(raw, "run_id", str), take(raw, "job", str), take(raw, "state", str), take(raw, "outcome", str),
                   take(raw, "source", str), take_optional(raw, "records", int), moment(take(raw, "opened_at_ms", int)),
                   moment(take_optional(raw, "ended_at_ms", int)), take_optional(raw, "driven_by", str),
                   take_optional(raw, "note", str), take(raw, "chunks_split", int), take(raw, "chunks_committed", int),
                   take(raw, "chunks_set_aside", int), raw)


@dataclass(frozen=True)
class Act:
    """What an operator can do with a run, and why not."""

    name: str
    legal: bool
    why_not: Optional[str]
    does: str
    reason_needed: bool
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Act":
        return cls(take(raw, "act", str), take(raw, "legal", bool), take_optional(raw, "why_not", str),
                   take(raw, "does", str), take(raw, "reason_needed", bool), raw)


@dataclass(frozen=True)
class Report:
    """A run's report: its verdict, its checks and the records that differ."""

    run_id: str
    job: str
    state: str
    outcome: str
    note: Optional[str]
    source: str
    opened_at: Optional[datetime]
    ended_at: Optional[datetime]
    checks: List[Check]
    findings: List[Finding]
    findings_total: int
    driven_by: Optional[str]
    chunks_split: int
    chunks_committed: int
    #: What can be done with the run. Empty in a report that was asked for alone (`Client.report`).
    acts: List[Act]
    raw: Json = member(repr=False)

    @classmethod
    def of(cls, raw: Json) -> "Report":
        progress = take_optional(raw, "progress", dict) or {}
        return cls(
            run_id=take(raw, "run_id", str),
            job=take(raw, "job", str),
            state=take(raw, "state", str),
            outcome=take(raw, "outcome", str),
            note=take_optional(raw, "note", str),
            source=take(take(raw, "source", dict), "location", str),
            opened_at=moment(take(raw, "opened_at_ms", int)),
            ended_at=moment(take_optional(raw, "ended_at_ms", int)),
            checks=[Check.of(one) for one in take(raw, "checks", list)],
            findings=[Finding.of(one) for one in take(raw, "findings", list)],
            findings_total=take(raw, "findings_total", int),
            driven_by=take_optional(raw, "driven_by", str),
            chunks_split=take(progress, "chunks_split", int) if progress else 0,
            chunks_committed=take(progress, "chunks_committed", int) if progress else 0,
            acts=[Act.of(one) for one in take_optional(raw, "acts", list) or []],
            raw=raw,
        )

    @property
    def failed_checks(self) -> List[Check]:
        """The checks that make the run fail."""
        return [one for one in self.checks if one.failed]

    @property
    def reconciled(self) -> bool:
        """Whether the run is reconciled and promoted, and no check of it failed."""
        return (self.state, self.outcome) == ("promoted", "reconciled") and bool(self.checks) and not self.failed_checks
