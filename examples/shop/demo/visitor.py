"""The demo's caller of HTTP functions: a user of the shop with a token, or nobody in particular."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console

from tools.errors import LocalError

SHOWN = 160


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers, and the body as JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Visitor:
    """Calls the deployed functions, and shows each request with its answer.

    Args:
        console: where it shows them.
        url: of the API.
        token: sent as bearer; empty: none.
        name: who it is, in the demo's words.
    """

    def __init__(self, console: Console, *, url: str, token: str, name: str) -> None:
        self._console = console
        self._url = url
        self._token = token
        self._name = name

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Calls a route; headers with underscores for hyphens.

        Raises:
            LocalError: no answer came, or one that isn't JSON.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token:
            sent["authorization"] = f"Bearer {self._token}"
        request = f"{method} {path}" + (f" {json.dumps(body)}" if body is not None else "")
        began = time.monotonic()
        try:
            response = httpx.request(
                method, f"{self._url}{path}", json=body, headers=sent, timeout=35, trust_env=False
            )
        except httpx.HTTPError as error:
            raise LocalError(f"no answer to {request}: {type(error).__name__}") from error
        milliseconds = (time.monotonic() - began) * 1000
        self._show(f"{self._name}: {request}")
        self._show(f"  → {response.status_code} in {milliseconds:.0f} ms: {_shortened(response.text)}")
        try:
            body = response.json() if response.content else None
            return Answer(response.status_code, response.headers, body)
        except ValueError:
            raise LocalError(f"the answer to {request} is no JSON") from None

    def _show(self, line: str) -> None:
        self._console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def expect(status: int, answer: Answer) -> None:
    """Require a status.

    Raises:
        LocalError: the answer has another one.
    """
    if answer.status != status:
        raise LocalError(f"the answer should have been HTTP {status}, it was {answer.status}")
