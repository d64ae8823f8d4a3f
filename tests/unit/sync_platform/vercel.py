"""Vercel's API for the environment variables and deployments of projects: https://vercel.com/docs/rest-api."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.gateway import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.gateway import Seen

TEAM = "team_0123456789"
TOKEN = "vercel-token-0123456789"
PAGE = 2


@dataclass
class VercelProject:
    """A project of one team; times count up with whatever happens."""

    id: str
    name: str
    variables: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    live: dict[str, Any] | None = None
    bodies: list[Any] = field(default_factory=list)

    def values(self, environment: str = "production") -> dict[str, str]:
        """What a deployment of now would have."""
        return {each["key"]: each["value"] for each in self.variables if environment in each["target"]}

    def kinds(self, environment: str = "production") -> dict[str, str]:
        return {each["key"]: each["type"] for each in self.variables if environment in each["target"]}


class VercelApi:
    """Projects by id."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.projects: dict[str, VercelProject] = {}
        self._clock = itertools.count(1_700_000_000_000)
        self._ids = itertools.count(1)

    def add_project(self, name: str) -> VercelProject:
        project = VercelProject(f"prj_{next(self._ids)}", name)
        self.projects[project.id] = project
        return project

    def add_variable(
        self, project: VercelProject, key: str, target: list[str], **more: Any
    ) -> dict[str, Any]:
        """As somebody else would, by hand."""
        variable = {
            "id": f"env_{next(self._ids)}",
            "key": key,
            "value": "by hand",
            "type": "encrypted",
            "target": target,
            "createdAt": next(self._clock),
            "updatedAt": next(self._clock),
            **more,
        }
        project.variables.append(variable)
        return variable

    def deploy(self, project: VercelProject, state: str = "READY") -> dict[str, Any]:
        """Deploy to production; once it is ready, it is live."""
        number = next(self._ids)
        deployment = {
            "uid": f"dpl_{number}",
            "id": f"dpl_{number}",
            "url": f"{project.name}-{number}.vercel.app",
            "name": project.name,
            "state": state,
            "readyState": state,
            "createdAt": next(self._clock),
            "values": project.values(),
        }
        project.deployments.append(deployment)
        if state == "READY":
            project.live = deployment
        return deployment

    def finish(self, project: VercelProject) -> None:
        """Let the newest deployment's build end."""
        project.live = project.deployments[-1]
        project.live |= {"state": "READY", "readyState": "READY"}

    def answer(self, request: Seen) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return failed(403, "forbidden", "Not authorized")
        query = dict(request.query)
        if query.get("teamId") != TEAM:
            return failed(404, "not_found", "Project not found.")
        if request.path == "/v7/deployments":
            return self._deployments(query)
        if request.path == "/v13/deployments":
            return self._redeployed(request.body)
        parts = re.fullmatch(r"/(v9|v10)/projects/([^/]+)(/env)?(/[^/]+)?", request.path)
        project = self._find(parts[2]) if parts else None
        if parts is None or project is None:
            return failed(404, "not_found", "Project not found.")
        return self._of_project(project, request, (request.method, *parts.group(1, 3, 4)), query)

    def _of_project(
        self, project: VercelProject, request: Seen, route: tuple[str, ...], query: Mapping[str, str]
    ) -> Reply:
        match route:
            case "GET", "v9", None, None:
                targets = {"production": project.live} if project.live else {}
                return Reply(body={"id": project.id, "name": project.name, "targets": targets})
            case "GET", "v10", "/env", None:
                return _page(project, query)
            case "POST", "v10", "/env", None:
                project.bodies.append(request.body)
                return self._upserted(project, request.body, upsert=query.get("upsert") == "true")
            case "DELETE", "v9", "/env", variable:
                return _deleted(project, variable[1:])
        return failed(405, "method_unknown", f"This endpoint doesn't respond to {request.method}")

    def _find(self, id_or_name: str) -> VercelProject | None:
        return next((each for each in self.projects.values() if id_or_name in {each.id, each.name}), None)

    def _upserted(self, project: VercelProject, wanted: list[dict[str, Any]], *, upsert: bool) -> Reply:
        created, refused = [], []
        for variable in wanted:
            present = _overlapping(project, variable)
            if present and (not upsert or present["target"] != variable["target"]):
                refused.append(_conflict(variable))
                continue
            if present is None:
                present = {
                    "id": f"env_{next(self._ids)}",
                    "createdAt": next(self._clock),
                    "type": variable["type"],
                }
                project.variables.append(present)
            # The type stays what it was: it can only be chosen when a variable is made.
            present |= variable | {"type": present["type"], "updatedAt": next(self._clock)}
            created.append(_shown(present))
        return Reply(201, {"created": created, "failed": refused})

    def _deployments(self, query: Mapping[str, str]) -> Reply:
        project = self.projects[query["projectId"]]
        found = [
            each
            for each in reversed(project.deployments)
            if each["state"] in query["state"].split(",") and each["createdAt"] >= int(query["since"])
        ]
        return Reply(
            body={"deployments": found[: int(query["limit"])], "pagination": {"count": 1, "next": None}}
        )

    def _redeployed(self, body: Mapping[str, Any]) -> Reply:
        for project in self.projects.values():
            if body["deploymentId"] in {each["id"] for each in project.deployments}:
                made = self.deploy(project, "QUEUED")
                return Reply(body={"id": made["id"], "url": made["url"], "readyState": "QUEUED"})
        return failed(404, "not_found", "Deployment not found.")


def _overlapping(project: VercelProject, variable: Mapping[str, Any]) -> dict[str, Any] | None:
    for present in project.variables:
        same = present["key"] == variable["key"] and not present.get("gitBranch")
        if same and set(present["target"]) & set(variable["target"]):
            return present
    return None


def _conflict(variable: Mapping[str, Any]) -> dict[str, Any]:
    message = f"Another Environment Variable with the Name {variable['key']} exists in your project."
    return {"error": {"code": "ENV_CONFLICT", "message": message, "envVarKey": variable["key"]}}


def _page(project: VercelProject, query: Mapping[str, str]) -> Reply:
    until = int(query.get("until", 2**62))
    older = sorted(
        (each for each in project.variables if each["createdAt"] < until), key=lambda v: -v["createdAt"]
    )
    page = older[:PAGE]
    following = page[-1]["createdAt"] if len(older) > PAGE else None
    return Reply(
        body={
            "envs": [_shown(each) for each in page],
            "pagination": {"count": len(page), "next": following, "prev": None},
        }
    )


def _shown(variable: Mapping[str, Any]) -> dict[str, Any]:
    return {**variable, "value": "" if variable["type"] == "sensitive" else "eyJ2IjoidjIifQ"}


def _deleted(project: VercelProject, variable_id: str) -> Reply:
    for variable in project.variables:
        if variable["id"] == variable_id:
            project.variables.remove(variable)
            return Reply(body=_shown(variable))
    return failed(404, "not_found", "The environment variable was not found.")


def failed(status: int, code: str, message: str, **headers: str) -> Reply:
    body = {"error": {"code": code, "message": message}}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
