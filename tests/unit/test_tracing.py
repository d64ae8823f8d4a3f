"""X-Ray's trace goes on where an event does: into the queue, and into an execution.

The functions have no tracing library: AWS's SDK hands on the trace of the present invocation by itself, and
SQS and Step Functions take it up.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from bridge import logs, queues
from bridge.events import Event
from start_execution.starting import start
from tests.unit.messages import queued

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0"


class Service(HTTPServer):
    """Accepts whatever a client of AWS asks for, and keeps the requests' headers."""

    def __init__(self) -> None:
        self.traces: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _Accept)


class _Accept(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:  # the name that http.server calls
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.traces.append(self.headers["X-Amzn-Trace-Id"])
        answer = json.dumps({"startDate": 4_000_000_000, "executionArn": "arn:aws:…", "Successful": []})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:  # noqa: ARG001
    with Service() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        # What Lambda sets, the second for each invocation.
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "receive-webhook")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
        yield server
        server.shutdown()
        thread.join()


def should_be_named_where_a_message_is_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    logs.logger("traced").info("webhook answered", extra={"fields": {"message_id": "id"}})
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    logs.logger("traced").info("webhook answered")

    traced, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert (traced["message_id"], traced["xray_trace_id"]) == ("id", "1-5759e988-bd862e3fe1be46a994272793")
    assert "xray_trace_id" not in other


def should_go_into_the_queue_with_the_events(service: Service) -> None:
    entries = [
        queues.Entry("https://sqs.example.com/queue", f'{{"number": {number}}}') for number in range(11)
    ]

    with ThreadPoolExecutor() as executor:
        assert queues.enqueue(entries, executor) == {}

    assert service.traces == [TRACE, TRACE]


def should_go_into_the_execution_that_an_event_starts(service: Service) -> None:
    body = json.dumps(queued({"id": 1}))

    start("arn:aws:states:eu-central-1:123456789012:stateMachine:expire", Event.parse(body), body)

    assert service.traces == [TRACE]
