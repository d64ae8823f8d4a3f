"""Those who write: rows committed and rolled back, while a fault is on, each write timed."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psycopg

PRICE = "9.99"
MISTAKE = "10.99"
INSERT = """
insert into public.orders (items, total, currency)
select jsonb_build_array(jsonb_build_object('sku', %(sku)s::text, 'quantity', 1, 'price', 9.99)),
  %(total)s::numeric, %(currency)s
from generate_series(1, %(rows)s)
"""
# As many messages as the local AWS keeps up with: each receiver that it starts takes a second of a core.
PAUSE_SECONDS = 0.12
Transactions = Sequence[Sequence[int]]
# The rows of each statement, as applications write. The last is rolled back.
MIXED: Transactions = ([1], [1], [20], [1], [1], [10, 5], [1], [2])
SINGLE: Transactions = ([1],) * 50


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is written.

    Attributes:
        currency: of the orders.
        mistakes: whether some orders have items that don't add up to their total.
        pause: seconds from the beginning of a transaction to that of the next, at least.
        transactions: the rows of each statement of each, in turn. The last of them is rolled back.
    """

    currency: str = "eur"
    mistakes: bool = False
    pause: float = PAUSE_SECONDS
    transactions: Transactions = MIXED


# A message after a quiet second, again and again: each is posted by pg_net, and nothing rings for redelivery.
SPARSE = Load(pause=1.5, transactions=([1], [1], [20], [1], [2]))
# A hundred transactions a second, and a little, as they never come sooner than they should.
BRISK = Load(pause=0.0095, transactions=SINGLE)


@dataclass
class Written:
    """What became of the writes of one scenario.

    Attributes:
        transactions: that were committed.
        rolled_back: that were rolled back on purpose.
        lost: whose connection was lost.
        failures: errors of all others, counted.
        slowest: seconds that the slowest of the committed took.
    """

    transactions: int = 0
    rolled_back: int = 0
    lost: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    slowest: float = 0


class Writer:
    """Writes orders over the direct connection, in a thread, from `start` to `stop`; a context manager.

    Args:
        url: the database's direct address.
        sku: of the orders' only item, which marks them.
        load: what to write.
    """

    def __init__(self, url: str, sku: str, load: Load) -> None:
        self._url = url
        self._load = load
        self._values = {"sku": sku, "currency": load.currency}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.written = Written()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    self._write_over(connection)
            except psycopg.OperationalError:
                # The server is away; whoever writes tries again.
                self._over.wait(0.1)

    def _write_over(self, connection: psycopg.Connection) -> None:
        transactions = itertools.cycle(enumerate(self._load.transactions, 1))
        pause = self._load.pause
        while not self._over.wait(pause):
            began = time.monotonic()
            position, statements = next(transactions)
            keep = position < len(self._load.transactions)
            total = MISTAKE if self._load.mistakes and position == 1 else PRICE
            try:
                self._transaction(connection, statements, total, keep=keep)
            except psycopg.Error as error:
                if connection.closed:
                    self.written.lost += 1
                    return
                self.written.failures[f"{type(error).__name__}: {error.diag.message_primary}"] += 1
            pause = max(self._load.pause - (time.monotonic() - began), 0)

    def _transaction(
        self, connection: psycopg.Connection, statements: Sequence[int], total: str, *, keep: bool
    ) -> None:
        began = time.monotonic()
        with connection.transaction(force_rollback=not keep):
            for rows in statements:
                connection.execute(INSERT, {**self._values, "total": total, "rows": rows})
        self.written.slowest = max(self.written.slowest, time.monotonic() - began)
        if keep:
            self.written.transactions += 1
        else:
            self.written.rolled_back += 1
