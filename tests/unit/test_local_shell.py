"""What a shell sets to speak to the system on this machine."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tools.local import programs, shell
from tools.local.state import State

STATE = State(
    direct_url="postgresql://postgres:it%27s%20%24HOME%2F@127.0.0.1:6543/postgres",
    pooled_url="",
    admin_url="",
    aws_endpoint="http://127.0.0.1:4566",
    supabase_url="",
    supabase_keys={},
    stripe_url="",
    stripe_key="",
    run_directory="",
    log_directory="",
    real_pg_net=False,
    processes={},
)


def environment(program: str, file: Path, **inherited: str) -> dict[str, str]:
    """What a shell has after it has read the file."""
    told = subprocess.run(
        [program, "-ec", f". '{file}'; env -0"],
        env={"PATH": "/usr/bin:/bin", **inherited},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr == ""
    return dict(entry.split("=", 1) for entry in told.stdout.split("\0") if entry)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "build" / "environment.sh"
    shell.write(STATE, path)
    return path


@pytest.mark.parametrize("program", ["bash", "sh"])
def should_name_the_emulator_and_nothing_of_a_real_account(program: str, file: Path) -> None:
    real = {"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "real", "AWS_ENDPOINT_URL_SQS": "https://sqs"}

    found = environment(program, file, **real)

    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert not real.keys() & found.keys()
    assert ".venv/bin:" in found["PATH"]
    assert found["PATH"].endswith(":/usr/bin:/bin")


def should_need_no_variable_of_aws_to_be_there(file: Path) -> None:
    assert "AWS_ENDPOINT_URL" in environment("sh", file)


def should_tell_psql_where_the_database_is(file: Path) -> None:
    found = environment("sh", file)

    assert {name: value for name, value in found.items() if name.startswith("PG")} == {
        "PGHOST": "127.0.0.1",
        "PGPORT": "6543",
        "PGUSER": "postgres",
        "PGPASSWORD": "it's $HOME/",
        "PGDATABASE": "postgres",
    }


def should_find_a_psql_that_works_before_any_other(file: Path) -> None:
    psql = shutil.which("psql", path=environment("sh", file)["PATH"])

    assert psql is not None
    assert Path(psql).parent == programs.postgres_binaries()


def should_be_for_its_owner_alone(file: Path) -> None:
    shell.write(STATE, file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
