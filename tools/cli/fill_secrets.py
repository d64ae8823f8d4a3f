"""Fill a stage's Secrets Manager entries from a self-hosted Supabase's .env."""

# ruff: noqa: T201 - what it prints is what it is for

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError

from stacks.names import entry_name
from tools.cli.stage import (
    DECLARATION,
    ConfigOption,
    DeployedStage,
    RegionOption,
    StageOption,
    YesOption,
    errors_explained,
    in_words,
)
from tools.cli.supabase_values import FillError, Given, collect, masked_url

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_URL = "SUPABASE_PUBLIC_URL in the .env, or --supabase-url"
REQUIRED = {
    "supabase": {"url": _URL, "anon_key": "ANON_KEY or SUPABASE_PUBLISHABLE_KEY in the .env"},
    "supabase-service-role": {
        "url": _URL,
        "service_role_key": "SERVICE_ROLE_KEY or SUPABASE_SECRET_KEY in the .env",
    },
    "supabase-jwt": {"url": _URL, "jwt_secret": "JWT_SECRET in the .env"},
    "database": {"database_url": "--env-file, or --database-url"},
    "database-direct": {"direct_url": "--env-file, or --direct-url"},
}


def secrets(
    *,
    env_file: Annotated[
        Path | None, typer.Option("--env-file", help="The .env beside Supabase's docker-compose.yml.")
    ] = None,
    database_host: Annotated[
        str | None,
        typer.Option(
            "--database-host", help="Where the pooler is reached, if not at SUPABASE_PUBLIC_URL's host."
        ),
    ] = None,
    supabase_url: Annotated[
        str | None, typer.Option("--supabase-url", help="Instead of SUPABASE_PUBLIC_URL.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option("--database-url", help="Pooled connection, instead of the one made of the .env."),
    ] = None,
    direct_url: Annotated[
        str | None,
        typer.Option("--direct-url", help="Direct connection, instead of the one made of the .env."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="PEM file with the CA that signed the database's certificate."),
    ] = None,
    yes: YesOption = False,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Fill a stage's secrets from Supabase's .env.

    It shows what would be written, masked, and asks first.
    """
    with errors_explained(interrupted="run it again: each entry is written whole or not at all"):
        given = Given(
            env_file=env_file,
            database_host=database_host,
            supabase_url=supabase_url,
            database_url=database_url,
            direct_url=direct_url,
            ca_file=ca_file,
        )
        _fill(DeployedStage(stage, config=config, region=region), given, yes=yes)


def _fill(deployed: DeployedStage, given: Given, *, yes: bool) -> None:
    stage, settings = deployed.name, deployed.settings
    # A platform's token is filled like an entry of one's own: CLOUDFLARE_API_TOKEN as api_token.
    own_entries = sorted({*settings.own_entries, *settings.platforms})
    values = collect(given, own_entries)
    if not values:
        raise FillError("nothing to fill in; give --env-file, or --database-url and --direct-url")
    client = deployed.session.client("secretsmanager")
    entries = {name: _merged(client, stage, name, keys) for name, keys in values.items()}
    if missing := [line for name, keys in entries.items() for line in _missing(name, keys)]:
        raise FillError("\n  ".join(["not everything is there:", *missing]))
    for name, keys in entries.items():
        print(entry_name(stage, name))
        for key, value in keys.items():
            print(f"  {key:<17} {_masked(key, value)}")
    if not yes and not _confirmed(client.meta.region_name):
        raise FillError("nothing was written")
    for name, keys in entries.items():
        secret = entry_name(stage, name)
        try:
            client.put_secret_value(SecretId=secret, SecretString=json.dumps(keys))
        except ClientError as error:
            raise _explained(error, stage, secret, client.meta.region_name) from error
    print(f"written in {client.meta.region_name}")
    for name in own_entries:
        if name not in entries:
            prefix = name.upper().replace("-", "_")
            print(f"{entry_name(stage, name)} is left as it is: no {prefix}_… in the .env")


def _merged(client: "SecretsManagerClient", stage: str, name: str, keys: dict[str, str]) -> dict[str, Any]:
    """What the entry holds, with the new values in it; members that are another entry's go, others stay."""
    secret = entry_name(stage, name)
    try:
        client.describe_secret(SecretId=secret)
    except ClientError as error:
        raise _explained(error, stage, secret, client.meta.region_name) from error
    try:
        # AWS answers for an entry that was never filled with an error, the local emulator without a value.
        present = json.loads(client.get_secret_value(SecretId=secret).get("SecretString") or "{}")
    except client.exceptions.ResourceNotFoundException:
        present = {}
    except ClientError as error:
        raise _explained(error, stage, secret, client.meta.region_name) from error
    except ValueError:
        present = None
    if not isinstance(present, dict):
        raise FillError(
            f"{secret} holds something else than a JSON object; correct it in Secrets Manager first"
        )
    kept = {key: value for key, value in present.items() if key not in _members_of_others(name)}
    if dropped := sorted(present.keys() - kept.keys()):
        print(f"{secret}: {', '.join(dropped)} will be taken out: another entry holds it now")
    return {**kept, **keys}


def _members_of_others(name: str) -> set[str]:
    """Members that an entry of the bridge must not hold: who reads it has no use for them."""
    if name not in REQUIRED:
        return set()
    others = {member for entry, members in REQUIRED.items() if entry != name for member in members}
    return others - REQUIRED[name].keys()


def _explained(error: ClientError, stage: str, secret: str, region: str) -> FillError:
    code = error.response["Error"]["Code"]
    if code == "ResourceNotFoundException":
        return FillError(
            f"{secret} doesn't exist in {region}; deploy the entries first:\n"
            f"  npx cdk deploy -c stage={stage} external-compute-{stage}-secrets\n"
            "If they are in another region, name it with --region."
        )
    return FillError(f"{secret} can't be read or written in {region}: {in_words(error)}")


def _missing(name: str, keys: dict[str, str]) -> list[str]:
    return [
        f"{name}: {key} ({source})" for key, source in REQUIRED.get(name, {}).items() if not keys.get(key)
    ]


def _masked(key: str, value: Any) -> str:
    text = str(value)
    if key.endswith("url"):
        return masked_url(text)
    return f"•••• ({len(text)} characters)"


def _confirmed(region: str) -> bool:
    if not sys.stdin.isatty():
        raise FillError("nobody is there to ask; give --yes to write without asking")
    return input(f"Write this to Secrets Manager in {region}? [y/N] ").strip().lower() in {"y", "yes"}
