"""What a request's headers and body ask of PostgREST."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from tools.local.supabase_api.errors import RestError
from tools.local.supabase_api.rest_query import MAX_ROWS, Query
from tools.local.supabase_api.rest_sql import SCHEMA

JSON = "application/json"
SINGULAR = "application/vnd.pgrst.object+json"
# The longest first: what is accepted may hold another one's name.
PRODUCED = {
    SINGULAR: True,
    "application/vnd.pgrst.object": True,
    JSON: False,
    "application/*": False,
    "*/*": False,
}
PREFERENCES = {
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "resolution": ("merge-duplicates", "ignore-duplicates"),
}
RANGE = re.compile(r"(\d+)-(\d*)")


@dataclass(frozen=True)
class Wishes:
    """What the headers say of the answer."""

    preferences: Mapping[str, str]
    singular: bool

    @property
    def counted(self) -> bool:
        return "count" in self.preferences

    @property
    def merging(self) -> bool:
        return self.preferences.get("resolution") == "merge-duplicates"

    @property
    def located(self) -> bool:
        return self.preferences.get("return") == "headers-only"

    @property
    def represented(self) -> bool:
        return self.preferences.get("return") == "representation"

    def applied(self, *names: str) -> dict[str, str]:
        """Return the header that says which preferences were followed."""
        followed = [f"{name}={self.preferences[name]}" for name in names if name in self.preferences]
        return {"Preference-Applied": ", ".join(followed)} if followed else {}


@dataclass(frozen=True)
class Payload:
    """A body: its own text, for PostgreSQL to read, and what is in it; `listed` where that is an array."""

    content: str
    rows: list[dict[str, Any]]
    listed: bool


def wishes(headers: Headers, method: str) -> Wishes:
    """Read the headers.

    Raises:
        RestError: PGRST106, a schema that isn't exposed; PGRST107, nothing acceptable can be produced.
    """
    profile = headers.get("accept-profile" if method in {"GET", "HEAD"} else "content-profile", SCHEMA)
    if profile != SCHEMA:
        raise RestError(
            406,
            "PGRST106",
            f"Invalid schema: {profile}",
            hint=f"Only the following schemas are exposed: {SCHEMA}",
        )
    given = [term.strip() for line in headers.getlist("prefer") for term in line.split(",")]
    named = dict(term.partition("=")[::2] for term in given)
    known = {name: value for name, value in named.items() if value in PREFERENCES.get(name, ())}
    return Wishes(known, _singular(headers.get("accept", "*/*")))


def ranged(headers: Headers, query: Query) -> None:
    """Apply the Range header to the query, which it narrows, and PostgREST's limit of rows.

    Raises:
        RestError: PGRST103, its end is before its beginning.
    """
    asked = RANGE.fullmatch(headers.get("range", ""))
    if asked is not None:
        first, last = int(asked[1]), asked[2]
        if last and int(last) < first:
            raise RestError(
                416,
                "PGRST103",
                "Requested range not satisfiable",
                details="The lower boundary must be lower than or equal to the upper boundary"
                " in the Range header.",
            )
        query.offset += first
        if last:
            length = int(last) - first + 1
            query.limit = length if query.limit is None else min(query.limit, length)
    query.limit = MAX_ROWS if query.limit is None else min(query.limit, MAX_ROWS)


def payload(content: bytes, *, single: bool = False) -> Payload:
    """Read a body of JSON: an object, or an array of them unless it must be `single`.

    Raises:
        RestError: PGRST102.
    """
    try:
        text = content.decode()
        found = json.loads(text)
    except ValueError as error:
        raise RestError(400, "PGRST102", "Empty or invalid json") from error
    listed = isinstance(found, list)
    rows = found if listed else [found]
    if (listed and single) or not all(isinstance(row, dict) for row in rows):
        raise RestError(400, "PGRST102", "Empty or invalid json")
    if len({frozenset(row) for row in rows}) > 1:
        raise RestError(400, "PGRST102", "All object keys must match")
    return Payload(text, rows, listed)


def _singular(accept: str) -> bool:
    for term in accept.split(","):
        kind = term.partition(";")[0].strip()
        if kind in PRODUCED:
            return PRODUCED[kind]
    raise RestError(406, "PGRST107", f"None of these media types are available: {accept}")
