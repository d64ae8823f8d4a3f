"""The four steps of a rotation: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html.

    step            signs with           accepted by receivers
                    old                  old
    createSecret    old                  old
    setSecret       new, old             old
    finishSecret    new, old             new, old
    (the overlap)   new                  new, old
    (and its end)   new                  new

Whatever is signed carries a signature that every receiver accepts, those included that still have a copy of
the entry from before. So each step may fail, be repeated, or be the last: the old secret works until `Upkeep`
withdraws it. In a second rotation within the overlap, messages carry three signatures: a receiver may not
have heard of the second secret yet. The first is then accepted by none that has, and signed with until
`Upkeep` comes by.
"""

from rotate_secret.entry import CURRENT, PENDING, Entry, Versions
from rotate_secret.errors import VaultError, VersionError
from rotate_secret.platforms import Platforms
from rotate_secret.request import Step
from rotate_secret.settings import Known
from rotate_secret.signing import Signing, keys
from rotate_secret.vault import Vault


class Rotation:
    """One rotation of one entry.

    Args:
        known: which entry.
        vault: the database's.
        platforms: None where no target is kept in step.
    """

    def __init__(self, known: Known, vault: Vault, platforms: Platforms | None) -> None:
        self._target = known.target
        self._on_platform = known.on_platform
        self._entry = Entry(known.secret_id)
        self._vault = vault
        self._platforms = platforms

    def take(self, step: Step, token: str) -> str:
        """Take a step, which may have been taken before; returns what was done, for people.

        Raises:
            RotationError: it can't be taken; what is in force stays so.
            SecretError: Secrets Manager refuses.
            DatabaseUnavailableError: Postgres can't be reached.
        """
        versions = self._entry.versions()
        if step == "finishSecret":
            return self._finish(token, versions)
        if versions.has(token, CURRENT):
            return "that version is in force already"
        match step:
            case "createSecret":
                return self._create(token, versions)
            case "setSecret":
                return self._set(token, versions)
            case "testSecret":
                return self._test(token, versions)

    def _create(self, token: str, versions: Versions) -> str:
        if self._entry.value(token):
            return "the new secret was there already"
        _, current = self._entry.current(versions)
        for stale in versions.pending:
            # Of a rotation that failed. Secrets Manager itself has moved the label to the new token by now.
            if stale != token:
                self._entry.move(PENDING, to=None, away_from=stale)
        self._entry.add_pending(token, current.successor())
        return "a new secret is made"

    def _set(self, token: str, versions: Versions) -> str:
        _, current = self._entry.current(versions)
        self._vault.put(self._target, keys(self._pending(token, versions), current))
        return "the database signs with the new secret and with that in force"

    def _test(self, token: str, versions: Versions) -> str:
        _, current = self._entry.current(versions)
        pending = self._entry.value(token)
        # Secrets Manager tries out a new schedule with a version that holds nothing, or a copy.
        rehearsal = pending is None or pending == current
        wanted = keys(*([pending] if pending else []), current)
        if missing := set(wanted) - set(self._vault.keys(self._target)):
            raise VaultError(
                f"Vault lacks {len(missing)} of the {len(wanted)} secrets of"
                f' "{self._entry.secret_id}": a deployment may have come between; setSecret puts them there'
            )
        # The deployment that makes a schedule has sent its own ping, and may accept that there is no answer.
        return "Vault holds what it should" if rehearsal else self._vault.try_out(self._target)

    def _finish(self, token: str, versions: Versions) -> str:
        if not versions.has(token, CURRENT):
            self._pending(token, versions)
            version, _ = self._entry.current(versions)
            self._entry.promote(token, instead_of=version)
        if self._entry.versions().has(token, PENDING):
            self._entry.move(PENDING, to=None, away_from=token)
        told = ""
        if self._target and self._on_platform and self._platforms:
            told = self._platforms.keep_in_step(self._target, self._entry)
        return "; ".join(filter(None, ["the new secret is in force", told]))

    def _pending(self, token: str, versions: Versions) -> Signing:
        value = self._entry.value(token) if versions.has(token, PENDING) else None
        if value is None:
            raise VersionError(
                f'secret "{self._entry.secret_id}" has no version "{token}" that is to come into force:'
                " createSecret makes it"
            )
        return value
