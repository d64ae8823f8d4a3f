"""The demo's last line: what went in, what came out."""

from dataclasses import dataclass
from typing import Self

from examples.shop.demo.cloud import Cloud
from examples.shop.demo.shop import Shop


@dataclass(frozen=True)
class Tally:
    """Events by what became of them.

    Attributes:
        inserted: caused by the demo's statements.
        delivered: in messages that are known to be delivered.
        processed: whose effect is committed.
        duplicates: that came again and were dropped.
        dead: that a person has to look at.
    """

    inserted: int
    delivered: int
    processed: int
    duplicates: int
    dead: int

    @classmethod
    def of(cls, shop: Shop, cloud: Cloud, earlier_dead_letters: set[str]) -> Self:
        """Count, leaving out dead letters of an earlier run."""
        letters = {letter["id"] for letter in cloud.dead_letters()} - earlier_dead_letters
        return cls(
            inserted=shop.expected,
            delivered=shop.delivered(),
            processed=shop.processed(),
            duplicates=cloud.duplicates(),
            dead=len(letters) + shop.dead(),
        )

    @property
    def lost(self) -> int:
        return self.inserted - self.processed - self.dead

    def __str__(self) -> str:
        return (
            f"events: inserted={self.inserted} delivered={self.delivered} processed={self.processed}"
            f" duplicates={self.duplicates} dead={self.dead} lost={self.lost}"
        )


@dataclass(frozen=True)
class Reached:
    """A target outside AWS, and what became of its events.

    Attributes:
        target: its name in bridge.toml.
        inserted: caused by the demo's statements.
        handled: whose ids it has recorded.
        effects: rows that it wrote for them.
        attempts: to deliver to it that failed.
    """

    target: str
    inserted: int
    handled: int
    effects: int
    attempts: int

    @classmethod
    def of(cls, shop: Shop, target: str, platform: str) -> Self:
        """Count for a target, and the platform that it is on."""
        return cls(
            target=target,
            inserted=shop.created,
            handled=shop.processed(platform),
            effects=shop.notices(platform),
            attempts=shop.attempts(target),
        )

    @property
    def lost(self) -> int:
        return self.inserted - self.handled

    @property
    def whole(self) -> bool:
        """Whether every event took effect, and once."""
        return self.inserted == self.handled == self.effects

    def __str__(self) -> str:
        return (
            f"{self.target}: inserted={self.inserted} handled={self.handled} effects={self.effects}"
            f" failed_attempts={self.attempts} lost={self.lost}"
        )
