"""What the deployment tells the function."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bridge.errors import SettingsError
from rotate_secret.settings import Known, Settings

ENVIRONMENT = {
    "WEBHOOK_SIGNING_SECRET_ID": "external-compute/prod/webhook-signing",
    "TARGET_SECRET_IDS": json.dumps(
        {
            "remote_worker": "external-compute/prod/target-remote-worker",
            "crm": "external-compute/prod/target-crm",
        }
    ),
    "OVERLAP_HOURS": "24",
    "PLATFORM_TARGETS": '["remote_worker"]',
    "SYNC_PLATFORM_FUNCTION": "sync",
    "DATABASE_SECRET_ID": "external-compute/prod/database",
    "DATABASE_TLS": "verify-full",
}


def should_know_every_signing_secret_and_what_it_signs_for() -> None:
    settings = Settings.from_environment(ENVIRONMENT)

    assert settings.entries == {
        "webhook-signing": Known(secret_id="external-compute/prod/webhook-signing"),
        "target-remote-worker": Known(
            secret_id="external-compute/prod/target-remote-worker", target="remote_worker", on_platform=True
        ),
        "target-crm": Known(secret_id="external-compute/prod/target-crm", target="crm"),
    }
    assert settings.overlap == timedelta(days=1)


def should_need_no_function_for_platforms_where_there_are_none() -> None:
    settings = Settings.from_environment(
        {name: "[]" if name == "PLATFORM_TARGETS" else value for name, value in ENVIRONMENT.items()}
    )

    assert settings.entries["target-remote-worker"].on_platform is False


@pytest.mark.parametrize("missing", ENVIRONMENT)
def should_name_a_variable_that_is_missing(missing: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}

    with pytest.raises(SettingsError, match=missing):
        Settings.from_environment(environment)


@pytest.mark.parametrize("hours", ["0", "-1", "1.5", "a day"])
def should_need_an_overlap(hours: str) -> None:
    with pytest.raises(SettingsError, match="OVERLAP_HOURS must be a number of hours"):
        Settings.from_environment(ENVIRONMENT | {"OVERLAP_HOURS": hours})
