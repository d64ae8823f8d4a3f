"""What the user fills in, and the signing secret."""

import json
import string
from typing import cast

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.settings import Settings


class SecretsStack(Stack):
    """Secrets Manager entries, apart from all that changes often.

    Attributes:
        supabase: `url`, `service_role_key`, `jwt_secret`; filled by the user.
        database: `database_url` (pooled), `direct_url`, `ca_certificate`; filled by the user.
        webhook_signing: `current` and `previous` signing secret; generated.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make them for one stage."""
        environment = settings.environment
        super().__init__(
            scope,
            construct_id,
            env={"account": environment.account, "region": environment.region},
            description=f"External compute for Supabase, stage {settings.stage}: secrets",
        )
        self._prefix = f"external-compute/{settings.stage}"
        self._removal = (
            RemovalPolicy.DESTROY
            if environment.removal == "destroy"
            # But not what a failed first deployment leaves: it would be in the way of the next.
            else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        )
        self.supabase = self._unfilled("Supabase", "supabase", "Address and keys of Supabase's REST API")
        self.database = self._unfilled("Database", "database", "Pooled and direct connection to Postgres")
        self.webhook_signing = self._signing()

    def _unfilled(self, construct_id: str, name: str, description: str) -> secretsmanager.Secret:
        """An entry without a value: what isn't in the template, no later change of it can overwrite."""
        secret = self._secret(construct_id, name, description, None)
        cast("secretsmanager.CfnSecret", secret.node.default_child).generate_secret_string = None
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The values are Supabase's own; they change where Supabase is configured.",
        )
        return secret

    def _signing(self) -> secretsmanager.Secret:
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
        secret = self._secret(
            "WebhookSigning", "webhook-signing", "Signs the messages to this stage", generated
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The database holds the same secret and must change it in the same moment.",
        )
        return secret

    def _secret(
        self,
        construct_id: str,
        name: str,
        description: str,
        generated: secretsmanager.SecretStringGenerator | None,
    ) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            construct_id,
            secret_name=f"{self._prefix}/{name}",
            description=description,
            generate_secret_string=generated,
            removal_policy=self._removal,
        )
