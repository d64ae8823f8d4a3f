"""What a deployment does to the database, in its order."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from apply_sql.errors import ApplyError, PingError, describe
from apply_sql.installation import install, present, problems, restore, uninstall
from apply_sql.request import Request
from apply_sql.schema import Connection
from apply_sql.scripts import Scripts
from bridge.errors import BridgeError, NotAcceptedError
from bridge.ping import ping, ping_targets

_PG_NET_VERSION = (
    "select coalesce((select extversion from pg_extension where extname = 'pg_net'), 'not an extension')"
)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One Create, Update or Delete.

    Attributes:
        connect: gives the direct connection, in autocommit mode, made anew after it broke.
        scripts: those of this version.
        signing_secret: gives the secrets in force, the API's for None, or those of a target outside AWS:
            base64, separated by a space.
        warn: takes what the deployment should say without failing.
        ping_seconds: how long an answer to the ping is waited for.
    """

    connect: Callable[[], Connection]
    scripts: Scripts
    signing_secret: Callable[[str | None], str]
    warn: Callable[[str], None]
    ping_seconds: float = 30.0
    warnings: list[str] = field(default_factory=list, init=False)

    def apply(self, request: Request) -> dict[str, Any]:
        """Install or change, and prove by a ping that messages arrive; take it back if they don't.

        Returns:
            The resource's attributes: Triggers, PgNetVersion, RoundTripMs, Ping, Targets, Warnings.

        Raises:
            ApplyError: the database is as it was before.
        """
        self.warnings.clear()
        secrets = {target: self.signing_secret(target) for target in (None, *request.http_targets)}
        before = present(self.connect())
        # A roll-back must not fail for what made the deployment fail; it has nothing new to prove.
        required = request.ping_required and before != request.installed
        summary = install(self.connect(), self.scripts, secrets, request, working=required)
        if summary["newer"]:
            self._warn(summary["newer"])
        try:
            return {
                "Triggers": summary["triggers"],
                "PgNetVersion": self._value(_PG_NET_VERSION),
                "RoundTripMs": self._round_trip_ms(),
                "Ping": self._ping(required=required),
                "Targets": self._ping_targets(request.http_targets),
                "Warnings": self._warnings(),
            }
        except Exception as error:  # whatever it is, what was applied must not stay unproven
            raise self._taken_back(_explained(error), before) from error

    def remove(self, request: Request) -> dict[str, Any]:
        """Take out what this owner's deployments made; undelivered messages stay."""
        removed = uninstall(self.connect(), request.owner)
        if removed["messages_kept"]:
            self.warn(
                f"{removed['messages_kept']} undelivered messages are kept in bridge.message; "
                "the next installation delivers them, or: drop schema bridge cascade"
            )
        return removed

    def _ping(self, *, required: bool) -> str:
        try:
            if reasons := problems(self.connect(), "delivery"):
                raise NotAcceptedError("; ".join(reasons))  # noqa: TRY301 - as an answer that says so
            return ping(self.connect(), timeout_seconds=self.ping_seconds)
        except NotAcceptedError as error:
            if required:
                raise
            self._warn(str(error))
            return f"warning: {error}"[:500]

    def _ping_targets(self, targets: Mapping[str, bool]) -> str:
        """Try each target; one that doesn't answer may not be deployed yet, and gets its messages later."""
        refusals = ping_targets(self.connect(), targets, timeout_seconds=self.ping_seconds / 3)
        for target, refusal in refusals.items():
            self._warn(f'target "{target}": {refusal.reason}')
        if refusals:
            said = "; ".join(f"{target}: {refusal.reason}" for target, refusal in refusals.items())
            return f"warning: {said}"[:500]
        return f"all {len(targets)} answer" if targets else "none outside AWS"

    def _warnings(self) -> str:
        """Gather what was warned of, and what other roles see and change more than they should."""
        for problem in problems(self.connect(), "security"):
            self._warn(problem)
        return "; ".join(self.warnings)[:1000] or "none"

    def _warn(self, warning: str) -> None:
        self.warnings.append(warning)
        self.warn(warning)

    def _taken_back(self, failure: ApplyError, before: tuple[str, dict[str, Any]] | None) -> ApplyError:
        try:
            restore(self.connect(), before)
        except (ApplyError, BridgeError) as error:
            return ApplyError(f"{failure}; and what was applied could not be taken back: {error}")
        return failure

    def _round_trip_ms(self) -> str:
        started = time.perf_counter()
        self._value("select 1")
        return f"{(time.perf_counter() - started) * 1000:.2f}"

    def _value(self, query: str) -> Any:
        row = self.connect().execute(query.encode()).fetchone()
        return row[0] if row else None


def _explained(error: Exception) -> ApplyError:
    """Say what an error means for the deployment."""
    if isinstance(error, NotAcceptedError):
        return PingError(str(error))
    if isinstance(error, psycopg.Error):
        return ApplyError(describe(error))
    if isinstance(error, BridgeError):
        return ApplyError(str(error))
    return ApplyError(f"an error of the bridge itself, {type(error).__name__}; please report it")
