"""Messages and events: from the body on the wire to what a worker is handed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bridge import json_text
from bridge.errors import MalformedMessageError

# Valid in JSON and in Postgres, but refused by SQS, which would fail the message for good:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED_BY_SQS = re.compile("[\ufffe\uffff]")
_ENVELOPE = {"type": '"', "timestamp": '"', "transaction": "{", "data": "["}
_SHAPES = {'"': "a string", "{": "an object", "[": "an array"}
_INHERITED = ("type", "timestamp", "transaction")


def split(body: str, *, webhook: str | None = None) -> list[str]:
    """Compose the queue message of each event of a message.

    The events are put together from stretches of the body as they are, never decoded and encoded again: what
    Postgres wrote is what the worker gets, whatever the length of a number or the depth of a value.

    Args:
        body: the message as it was signed.
        webhook: what the message's "type" must be, if it matters.

    Returns:
        One JSON object for each element of "data": the element's members after the message's "type",
        "timestamp" and "transaction".

    Raises:
        MalformedMessageError: the body is not JSON or not a message; the error says what is wrong with it.
    """
    try:
        return _split(body, webhook)
    except ValueError as error:
        raise MalformedMessageError(f"malformed message: {error}") from None


def _split(body: str, webhook: str | None) -> list[str]:
    spans, end = json_text.members(body, json_text.skip_whitespace(body, 0))
    if json_text.skip_whitespace(body, end) != len(body):
        raise ValueError(f"unexpected text after the message, at character {end}")
    for name, opening in _ENVELOPE.items():
        _expect(body, spans, name, opening)
    if webhook is not None and json_text.scan(body, spans["type"][0])[0] != webhook:
        raise ValueError(f'"type" must be "{webhook}"')
    head = ", ".join(f'"{name}": {body[slice(*spans[name])]}' for name in _INHERITED)
    return [_compose(body, head, start) for start in json_text.elements(body, spans["data"][0])]


def _expect(text: str, spans: Mapping[str, tuple[int, int]], name: str, opening: str) -> None:
    if name not in spans:
        raise ValueError(f'"{name}" is missing')
    if text[spans[name][0]] != opening:
        raise ValueError(f'"{name}" must be {_SHAPES[opening]}')


def _compose(body: str, head: str, start: int) -> str:
    spans, end = json_text.members(body, start)
    _expect(body, spans, "id", '"')
    for name in _INHERITED:
        if name in spans:
            raise ValueError(f'an event must not have a "{name}" of its own: it has the message\'s')
    event = f"{{{head}, {body[start + 1 : end]}"
    return _REFUSED_BY_SQS.sub(lambda match: f"\\u{ord(match.group()):04x}", event)


def message_id_of(event_id: str) -> str:
    """Return the webhook-id of the message that brought an event: its id without the index."""
    return event_id.rpartition(":")[0] or event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """The database transaction that made the change.

    Attributes:
        id: Postgres's transaction id.
        actor: the user's id by Supabase's auth.uid(); None outside a user's request.
        role: the database role that made the change.
    """

    id: str
    actor: str | None
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One changed row.

    Attributes:
        id: the same for every delivery of this event: "<webhook-id>:<index>".
        type: the webhook's name.
        timestamp: when the statement ran, with its time zone.
        operation: INSERT, UPDATE, DELETE, or READ for a row that was there before the webhook.
        schema: the table's schema.
        table: the table's name.
        record: the row after the change, as to_jsonb shows it, numbers with a fraction as Decimal.
            None for DELETE.
        old_record: the row before the change. None for INSERT.
        truncated: the record was too large to be sent, and its row is gone: it holds the primary key only.
        transaction: who made the change.
    """

    id: str
    type: str
    timestamp: datetime
    operation: str
    schema: str
    table: str
    record: dict[str, Any] | None
    old_record: dict[str, Any] | None
    truncated: bool
    transaction: Transaction

    @property
    def message_id(self) -> str:
        """The webhook-id of the message that brought it, as bridge.message and the receiver's log have it."""
        return message_id_of(self.id)

    @property
    def row(self) -> dict[str, Any]:
        """The row that the event is about: the record, or for DELETE the old record."""
        row = self.old_record if self.record is None else self.record
        return row if row is not None else {}

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read an event from the queue message that split composed.

        Raises:
            MalformedMessageError: body is not JSON or not an event; the error names the member.
        """
        try:
            members = json_text.decode(body)
        except ValueError as error:
            raise MalformedMessageError(f"malformed event: {error}") from None
        if not isinstance(members, dict):
            raise MalformedMessageError(f"malformed event: expected an object, not {type(members).__name__}")
        transaction = _member(members, "transaction", dict)
        return cls(
            id=_member(members, "id", str),
            type=_member(members, "type", str),
            timestamp=_timestamp(_member(members, "timestamp", str)),
            operation=_member(members, "operation", str),
            schema=_member(members, "schema", str),
            table=_member(members, "table", str),
            record=_member(members, "record", dict, type(None)),
            old_record=_member(members, "old_record", dict, type(None)),
            truncated=_member({"truncated": False} | members, "truncated", bool),
            transaction=Transaction(
                id=_member(transaction, "id", str),
                actor=_member(transaction, "actor", str, type(None)),
                role=_member(transaction, "role", str),
            ),
        )


def _member(members: Mapping[str, Any], name: str, *types: type) -> Any:
    if name not in members:
        raise MalformedMessageError(f'malformed event: "{name}" is missing')
    value = members[name]
    if not isinstance(value, types):
        allowed = " or ".join(each.__name__ for each in types)
        raise MalformedMessageError(
            f'malformed event: "{name}" must be {allowed}, not {type(value).__name__}'
        )
    return value


def _timestamp(text: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        timestamp = None
    if timestamp is None or timestamp.tzinfo is None:
        raise MalformedMessageError(
            f'malformed event: "timestamp" must be a date and time with its time zone, not {text[:40]!r}'
        )
    return timestamp
