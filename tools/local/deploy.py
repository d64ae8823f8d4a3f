"""Deploys the app to the emulator as to AWS: the secrets stack, its values, then bridge and alarms."""

import json
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import cdk_cli
from tools.cdk_cli import ROOT
from tools.errors import DeployError, with_log
from tools.local.aws import ACCOUNT, REGION, client
from tools.processes import run

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tools.local.system import System

STAGE = "local"
PREFIX = f"external-compute-{STAGE}"
SECRETS_STACK = f"{PREFIX}-secrets"
BRIDGE_STACK = f"{PREFIX}-bridge"
MONITORING_STACK = f"{PREFIX}-monitoring"
# The first synthesis installs the libraries of all functions, over whatever line there is.
STEP_SECONDS = 3_000
_GENERATED = re.compile(r"/(webhook-signing|target-[a-z0-9-]+)$")
QUIET = ("--ci", "--no-notices", "--no-color")
# Values over standard input: arguments are visible to every user of the machine.
FILL_SECRETS = "import json, sys; from tools.cli.commands import main; main(json.load(sys.stdin))"


def bootstrap(system: "System") -> None:
    """Prepare the emulator's account for the CDK, once per system.

    Raises:
        DeployError: the CDK CLI failed; the message holds the end of its output.
    """
    # Away from cdk.json: beside it the CLI would synthesise the app first, for nothing.
    with tempfile.TemporaryDirectory() as folder:
        command = [cdk_cli.installed(system.say), "bootstrap", f"aws://{ACCOUNT}/{REGION}", *QUIET]
        _run(command, system, name="bootstrap", directory=Path(folder))


def deploy(
    system: "System",
    *,
    config: Path | str | None = None,
    context: Mapping[str, str] | None = None,
    once_filled: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """Deploy all stacks, filling the secrets in between.

    Args:
        system: a running, bootstrapped system.
        config: another file than bridge.toml.
        context: further `-c NAME=VALUE`, such as one setting of the stage.
        once_filled: called when the secrets are there and the bridge is not yet, for what needs them.

    Returns:
        The outputs of the bridge stack. Here the API answers at `WebhookUrl` only, functions included.

    Raises:
        DeployError: the CDK CLI or filling the secrets failed; the message holds the end of the output.
    """
    with _assembly(system, config, context) as assembly:
        _deploy_secrets(system, assembly, config)
        if once_filled is not None:
            once_filled()
        outputs = Path(assembly) / "outputs.json"
        arguments = ["deploy", BRIDGE_STACK, MONITORING_STACK, *_unattended(), "--outputs-file", str(outputs)]
        _cdk(system, "deploy", arguments, assembly)
        found: dict[str, dict[str, Any]] = json.loads(outputs.read_text())
    return found[BRIDGE_STACK]


def signing_secret(system: "System", entry: str) -> str:
    """Read a signing secret that the secrets stack has made, such as that of entry "target-edge-worker"."""
    name = f"external-compute/{STAGE}/{entry}"
    value = json.loads(_secrets_manager(system).get_secret_value(SecretId=name)["SecretString"])
    return str(value["current"])


def destroy(
    system: "System", *, config: Path | str | None = None, context: Mapping[str, str] | None = None
) -> None:
    """Remove all stacks, with what they made in the database.

    Raises:
        DeployError: the CDK CLI failed; the message holds the end of its output.
    """
    with _assembly(system, config, context) as assembly:
        _cdk(system, "destroy", ["destroy", "--all", "--force"], assembly)


def _unattended() -> list[str]:
    return ["--require-approval", "never", "--progress", "events"]


def _context(
    system: "System", config: Path | str | None, context: Mapping[str, str] | None
) -> dict[str, str]:
    values = {
        "stage": STAGE,
        # The deployed API's own address ends in amazonaws.com, also here.
        "webhook_url": f"{system.aws_endpoint}/_aws/execute-api/{{api_id}}/$default",
    }
    if config is not None:
        values["config"] = str(config)
    return values | dict(context or {})


@contextmanager
def _assembly(
    system: "System", config: Path | str | None, context: Mapping[str, str] | None
) -> Iterator[str]:
    """Synthesize once for all that is done with it; two deployments at a time don't share theirs."""
    values = _context(system, config, context)
    options = [part for key, value in values.items() for part in ("-c", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as assembly:
        app = ["--app", f'"{sys.executable}" app.py', "--output", assembly]
        command = [cdk_cli.installed(system.say), "synth", "--quiet", *options, *app, *QUIET]
        _run(command, system, name="synth")
        yield assembly


def _deploy_secrets(system: "System", assembly: str, config: Path | str | None) -> None:
    _cdk(system, "deploy-secrets", ["deploy", SECRETS_STACK, "--exclusively", *_unattended()], assembly)
    _fill_secrets(system, config)


def _cdk(system: "System", name: str, arguments: Sequence[str], assembly: str) -> None:
    _run([cdk_cli.installed(system.say), *arguments, "--app", assembly, *QUIET], system, name=name)


def _fill_secrets(system: "System", config: Path | str | None) -> None:
    _repair_entries(system)
    with tempfile.TemporaryDirectory() as folder:
        env_file = Path(folder) / "supabase.env"
        env_file.touch(mode=0o600)
        env_file.write_text(
            f"ANON_KEY={system.anon_key}\nSERVICE_ROLE_KEY={system.service_role_key}\n"
            f"JWT_SECRET={system.jwt_secret}\nSTRIPE_SECRET_KEY={system.stripe_key}\n"
            f"STRIPE_API_BASE={system.stripe_url}\n"
        )
        arguments = [
            *("secrets", "--stage", STAGE, "--env-file", str(env_file)),
            *("--supabase-url", system.supabase_url),
            *("--database-url", system.pooled_url, "--direct-url", system.direct_url),
            *(["--config", str(config)] if config is not None else []),
            *("--region", REGION, "--yes"),
        ]
        command = [sys.executable, "-c", FILL_SECRETS]
        _run(command, system, name="fill-secrets", text=json.dumps(arguments))


def _repair_entries(system: "System") -> None:
    """Give the entries what AWS gives them, where the emulator does otherwise."""
    manager = _secrets_manager(system)
    entries = manager.get_paginator("list_secrets").paginate()
    for name in (entry["Name"] for page in entries for entry in page["SecretList"]):
        text = manager.get_secret_value(SecretId=name)["SecretString"]
        if not text:
            # An entry without a value has no version in AWS, and an empty text here.
            manager.put_secret_value(SecretId=name, SecretString="{}")
        elif _GENERATED.search(name) and not (value := json.loads(text))["current"].isalnum():
            # ExcludePunctuation, IncludeSpace and the like are not heeded here.
            value["current"] = secrets.token_hex(len(value["current"]) // 2)
            manager.put_secret_value(SecretId=name, SecretString=json.dumps(value))


def _secrets_manager(system: "System") -> "SecretsManagerClient":
    made: SecretsManagerClient = client("secretsmanager", system.aws_endpoint)
    return made


def _run(
    command: Sequence[str], system: "System", *, name: str, text: str = "", directory: Path = ROOT
) -> None:
    log = system.log_directory / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as output:
            code, _ = run(
                command,
                environment=system.environment(),
                directory=directory,
                text=text,
                output=output,
                timeout=STEP_SECONDS,
            )
    except subprocess.TimeoutExpired:
        raise DeployError(
            with_log(f"{name} was not done after {STEP_SECONDS} s and was killed.", log)
        ) from None
    if code != 0:
        raise DeployError(with_log(f"{name} failed (exit code {code}).", log))
