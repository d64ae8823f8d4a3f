"""[[targets]] of bridge.toml: addresses outside AWS, as each stage has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stacks.errors import SettingsError
from tests.unit.test_settings import WEBHOOK, read

if TYPE_CHECKING:
    from pathlib import Path

TARGET = """
[[targets]]
name = "edge_relay"
url = "https://shop-{stage}.example.com/{webhook}"
"""
CLOUDFLARE = f'cloudflare = {{ account_id = "{"a" * 32}", script = "shop-{{stage}}" }}\n'
STAGE = "[stages.prod]\n"


def problems(tmp_path: Path, text: str, **context: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, text, **context)
    return str(raised.value).split("\n  ")[1:]


def should_take_one_target_or_several(tmp_path: Path) -> None:
    several = WEBHOOK.replace('"handle_order"', '["handle_order", "edge_relay"]').replace(
        "order.created", "order.paid"
    )
    settings = read(tmp_path, WEBHOOK + several + TARGET + STAGE)

    assert [webhook.targets for webhook in settings.webhooks] == [
        ("handle_order",),
        ("handle_order", "edge_relay"),
    ]


def should_fill_in_the_stage_and_leave_the_webhook(tmp_path: Path) -> None:
    [target] = read(tmp_path, TARGET + STAGE).targets

    assert target.url == "https://shop-prod.example.com/{webhook}"
    assert (target.timeout, target.fast_path) == (15, True)


def should_give_each_stage_a_worker_of_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, TARGET + CLOUDFLARE + STAGE)

    assert settings.targets[0].cloudflare is not None
    assert settings.targets[0].cloudflare.script == "shop-prod"
    assert settings.platforms == ["cloudflare"]


@pytest.mark.parametrize(
    ("place", "platforms"),
    [('vercel = { project = "shop" }\n', ["vercel"]), (CLOUDFLARE, ["cloudflare"]), ("", [])],
)
def should_know_the_platforms_whose_secrets_it_writes(
    tmp_path: Path, place: str, platforms: list[str]
) -> None:
    assert read(tmp_path, TARGET + place + STAGE).platforms == platforms


def should_take_a_stages_own_address(tmp_path: Path) -> None:
    text = TARGET + STAGE + 'target_urls = { edge_relay = "https://hooks.example.com/" }'

    assert read(tmp_path, text).targets[0].url == "https://hooks.example.com/"


def should_take_addresses_from_the_command_line(tmp_path: Path) -> None:
    settings = read(tmp_path, TARGET + STAGE, target_urls="edge_relay=https://a.example.com/?key=1")

    assert settings.targets[0].url == "https://a.example.com/?key=1"


def should_let_a_stage_name_its_private_networks(tmp_path: Path) -> None:
    text = TARGET.replace("shop-{stage}.example.com", "10.1.2.3") + STAGE

    assert read(tmp_path, text + 'allowed_target_ranges = ["10.1.0.0/16"]').targets


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example.com/", "use https"),
        ("https://10.1.2.3/", "not a public one"),
        ("https://169.254.169.254/latest", "not a public one"),
        ("https://[::1]/", "not a public one"),
        ("https://localhost:8000/", "this machine's own"),
        ("https://user:word@shop.example.com/", "credentials in an address"),
        ("https://{webhook}.example.com/", "{webhook} may stand in its path"),
        ("https://shop.example.com/{table}", "another placeholder"),
        ("https://shop.example.com/ a", "white space"),
        ("ftp://shop.example.com/", "an https address"),
        ("shop.example.com", "an https address"),
    ],
)
def should_explain_a_wrong_address(tmp_path: Path, url: str, reason: str) -> None:
    text = TARGET.replace("https://shop-{stage}.example.com/{webhook}", url) + STAGE

    [problem] = problems(tmp_path, text)

    assert problem.startswith(f'target "edge_relay": url = "{url}" is wrong')
    assert reason in problem


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('name = "handle_order"', "a folder of workers has that name"),
        ('name = "redeliver"', "the bridge's own queue has that name"),
        ('name = "Edge"', "at most 24 lower-case letters"),
        ('name = "a__b"', "at most 24 lower-case letters"),
        ('name = "edge"\ntimeout = 31', "1 to 30 (seconds for an answer)"),
        ('name = "edge"\nsecret = "x"', '"secret" is no setting'),
        ('name = "edge"\ncloudflare = { account_id = "x", script = "shop" }', "cloudflare = "),
        ('name = "edge"\nvercel = { project = "shop", environments = [] }', "vercel = "),
        (f'name = "edge"\n{CLOUDFLARE}vercel = {{ project = "shop" }}', "exclude each other"),
    ],
)
def should_explain_a_wrong_target(tmp_path: Path, line: str, reason: str) -> None:
    text = TARGET.replace('name = "edge_relay"', line) + STAGE

    assert any(reason in problem for problem in problems(tmp_path, text))


def should_refuse_two_targets_of_one_name(tmp_path: Path) -> None:
    assert problems(tmp_path, TARGET + TARGET + STAGE) == [
        'target "edge_relay": name is used 2 times; each needs its own'
    ]


def should_refuse_two_targets_in_one_place(tmp_path: Path) -> None:
    text = TARGET + CLOUDFLARE + TARGET.replace("edge_relay", "other") + CLOUDFLARE + STAGE

    [problem] = problems(tmp_path, text)

    assert problem.startswith('target "other": cloudflare: "edge_relay" has that place already')


def should_name_targets_that_a_webhook_could_mean(tmp_path: Path) -> None:
    text = WEBHOOK.replace('"handle_order"', '["edge_rela"]') + TARGET + STAGE

    [problem] = problems(tmp_path, text)

    assert problem == (
        'webhook "order.created": target: "edge_rela" is no folder of workers, nor one of '
        '[[targets]]; did you mean "edge_relay"? known: edge_relay, handle_order'
    )


def should_refuse_an_address_for_no_target(tmp_path: Path) -> None:
    text = TARGET + STAGE + 'target_urls = { edge = "https://hooks.example.com/" }'

    [problem] = problems(tmp_path, text)

    assert problem.startswith('stage "prod": target_urls: "edge" is no target; did you mean "edge_relay"?')


def should_keep_the_names_of_targets_secrets(tmp_path: Path) -> None:
    text = f'{STAGE}[workers.handle_order]\nsecrets = ["target-edge-worker"]'

    [problem] = problems(tmp_path, text)

    assert 'names that start with "target-" belong to the signing secrets of [[targets]]' in problem
