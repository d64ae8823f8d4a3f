"""The stack with the secrets: names without values."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.infrastructure.assembly import Assembly


def should_leave_what_the_user_fills_without_any_value(secrets: dict[str, Any]) -> None:
    template = Template.from_json(secrets)
    for name in ("supabase", "database"):
        template.has_resource_properties(
            "AWS::SecretsManager::Secret",
            {
                "Name": f"external-compute/prod/{name}",
                "SecretString": Match.absent(),
                "GenerateSecretString": Match.absent(),
            },
        )


@pytest.mark.parametrize("name", ["webhook-signing", "target-edge-worker", "target-vercel-app"])
def should_generate_signing_secrets_that_are_base64_of_48_bytes(secrets: dict[str, Any], name: str) -> None:
    Template.from_json(secrets).has_resource_properties(
        "AWS::SecretsManager::Secret",
        {
            "Name": f"external-compute/prod/{name}",
            "GenerateSecretString": {
                "PasswordLength": 64,
                "ExcludePunctuation": True,
                "IncludeSpace": False,
                "GenerateStringKey": "current",
                "SecretStringTemplate": Match.serialized_json({"previous": ""}),
            },
        },
    )


def should_keep_secrets_when_the_stack_goes(secrets: dict[str, Any]) -> None:
    kept = {"DeletionPolicy": "RetainExceptOnCreate"}
    Template.from_json(secrets).all_resources("AWS::SecretsManager::Secret", kept)


def should_hold_no_secret_in_any_template(assembly: Assembly) -> None:
    for stack in ("prod-bridge", "prod-secrets"):
        text = json.dumps(assembly.template(stack))
        assert '"SecretString":' not in text
        assert "{{resolve:" not in text
        assert "postgresql://" not in text
