"""Secrets Manager entries filled from a self-hosted Supabase's .env, against the emulated AWS."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import boto3
import pytest

from tools.cli.commands import main
from tools.cli.supabase_values import FillError, Given, collect
from tools.local.aws import Aws, client_environment
from tools.local.declaration import SHOP
from tools.local.directories import RunDirectory

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ENV = """\
POSTGRES_PASSWORD=p@ss/w:rd
POSTGRES_DB=postgres
POSTGRES_PORT=5432
POOLER_TENANT_ID=tenant
POOLER_PROXY_PORT_TRANSACTION=6543
JWT_SECRET=jwt-secret-of-the-test
ANON_KEY=anon-key-of-the-test
SERVICE_ROLE_KEY=service-role-key-of-the-test
STRIPE_SECRET_KEY=stripe-key-of-the-test
SMTP_PASS=of-no-function
SUPABASE_PUBLIC_URL=https://supabase.example.com
"""
ENTRIES = ("supabase", "supabase-service-role", "supabase-jwt", "database", "database-direct", "stripe")
URL = "https://supabase.example.com"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = RunDirectory()
    try:
        with Aws(run_directory=directory, log=tmp_path_factory.mktemp("aws") / "log") as aws:
            yield aws.endpoint
    finally:
        directory.remove()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["SecretsManagerClient"]:
    for name, value in client_environment(endpoint).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("secretsmanager")
    for name in ENTRIES:
        client.create_secret(Name=f"external-compute/prod/{name}")
    yield client
    for name in ENTRIES:
        client.delete_secret(SecretId=f"external-compute/prod/{name}", ForceDeleteWithoutRecovery=True)
    client.close()


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text(ENV, "utf-8")
    return file


def fill(*arguments: str) -> None:
    main(["secrets", "--config", str(SHOP / "bridge.toml"), *arguments])


def filled(client: "SecretsManagerClient", name: str) -> dict[str, str]:
    value: dict[str, str] = json.loads(
        client.get_secret_value(SecretId=f"external-compute/prod/{name}")["SecretString"]
    )
    return value


def should_fill_each_entry_with_its_own_members_alone(aws: "SecretsManagerClient", env_file: Path) -> None:
    fill("--stage", "prod", "--env-file", str(env_file), "--yes")
    address = "postgresql://postgres.tenant:p%40ss%2Fw%3Ard@supabase.example.com"
    assert {name: filled(aws, name) for name in ENTRIES} == {
        "supabase": {"url": URL, "anon_key": "anon-key-of-the-test"},
        "supabase-service-role": {"url": URL, "service_role_key": "service-role-key-of-the-test"},
        "supabase-jwt": {"url": URL, "jwt_secret": "jwt-secret-of-the-test"},
        "database": {"database_url": f"{address}:6543/postgres"},
        "database-direct": {"direct_url": f"{address}:5432/postgres"},
        "stripe": {"secret_key": "stripe-key-of-the-test"},
    }


def should_say_which_entry_of_a_function_it_cant_fill(
    aws: "SecretsManagerClient", env_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del aws
    env_file.write_text(ENV.replace("STRIPE_", "OTHER_"), "utf-8")
    fill("--stage", "prod", "--env-file", str(env_file), "--yes")
    assert "prod/stripe is left as it is: no STRIPE_… in the .env" in capsys.readouterr().out


def should_keep_other_keys(aws: "SecretsManagerClient", env_file: Path) -> None:
    aws.put_secret_value(
        SecretId="external-compute/prod/database", SecretString=json.dumps({"ca_certificate": "kept"})
    )
    fill("--stage", "prod", "--env-file", str(env_file), "--yes")
    assert filled(aws, "database")["ca_certificate"] == "kept"


def should_take_out_what_another_entry_holds(
    aws: "SecretsManagerClient", env_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = {"direct_url": "postgresql://u:p@h/d", "ca_certificate": "kept", "database_url": "old"}
    aws.put_secret_value(SecretId="external-compute/prod/database", SecretString=json.dumps(older))
    fill("--stage", "prod", "--env-file", str(env_file), "--yes")
    assert filled(aws, "database").keys() == {"database_url", "ca_certificate"}
    assert "prod/database: direct_url will be taken out" in capsys.readouterr().out


def should_show_no_secret(
    aws: "SecretsManagerClient", env_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del aws
    fill("--stage", "prod", "--env-file", str(env_file), "--yes")
    shown = capsys.readouterr().out
    assert "postgresql://postgres.tenant:••••@supabase.example.com:6543/postgres" in shown
    for secret in ("p@ss", "p%40ss", "jwt-secret", "service-role-key", "anon-key", "stripe-key", "of-no"):
        assert secret not in shown


def should_write_nothing_without_being_allowed_to(aws: "SecretsManagerClient", env_file: Path) -> None:
    with pytest.raises(SystemExit, match="give --yes"):
        fill("--stage", "prod", "--env-file", str(env_file))
    assert "SecretString" not in aws.get_secret_value(SecretId="external-compute/prod/database")


def should_name_what_is_still_missing(aws: "SecretsManagerClient") -> None:
    del aws
    with pytest.raises(SystemExit, match="supabase: anon_key \\(ANON_KEY or SUPABASE_PUBLISHABLE_KEY"):
        fill("--stage", "prod", "--supabase-url", URL, "--yes")


def should_say_how_to_deploy_entries_that_dont_exist(aws: "SecretsManagerClient", env_file: Path) -> None:
    del aws
    with pytest.raises(SystemExit) as caught:
        fill("--stage", "dev", "--env-file", str(env_file), "--yes")
    assert "external-compute/dev/supabase doesn't exist in us-east-1" in str(caught.value)
    assert "npx cdk deploy -c stage=dev external-compute-dev-secrets" in str(caught.value)


def should_say_how_to_give_credentials(
    aws: "SecretsManagerClient", env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del aws
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SystemExit, match="no AWS credentials found; set AWS_PROFILE"):
        fill("--stage", "prod", "--env-file", str(env_file), "--yes")


def should_refuse_a_stage_that_bridge_toml_doesnt_know(env_file: Path) -> None:
    with pytest.raises(SystemExit, match='did you mean "prod"'):
        main(
            ["secrets", "--stage", "prd", "--config", str(SHOP / "bridge.toml"), "--env-file", str(env_file)]
        )


@pytest.mark.parametrize("password", ["plain", "a b", "@:/?#[]%", "ünïcode"])
def should_encode_a_password_so_that_it_is_read_back(tmp_path: Path, password: str) -> None:
    file = tmp_path / ".env"
    file.write_text(ENV.replace("p@ss/w:rd", f"'{password}'"), "utf-8")
    parts = urlsplit(collect(Given(env_file=file))["database"]["database_url"])
    assert unquote(parts.password or "") == password


def should_prefer_what_is_given_explicitly(env_file: Path) -> None:
    given = Given(env_file=env_file, database_host="db.example.com", supabase_url="https://other.example.com")
    values = collect(given)
    assert values["supabase"]["url"] == "https://other.example.com"
    assert values["database-direct"]["direct_url"].endswith("@db.example.com:5432/postgres")


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        ("POOLER_TENANT_ID", "has no POOLER_TENANT_ID; add what is missing, or give --database-url"),
        ("POSTGRES_PASSWORD", "has no POSTGRES_PASSWORD"),
        ("SUPABASE_PUBLIC_URL", "give --database-host"),
    ],
)
def should_name_the_variable_that_is_missing(env_file: Path, removed: str, expected: str) -> None:
    lines = [line for line in ENV.splitlines() if not line.startswith(removed)]
    env_file.write_text("\n".join(lines), "utf-8")
    with pytest.raises(FillError, match=expected):
        collect(Given(env_file=env_file))


def should_refuse_an_address_that_only_this_machine_reaches(env_file: Path) -> None:
    env_file.write_text(ENV.replace("https://supabase.example.com", "http://localhost:8000"), "utf-8")
    with pytest.raises(FillError, match="a Lambda function can't reach; give the public address"):
        collect(Given(env_file=env_file))


def should_give_a_variable_to_the_entry_with_the_longest_name(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{ENV}STRIPE_EU_SECRET_KEY=of-europe\n", "utf-8")
    values = collect(Given(env_file=file), ["stripe", "stripe-eu"])
    assert values["stripe"] == {"secret_key": "stripe-key-of-the-test"}
    assert values["stripe-eu"] == {"secret_key": "of-europe"}


def should_refuse_an_address_of_something_else_without_showing_its_password() -> None:
    with pytest.raises(FillError, match="is no address of a database") as caught:
        collect(Given(database_url="mysql://user:secret@host/db"))
    assert "secret" not in str(caught.value)


def should_take_the_databases_ca(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(pem, "utf-8")
    assert collect(Given(ca_file=tmp_path / "ca.pem"))["database"] == {"ca_certificate": pem}


def should_refuse_a_ca_file_without_a_certificate(env_file: Path) -> None:
    with pytest.raises(FillError, match="holds no certificate"):
        collect(Given(ca_file=env_file))
