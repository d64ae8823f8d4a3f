"""Checks of single values of bridge.toml: each raises ValueError, with a reason unless it is plain."""

import ipaddress
import re
from collections.abc import Callable, Sized
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator

from stacks.settings.sql_names import check_length

# AWS::Logs::LogGroup, RetentionInDays
LOG_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# Without {name+}: the functions' router has no such placeholder and would answer 404.
_ROUTE = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/|(/([\w.~-]+|{\w+}))+)", re.ASCII)
_Values = TypeVar("_Values", bound=Sized)


def checked(check: Callable[[str], object]) -> AfterValidator:
    def run(text: str) -> str:
        check(text)
        return text

    return AfterValidator(run)


def matches(pattern: str) -> AfterValidator:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError

    return checked(check)


def not_reserved(name: str) -> None:
    if name.startswith("bridge."):
        raise ValueError('names that start with "bridge." belong to the bridge itself')


def not_blank(text: str) -> None:
    if not text.strip():
        raise ValueError


def column(name: str) -> None:
    if not name or "\0" in name:
        raise ValueError
    check_length(name)


def not_empty(values: _Values) -> _Values:
    if not values:
        raise ValueError
    return values


def no_duplicates(values: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{', '.join(map(repr, twice))} is listed twice")
    return values


def not_the_bridges(entry: str) -> None:
    if entry in {"database-direct", "supabase-jwt", "webhook-signing"}:
        raise ValueError("only the bridge itself reads that entry")
    if entry.startswith("target-"):
        raise ValueError('names that start with "target-" belong to the signing secrets of [[targets]]')


def route(text: str) -> None:
    if not _ROUTE.fullmatch(text):
        raise ValueError("write METHOD /path, with {name} for what varies, for example GET /orders/{id}")
    if re.search(r" /webhooks(/|$)", text):
        raise ValueError("/webhooks belongs to the bridge itself")
    no_duplicates(tuple(re.findall(r"{(\w+)", text)))


def branch_alone(name: str) -> None:
    if match := re.match(r"refs/(heads/)?", name):
        raise ValueError(f"name the branch alone: {name[match.end() :]}")


def origin(text: str) -> None:
    parts = urlsplit(text)
    if text != "*" and (parts.scheme not in {"https", "http"} or text != f"{parts.scheme}://{parts.netloc}"):
        raise ValueError


def https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError


def web_address(url: str) -> None:
    parts = urlsplit(url.replace("{api_id}", "api-id"))
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    if url.endswith("/") or "/webhooks" in parts.path:
        raise ValueError("leave out what follows the address: '/webhooks/…' is added to it")
    if re.search(r"[{}\s]", url.replace("{api_id}", "")):
        raise ValueError("the only placeholder is {api_id}")


def not_the_wake_queue(name: str) -> None:
    if name == "redeliver":
        raise ValueError("the bridge's own queue has that name")


def target_address(url: str) -> None:
    parts = urlsplit(re.sub(r"{(webhook|stage)}", "x", url))
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials in an address can be read in the database; messages are signed")
    if parts.fragment or re.search(r"[{}\s]", re.sub(r"{(webhook|stage)}", "", url)):
        raise ValueError("it holds white space, a fragment, or another placeholder")
    if "{webhook}" in urlsplit(url.replace("{stage}", "x")).netloc:
        raise ValueError("{webhook} may stand in its path and query only")


def address_range(text: str) -> None:
    # Its own message says what is wrong, host bits that are set included.
    ipaddress.ip_network(text)


_TAG = r"[\w\s+\-=.:/@]"
# What the app itself says of each resource.
_OWN_TAGS = {"project", "stage"}


def tag_key(name: str) -> None:
    if not re.fullmatch(rf"{_TAG}{{1,128}}", name):
        raise ValueError
    if name.lower().startswith("aws:"):
        raise ValueError('names that start with "aws:" belong to AWS')
    if name in _OWN_TAGS:
        raise ValueError("every resource has that tag already")


def tag_value(text: str) -> None:
    if not re.fullmatch(rf"{_TAG}{{0,256}}", text):
        raise ValueError


def not_one(number: int) -> int:
    # ScalingConfig.MaximumConcurrency of a queue's event source mapping begins at 2.
    if number == 1:
        raise ValueError
    return number


def log_retention(days: int) -> int:
    if days not in LOG_RETENTIONS:
        raise ValueError
    return days
