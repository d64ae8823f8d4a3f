"""`cdk synth` as a command: silent where all is well, clear where it isn't, and always the same."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infrastructure.assembly import Assembly, synthesize
from tools.local.declaration import SHOP, write_declaration


def should_report_no_finding_of_cdk_nag(assembly: Assembly) -> None:
    report = json.loads((assembly.directory / "validation-report.json").read_text("utf-8"))
    assert report["pluginReports"] == []


def should_fail_with_any_finding_that_is_not_acknowledged(tmp_path: Path) -> None:
    app = "python3 -m tests.infrastructure.unacknowledged"
    result = synthesize(tmp_path, "-c", "stage=prod", "--app", app)
    assert result.returncode == 1
    assert "Acknowledge with 'AwsSolutions::AwsSolutions-APIG4'" in result.stderr
    assert "Acknowledge with 'Serverless::Serverless-LambdaDLQ'" in result.stderr


def should_write_the_same_bytes_again(assembly: Assembly, tmp_path: Path) -> None:
    assert synthesize(tmp_path, "-c", "stage=prod").returncode == 0
    for first in sorted(assembly.directory.glob("*.template.json")):
        assert (tmp_path / first.name).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("stage", ["prod", "local"])
def should_satisfy_cfn_lint(synthesized: Callable[..., Assembly], stage: str) -> None:
    templates = sorted(map(str, synthesized(f"stage={stage}").directory.glob("*.template.json")))
    # W3005: the CDK repeats a dependency that a reference already makes.
    result = subprocess.run(
        ["cfn-lint", "--ignore-checks", "W3005", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def should_fail_with_a_sentence_instead_of_a_stack_trace(tmp_path: Path) -> None:
    text = (SHOP / "bridge.toml").read_text("utf-8")
    config = write_declaration(text.replace('"insert"', '"insrt"'), tmp_path)
    result = synthesize(tmp_path / "out", "-c", "stage=prod", "-c", f"config={config}")
    assert result.returncode == 1
    assert 'webhook "order.created": operations = "insrt" is wrong' in result.stderr
    assert "Traceback" not in result.stderr


def should_synthesise_a_declaration_of_nothing(synthesized: Callable[..., Assembly], tmp_path: Path) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("[stages.prod]\n", "utf-8")

    empty = synthesized("stage=prod", f"config={config}")

    types = {resource["Type"] for resource in empty.template("prod-bridge")["Resources"].values()}
    assert types >= {"AWS::ApiGatewayV2::Api", "Custom::SupabaseBridge"}
    report = json.loads((empty.directory / "validation-report.json").read_text("utf-8"))
    assert report["pluginReports"] == []
