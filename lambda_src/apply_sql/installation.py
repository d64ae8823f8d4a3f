"""Puts schema bridge and the declared triggers into the database, and takes them out again."""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import psycopg

from apply_sql.errors import ApplyError, BusyError, RequirementError, describe
from apply_sql.request import Request
from apply_sql.schema import BUSY, Connection, apply_scripts, record_version
from apply_sql.scripts import Scripts

T = TypeVar("T")

LOCK_TIMEOUT_MS = 3_000
"""How long an attempt may queue for a lock; writers to the table queue behind it, so it is short."""

STATEMENT_TIMEOUT_MS = 60_000
# Twice this, for applying and taking back, with the ping between, is within the function's ten minutes.
RETRY_SECONDS = 120.0


PROBLEMS = (
    "select format('%%s: %%s%%s', problem,"
    " case when run_as is not null then format('as %%s, ', run_as) else '' end, remedy)"
    " from bridge.problem where of = %s"
)
"""Each with its remedy, and the role that runs it."""


def install(
    connection: Connection,
    scripts: Scripts,
    secrets: Mapping[str | None, str],
    request: Request,
    *,
    working: bool,
) -> dict[str, Any]:
    """Applies the scripts and the declaration in one transaction.

    Args:
        connection: To the database itself, not through a transaction pooler, with autocommit on.
        scripts: Those of this version.
        secrets: Of the API, under None, and of each target outside AWS: base64, separated by spaces.
        request: The declaration and who it is from.
        working: Whether pg_net and Vault must work, so that messages leave at once.

    Returns:
        What `bridge.sync` returned, and "newer": a warning that the database has a newer version, or None.

    Raises:
        RequirementError: Something doesn't fit, each named with its remedy; nothing has been changed.
        BusyError: A table stayed locked; nothing has been changed.
    """

    def apply() -> dict[str, Any]:
        newer = apply_scripts(connection, scripts)
        for target, secret in secrets.items():
            connection.execute("select bridge.set_signing_secret(%s, %s)", [secret, target])
        synced = sync(connection, request.declaration, request.owner, request.adopt)
        if newer is None:
            record_version(connection, scripts.version)
        if working and (reasons := problems(connection, "delivery")):
            raise RequirementError("; ".join(reasons))
        return {**synced, "newer": newer}

    return in_transaction(connection, apply)


def problems(connection: Connection, of: Literal["delivery", "security"]) -> list[str]:
    """What is wrong with pg_net and Vault."""
    return [row[0] for row in connection.execute(PROBLEMS.encode(), [of])]


def sync(
    connection: Connection, declaration: dict[str, Any], owner: str, adopt: str | None
) -> dict[str, Any]:
    """Makes the triggers match the declaration, inside the present transaction."""
    row = connection.execute(
        "select bridge.sync(%s::jsonb, %s, %s)", [json.dumps(declaration), owner, adopt]
    ).fetchone()
    return dict(row[0]) if row else {}


def present(connection: Connection) -> tuple[str, dict[str, Any]] | None:
    """The owner and the declaration that are in place, or None."""
    try:
        if connection.execute("select to_regclass('bridge.installation')").fetchone() == (None,):
            return None
        row = connection.execute("select owner, declaration from bridge.installation").fetchone()
    except psycopg.Error as error:
        raise RequirementError(describe(error)) from error
    return (row[0], row[1]) if row else None


def restore(connection: Connection, before: tuple[str, dict[str, Any]] | None) -> None:
    """Goes back to what `present` said before an installation."""
    if before is None:
        in_transaction(connection, lambda: connection.execute("select bridge.teardown()"))
    else:
        owner, declaration = before
        adopted = present(connection)
        in_transaction(
            connection, lambda: sync(connection, declaration, owner, adopted[0] if adopted else None)
        )


def uninstall(connection: Connection, owner: str) -> dict[str, Any]:
    """Removes what was installed for this owner; another's is left alone.

    Returns:
        {"triggers_dropped": int, "messages_kept": int}
    """
    before = present(connection)
    if before is None or before[0] != owner:
        return {"triggers_dropped": 0, "messages_kept": 0}
    row = in_transaction(connection, lambda: connection.execute("select bridge.teardown()").fetchone())
    return dict(row[0]) if row else {}


def in_transaction(connection: Connection, work: Callable[[], T]) -> T:
    """Runs the work in one transaction, again from its start while a lock is not to be had."""
    deadline = time.monotonic() + RETRY_SECONDS
    pause = 0.5
    while True:
        try:
            with connection.transaction():
                connection.execute(
                    "select set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                    [str(LOCK_TIMEOUT_MS), str(STATEMENT_TIMEOUT_MS)],
                )
                return work()
        except BUSY as error:
            if time.monotonic() + pause > deadline:
                raise BusyError(
                    f"a table or another deployment kept a lock for {RETRY_SECONDS:.0f} s"
                    f" ({describe(error)}): end the long transaction"
                    " (pg_stat_activity shows it, by xact_start) and deploy again"
                ) from error
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads retries, guards nothing
            pause = min(pause * 2, 15.0)
        except psycopg.Error as error:
            if connection.closed:
                raise ApplyError(
                    f"the connection to the database broke: {describe(error)}; deploy again"
                ) from error
            raise RequirementError(describe(error)) from error
