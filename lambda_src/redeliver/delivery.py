"""What a run leases and what becomes of it, whatever kind of target it is for."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID


class Message(NamedTuple):
    """A message leased to this run, for one of its targets."""

    id: UUID
    webhook: str
    target: str
    body: str
    attempts: int


class Failure(NamedTuple):
    """Why an attempt failed.

    Attributes:
        error: for whoever operates it.
        status: the HTTP status; 0: an answer that says nothing of the target as a whole; None: no answer.
        retry_after: seconds that the target asked for.
    """

    error: str
    status: int | None = 0
    retry_after: float = 0


@dataclass(slots=True)
class Delivery:
    """What became of leased messages.

    Attributes:
        delivered: those that are all in their queue, or that their target accepted.
        failed: those that were attempted in vain, each with the reason.
        released: those that were not attempted after all.
        receipts: the targets outside AWS that proved that they have the signing secret.
        events: how many events were enqueued for the delivered ones.
    """

    delivered: list[Message] = field(default_factory=list)
    failed: list[tuple[Message, Failure]] = field(default_factory=list)
    released: list[Message] = field(default_factory=list)
    receipts: set[str] = field(default_factory=set)
    events: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to record."""
        return not (self.delivered or self.failed or self.released)
