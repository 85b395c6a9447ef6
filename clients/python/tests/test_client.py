"""The client against a real console: `crossfoot demo --console`, whose store then also gets runs by command.

CROSSFOOT names the binary. Run by clients/python/check.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import types
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

from crossfoot_client import (  # noqa: E402
    ApiError, AwaitingApproval, BackedOut, Cancelled, Client, NotReconciled, Report, Stalled, TimedOut,
    UnexpectedAnswer,
    Unreachable)

CROSSFOOT = os.path.abspath(os.environ.get("CROSSFOOT", HERE.parents[2] / "target/debug/crossfoot"))


def drained(console, until="http://"):
    """Reads what a console says until it is ready; its address becomes a member. Returns the thread that reads on."""
    console.address = None
    for line in console.stderr:
        console.address = console.address or (re.search(r"http://[\d.:]+", line) or [None])[0]
        if until in line:
            break
    assert console.address, "the console printed no address"

    def rest():
        with console.stderr:
            console.stderr.read()
    thread = threading.Thread(target=rest, daemon=True)
    thread.start()
    return thread


class WithConsole(unittest.TestCase):
    """A console over the demo's store, in which one run is not reconciled."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSFOOT_")}
        cls.environment = {**environment, "CROSSFOOT_OPERATOR": "first"}
        cls.demo = subprocess.Popen(
            [CROSSFOOT, "demo", "--console", "--inject", "--records", "2000"], cwd=cls.folder.name, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=cls.environment)
        cls.addClassCleanup(lambda: cls.drain.join())
        cls.addClassCleanup(cls.demo.wait)
        cls.addClassCleanup(cls.demo.send_signal, signal.SIGTERM)
        cls.drain = drained(cls.demo, "the console continues")
        cls.address = cls.demo.address
        cls.client = Client(cls.address)

    def crossfoot(self, *arguments):
        """Runs a command on the demo's store; returns its exit code and what it printed as JSON."""
        command = [CROSSFOOT, "--json", "--store", "sqlite:crossfoot-demo/crossfoot.db", *arguments]
        done = subprocess.run(command, text=True, cwd=self.folder.name, env=self.environment, capture_output=True)
        self.assertTrue(done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout)

    def paused(self):
        """Opens a run that waits for approval."""
        code, report = self.crossfoot("run", "crossfoot-demo/postings.toml", "--source", "crossfoot-demo/postings.dat",
                                      "--pause-after", "staged", "--again", "--reason", "a test")
        self.assertEqual((code, report["outcome"]), (3, "awaiting-approval"))
        return report["run_id"]

    def first(self):
        """The run of the demo: damaged, and so not reconciled."""
        return list(self.client.runs(job="postings"))[-1]


class Reading(WithConsole):
    def test_a_loopback_console_knows_its_operator(self):
        session = self.client.session()
        self.assertEqual(session.operator, "first")
        self.assertIn("approver", session.roles)

    def test_the_list_has_the_run_and_its_progress(self):
        run = self.first()
        self.assertEqual((run.job, run.state, run.records), ("postings", "not-reconciled", 2002))
        self.assertEqual(run.chunks_split, run.chunks_committed)
        self.assertLess(run.opened_at, run.ended_at)

    def test_filters_are_passed_on(self):
        self.assertEqual(list(self.client.runs(job="another")), [])
        self.assertEqual([run.run_id for run in self.client.runs(state="not-reconciled")], [self.first().run_id])

    def test_waiting_for_a_run_that_is_not_reconciled_raises_its_failed_checks(self):
        with self.assertRaises(NotReconciled) as raised:
            self.client.wait(self.first().run_id)
        names = {check.name for check in raised.exception.failed_checks}
        self.assertIn("each day adds up to zero", names)
        self.assertIn("sum of posting.amount, source to staging", names)
        self.assertIn("record 801 at byte 80000", str(raised.exception))
        self.assertIn("(expected 0.00, found -", str(raised.exception))

    def test_findings_name_the_record_and_both_values(self):
        report = self.client.report(self.first().run_id)
        cent = next(one for one in report.findings if one.record_no == 801)
        self.assertEqual((cent.field, cent.byte_offset), ("amount", 80000))
        self.assertNotEqual(cent.expected, cent.actual)

    def test_the_log_of_a_run_is_read_to_its_end(self):
        kinds = [one["kind"] for one in self.client.log(self.first().run_id)]
        self.assertEqual((kinds[0], kinds[-1]), ("not-reconciled", "opened"))

    def test_what_does_not_exist_is_an_error_with_its_status(self):
        for wrong, status in (("nope", 404), ("01a21f3d-4620-7c40-adf7-54b3672cb30a", 404)):
            with self.assertRaises(ApiError) as raised:
                self.client.report(wrong)
            self.assertEqual(raised.exception.status, status)

    def test_a_run_id_is_no_path(self):
        for wrong in ("", ".", ".."):
            with self.assertRaises(ValueError):
                self.client.report(wrong)
        with self.assertRaises(ApiError):
            self.client.report("../jobs")


class Acting(WithConsole):
    def test_an_act_that_is_not_legal_is_refused_and_says_why(self):
        with self.assertRaises(ApiError) as raised:
            self.client.approve(self.first().run_id)
        self.assertEqual(raised.exception.status, 409)
        self.assertIn("only a run that is awaiting approval can be approved", str(raised.exception))

    def test_a_run_that_waits_for_approval_is_approved_and_promoted(self):
        run_id = self.paused()
        with self.assertRaises(AwaitingApproval):
            self.client.wait(run_id)
        with self.assertRaises(TimedOut):
            self.client.wait(run_id, approval="wait", timeout=0.3, poll=0.1)
        self.assertTrue(next(act for act in self.client.acts(run_id) if act.name == "approve").legal)
        self.assertIn("approved run", self.client.approve(run_id, "looked at"))
        looks = []
        report = self.client.wait(run_id, approval="wait", poll=0.1, timeout=60, on_progress=looks.append)
        self.assertTrue(report.reconciled)
        self.assertEqual(report.failed_checks, [])
        self.assertTrue(looks)
        reasons = [one for one in self.client.log(run_id) if "looked at" in json.dumps(one)]
        self.assertTrue(reasons, "the log keeps the reason")
        self.assertIn("taken out of final", self.client.back_out(run_id, "the wrong file"))
        with self.assertRaises(BackedOut) as raised:
            self.client.wait(run_id)
        self.assertIn("the wrong file", str(raised.exception))
        self.assertIn("row", self.client.purge(run_id))

    def test_a_run_that_is_cancelled_raises(self):
        run_id = self.paused()
        self.client.cancel(run_id, "not today")
        with self.assertRaises(Cancelled) as raised:
            self.client.wait(run_id)
        self.assertEqual(raised.exception.run_id, run_id)

    def test_a_client_of_a_console_that_was_restarted_gets_its_new_secret(self):
        client = Client(self.address)
        client._secret = "of the console before"
        run_id = self.paused()
        self.assertIn("cancelled", client.cancel(run_id, "again"))


class WithToken(WithConsole):
    """A second console over the same store, which asks for a token."""

    def setUp(self):
        made = {role: self.crossfoot("token", "add", "--name", f"etl-{role}", "--role", role)[1]
                for role in ("viewer", "operator")}
        self.addCleanup(lambda: [self.crossfoot("token", "revoke", one["token_id"]) for one in made.values()])
        console = subprocess.Popen(
            [CROSSFOOT, "--store", "sqlite:crossfoot-demo/crossfoot.db", "console", "--require-token", "--listen",
             "127.0.0.1:0"], cwd=self.folder.name, env=self.environment, text=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.addCleanup(drained(console).join)
        self.addCleanup(console.wait)
        self.addCleanup(console.terminate)
        self.clients = {role: Client(console.address, one["token"]) for role, one in made.items()}

    def test_without_a_token_or_with_a_wrong_one_nothing_is_answered(self):
        for token in (None, "wrong"):
            with self.assertRaises(ApiError) as raised:
                Client(self.clients["viewer"].address, token).report(self.first().run_id)
            self.assertEqual(raised.exception.status, 401)

    def test_a_token_does_what_its_role_may(self):
        run_id = self.paused()
        viewer, operator = self.clients["viewer"], self.clients["operator"]
        self.assertEqual(viewer.session().operator, "etl-viewer")
        with self.assertRaises(ApiError) as raised:
            viewer.cancel(run_id)
        self.assertEqual(raised.exception.status, 403)
        with self.assertRaises(ApiError):
            operator.approve(run_id)
        self.assertIn("cancelled run", operator.cancel(run_id, "not today"))
        self.assertIn("etl-operator", json.dumps(list(self.client.log(run_id))))


class WithOperator(WithConsole):
    """The Airflow operator, with stand-ins for Airflow and for the command that submits."""

    def operator(self, run_id):
        airflow = {name: types.ModuleType(name) for name in ("airflow", "airflow.models", "airflow.exceptions")}
        airflow["airflow.models"].BaseOperator = type("BaseOperator", (), {
            "__init__": lambda self, **given: self.__dict__.update(given),
            "log": __import__("logging").getLogger("operator")})
        airflow["airflow.exceptions"].AirflowFailException = type("AirflowFailException", (Exception,), {})
        self.addCleanup(lambda: [sys.modules.pop(name) for name in airflow])
        sys.modules.update(airflow)
        loader = SourceFileLoader("airflow_operator", str(HERE.parent / "examples/airflow_operator.py"))
        module = module_from_spec(spec_from_loader("airflow_operator", loader))
        loader.exec_module(module)
        command = pathlib.Path(self.folder.name) / "submit"
        answer = json.dumps({"run_id": run_id, "state": "loading"})
        command.write_text(f"#!/bin/sh\necho \"$@\" >>{command}.log\necho '{answer}'\n")
        command.chmod(0o755)
        operator = module.CrossfootLoadOperator(
            task_id="load", job="crossfoot-demo/postings.toml", job_name="postings", source="postings.dat",
            console=self.address, crossfoot=str(command), poll=0.1)
        return operator, airflow["airflow.exceptions"].AirflowFailException, command


class OperatorFails(WithOperator):
    def test_a_run_that_is_not_reconciled_fails_the_task_with_its_checks_in_the_log(self):
        operator, failure, command = self.operator(self.first().run_id)
        with self.assertLogs("operator", "ERROR") as logged, self.assertRaises(failure):
            operator.execute({})
        self.assertIn("each day adds up to zero", "\n".join(logged.output))
        submitted = pathlib.Path(f"{command}.log").read_text()
        self.assertIn("submit crossfoot-demo/postings.toml --source postings.dat", submitted)

    def test_a_task_that_starts_again_waits_for_its_run_and_submits_no_other(self):
        run_id = self.paused()
        operator, failure, command = self.operator("none")
        operator.source, operator.approval = next(self.client.runs(state="awaiting-approval")).source, "raise"
        with self.assertLogs("operator"), self.assertRaises(failure) as raised:
            operator.execute({})
        self.assertIn(f"run {run_id} waits for approval", str(raised.exception))
        operator.job_name = "another"
        self.assertIsNone(operator.unfinished(self.client))
        self.client.cancel(run_id)


class OperatorSucceeds(WithOperator):
    def test_a_run_that_is_reconciled_returns_its_id(self):
        run_id = self.paused()
        self.client.approve(run_id, "a test")
        operator, _, _ = self.operator(run_id)
        operator.approval = "wait"
        self.assertEqual(operator.execute({}), run_id)


class Scripted(unittest.TestCase):
    """What a real console answers only now and then: a server whose answers are set."""

    def setUp(self):
        answers = self.answers = []
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                status, body, headers = answers.pop(0) if len(answers) > 1 else answers[0]
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.client = Client(f"http://127.0.0.1:{self.server.server_port}", token="secret")

    def run_of(self, state, outcome, **other):
        return {"run_id": "r", "job": "j", "state": state, "outcome": outcome, "note": None,
                "source": {"location": "f"}, "opened_at_ms": 0, "ended_at_ms": None, "checks": [],
                "findings": [], "findings_total": 0, **other}

    def check(self, verdict):
        return {"kind": "count", "stage": "final", "name": "records", "invariant": None, "expected": "1", "actual": "2",
                "discrepancy": "1", "verdict": verdict, "message": "records are equal"}

    def test_promoted_alone_is_no_success(self):
        for verdict in ("fail", "a verdict of a later version"):
            self.answers[:] = [(200, self.run_of("promoted", "reconciled", checks=[self.check(verdict)]), {})]
            with self.assertRaises(NotReconciled):
                self.client.wait("r")
        self.answers[:] = [(200, self.run_of("promoted", "reconciled"), {})]
        with self.assertRaises(NotReconciled):
            self.client.wait("r")
        self.answers[:] = [(200, self.run_of("promoted", "unfinished", checks=[self.check("pass")]), {})]
        with self.assertRaises(NotReconciled):
            self.client.wait("r")

    def test_a_state_or_form_that_is_not_known_is_an_error(self):
        for answer in (self.run_of("half-promoted", "reconciled"), {"run_id": "r"}, [], b"<html>"):
            self.answers[:] = [(200, answer, {})]
            with self.assertRaises(UnexpectedAnswer):
                self.client.wait("r")

    def test_a_console_that_is_away_for_a_moment_is_waited_for(self):
        done = self.run_of("promoted", "reconciled", checks=[self.check("pass")])
        away = (503, {"detail": "the store does not answer"}, {})
        self.answers[:] = [away, (502, b"bad gateway", {}), (200, done, {})]
        self.assertTrue(self.client.wait("r", poll=0.01).reconciled)

    def test_a_run_that_no_process_drives_is_not_waited_for_without_end(self):
        self.answers[:] = [(200, self.run_of("loading", "unfinished"), {})]
        with self.assertRaises(Stalled):
            self.client.wait("r", poll=0.01, patience=0.05)

    def test_a_run_that_is_driven_is_waited_for(self):
        self.answers[:] = [(200, self.run_of("loading", "unfinished", driven_by="a coordinator"), {})]
        with self.assertRaises(TimedOut):
            self.client.wait("r", poll=0.01, patience=0.05, timeout=0.3)

    def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(self):
        self.answers[:] = [(302, b"", {"Location": f"http://127.0.0.1:{self.server.server_port}/elsewhere"})]
        with self.assertRaises(ApiError):
            self.client.report("r")
        self.assertEqual(self.asked, [("/api/v1/runs/r/report", "Bearer secret")])

    def test_a_page_that_comes_again_is_an_error(self):
        self.answers[:] = [(200, {"items": [], "next": "2"}, {})]
        with self.assertRaises(UnexpectedAnswer):
            list(self.client.runs())

    def test_no_console_is_an_error_of_its_own(self):
        with self.assertRaises(Unreachable):
            Client("http://127.0.0.1:1").session()

    def test_a_token_is_not_sent_unencrypted_to_another_machine(self):
        for wrong in ("http://crossfoot.example", "crossfoot.example", "ftp://x", "https://user:pass@x"):
            with self.assertRaises(ValueError):
                Client(wrong, token="secret")
        Client("https://crossfoot.example/behind", token="secret")

    def test_an_amount_stays_a_text(self):
        report = Report.of(self.run_of("loading", "unfinished", checks=[{**self.check("fail"), "expected": "0.10"}]))
        self.assertEqual(report.checks[0].expected, "0.10")
        with self.assertRaises(UnexpectedAnswer):
            Report.of(self.run_of("loading", "unfinished", checks=[{**self.check("fail"), "expected": 0.1}]))


if __name__ == "__main__":
    unittest.main()
