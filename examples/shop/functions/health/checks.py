"""Asking the database and the REST API whether they answer, both at once."""

import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
from aws_lambda_powertools import Logger

from bridge.database import Database
from bridge.errors import BridgeError, SupabaseError, SupabaseKeyError, SupabaseUnavailableError
from bridge.failures import describe
from bridge.supabase import Supabase
from bridge.version import VERSION
from health.models import Check, Health, State, Version

TIMEOUT_SECONDS = 2


def check(database: Database) -> Health:
    """Ask both; neither's failure is an error here, and what it was is in the log only."""
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(_ask, "database", lambda: _ask_database(database)),
            threads.submit(_ask, "rest", _ask_rest),
        ]
    of_database, of_rest = (each.result() for each in asked)
    both = of_database.status == of_rest.status == State.OK
    return Health(
        status=State.OK if both else State.UNAVAILABLE,
        database=of_database,
        rest=of_rest,
        version=Version(app=VERSION, python=platform.python_version()),
    )


def _ask(part: str, ask: Callable[[], None]) -> Check:
    began = time.monotonic()
    try:
        ask()
    except (BridgeError, psycopg.Error) as error:
        Logger().error("unhealthy", extra={"part": part} | describe(error))
        status = State.UNAVAILABLE
    else:
        status = State.OK
    return Check(status=status, latency_ms=round((time.monotonic() - began) * 1_000))


def _ask_database(database: Database) -> None:
    with database.transaction(timeout_ms=TIMEOUT_SECONDS * 1_000) as db:
        db.execute("select 1")


def _ask_rest() -> None:
    try:
        Supabase.anonymous(timeout=TIMEOUT_SECONDS).select("users", columns="id", limit=1)
    except (SupabaseKeyError, SupabaseUnavailableError):
        raise
    except SupabaseError as error:
        # That it refuses says that it, and the database behind it, can be reached.
        if not error.code:
            raise
