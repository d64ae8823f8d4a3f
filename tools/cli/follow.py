"""Follow a message through the logs of a stage: who answered, delivered and processed it, and with what."""

# ruff: noqa: T201 - what it prints is what it is for

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import typer
from rich.console import Console

from stacks.names import camel_case
from tools.cli.stage import (
    DECLARATION,
    CommandError,
    ConfigOption,
    DeployedStage,
    RegionOption,
    StageOption,
    errors_explained,
)

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

HOURS = 1.0
# The database's clock may be ahead of AWS's.
_BEFORE = timedelta(minutes=1)
_UUID_7 = 7
# Shown apart, or of no use to a person.
_HEAD = {"timestamp", "level", "message", "message_id", "event_id", "service", "xray_trace_id"}
_OMITTED = {"location", "function_request_id", "sqs_message_id", "webhook_id", "targets"}


@dataclass(frozen=True, slots=True)
class Line:
    """What a function logged about a message.

    Attributes:
        at: when.
        function: which.
        fields: the line's members.
    """

    at: datetime
    function: str
    fields: Mapping[str, Any]

    @classmethod
    def parse(cls, timestamp_ms: int, function: str, text: str) -> Self:
        """Read a line of a log; one that is no JSON object has its text as "message"."""
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        at = datetime.fromtimestamp(timestamp_ms / 1_000, UTC)
        return cls(at, function, fields if isinstance(fields, dict) else {"message": text.strip()})

    @property
    def told(self) -> str:
        """The line for a person."""
        event = str(self.fields.get("event_id") or "")
        number = f" of event {event.rpartition(':')[2]}" if event else ""
        rest = " ".join(
            f"{name}={_short(value)}"
            for name, value in self.fields.items()
            if name not in _HEAD | _OMITTED and value not in (None, "")
        )
        head = f"{self.at:%H:%M:%S.%f}"[:-3] + f"Z  {self.function:<16} {self.fields.get('level', ''):<7}"
        return f"{head} {self.fields.get('message', '')}{number}  {rest}".rstrip()


def _short(value: Any) -> str:
    """A value for one line: of a stack its last frame, without the folders that it is deployed in."""
    return "/".join(str(value[-1]).split("/")[-2:]) if isinstance(value, list) and value else str(value)


def _message_id(text: str) -> str:
    try:
        parsed = UUID(text.partition(":")[0])
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != _UUID_7:
        raise typer.BadParameter(
            f'"{text}" is no webhook-id: they look like 01944f7a-7d10-7c3e-8a52-3d1f0c9b6e11'
        )
    return str(parsed)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 366:
        raise typer.BadParameter("it must be a number of hours above 0")
    return hours


def written_at(message_id: str) -> datetime:
    """Return when a message was written: version 7 of UUIDs begins with the time (RFC 9562)."""
    return datetime.fromtimestamp((UUID(message_id).int >> 80) / 1_000, UTC)


def follow(
    message: Annotated[
        str, typer.Argument(parser=_message_id, help="The webhook-id, or the id of one of its events.")
    ],
    *,
    hours: Annotated[
        float,
        typer.Option(
            parser=_hours, help="How long after it was written to look; attempts go on for 84 hours."
        ),
    ] = HOURS,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Show what the functions logged about one message."""
    with errors_explained(interrupted="nothing was changed"):
        deployed = DeployedStage(stage, config=config, region=region)
        functions = _functions(deployed.outputs, deployed.settings.workers)
        at = written_at(message)
        print(f"message {message}, written {at:%Y-%m-%d %H:%M:%S} UTC")
        until = at + timedelta(hours=hours)
        lines: list[Line] = []
        console = Console(stderr=True)
        for name, function in functions.items():
            with console.status(f"reading the log of {name}"):
                lines += (
                    Line.parse(event["timestamp"], name, event["message"])
                    for event in _logged(deployed.session, function, message, at - _BEFORE, until)
                )
        _show(sorted(lines, key=lambda line: line.at))
        if not lines:
            print(f"no function has logged it within {hours:g} h; --hours looks further")
        print("where it stands, in Supabase Studio's SQL editor:")
        print(f"  select * from bridge.message where id = '{message}';")  # noqa: S608 - a UUID, not run here


def _show(lines: Sequence[Line]) -> None:
    for line in lines:
        print(line.told)
    traces = {str(line.fields["xray_trace_id"]) for line in lines if "xray_trace_id" in line.fields}
    for trace in sorted(traces):
        print(f"X-Ray trace {trace}")


def _functions(outputs: Mapping[str, str], workers: Sequence[str] | Mapping[str, object]) -> dict[str, str]:
    """Return the functions that a message passes through, by their short names."""
    keys = {
        "receive_webhook": "ReceiveWebhookFunction",
        "redeliver": "RedeliverFunction",
        **{worker: f"Worker{camel_case(worker)}" for worker in workers},
    }
    found = {name: outputs[key] for name, key in keys.items() if key in outputs}
    if not found:
        raise CommandError(
            "the stack has none of the functions that a message passes through; deploy it again"
        )
    return found


def _logged(
    session: "boto3.Session", function: str, message_id: str, since: datetime, until: datetime
) -> "Iterator[FilteredLogEventTypeDef]":
    logs: CloudWatchLogsClient = session.client("logs")
    configuration = session.client("lambda").get_function_configuration(FunctionName=function)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=configuration["LoggingConfig"]["LogGroup"],
        filterPattern=f'"{message_id}"',
        startTime=int(since.timestamp() * 1_000),
        endTime=int(until.timestamp() * 1_000),
    )
    for page in pages:
        yield from page["events"]
