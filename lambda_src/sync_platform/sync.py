"""Puts a target's secrets where the target runs, and takes them out again."""

import dataclasses
import re
from contextlib import closing
from dataclasses import dataclass

from bridge import secrets
from bridge.errors import UnfilledSecretError
from sync_platform import values
from sync_platform.attempts import Attempts
from sync_platform.errors import TokenError
from sync_platform.outcome import Outcome, Place
from sync_platform.settings import Settings
from sync_platform.targets import Platform, Project, Target, Worker
from sync_platform.vercel_api import VercelApi
from sync_platform.vercel_project import VercelProject

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One invocation's work.

    Attributes:
        settings: with the targets that are declared now.
        attempts: how long it may take.
    """

    settings: Settings
    attempts: Attempts

    def put(self, target: Target, *, force: bool = False) -> Outcome:
        """Let the target have its secrets as Secrets Manager has them now.

        Args:
            target: which.
            force: write also what seems to be there already.

        Raises:
            SecretError: an entry can't be read, or isn't filled.
            SyncError: the platform refuses, or doesn't answer.
        """
        wanted = values.read(
            target.variables,
            target_secret_id=target.secret_id,
            supabase_secret_id=self.settings.supabase_secret_id,
        )
        with closing(self._place(target)) as place:
            return place.put(wanted, force=force)

    def remove(self, target: Target, place_id: str) -> Outcome:
        """Take out what was put for a target that is no longer there, or no longer in that place.

        If another target is in the same place by now, as after a renaming, that one's secrets are put there:
        none of them may go, and in a roll-back it is they that have been overwritten.

        Args:
            target: as it was declared.
            place_id: what `put` returned as such.

        Raises:
            SecretError: an entry can't be read, or isn't filled.
            SyncError: the platform refuses, or doesn't answer.
        """
        heir = self._heir(target)
        outcome = self.put(heir) if heir else None
        kept = heir.variables if heir else ()
        with closing(self._place(_placed(target, place_id))) as place:
            removed = place.remove(target.variables, kept=kept)
        return outcome or removed

    def _heir(self, target: Target) -> Target | None:
        others = (each for each in self.settings.targets.values() if each.name != target.name)
        return next((other for other in others if other.shares_place(target)), None)

    def _place(self, target: Target) -> Place:
        place = target.place
        token, token_name = self._token(place.platform)
        if isinstance(place, Worker):
            # A third of a second, which the other platform's targets don't need.
            from sync_platform.cloudflare_worker import CloudflareWorker  # noqa: PLC0415

            return CloudflareWorker(place, token, token_name=token_name, attempts=self.attempts)
        api = VercelApi(
            self.settings.vercel_url,
            token,
            token_name=token_name,
            team=place.team,
            about=f'project "{place.project}"' + (f' of team "{place.team}"' if place.team else ""),
            attempts=self.attempts,
        )
        return VercelProject(place, owner=target.secret_id, api=api)

    def _token(self, platform: Platform) -> tuple[str, str]:
        """The token, and what errors call it."""
        secret_id = self.settings.token_secret_ids[platform]
        name = f'"api_token" of secret "{secret_id}"'
        try:
            token = secrets.field(secret_id, "api_token").strip()
        except UnfilledSecretError as error:
            variable = f"{platform.upper()}_API_TOKEN"
            raise TokenError(f"{error}, with a line {variable}=… in it") from None
        if not _HEADER_VALUE.fullmatch(token):
            raise TokenError(f"{name} is no token: it is broken")
        return token, name


def _placed(target: Target, place_id: str) -> Target:
    """The target in the place that the platform knows under its id: a project may have been renamed since."""
    platform, _, known = place_id.partition("/")
    if platform == "vercel" and isinstance(target.place, Project):
        return dataclasses.replace(target, place=dataclasses.replace(target.place, project=known))
    return target
