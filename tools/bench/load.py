"""Single-row transactions at a rate, and when each of them had committed."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.local import programs

CLIENTS = 8
# A row names its transaction: the client by its currency, the client's transactions by their number.
SCRIPT = """\\set number :number + 1
insert into {table} (user_id, items, total, currency)
values (gen_random_uuid(), '[{{"sku": "coffee", "quantity": 1, "price": 9.99}}]', :number, :client_id::text);
"""

Key = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Load:
    """Transactions, each by its client and number.

    Attributes:
        commits: when the client had the answer to its commit, in seconds since 1970.
        seconds: from the first to the last of them.
    """

    commits: Mapping[Key, float]

    @property
    def seconds(self) -> float:
        return max(self.commits.values()) - min(self.commits.values())

    @property
    def rate(self) -> float:
        """Transactions a second."""
        return len(self.commits) / max(self.seconds, 1e-6)


def write(url: str, table: str, *, rate: int, seconds: int) -> Load:
    """Insert into a table at a rate, at the moments of a Poisson process.

    Raises:
        RuntimeError: pgbench failed; the message holds what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(SCRIPT.format(table=table))
        done = subprocess.run(
            [
                *(str(programs.postgres_binaries() / "pgbench"), "--no-vacuum", "--log", "--define=number=0"),
                *(f"--client={CLIENTS}", f"--rate={rate}", f"--time={seconds}"),
                *(f"--log-prefix={folder}/transactions", f"--file={script}", url),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
        if done.returncode:
            raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
        [log] = Path(folder).glob("transactions.*")
        return Load(commits=dict(_commits(log.read_text().splitlines())))


def _commits(lines: Iterable[str]) -> Iterable[tuple[Key, float]]:
    # client, transaction from 1, microseconds that it took, script, when it ended: seconds and microseconds.
    for line in lines:
        client, number, _, _, seconds, microseconds, *_ = line.split()
        yield (int(client), int(number)), int(seconds) + int(microseconds) / 1e6
