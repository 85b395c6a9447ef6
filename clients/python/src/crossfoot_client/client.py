"""The client: requests, pages, acts, and waiting for a verdict."""

from __future__ import annotations

import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable, Dict, Iterator, List, Optional

from .errors import (
    ApiError,
    AwaitingApproval,
    BackedOut,
    Cancelled,
    NotReconciled,
    Stalled,
    TimedOut,
    Unreachable,
    UnexpectedAnswer,
)
from .model import Act, Json, Report, Run, Session, take, take_optional

#: The longest answer that is read, in bytes.
ANSWER_BYTES_MAX = 256 << 20


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, so that a token goes nowhere but to the console."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Client:
    """A client of one console.

    `address` is the console's, such as `https://crossfoot.example` or `http://127.0.0.1:8787`. `token` is one that
    `crossfoot token add` printed; a console on a loopback address needs none from the user who started it.
    `timeout` is for each request, in seconds.
    """

    def __init__(self, address: str, token: Optional[str] = None, *, timeout: float = 30.0) -> None:
        url = urllib.parse.urlsplit(address)
        if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
            raise ValueError(f"{address!r} is not the address of a console, such as https://crossfoot.example")
        loopback = _is_loopback(url.hostname)
        if token is not None and url.scheme == "http" and not loopback:
            raise ValueError(f"the token would be sent to {url.hostname} unencrypted: use https")
        self.address = address.rstrip("/")
        self.timeout = timeout
        self._token = token
        self._secret: Optional[str] = None
        handlers: List[urllib.request.BaseHandler] = [_NoRedirects()]
        if loopback:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def __repr__(self) -> str:
        return f"Client({self.address!r})"

    # Reading

    def session(self) -> Session:
        """Returns who this client is at the console, and what it may do."""
        return Session.of(self.get("/session"))

    def runs(
        self, *, job: Optional[str] = None, state: Optional[str] = None, text: Optional[str] = None
    ) -> Iterator[Run]:
        """Yields runs, newest first, page by page."""
        return (Run.of(one) for one in self.pages("/runs", job=job, state=state, text=text))

    def run(self, run_id: str) -> Report:
        """Returns a run as it is now: its checks so far, its progress, and what can be done with it."""
        return Report.of(self.get(f"/runs/{_part(run_id)}"))

    def report(self, run_id: str) -> Report:
        """Returns the report of a run."""
        return Report.of(self.get(f"/runs/{_part(run_id)}/report"))

    def workers(self, run_id: str) -> Json:
        """Returns each worker's share of a run, as `crossfoot workers --json` prints it."""
        return self.get(f"/runs/{_part(run_id)}/workers")

    def rejects(self, run_id: str, *, reason: Optional[str] = None, field: Optional[str] = None) -> Iterator[Json]:
        """Yields a run's rejects, page by page."""
        return self.pages(f"/runs/{_part(run_id)}/rejects", reason=reason, field=field)

    def log(self, run_id: str) -> Iterator[Json]:
        """Yields the events of a run in the evidence log, page by page."""
        return self.pages(f"/runs/{_part(run_id)}/log")

    # Waiting

    def wait(
        self,
        run_id: str,
        *,
        timeout: Optional[float] = None,
        patience: Optional[float] = 900.0,
        poll: float = 2.0,
        approval: str = "raise",
        on_progress: Optional[Callable[[Report], None]] = None,
    ) -> Report:
        """Waits for a run's verdict. Returns its report only if the run is reconciled and promoted.

        `timeout`: seconds until `TimedOut`; the run continues. `patience`: seconds without a process that drives the
        run and without progress, or without an answer of the console, until `Stalled` or `Unreachable`. `approval`:
        `"raise"` raises `AwaitingApproval`; `"wait"` waits until someone approves or cancels the run. `on_progress` is
        called with each look at the run.
        """
        if approval not in ("raise", "wait"):
            raise ValueError(f"approval is {approval!r}: it must be \"raise\" or \"wait\"")
        begun = time.monotonic()
        moved, seen = begun, None
        while True:
            try:
                found: Optional[Report] = self.run(run_id)
            except (Unreachable, ApiError) as error:
                # A console is restarted now and then, and its store too; anything else stays as it is.
                if isinstance(error, ApiError) and error.status not in (429, 502, 503, 504):
                    raise
                if patience is not None and time.monotonic() - moved > patience:
                    raise
                found = None
            now = time.monotonic()
            if found is not None:
                if on_progress is not None:
                    on_progress(found)
                if self._is_over(found, approval):
                    return found
                progress = (found.state, found.chunks_split, found.chunks_committed, len(found.checks))
                if progress != seen or found.driven_by is not None or found.state == "awaiting-approval":
                    moved, seen = now, progress
                elif patience is not None and now - moved > patience:
                    raise Stalled(
                        f"run {run_id} is {found.state}, and for {patience:.0f} s no process has driven it: "
                        f"start the coordinator service, or resume the run", found)
            if timeout is not None and now - begun > timeout:
                state = "the console does not answer" if found is None else f"it is {found.state}"
                raise TimedOut(f"run {run_id} has no verdict after {timeout:.0f} s ({state}); it continues")
            time.sleep(poll)

    def _is_over(self, found: Report, approval: str) -> bool:
        """Whether the run is reconciled and promoted. Raises if it came to anything else."""
        if found.state == "promoted":
            # The verdict is that of the report, with all of its checks.
            report = self.report(found.run_id)
            if not report.reconciled:
                raise NotReconciled(report)
            return True
        if found.state == "not-reconciled":
            raise NotReconciled(self.report(found.run_id))
        if found.state == "cancelled":
            raise Cancelled(f"run {found.run_id} was cancelled: {found.note or 'no reason is given'}", found)
        if found.state == "backed-out":
            raise BackedOut(f"run {found.run_id} was {found.note or 'backed out'}", found)
        if found.state == "awaiting-approval":
            if approval == "raise":
                raise AwaitingApproval(
                    f"run {found.run_id} waits for approval: staging is proven equal to the source", found)
            return False
        if found.state not in ("loading", "staged"):
            raise UnexpectedAnswer(
                f"run {found.run_id} is in the state `{found.state}`, which this client does not know")
        return False

    # Acts

    def acts(self, run_id: str) -> List[Act]:
        """Returns what can be done with a run now, and why not."""
        return self.run(run_id).acts

    def approve(self, run_id: str, reason: Optional[str] = None) -> str:
        """Approves a run that waits for approval; it is verified again before it is promoted. Returns what was done."""
        return self.act(run_id, "approve", reason)

    def cancel(self, run_id: str, reason: Optional[str] = None) -> str:
        """Ends a run: none of its rows reach final. Returns what was done."""
        return self.act(run_id, "cancel", reason)

    def resume(self, run_id: str, reason: Optional[str] = None) -> str:
        """Continues a run that was interrupted. Returns what was done."""
        return self.act(run_id, "resume", reason)

    def redrive(self, run_id: str, reason: Optional[str] = None) -> str:
        """Requeues the chunks that were set aside, and continues the run. Returns what was done."""
        return self.act(run_id, "redrive", reason)

    def back_out(self, run_id: str, reason: str) -> str:
        """Takes a promoted run's rows out of final again. Returns what was done."""
        return self.act(run_id, "back-out", reason)

    def purge(self, run_id: str, reason: Optional[str] = None) -> str:
        """Deletes the staging rows and rejects of a run that is over. Returns what was done."""
        return self.act(run_id, "purge", reason)

    def act(self, run_id: str, name: str, reason: Optional[str] = None) -> str:
        """Does something with a run. Returns what was done, in a sentence."""
        body = {} if reason is None else {"reason": reason}
        return take(self._changing("POST", f"/runs/{_part(run_id)}/acts/{_part(name)}", body), "done", str)

    # Requests

    def get(self, path: str, **query: Optional[str]) -> Json:
        """Returns the answer to a request under /api/v1."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._request("GET", path + ("?" + urllib.parse.urlencode(given) if given else ""), None, {})

    def pages(self, path: str, **query: Optional[str]) -> Iterator[Json]:
        """Yields the items of a list, page by page."""
        cursor: Optional[str] = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from take(page, "items", list)
            following = page.get("next")
            if following is None:
                return
            if str(following) == cursor:
                raise UnexpectedAnswer(f"{path} answers with the same page again")
            cursor = str(following)

    def _changing(self, method: str, path: str, body: Json) -> Json:
        """A request that changes something: without a token it needs the session's secret."""
        if self._token is not None:
            return self._request(method, path, body, {})
        for attempt in (1, 2):
            if self._secret is None:
                self._secret = take(self.get("/session"), "csrf", str)
            try:
                return self._request(method, path, body, {"x-csrf-token": self._secret})
            except ApiError as error:
                # A console that was restarted has another secret. Nothing was done by the request that it refused.
                if error.status != 403 or attempt == 2:
                    raise
                self._secret = None
        raise AssertionError("unreachable")

    def _request(self, method: str, path: str, body: Optional[Json], headers: Dict[str, str]) -> Json:
        sent = {"Accept": "application/json", **headers}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(f"{self.address}/api/v1{path}", data, sent, method=method)
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return _parsed(answer.read(ANSWER_BYTES_MAX + 1), method, path)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(1 << 20)) from None
        except (OSError, EOFError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise Unreachable(f"the console at {self.address} does not answer: {reason}") from error


def _part(text: str) -> str:
    """A part of a path: without slashes, and neither empty nor `..`."""
    quoted = urllib.parse.quote(text, safe="")
    if quoted in ("", ".", ".."):
        raise ValueError(f"{text!r} names no run")
    return quoted


def _parsed(body: bytes, method: str, path: str) -> Json:
    if len(body) > ANSWER_BYTES_MAX:
        raise UnexpectedAnswer(f"the answer to {method} {path} is longer than {ANSWER_BYTES_MAX:,} bytes")
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise UnexpectedAnswer(f"the answer to {method} {path} is not JSON: {error}") from None
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"the answer to {method} {path} is not an object")
    return answer


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        problem = json.loads(body)
        return ApiError(status, take(problem, "detail", str), take_optional(problem, "next", str))
    except (ValueError, AttributeError, UnexpectedAnswer):
        return ApiError(status, f"the console answered with status {status}")
