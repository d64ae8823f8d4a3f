"""A dead letter: what can be read of it, whatever its body is, and which ones are meant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was received.

    Attributes:
        message: SQS's.
        event_id: None where the body is no event.
        webhook: None where the body is no event.
        at: when the row changed; where the body doesn't say, when SQS got the message.
        receives: how often it was received, by its worker and by those who looked.
    """

    message: "MessageTypeDef"
    event_id: str | None
    webhook: str | None
    at: datetime
    receives: int

    @classmethod
    def parse(cls, message: "MessageTypeDef") -> Self:
        """Read a message, whatever its body is."""
        event = _event(message["Body"])
        sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
        return cls(
            message=message,
            event_id=_text(event, "id"),
            webhook=_text(event, "type"),
            at=_time(_text(event, "timestamp")) or sent_at,
            receives=int(message["Attributes"]["ApproximateReceiveCount"]),
        )

    @property
    def id(self) -> str:
        """SQS's, the same each time that it is received."""
        return self.message["MessageId"]

    @property
    def body(self) -> str:
        return self.message["Body"]


def _event(body: str) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _text(event: Mapping[str, Any], member: str) -> str | None:
    value = event.get(member)
    return value if isinstance(value, str) else None


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Choice:
    """Which dead letters are meant: without any condition, all of them."""

    event_ids: frozenset[str] = frozenset()
    webhook: str | None = None

    def __contains__(self, letter: Letter) -> bool:
        return (not self.event_ids or letter.event_id in self.event_ids) and (
            self.webhook is None or letter.webhook == self.webhook
        )
