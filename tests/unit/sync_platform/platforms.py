"""Both platforms' APIs on this machine, as far as their documentation and SDKs describe them for secrets."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.gateway import Gateway, Reply
from tests.unit.sync_platform.cloudflare import CloudflareApi
from tests.unit.sync_platform.vercel import VercelApi


class Platforms(Gateway):
    """Answers as Cloudflare below /client/v4, else as Vercel; what `on` says comes first."""

    def __init__(self) -> None:
        super().__init__()
        # An answer is two packets, of which the second would wait 40 ms for the receipt of the first.
        handler: Any = self._server.RequestHandlerClass
        handler.disable_nagle_algorithm = True
        self.cloudflare = CloudflareApi()
        self.vercel = VercelApi()
        self._faults: list[tuple[re.Pattern[str], Reply, bool]] = []

    def on(self, pattern: str, *replies: Reply, after: bool = False) -> None:
        """Answer the next requests whose "METHOD /path" matches so, each once.

        Args:
            pattern: a regular expression.
            replies: in turn.
            after: when the platform has done what was asked.
        """
        self._faults += [(re.compile(pattern), reply, after) for reply in replies]

    def reply(self) -> Reply:
        request = self.seen[-1]
        answer = self.cloudflare.answer if request.path.startswith("/client/v4/") else self.vercel.answer
        line = f"{request.method} {request.path}"
        fault = next((fault for fault in self._faults if fault[0].search(line)), None)
        if fault is None:
            return answer(request)
        self._faults.remove(fault)
        if fault[2]:
            answer(request)
        return fault[1]

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(1 for seen in self.seen if re.search(pattern, f"{seen.method} {seen.path}"))
