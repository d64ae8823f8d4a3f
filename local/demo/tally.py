"""The demo's last line: what went in, what came out."""

from dataclasses import dataclass
from typing import Self

from local.demo.cloud import Cloud
from local.demo.shop import Shop


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
