"""The app with targets on Cloudflare and Vercel that are kept in step, as bridge.toml has it in comments."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.infrastructure.assembly import Assembly
from tests.infrastructure.bridge_stack import tables
from tests.infrastructure.permissions import allowed
from tools.local.declaration import SHOP, write_declaration

ACCOUNT = "0123456789abcdef0123456789abcdef"
ENTRIES = {"supabase", "cloudflare", "vercel", "target-edge-worker", "target-vercel-app"}


@pytest.fixture(scope="module")
def assembly(synthesized: Callable[..., Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    text = (SHOP / "bridge.toml").read_text("utf-8")
    for line in ('cloudflare = { account_id = "…"', "vercel = {"):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    text = text.replace('account_id = "…"', f'account_id = "{ACCOUNT}"')
    config = write_declaration(text, tmp_path_factory.mktemp("platforms"))
    return synthesized("stage=prod", f"config={config}")


@pytest.fixture(scope="module")
def bridge(assembly: Assembly) -> dict[str, Any]:
    return assembly.template("prod-bridge")


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def should_report_no_finding_of_cdk_nag(assembly: Assembly) -> None:
    report = json.loads((assembly.directory / "validation-report.json").read_text("utf-8"))
    assert report["pluginReports"] == []


def should_name_each_place_with_the_stage_in_it(bridge: dict[str, Any]) -> None:
    places = [r["Properties"] for r in resources(bridge, "Custom::PlatformSecrets").values()]
    assert {place["Target"]: place.get("Script", place.get("Project")) for place in places} == {
        "edge_worker": "shop-prod",
        "vercel_app": "shop-prod",
    }


def should_make_an_entry_for_each_token(assembly: Assembly) -> None:
    secrets = resources(assembly.template("prod-secrets"), "AWS::SecretsManager::Secret").values()
    names = {secret["Properties"]["Name"] for secret in secrets}
    assert {f"external-compute/prod/{entry}" for entry in ENTRIES} <= names


def should_let_the_function_read_those_entries_only(bridge: dict[str, Any]) -> None:
    permissions = allowed(bridge, "sync_platform.handler.handler")
    assert permissions["secretsmanager:GetSecretValue"] == ENTRIES


def should_put_secrets_before_messages_come(bridge: dict[str, Any]) -> None:
    [database] = resources(bridge, "Custom::SupabaseBridge").values()
    assert set(resources(bridge, "Custom::PlatformSecrets")) <= set(database["DependsOn"])


def should_let_a_rotation_tell_the_platforms(bridge: dict[str, Any]) -> None:
    permissions = allowed(bridge, "rotate_secret.handler.handler")
    assert permissions["lambda:InvokeFunction"] == {"sync_platform.handler.handler"}
    (rotator,) = (
        r["Properties"]["Environment"]["Variables"]
        for r in resources(bridge, "AWS::Lambda::Function").values()
        if r["Properties"]["Handler"] == "rotate_secret.handler.handler"
    )
    assert tables(bridge, "rotate_secret")["PLATFORM_TARGETS"] == ["edge_worker", "vercel_app"]
    assert "SYNC_PLATFORM_FUNCTION" in rotator


def should_give_out_what_a_rotation_needs(bridge: dict[str, Any]) -> None:
    assert {"SyncPlatformFunction", "EffectEdgeWorker", "EffectVercelApp"} <= bridge["Outputs"].keys()
