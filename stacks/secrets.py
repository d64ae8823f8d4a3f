"""What the user fills in, and the signing secret."""

import json
import string
from typing import cast

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.context import removal_policy
from stacks.entries import FILLED_BY_THE_USER, SIGNING
from stacks.names import camel_case, entry_name, target_entry
from stacks.settings import Settings
from stacks.stage_stack import StageStack


class SecretsStack(StageStack):
    """Secrets Manager entries, apart from all that changes often.

    The user fills `supabase` (`url`, `anon_key`), `supabase-service-role` (`url`, `service_role_key`),
    `supabase-jwt` (`url`, `jwt_secret`), `database` (`database_url`, `ca_certificate`), `database-direct`
    (`direct_url`, `ca_certificate`), entries that the user's functions name, and `cloudflare` and `vercel`
    (`api_token`) where a target is kept in step. `webhook-signing` and one `target-…` for each target outside
    AWS (`current`, `previous`) are generated.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make them for one stage."""
        super().__init__(scope, construct_id, settings=settings, holds="secrets")
        self._stage_name = settings.stage_name
        self._removal = removal_policy(settings.stage)
        self._key_arn = settings.stage.kms_key_arn
        for name, description in FILLED_BY_THE_USER.items():
            self._unfilled(name, description)
        for name in settings.own_entries:
            self._unfilled(name, "Named by functions or workers in bridge.toml")
        for name in sorted(set(settings.platforms) - set(settings.own_entries)):
            self._unfilled(name, "Token that writes secrets on the platform")
        self._signing(SIGNING, "Signs the messages to this stage")
        for target in settings.targets:
            self._signing(target_entry(target.name), f"Signs the messages to {target.name}")

    def _unfilled(self, name: str, description: str) -> None:
        """An entry without a value: what isn't in the template, no later change of it can overwrite."""
        secret = self._secret(name, description, None)
        cast("secretsmanager.CfnSecret", secret.node.default_child).generate_secret_string = None
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The values are made elsewhere; they change where Supabase, or whose they are, is configured.",
        )

    def _signing(self, name: str, description: str) -> None:
        # 64 alphanumerics are base64 of 48 bytes; Standard Webhooks wants 24 to 64.
        generated = secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"previous": ""}),
            generate_string_key="current",
            password_length=64,
            exclude_punctuation=True,
            # The same once more, for emulators that know only this of the two.
            exclude_characters=string.punctuation,
            include_space=False,
        )
        secret = self._secret(name, description, generated)
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The bridge stack's function rotates it, by a schedule there, unless rotation_days is 0.",
        )

    def _secret(
        self, name: str, description: str, generated: secretsmanager.SecretStringGenerator | None
    ) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            camel_case(name),
            secret_name=entry_name(self._stage_name, name),
            description=description,
            generate_secret_string=generated,
            removal_policy=self._removal,
        )
        # Given to the L2 construct, a key of another stack would be expected to take policies.
        cast("secretsmanager.CfnSecret", secret.node.default_child).kms_key_id = self._key_arn
        return secret
