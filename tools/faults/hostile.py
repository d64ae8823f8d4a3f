"""Answers of a hostile target: each has status 200 or leads to one, none holds a receipt."""

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from tools.faults.proxies.http import Answer, Request, Send

PAGE = "/page"
# Two thousand times what a receipt is looked for in. More would show nothing else, and take longer: the next
# limit is that of a text in Postgres, a gigabyte.
HUGE_BYTES = 32 * 1024 * 1024
PG_NET, REDELIVERY = "pg_net", "redelivery"


def page(request: Request) -> Answer:
    """Answer as a page that knows which message it was sent."""
    text = f"<!doctype html><title>Welcome</title><p>{_id(request)}"
    return Answer(200, {"content-type": "text/html"}, text.encode())


def _id(request: Request) -> str:
    return request.headers.get("webhook-id", "")


def _body(content_type: str, make: Callable[[str], bytes], **headers: str) -> Callable[[Request], Answer]:
    named = {"content-type": content_type} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return lambda request: Answer(200, named, make(_id(request)))


ANSWERS: Mapping[str, Callable[[Request], Answer]] = {
    "not UTF-8": _body("application/json", lambda id_: b'{"t":"\xf0' + id_.encode() + b'"}'),
    "ISO-8859-1": _body("text/plain; charset=iso-8859-1", lambda id_: f"reçu {id_}".encode("latin-1")),
    "gzip": _body(
        "application/json",
        lambda id_: gzip.compress(json.dumps({"id": id_}).encode()),
        content_encoding="gzip",
    ),
    "huge": _body("text/plain", lambda id_: id_.encode() * (HUGE_BYTES // 36)),
    "bytes in headers": _body("application/json", lambda _: b"{}", x_raw="\xf0\x80\xff"),
    "zero bytes": _body("application/json", lambda id_: b"\0" + id_.encode() + b"\0"),
    "page": page,
    "redirect to a page": lambda _: Answer(302, {"location": PAGE}),
}
# To redelivery: all others say that the target has the message.
REFUSALS = {"redirect to a page"}


class Hostile:
    """A proxy's behaviour: each answer in turn, to pg_net and to redelivery by itself.

    What pg_net sends goes no further: were its answer believed, the message would be lost. What redelivery
    sends reaches the target where the answer says so: a 2xx to redelivery is the target's word.

    Attributes:
        met: how often each sender was answered with what.
    """

    def __init__(self) -> None:
        self.met: dict[str, Counter[str]] = {PG_NET: Counter(), REDELIVERY: Counter()}
        self._lock = threading.Lock()

    def __call__(self, request: Request, send: Send) -> Answer:
        """Answer a request."""
        if request.path == PAGE:
            return page(request)
        sender = PG_NET if request.headers.get("user-agent", "").startswith("pg_net/") else REDELIVERY
        with self._lock:
            kind = min(ANSWERS, key=lambda kind: self.met[sender][kind])
            self.met[sender][kind] += 1
        if sender == REDELIVERY and kind not in REFUSALS:
            send(request)
        return ANSWERS[kind](request)

    def all_met(self, sender: str) -> bool:
        """Return whether a sender has had each answer."""
        return all(self.met[sender][kind] for kind in ANSWERS)
