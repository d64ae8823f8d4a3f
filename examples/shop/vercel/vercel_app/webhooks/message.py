"""Messages and their events, as the database sends them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vercel_app.errors import HttpError
from vercel_app.webhooks import json_text

_OPERATIONS = ("INSERT", "UPDATE", "DELETE", "READ")
_BAD_REQUEST = 400
_KINDS = {str: "a string", dict: "an object", list: "an array", bool: "true or false", type(None): "null"}


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
    def row(self) -> dict[str, Any]:
        """The row that the event is about: the record, or for DELETE the old record."""
        row = self.old_record if self.record is None else self.record
        return row if row is not None else {}


def parse(body: bytes, webhook: str) -> list[Event]:
    """Read the events of a message.

    Args:
        body: the message as it was signed.
        webhook: what its "type" must be: the signature covers the body, not the path.

    Raises:
        HttpError: 400, it is no message, or another webhook's; the error names the member.
    """
    message = _Members("message", _decoded(body))
    kind = message.one_of("type", (webhook,))
    timestamp = message.time("timestamp")
    transaction = _transaction(_Members('"transaction" of the message', message.value("transaction", dict)))
    return [
        _event(_Members(f"event {index}", element), kind, timestamp, transaction)
        for index, element in enumerate(message.value("data", list))
    ]


def _event(members: "_Members", kind: str, timestamp: datetime, transaction: Transaction) -> Event:
    return Event(
        id=members.value("id", str),
        type=kind,
        timestamp=timestamp,
        operation=members.one_of("operation", _OPERATIONS),
        schema=members.value("schema", str),
        table=members.value("table", str),
        record=members.value("record", dict, type(None)),
        old_record=members.value("old_record", dict, type(None)),
        truncated=members.value("truncated", bool, default=False),
        transaction=transaction,
    )


def _transaction(members: "_Members") -> Transaction:
    return Transaction(
        id=members.value("id", str),
        actor=members.value("actor", str, type(None)),
        role=members.value("role", str),
    )


def _decoded(body: bytes) -> Any:
    try:
        return json_text.decode(body)
    except ValueError:
        # The decoder's own message quotes the text.
        raise _malformed("message", "it is not JSON, or nested too deeply") from None


class _Members:
    """The members of a JSON object, each of which must be of its kind."""

    def __init__(self, of: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise _malformed(of, "it must be an object")
        self._of = of
        self._values: dict[str, Any] = values

    def value(self, name: str, *kinds: type, default: Any = ...) -> Any:
        value = self._values.get(name, default)
        if value is ...:
            raise _malformed(self._of, f'"{name}" is missing')
        if not isinstance(value, kinds):
            raise self._refusal(name, " or ".join(_KINDS[kind] for kind in kinds))
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value: str = self.value(name, str)
        if value not in allowed:
            raise self._refusal(name, " or ".join(f'"{each}"' for each in allowed))
        return value

    def time(self, name: str) -> datetime:
        try:
            time = datetime.fromisoformat(self.value(name, str))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            raise self._refusal(name, "a date and time with its time zone")
        return time

    def _refusal(self, name: str, allowed: str) -> HttpError:
        return _malformed(self._of, f'"{name}" must be {allowed}')


def _malformed(what: str, why: str) -> HttpError:
    return HttpError(_BAD_REQUEST, f"malformed {what}: {why}")
