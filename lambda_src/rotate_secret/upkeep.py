"""What is due between rotations: to end an overlap, and to put right what a deployment or a failure left."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta

from rotate_secret.entry import ON_PLATFORM, Entry, Versions
from rotate_secret.platforms import Platforms
from rotate_secret.settings import Known
from rotate_secret.signing import Signing, keys
from rotate_secret.vault import Vault

# Receivers read the entry again when they can't verify a message, unless they did within ten seconds.
SETTLING = timedelta(seconds=15)


class Upkeep:
    """One entry's.

    Args:
        known: which entry.
        vault: the database's.
        platforms: None where no target is kept in step.
        overlap: how long a previous secret stays valid, from when it is first seen here.
    """

    def __init__(
        self, known: Known, vault: Vault, platforms: Platforms | None, *, overlap: timedelta
    ) -> None:
        self._target = known.target
        self._on_platform = known.on_platform
        self._entry = Entry(known.secret_id)
        self._vault = vault
        self._platforms = platforms
        self._overlap = overlap

    def run(self, *, end_overlap: bool) -> str:
        """Do what is due; all of it may be repeated. Returns what was done, for people.

        The overlap begins here, not with the rotation: that one's version can't be changed any more, and may
        have waited for days to come into force.

        Raises:
            RotationError: something could not be done; whatever is in force is accepted.
            SecretError: Secrets Manager refuses.
            DatabaseUnavailableError: Postgres can't be reached.
        """
        versions = self._entry.versions()
        version, value = self._entry.current(versions)
        now = datetime.now(UTC)
        over = end_overlap or (value.previous_until is not None and value.previous_until <= now)
        done = []
        if value.previous and over:
            self._withdraw_previous(versions, version, value)
            done.append("the previous secret is withdrawn")
        else:
            self._sign_with(versions, value)
            if value.previous and value.previous_until is None:
                until = now + self._overlap
                self._set_end(versions, version, dataclasses.replace(value, previous_until=until))
                done.append(f"the previous secret is valid until {until.isoformat(timespec='seconds')}")
        if self._target and self._on_platform and self._platforms:
            done.append(self._platforms.keep_in_step(self._target, self._entry))
        return "; ".join(filter(None, done)) or "nothing is due"

    def _withdraw_previous(self, versions: Versions, version: str, value: Signing) -> None:
        """First nobody signs with it alone or besides, then nobody accepts it."""
        # A version that came into force this moment may be unknown to a receiver yet.
        time.sleep(max((versions.changed_at + SETTLING - datetime.now(UTC)).total_seconds(), 0.0))
        self._sign_with(versions, value.alone())
        self._entry.replace(version, value.alone())

    def _set_end(self, versions: Versions, version: str, value: Signing) -> None:
        successor = self._entry.replace(version, value)
        if versions.has(version, ON_PLATFORM):
            # The secrets are the same: nothing new to tell.
            self._entry.move(ON_PLATFORM, to=successor, away_from=version)

    def _sign_with(self, versions: Versions, value: Signing) -> None:
        """Let the database sign with what is accepted, and with what a rotation under way has made."""
        made = [pending for each in versions.pending if (pending := self._entry.value(each))]
        self._vault.put(self._target, keys(*made, value))
