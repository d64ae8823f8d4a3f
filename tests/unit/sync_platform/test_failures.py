"""What a platform's troubles lead to: limited patience, and errors with a remedy and without secrets."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from sync_platform import attempts
from sync_platform.errors import SyncError, told
from tests.unit.gateway import Reply
from tests.unit.sync_platform import cloudflare, vercel
from tests.unit.sync_platform.deployed import ANON_KEY, FIRST, SENSITIVE, VALUES

if TYPE_CHECKING:
    from tests.unit.sync_platform.deployed import Deployed
    from tests.unit.sync_platform.platforms import Platforms

TARGETS = ["remote_worker", "remote_app"]
WRITE = r"PATCH .*/secrets-bulk|POST .*/env$"
JSON, HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
PAGE = b"<html>a proxy's page</html>"


@pytest.fixture(autouse=True)
def declared(platforms: Platforms, deployed: Deployed) -> None:
    """A target on each platform, and what they name."""
    platforms.cloudflare.workers["shop-prod"] = cloudflare.WorkerScript()
    platforms.vercel.add_project("shop")
    deployed.worker()
    deployed.project()


def present(platforms: Platforms, name: str) -> dict[str, str]:
    if name == "remote_worker":
        return platforms.cloudflare.workers["shop-prod"].secrets
    [project] = platforms.vercel.projects.values()
    return project.values()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("status", [429, 500, 503])
def should_ask_again_after_a_trouble_that_passes(
    platforms: Platforms, deployed: Deployed, name: str, status: int
) -> None:
    platforms.on(WRITE, Reply(status), Reply(status, b"<html>"))

    deployed.create_resource(name)

    assert present(platforms, name) == VALUES
    assert platforms.count(WRITE) == 3


@pytest.mark.parametrize("name", TARGETS)
def should_wait_as_long_as_the_platform_asks(platforms: Platforms, deployed: Deployed, name: str) -> None:
    platforms.on(WRITE, Reply(429, headers={"Retry-After": "0.3"}))
    started = time.monotonic()

    deployed.create_resource(name)

    assert time.monotonic() - started >= 0.3
    assert present(platforms, name) == VALUES


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("remote_worker", {"retry-after": "300"}),
        ("remote_app", {"Retry-After": "300"}),
        ("remote_app", {"X-RateLimit-Reset": str(int(time.time()) + 3600)}),
    ],
)
def should_not_wait_longer_than_the_function_may_take(
    platforms: Platforms, deployed: Deployed, name: str, header: dict[str, str]
) -> None:
    platforms.on(WRITE, Reply(429, headers=header))
    started = time.monotonic()

    with pytest.raises(SyncError, match=r"answered 429 .*it asks to wait for \d+ seconds before"):
        deployed.create_resource(name)

    assert time.monotonic() - started < 3
    assert platforms.count(WRITE) == 1


@pytest.mark.parametrize("name", TARGETS)
def should_give_up_when_it_does_not_pass(platforms: Platforms, deployed: Deployed, name: str) -> None:
    platforms.on(WRITE, *[Reply(500)] * 9)

    with pytest.raises(SyncError, match="answered 500"):
        deployed.create_resource(name)

    assert platforms.count(WRITE) == 4


@pytest.mark.parametrize("name", TARGETS)
def should_not_wait_for_ever_for_an_answer(
    platforms: Platforms, deployed: Deployed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "ANSWER_SECONDS", 0.1)
    platforms.on(WRITE, *[Reply(delay=5, hang_up=True)] * 4)
    started = time.monotonic()

    with pytest.raises(SyncError, match=r"no answer from 127\.0\.0\.1"):
        deployed.create_resource(name)

    assert time.monotonic() - started < 5
    assert platforms.count(WRITE) == 4


@pytest.mark.parametrize("name", TARGETS)
def should_survive_that_the_platform_hangs_up(platforms: Platforms, deployed: Deployed, name: str) -> None:
    platforms.on(WRITE, Reply(hang_up=True))
    platforms.on(WRITE, Reply(hang_up=True), after=True)

    deployed.create_resource(name)

    assert present(platforms, name) == VALUES


@pytest.mark.parametrize("name", TARGETS)
def should_name_the_host_that_cannot_be_reached(platforms: Platforms, deployed: Deployed, name: str) -> None:
    platforms.stop()

    with pytest.raises(SyncError, match=rf'target "{name}": no answer from 127\.0\.0\.1'):
        deployed.create_resource(name)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("remote_worker", Reply(200, PAGE, HTML)),
        ("remote_app", Reply(200, PAGE, HTML)),
        ("remote_worker", Reply(200, [], JSON)),
        ("remote_app", Reply(200, [], JSON)),
        ("remote_worker", Reply(200, {"success": False, "errors": []}, JSON)),
    ],
)
def should_not_take_just_any_answer_for_a_success(
    platforms: Platforms, deployed: Deployed, name: str, reply: Reply
) -> None:
    platforms.on(WRITE, reply)

    with pytest.raises(SyncError, match=r"answered 200 \(no error that the API documents\)"):
        deployed.create_resource(name)


@pytest.mark.parametrize("name", TARGETS)
def should_keep_the_stack_when_a_platform_is_away_and_say_what_to_do(
    platforms: Platforms, deployed: Deployed, name: str
) -> None:
    deployed.create_resource(name)
    platforms.on("GET", *[Reply(502)] * 4)
    properties = deployed.withdraw(name)

    with pytest.raises(SyncError, match=r"answered 502 .*; delete again, or retain this resource$"):
        deployed.delete_resource(properties)

    deployed.delete_resource(properties)
    assert present(platforms, name) == {}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("token", ["", "withdrawn-0123456789-0123456789"])
def should_let_the_stack_go_without_a_token(
    platforms: Platforms, deployed: Deployed, name: str, token: str
) -> None:
    deployed.create_resource(name)
    deployed.cloudflare.put({"api_token": token})
    deployed.vercel.put({"api_token": token})

    data = deployed.delete_resource(deployed.withdraw(name))

    assert data["Effect"].startswith("left behind: ")
    assert '"level":"WARNING"' in deployed.log.getvalue()
    assert present(platforms, name) == VALUES


@pytest.mark.parametrize("name", TARGETS)
def should_say_no_secret_though_the_platform_repeats_it(
    platforms: Platforms,
    deployed: Deployed,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What AWS's own client says at level DEBUG is not this function's.
    caplog.set_level(logging.INFO, logger="botocore")
    caplog.set_level(logging.DEBUG)
    token = cloudflare.TOKEN if name == "remote_worker" else vercel.TOKEN
    repeated = {"code": 1, "message": f"can't store whsec_{FIRST} or {ANON_KEY} for {token}"}
    for status in (500, 400):
        platforms.on(WRITE, Reply(status, {"errors": [repeated], "error": repeated}, JSON))

    with pytest.raises(SyncError) as raised:
        deployed.create_resource(name)
    deployed.create_resource(name)
    deployed.delete_resource(deployed.withdraw(name))

    assert "(1: can't store [hidden] or [hidden] for [hidden])" in str(raised.value)
    assert "trying again" in caplog.text
    for text in (str(raised.value), caplog.text, deployed.log.getvalue(), *capsys.readouterr()):
        assert not [secret for secret in SENSITIVE if secret in text]


def should_cut_what_a_platform_says_at_length() -> None:
    text = told(7, "x" * 5000 + "\nsecret", hidden=["secret"])

    assert text == f"(7: {'x' * 197}…)"
