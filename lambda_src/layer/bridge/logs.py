"""JSON log lines by the standard library, for functions in which every import counts."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "message": record.getMessage(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        }
        # "Root=1-…;Parent=…;Sampled=…", of the present invocation; the SDK hands it on to SQS by itself.
        if trace := os.environ.get("_X_AMZN_TRACE_ID", "").partition(";")[0].removeprefix("Root="):
            line["xray_trace_id"] = trace
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


class _StdoutHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record) + "\n")


def logger(service: str) -> logging.Logger:
    """Make the logger of a function: one JSON object a line, members given as extra={"fields": {...}}.

    Args:
        service: the function's name.
    """
    made = logging.getLogger(service)
    if not made.handlers:
        handler = _StdoutHandler()
        handler.setFormatter(_JsonFormatter())
        made.addHandler(handler)
        made.setLevel(logging.INFO)
        # Lambda's own handler on the root logger would write each line again.
        made.propagate = False
    return made
