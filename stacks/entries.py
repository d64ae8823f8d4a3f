"""Secrets Manager entries: their names, what fills them, and who may read them."""

from collections.abc import Iterable

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.encryption import READ, WRITE, let_use
from stacks.names import entry_name, target_entry
from stacks.settings import Settings

SIGNING = "webhook-signing"
# Members that always go together make an entry, so that no function reads one that it doesn't use.
FILLED_BY_THE_USER = {
    "supabase": "Address of Supabase's APIs, and the key that acts as the calling user",
    "supabase-service-role": "Address of Supabase's APIs, and the key that acts as the service role",
    "supabase-jwt": "What verifies users' tokens",
    "database": "Pooled connection to Postgres",
    "database-direct": "Direct connection to Postgres, for the deployment",
}


class Entries(Construct):
    """A stage's entries as functions get to read them.

    They are found by name, not by a reference: an export couldn't go away while another stack imports it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey | None
    ) -> None:
        """Prepare them; nothing is provisioned. `key` encrypts them; None: Secrets Manager's own."""
        super().__init__(scope, construct_id)
        self._key = key
        self._stage_name = settings.stage_name
        self._database_tls = settings.stage.database_tls
        self._known: dict[str, secretsmanager.ISecret] = {}

    def give(self, function: lambda_.Function, entries: Iterable[str]) -> None:
        """Let a function read entries, and tell it their names: `database` in DATABASE_SECRET_ID."""
        given = list(dict.fromkeys(entries))
        for variable, name in self.variables(given).items():
            function.add_environment(variable, name)
        self.let_read(function, given)
        if any(entry.startswith("database") for entry in given):
            function.add_environment("DATABASE_TLS", self._database_tls)

    def let_read(self, function: lambda_.Function, entries: Iterable[str]) -> None:
        """Let a function read entries whose names it has from elsewhere."""
        for entry in entries:
            self._entry(entry).grant_read(function)
        let_use(function, self._key, service="secretsmanager", actions=READ)

    def let_rotate(self, function: lambda_.Function, entries: Iterable[str]) -> None:
        """Let a function read entries, put new values into them, and say which of these is in force."""
        given = list(entries)
        self.let_read(function, given)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
                resources=[self.arn(entry) for entry in given],
            )
        )
        let_use(function, self._key, service="secretsmanager", actions=WRITE)

    def arn(self, entry: str) -> str:
        """The entry's ARN as policies name it: its last six characters are Secrets Manager's choice."""
        return f"{self._entry(entry).secret_arn}-??????"

    def arn_of_all(self) -> str:
        """The ARNs of all entries of the stage, as policies name them."""
        return Stack.of(self).format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=entry_name(self._stage_name, "*"),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def variables(self, entries: Iterable[str]) -> dict[str, str]:
        """The environment variables that tell a function the names of entries."""
        return {
            f"{entry.upper().replace('-', '_')}_SECRET_ID": entry_name(self._stage_name, entry)
            for entry in entries
        }

    def _entry(self, entry: str) -> secretsmanager.ISecret:
        if entry not in self._known:
            self._known[entry] = secretsmanager.Secret.from_secret_name_v2(
                self, entry, entry_name(self._stage_name, entry)
            )
        return self._known[entry]


def secret_ids_of_targets(settings: Settings) -> dict[str, str]:
    """Return the names of the entries that hold the signing secrets of targets outside AWS, by target."""
    return {
        target.name: entry_name(settings.stage_name, target_entry(target.name)) for target in settings.targets
    }
