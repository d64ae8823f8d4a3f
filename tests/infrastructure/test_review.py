"""The review of the real templates: what it reads from them, and that it is always the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.infrastructure.assembly import ROOT
from tools.local.declaration import SHOP, write_declaration
from tools.review.assembly import read_assembly
from tools.review.base import base_commit, tree_of
from tools.review.changes import Kind
from tools.review.document import document
from tools.review.errors import ReviewError
from tools.review.html import html
from tools.review.markdown import markdown
from tools.review.review import review
from tools.review.sections.summary import sentences, text
from tools.review.synthesis import synthesise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.infrastructure.assembly import Assembly
    from tools.review.assembly import Assembly as ReviewedAssembly
    from tools.review.review import Review

SHIPPED = ("app.py", "cdk.json", "package.json", "package-lock.json")
FOLDERS = ("examples", "lambda_src", "sql", "stacks")
CONFIG = "examples/shop/bridge.toml"
WITHOUT = shutil.ignore_patterns("__pycache__", "node_modules")
READER = "bridge/Functions/Payments/Function"
DROPPED = "bridge_order.due_insert on public.orders, bridge_order.due_update on public.orders"
WRITE = """
import sys
from pathlib import Path
from tools.review.__main__ import write
from tools.review.assembly import read_assembly
from tools.review.review import review
base, head, root, folder = map(Path, sys.argv[1:])
both = (read_assembly(each, "prod", tree=root) for each in (base, head))
write(review(*both, base_title="base", head_title="head", events=10**6, path="busy"), folder)
"""


def reviewed(base: ReviewedAssembly, head: ReviewedAssembly) -> Review:
    return review(base, head, base_title="base", head_title="head", events=1_000_000, path="busy")


@pytest.fixture(scope="module")
def head(assembly: Assembly) -> ReviewedAssembly:
    return read_assembly(assembly.directory, "prod", tree=ROOT)


@pytest.fixture(scope="module")
def changed(synthesized: Callable[..., Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The same with another bridge.toml."""
    declared = (SHOP / "bridge.toml").read_text("utf-8")
    for before, after in {
        '"GET /orders" = ["authenticated", "service_role"]': '"GET /orders" = ["anon"], "PUT /orders" = []',
        'secrets = ["database", "stripe"]': 'secrets = ["database", "stripe", "supabase-service-role"]',
        'when = "new.total > 0"': 'when = "new.total > 10"',
        'name = "order.due"': 'name = "order.late"',
        "[stages.prod]": '[stages.prod]\nallowed_source_ranges = ["203.0.113.0/24"]',
    }.items():
        assert declared.count(before) == 1, before
        declared = declared.replace(before, after)
    file = write_declaration(declared, tmp_path_factory.mktemp("declared"))
    return synthesized("stage=prod", f"config={file}")


@pytest.fixture(scope="module")
def found(head: ReviewedAssembly, changed: Assembly) -> Review:
    return reviewed(head, read_assembly(changed.directory, "prod", tree=ROOT))


def should_answer_what_a_reviewer_asks_first(found: Review) -> None:
    said = [text(sentence) for sentence in sentences(found)]
    for expected in (
        "1 new public entrance: PUT /orders.",
        "Without an authorizer: PUT /orders.",
        "Otherwise guarded or led than before: GET /orders, POST /webhooks/{webhook}.",
        f"1 new reader of a secret: {READER} reads external-compute/prod/supabase-service-role.",
        f"2 triggers are dropped: {DROPPED}.",
        "1 trigger captures otherwise: bridge_order.created_insert.",
        "1 newly acknowledged finding: AwsSolutions-APIG4 at bridge/Api/Api/PUT--orders.",
    ):
        assert expected in said
    assert said[0].startswith("Resources: ")
    assert said[0].endswith("None is removed or replaced.")


def should_name_what_changed_of_each_resource(found: Review) -> None:
    of = {change.place: change for change in found.changes if change.kind is not Kind.PUBLISHED}
    authorizer = of["bridge/Functions/Authorize/Function"]
    assert any(line.startswith("Tables.ROUTES") for line in authorizer.properties)
    assert of["bridge/Database"].properties == ("Declaration",)
    assert of["bridge/Api/Api/PUT--orders"].kind is Kind.ADDED


def should_show_roles_sources_and_reasons_of_entrances(found: Review) -> None:
    after = {each.what: each for each in found.entrances[1]}
    assert after["GET /orders"].authorization == "bridge/Functions/Authorize/Function, roles: anon"
    assert after["PUT /orders"].reason == "bridge.toml opens this route to anyone."
    receiver = after["POST /webhooks/{webhook}"]
    assert receiver.sources == "203.0.113.0/24"
    assert receiver.leads_to == "bridge/Receiver"
    assert receiver.authorization == "open to anyone"
    assert receiver.reason.startswith("The receiver verifies the signature")


def should_leave_no_logical_id_where_a_place_is_known(found: Review) -> None:
    shown = markdown(document(found))
    for stack in found.head.stacks:
        for logical_id, resource in stack.resources.items():
            path = resource.get("Metadata", {}).get("aws:cdk:path", "")
            # Those of roots are their own names.
            if "/" in path.removeprefix(f"{stack.name}/"):
                assert logical_id not in shown


def should_have_every_statement_finding_entry_and_route(head: ReviewedAssembly, found: Review) -> None:
    shown, page = markdown(document(found)), html(document(found))
    policies = list(head.of_type("AWS::IAM::Policy"))
    assert len(policies) > 10
    for _, _, properties in head.of_type("AWS::SecretsManager::Secret"):
        assert properties["Name"] in shown
    for _, _, properties in head.of_type("AWS::ApiGatewayV2::Route"):
        assert properties["RouteKey"] in shown
    for finding in found.findings[1]:
        assert finding.rule in shown
        assert finding.rule in page.replace("<wbr>", "")
    for entry in found.entries[1]:
        assert entry.readers, entry.name


def should_write_the_same_bytes_whatever_the_process(
    assembly: Assembly, changed: Assembly, tmp_path: Path
) -> None:
    for seed in ("1", "2"):
        folder = tmp_path / seed
        paths = map(str, (assembly.directory, changed.directory, ROOT, folder))
        command = [sys.executable, "-c", WRITE, *paths]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
    for name in ("review.md", "review.html"):
        written = (tmp_path / "1" / name).read_bytes()
        assert written == (tmp_path / "2" / name).read_bytes()
        assert str(ROOT).encode() not in written
        assert str(tmp_path).encode() not in written


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This tree as somebody's repository with one commit."""
    root = tmp_path / "repository"
    root.mkdir()
    for name in SHIPPED:
        shutil.copyfile(ROOT / name, root / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, root / name, ignore=WITHOUT)
    (root / ".gitignore").write_text("node_modules/\nbuild/\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", root, *arguments], check=True)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    for installed in SHOP.glob("workers/*/node_modules"):
        (root / installed.relative_to(ROOT)).symlink_to(installed)
    (root / "build").mkdir()
    (root / "build" / "libraries").symlink_to(ROOT / "build" / "libraries")
    return root


def should_find_nothing_where_base_and_head_are_alike(repository: Path, head: ReviewedAssembly) -> None:
    # What follows is about the commit, which doesn't have it.
    (repository / CONFIG).write_text("broken")
    commit = base_commit(repository, None)
    assert commit is not None
    with tree_of(repository, commit) as tree:
        base = synthesise(tree, "prod", config=CONFIG, title="the base")
    found = reviewed(base, head)
    assert list(found.changes) == []
    assert [row for row in found.rows if row.mark] == []
    assert [text(each) for each in sentences(found)][:4] == [
        "No resource changes.",
        "No new public entrance.",
        "No new permission.",
        "No new reader of a secret.",
    ]


def should_say_why_a_tree_cant_be_synthesised(repository: Path) -> None:
    (repository / CONFIG).write_text("broken")
    said = rf"this tree can't be synthesised:\n  {CONFIG} is no TOML"
    with pytest.raises(ReviewError, match=said):
        synthesise(repository, "prod", config=CONFIG, title="this tree")


def should_say_what_goes_when_a_change_is_taken_back(head: ReviewedAssembly, changed: Assembly) -> None:
    back = reviewed(read_assembly(changed.directory, "prod", tree=ROOT), head)

    said = [text(sentence) for sentence in sentences(back)]
    assert "No entrance any more: PUT /orders." in said
    assert f"2 triggers are created: {DROPPED}." in said
    page = markdown(document(back))
    assert "removed" in page
    assert "PUT /orders" in page


def should_show_a_first_deployment_as_new(head: ReviewedAssembly) -> None:
    nothing = replace(head, stacks=(), sql=None, annotated=False)

    page = markdown(document(reviewed(nothing, head)))

    assert "sql/ is applied for the first time." in page
    assert "5 created, 0 dropped" in page


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            {"01_old.sql": "a", "02_schema.sql": "b"},
            "`01_old.sql` (removed), `02_schema.sql`, ",
        ),
        ({"02_schema.sql": "c", "03_new.sql": "d"}, "sql/ is unchanged."),
        (None, "sql/ is what is deployed."),
    ],
)
def should_tell_which_sql_differs(head: ReviewedAssembly, before: dict[str, str] | None, said: str) -> None:
    after = replace(head, sql={"02_schema.sql": "c", "03_new.sql": "d"})

    assert said in markdown(document(reviewed(replace(after, sql=before), after)))
