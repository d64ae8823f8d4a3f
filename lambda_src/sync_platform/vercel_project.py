"""A Vercel project's environment variables, and the deployment that has them.

One variable for each environment: an upsert fails where the environments of the one that is there differ. A
deployment keeps the variables that it was built with:
https://vercel.com/docs/environment-variables/managing-environment-variables.

The signing secret is of type "sensitive": nobody can read it back, members of the project included. What is
public anyway is "encrypted", so that a person can look it up. Whether a value is the same already is told by
the variable's comment, which holds a check of it: an HMAC that is keyed by the value and doesn't reveal it.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from sync_platform.errors import MissingError
from sync_platform.outcome import Outcome
from sync_platform.targets import Project
from sync_platform.values import SIGNING_SECRET
from sync_platform.vercel_api import VercelApi

# The first is written. A team can make all its variables sensitive, whatever is asked for.
_SECRET_TYPES = ("sensitive",)
_PUBLIC_TYPES = ("encrypted", "sensitive")
_UNDER_WAY = "BUILDING,INITIALIZING,QUEUED"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """A variable as the project has it; `updated_at` in milliseconds since 1970."""

    id: str
    name: str
    type: str
    comment: str
    environments: tuple[str, ...]
    updated_at: int

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        target = found.get("target") or ()
        environments = (target,) if isinstance(target, str) else tuple(target)
        return cls(
            id=found["id"],
            name=found["key"],
            type=found["type"],
            comment=found.get("comment") or "",
            # A branch or an environment of the user's own has a variable of its own.
            environments=(*environments, *(found.get("customEnvironmentIds") or ()), *_branch(found)),
            updated_at=found.get("updatedAt") or 0,
        )


class VercelProject:
    """One project.

    Args:
        project: which, and which of its environments.
        owner: who the variables are from, as their comments say: what another has put is left alone.
        api: asks for it.
    """

    def __init__(self, project: Project, *, owner: str, api: VercelApi) -> None:
        self._project = project
        self._mark = f"Kept in step by {owner} ["
        self._api = api

    def put(self, values: Mapping[str, str], *, force: bool) -> Outcome:
        """Create or replace variables, take out earlier ones of this owner, and deploy if that is wanted.

        Raises:
            SyncError: some may be written; those that are will be found so the next time.
        """
        self._api.hide(list(values.values()))
        known = self._api.call("GET", f"/v9/projects/{quote(self._project.project, safe='')}")
        project_id = known["id"]
        found = list(self._variables(project_id))
        written: dict[str, list[str]] = {}
        for environment in self._project.environments:
            stale = {
                name: value
                for name, value in values.items()
                if force or not self._is_current(found, name, value, environment)
            }
            written[environment] = list(stale)
            self._write(project_id, stale, environment, found)
        self._delete(project_id, (each for each in found if self._is_left_over(each, values)))
        return Outcome(
            place_id=f"vercel/{project_id}",
            written=tuple(dict.fromkeys(name for names in written.values() for name in names)),
            effect=self._effect(known, found, written),
        )

    def remove(self, names: Collection[str], *, kept: Collection[str]) -> Outcome:  # noqa: ARG002  # by comment
        """Take out what this owner has put; a project that is not there is fine.

        Raises:
            SyncError: some may be left.
        """
        project = self._project.project
        try:
            unwanted = [each for each in self._variables(project) if each.comment.startswith(self._mark)]
            self._delete(project, unwanted)
        except MissingError:
            unwanted = []
        effect = "removed" if unwanted else "nothing was there to remove"
        return Outcome(place_id=f"vercel/{project}", written=(), effect=effect)

    def close(self) -> None:
        self._api.close()

    def _variables(self, project: str) -> Iterator[_Variable]:
        path = f"/v10/projects/{quote(project, safe='')}/env"
        query: dict[str, str] = {}
        while True:
            page = self._api.call("GET", path, query)
            yield from map(_Variable.parse, page["envs"])
            following = (page.get("pagination") or {}).get("next")
            if following is None:
                return
            query = {"until": str(following)}

    def _is_current(self, found: Iterable[_Variable], name: str, value: str, environment: str) -> bool:
        return any(
            each.comment == self._comment(name, value) and each.type in _types(name)
            for each in _of(found, name, environment)
        )

    def _write(
        self, project_id: str, values: Mapping[str, str], environment: str, found: Iterable[_Variable]
    ) -> None:
        if not values:
            return
        # A variable keeps its type for life: one that can be read doesn't become sensitive by writing it.
        others = [
            each for name in values for each in _of(found, name, environment) if each.type not in _types(name)
        ]
        self._delete(project_id, others)
        body = [
            {
                "key": name,
                "value": value,
                "type": _types(name)[0],
                "target": [environment],
                "comment": self._comment(name, value),
            }
            for name, value in values.items()
        ]
        answer = self._api.call("POST", f"/v10/projects/{project_id}/env", {"upsert": "true"}, body)
        # It answers 201 also where it took only some.
        if failed := answer.get("failed"):
            raise self._api.refused(failed[0].get("error"))

    def _is_left_over(self, variable: _Variable, values: Mapping[str, str]) -> bool:
        wanted = variable.name in values and variable.environments in {
            (environment,) for environment in self._project.environments
        }
        return variable.comment.startswith(self._mark) and not wanted

    def _delete(self, project: str, variables: Iterable[_Variable]) -> None:
        for variable in variables:
            try:
                self._api.call("DELETE", f"/v9/projects/{quote(project, safe='')}/env/{variable.id}")
            except MissingError:
                # A first attempt whose answer was lost, or somebody else, has deleted it.
                continue

    def _comment(self, name: str, value: str) -> str:
        check = hmac.digest(value.encode(), f"check of {name}".encode(), hashlib.sha256).hex()[:16]
        return f"{self._mark}{check}]"

    def _effect(
        self, known: Mapping[str, Any], found: Iterable[_Variable], written: Mapping[str, list[str]]
    ) -> str:
        parts = []
        if "production" in written:
            parts.append(self._production_effect(known, found, changed=bool(written["production"])))
        if written.get("preview"):
            parts.append("previews have it from their next deployment on")
        return "; ".join(parts) or "unchanged"

    def _production_effect(
        self, known: Mapping[str, Any], found: Iterable[_Variable], *, changed: bool
    ) -> str:
        """Say whether the production deployment has the variables, and build it anew if that is wanted.

        By their times, not by what was written just now: so a deployment that failed, or that nobody made,
        is made up for the next time.
        """
        live = (known.get("targets") or {}).get("production")
        if not live:
            return 'takes effect with the first production deployment: "vercel deploy --prod"'
        own = [each for each in found if each.comment.startswith(self._mark)]
        since = max((each.updated_at for each in own if each.environments == ("production",)), default=0)
        if not changed:
            if live["createdAt"] >= since and live["readyState"] == "READY":
                return f"in effect: production deployment {live['id']} has it"
            if under_way := self._under_way(known["id"], since):
                return f"takes effect when production deployment {under_way} is ready"
        if not self._project.redeploy:
            return f'takes effect with the next production deployment: "vercel redeploy {live["url"]}"'
        return f"takes effect when production deployment {self._redeploy(known, live)} is ready"

    def _under_way(self, project_id: str, since: int) -> str | None:
        query = {
            "projectId": project_id,
            "target": "production",
            "state": _UNDER_WAY,
            "since": str(since),
            "limit": "1",
        }
        deployments = self._api.call("GET", "/v7/deployments", query)["deployments"]
        return str(deployments[0]["uid"]) if deployments else None

    def _redeploy(self, known: Mapping[str, Any], live: Mapping[str, Any]) -> str:
        body = {
            "name": known["name"],
            "deploymentId": live["id"],
            "target": "production",
            "meta": {"action": "redeploy"},
        }
        # Not repeated: an answer that was lost may have started one.
        made = self._api.call("POST", "/v13/deployments", {"forceNew": "1"}, body, repeat=False)
        return str(made["id"])


def _branch(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"branch {found['gitBranch']}",) if found.get("gitBranch") else ()


def _of(found: Iterable[_Variable], name: str, environment: str) -> list[_Variable]:
    return [each for each in found if each.name == name and each.environments == (environment,)]


def _types(name: str) -> tuple[str, ...]:
    return _SECRET_TYPES if name == SIGNING_SECRET else _PUBLIC_TYPES
