"""What the GitHub workflows ask, what they run, with what rights and in what order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.errors import SettingsError
from stacks.settings import read_declared
from tools.cli.commands import main
from tools.cli.workflows import plan

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Everything as the text that it is: to YAML 1.1 the key "on" would be a boolean.
WORKFLOWS: dict[str, Any] = {
    file.stem: yaml.load(file.read_text("utf-8"), Loader=yaml.BaseLoader) for file in FILES
}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
CREDENTIALS = "aws-actions/configure-aws-credentials"
WEBHOOK = """
[[webhooks]]
name = "order.created"
table = "public.orders"
operations = ["insert"]
target = "handle_order"
"""
STAGES = """
[stages.local]
layer_platform = "local"
[stages.dev]
deploy_on_merge = true
deploy_from = ["main", "next"]
[stages.prod]
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bridge.toml").write_text(STAGES)
    (tmp_path / "lambda_src" / "workers").mkdir(parents=True)
    (tmp_path / "lambda_src" / "functions").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(workflow: str, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = WORKFLOWS[workflow]["jobs"][job].get("steps", [])
    return found


def script(workflow: str, job: str, name: str) -> str:
    [step] = [step for step in steps(workflow, job) if step.get("name") == name]
    return str(step["run"])


def bash(text: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does, in a tree with this one's packages."""
    if not (directory / ".venv").exists():
        (directory / ".venv").symlink_to(ROOT / ".venv")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def should_pin_actions_by_the_hash_of_a_version(workflow: str, job: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text("utf-8")
    for step in steps(workflow, job):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            assert re.search(re.escape(step["uses"]) + r" # v\d+\.\d+\.\d+\n", text)


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def should_give_a_job_no_right_but_to_read_the_code_and_to_ask_for_its_role(workflow: str, job: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}
    rights = dict(WORKFLOWS[workflow]["jobs"][job]["permissions"])
    takes_role = any(CREDENTIALS in step.get("uses", "") for step in steps(workflow, job))
    assert rights.pop("id-token", None) == ("write" if takes_role or job == "deploy" else None)
    assert rights == {"contents": "read"}


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def should_keep_no_token_in_a_checkout(workflow: str, job: str) -> None:
    for step in steps(workflow, job):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("job", ["diff", "deploy"])
def should_install_and_synthesise_before_a_job_has_credentials(job: str) -> None:
    runs = [step.get("run", step.get("uses", "")) for step in steps("deploy", job)]
    takes_role = next(index for index, run in enumerate(runs) if CREDENTIALS in run)
    assert "make packages" in runs[:takes_role]
    assert 'make synth STAGE="$STAGE"' in runs[:takes_role]
    for run in runs[takes_role + 1 :]:
        assert "--app cdk.out" in run or "make review" in run


def should_check_the_stage_before_any_job_is_in_an_environment() -> None:
    jobs = WORKFLOWS["deploy"]["jobs"]
    assert "environment" not in jobs["check"]
    assert (jobs["diff"]["needs"], jobs["deploy"]["needs"]) == ("check", "diff")
    assert jobs["diff"]["environment"] == "${{ inputs.stage }}-diff"
    assert jobs["deploy"]["environment"] == "${{ inputs.stage }}"


def should_take_the_stage_as_text_when_it_is_dispatched_and_when_it_is_called() -> None:
    triggers = WORKFLOWS["deploy"]["on"]
    for trigger in ("workflow_dispatch", "workflow_call"):
        assert triggers[trigger]["inputs"]["stage"]["type"] == "string"


def should_name_no_stage() -> None:
    for file in FILES:
        text = "\n".join(line.partition("#")[0] for line in file.read_text("utf-8").splitlines())
        assert not re.search(r"\b(local|dev|prod)\b", text)


def should_deploy_only_what_was_pushed_to_main_and_has_passed() -> None:
    workflow = WORKFLOWS["pull-request"]
    assert workflow["on"]["push"] == {"branches": ["main"]}
    job = workflow["jobs"]["deploy"]
    assert job["if"] == "github.event_name == 'push' && needs.plan.outputs.merged != '[]'"
    assert "test" in job["needs"]
    assert job["uses"] == "./.github/workflows/deploy.yml"


def should_satisfy_zizmor() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--quiet", str(ROOT / ".github" / "workflows")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def should_plan_a_review_of_each_stage_that_is_deployed_to_aws(tree: Path) -> None:
    output = tree / "output"
    result = bash(script("pull-request", "plan", "Read what there is to do"), tree, GITHUB_OUTPUT=str(output))
    assert result.returncode == 0, result.stderr
    lines = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert json.loads(lines["stages"]) == ["dev", "prod"]
    assert json.loads(lines["merged"]) == ["dev"]


def should_run_the_frameworks_tests_where_nothing_is_declared(tree: Path) -> None:
    assert plan(read_declared())["tests"] == "test"
    (tree / "lambda_src" / "workers" / "__pycache__").mkdir()
    assert plan(read_declared())["tests"] == "test"


@pytest.mark.parametrize("folder", ["workers/send_receipt/handler.py", "functions/invoices/handler.py"])
def should_run_an_adopters_checks_where_a_folder_is_theirs(tree: Path, folder: str) -> None:
    file = tree / "lambda_src" / folder
    file.parent.mkdir()
    file.touch()
    assert plan(read_declared())["tests"] == "check"


def should_run_an_adopters_checks_where_a_webhook_is_theirs(tree: Path) -> None:
    (tree / "bridge.toml").write_text(WEBHOOK + STAGES)
    assert plan(read_declared())["tests"] == "check"


@pytest.mark.parametrize(
    ("stage", "ref"),
    [("prod", "refs/heads/main"), ("dev", "refs/heads/main"), ("dev", "refs/heads/next")],
)
def should_let_a_stage_be_deployed_from_its_branches(tree: Path, stage: str, ref: str) -> None:
    result = bash(script("deploy", "check", "Check the stage"), tree, STAGE=stage, GITHUB_REF=ref)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("stage", "ref", "said"),
    [
        ("prdo", "refs/heads/main", '"prdo" is no stage; did you mean "prod"? known: dev, local, prod'),
        ("", "refs/heads/main", '"" is no stage; known: dev, local, prod'),
        ("$(touch here)", "refs/heads/main", '"$(touch here)" is no stage'),
        ("local", "refs/heads/main", 'stage "local" stays on one machine: its layer_platform is "local"'),
        (
            "prod",
            "refs/heads/next",
            "from refs/heads/next; its deploy_from in bridge.toml has main",
        ),
        ("prod", "refs/tags/main", "not deployed from refs/tags/main"),
        ("prod", "refs/pull/1/merge", "make github STAGE=prod"),
    ],
)
def should_refuse_another_stage_or_branch(tree: Path, stage: str, ref: str, said: str) -> None:
    result = bash(script("deploy", "check", "Check the stage"), tree, STAGE=stage, GITHUB_REF=ref)
    assert result.returncode == 1
    assert said in result.stderr
    assert not (tree / "here").exists()


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("[stages.prod]\nregoin = 'eu-central-1'", 'did you mean "region"?'),
        ("[stages.PROD]", 'stage "PROD": its name is wrong'),
        ("[stages", "is no TOML"),
    ],
)
def should_say_what_is_wrong_with_a_stage(tree: Path, declaration: str, said: str) -> None:
    (tree / "bridge.toml").write_text(declaration)
    with pytest.raises(SettingsError, match=re.escape(said)):
        read_declared()
    with pytest.raises(SystemExit, match=re.escape(said)):
        main(["workflow", "plan"])
