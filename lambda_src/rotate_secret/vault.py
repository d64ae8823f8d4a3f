"""The signing secrets as the database has them, in Supabase Vault, and whether they do what they should."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import psycopg
from psycopg import errors as postgres

from bridge.database import Database
from bridge.errors import NotAcceptedError
from bridge.ping import ping, ping_targets
from rotate_secret.errors import RefusedError, VaultError

STATEMENT_TIMEOUT_MS = 10_000
PING_SECONDS = 20.0
_NOT_INSTALLED = (postgres.InvalidSchemaName, postgres.UndefinedFunction, postgres.UndefinedTable)


class Vault:
    """What the database signs with.

    Every method raises DatabaseUnavailableError when it can't be reached, and VaultError when it refuses.

    Args:
        database: pooled.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, target: str | None, keys: Sequence[str]) -> None:
        """Let the database sign with all of these from its next statement on, in one moment.

        Args:
            target: a target outside AWS; None: the API.
            keys: base64 without prefix, the newest first.
        """
        with _explained(), self._database.transaction(timeout_ms=STATEMENT_TIMEOUT_MS) as db:
            db.execute("select bridge.set_signing_secret(%s, %s)", [" ".join(keys), target])

    def keys(self, target: str | None) -> list[str]:
        """What the database signs with."""
        with _explained(), self._database.transaction(timeout_ms=STATEMENT_TIMEOUT_MS) as db:
            row = db.execute("select bridge.signing_secret(%s)", [target]).fetchone()
        return (row[0] or "").split() if row else []

    def try_out(self, target: str | None) -> str:
        """Let the database post a signed message, and say for people what came back.

        A target that gives no answer, or another one than 401, may be down, and its messages wait for it:
        that says nothing about the secret.

        Raises:
            RefusedError: the API did not accept it, or the target answered 401.
        """
        with _explained():
            connection = self._database.connection()
            if target is None:
                try:
                    return f"the API answers: {ping(connection, timeout_seconds=PING_SECONDS)}"
                except NotAcceptedError as error:
                    raise RefusedError(f"the secret in force stays: {error}") from None
            refusal = ping_targets(connection, {target: False}, timeout_seconds=PING_SECONDS).get(target)
        if refusal is None:
            return f"{target} accepts messages"
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            raise RefusedError(
                f'the secret in force stays: "{target}" answers 401 to messages that are signed with it; give'
                ' that target "current" of its entry first'
            )
        return f"warning: {target} could not be tried: {refusal.reason}"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _NOT_INSTALLED as error:
        raise VaultError(f"{_said(error)}; deploy the bridge to this database first") from None
    except psycopg.Error as error:
        raise VaultError(f"the database refused: {_said(error)}") from None


def _said(error: psycopg.Error) -> str:
    """What the server said, on one line; never the details, which may quote values."""
    said = error.diag.message_primary or type(error).__name__
    hint = error.diag.message_hint
    return " ".join(f"{said}. {hint}".split() if hint else said.split())
