"""`bridgectl new`: what it writes passes the project's own checks, and what it can't do changes nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.settings import read_settings
from tools.cdk_cli import search_path
from tools.cli import declaration, generated
from tools.cli.commands import main

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "pyproject.toml"
# Without a line's end: what is appended begins a line of its own all the same.
DECLARATION = '# ours\n[stages.dev]\nlog_retention = 7 # days\n\n  [stages.prod]\nregion="eu-central-1"'
LONG = "send_the_invoice_by_registered_m"
# In one project: before and after "bridge" in the order of imports, with all kinds of routes and tables.
NEW = f"""
worker add_up --table public.invoices
worker {LONG} --table public.invoices --operations update,delete --webhook invoice.any
worker forget --table 'audit."Old ""Rows"" of it"' --operations delete
worker unheard
worker mail --language node --table public.mails
worker shred --language node --table 'public."it'"'"'s"' --operations delete
worker quiet --language node
function invoices
function hello --public --route 'GET /' --route 'HEAD /hello'
function {LONG[:-2]} --role service_role --route 'PUT /a/{{orderId}}/b/{{id}}' --route 'GET /a-b' \
  --route 'GET /a/b' --route 'DELETE /a.b/{{line}}' --route 'PATCH /a/{{line}}' --route 'POST /a'
""".strip().replace("\\\n", " ")


FOLDERS = ("workers", "functions")


def new(declaration: Path, command: str) -> None:
    main(["new", *shlex.split(command), "--config", str(declaration)])


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The declaration of a project that declares nothing."""
    (tmp_path / "lambda_src").mkdir()
    (tmp_path / "bridge.toml").write_bytes(DECLARATION.encode())
    return tmp_path / "bridge.toml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one of everything, its Node.js packages those of this one."""
    # Without lambda_src: what pyproject.toml forgives an adopter there doesn't count.
    folder = tmp_path_factory.mktemp("project")
    (folder / "bridge.toml").write_bytes(DECLARATION.encode())
    (folder / "node_modules").symlink_to((ROOT / "node_modules").resolve())
    for command in NEW.splitlines():
        new(folder / "bridge.toml", command)
    return folder


def paths(project: Path) -> list[str]:
    """Where its packages are found, those of the shared layer included."""
    return [str(path) for path in (*(project / folder for folder in FOLDERS), ROOT / "lambda_src" / "layer")]


def run(project: Path, *command: str | Path, **environment: str) -> None:
    result = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "PATH": search_path(os.environ["PATH"]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 0, result.stdout


def should_append_and_change_nothing_else(project: Path) -> None:
    text = (project / "bridge.toml").read_bytes().decode()

    assert text.startswith(f"{DECLARATION}\n\n[[webhooks]]\n")
    assert "\n\n\n" not in text
    assert text.endswith("\n")


def should_declare_what_was_asked_for(project: Path) -> None:
    settings = read_settings({"config": project / "bridge.toml", "stage": "prod"})

    assert {hook.name: (hook.table, hook.operations, hook.targets) for hook in settings.webhooks} == {
        "invoices.created": ("public.invoices", ("insert",), ("add_up",)),
        "invoice.any": ("public.invoices", ("update", "delete"), (LONG,)),
        "old_rows_of_it.deleted": ('audit."Old ""Rows"" of it"', ("delete",), ("forget",)),
        "mails.created": ("public.mails", ("insert",), ("mail",)),
        "it_s.deleted": ('public."it\'s"', ("delete",), ("shred",)),
    }
    assert settings.functions["invoices"].routes == {"GET /invoices": ("authenticated",)}
    assert settings.functions["hello"].routes == {"GET /": (), "HEAD /hello": ()}
    assert settings.functions[LONG[:-2]].routes["POST /a"] == ("service_role",)


def should_write_python_in_the_projects_style(project: Path) -> None:
    first_party = f"src = {paths(project)}"

    run(project, "ruff", "check", "--no-cache", "--config", SETTINGS, "--config", first_party)
    run(project, "ruff", "format", "--check", "--no-cache", "--config", SETTINGS)


def should_write_python_of_strict_types(project: Path) -> None:
    run(project, "mypy", "--config-file", SETTINGS, *FOLDERS, MYPYPATH=os.pathsep.join(paths(project)))


def should_write_python_tests_that_pass(project: Path) -> None:
    options = ["-n0", "-p", "no:cacheprovider", f"--rootdir={project}"]
    search = f"pythonpath={' '.join(paths(project))}"
    run(project, sys.executable, "-m", "pytest", "-c", SETTINGS, *options, "-o", search, *FOLDERS)


def should_write_node_tests_that_pass(project: Path) -> None:
    tests = sorted(map(str, project.glob("workers/*/*.test.mjs")))

    assert len(tests) == 3
    run(project, "node", "--test", *tests)


def should_write_node_in_the_projects_style_and_of_its_types(project: Path) -> None:
    binaries = ROOT / "node_modules" / ".bin"
    (project / "jsconfig.json").write_text(
        f'{{"extends": "{ROOT}/jsconfig.json", "include": ["workers/*/*.mjs"]}}'
    )
    run(project, binaries / "prettier", "--check", "--config", ROOT / "package.json", "workers/**/*.mjs")
    run(project, binaries / "tsc", "--project", "jsconfig.json")


def should_say_what_declares_a_worker_that_nothing_leads_to(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new(empty, "worker send_receipt")

    said = capsys.readouterr().out
    example = said[said.index("[[webhooks]]") : said.index("next:")]
    assert tomllib.loads(example)["webhooks"][0]["target"] == "send_receipt"
    assert empty.read_bytes().decode() == DECLARATION


def should_write_beside_a_declaration_without_lambda_src(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[stages.dev]\n")

    new(tmp_path / "shop.toml", "function prices")

    assert (tmp_path / "functions" / "prices" / "handler.py").is_file()
    assert read_settings({"config": tmp_path / "shop.toml"}).functions


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("worker Send", 'folder "Send" of workers: a name has at most 32 lower-case letters'),
        ("worker ../send", 'folder "../send" of workers: a name has'),
        ("function redeliver", "and is none of apply_sql"),
        ("worker json", 'a library has that name.*for example to "handle_json"'),
        ("worker class", 'folder "class" of workers: it is a keyword of Python'),
        ("function build", 'folder "build" of functions: tools pass over a folder of that name'),
        ("worker psycopg", '"psycopg" is the name of a package that is installed'),
        ("worker stacks", '"stacks" is the name of a package'),
        (
            "worker send --table invoices",
            "it names no schema; did you mean 'public.invoices'",
        ),
        ("worker send --table public.a --operations inser", 'did you mean "insert"'),
        ("worker send --table public.a --operations ,", r"operations = \[\] is wrong"),
        ("worker send --table public.a --webhook A", 'webhook "A": name = "A" is wrong'),
        ("function send --route 'GET send'", '--route "GET send": write METHOD /path'),
        ("function send --route 'GET /{class}'", "{class} can't name a parameter in Python; rename it"),
        ("function send --route 'GET /{database_role}'", "{database_role} would hide the function that"),
        ("function send --route 'GET /webhooks/a'", "/webhooks belongs to the bridge itself"),
        ("function send --role Nobody", "is wrong"),
    ],
)
def should_refuse_what_settings_would_refuse(empty: Path, command: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        new(empty, command)

    assert empty.read_bytes().decode() == DECLARATION
    assert list((empty.parent / "lambda_src").iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        "worker send --webhook a",
        "worker send --operations insert",
        "worker send --language ruby",
        "function send --language node",
        "function send --public --role anon",
    ],
)
def should_refuse_options_that_do_not_go_together(empty: Path, command: str) -> None:
    with pytest.raises(SystemExit) as raised:
        new(empty, command)

    assert raised.value.code == 2
    assert list((empty.parent / "lambda_src").iterdir()) == []


def should_name_what_has_the_name_already(empty: Path) -> None:
    new(empty, "worker send --table public.invoices")
    files = {path: path.read_bytes() for path in empty.parent.rglob("*.*")}

    with pytest.raises(SystemExit, match="workers/send exists already; choose another name"):
        new(empty, "worker send")
    with pytest.raises(SystemExit, match="workers/send exists already"):
        new(empty, "function send")
    with pytest.raises(SystemExit, match=r'webhook "invoices\.created": name is used 2 times'):
        new(empty, "worker other --table public.invoices")

    assert {path: path.read_bytes() for path in empty.parent.rglob("*.*")} == files


def should_name_a_section_without_a_folder(empty: Path) -> None:
    empty.write_text("[stages.dev]\n[workers.send]\nmemory = 256\n")

    with pytest.raises(SystemExit, match=r"has a section \[workers.send\] already"):
        new(empty, "worker send")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[", "is no TOML"),
        ("", r"there is no stage; add a section \[stages.NAME\]"),
        (
            "webhooks = []\n[stages.dev]",
            r"no section can be added to webhooks.*; write webhooks as \[\[webhooks\]\] sections",
        ),
        ("\ufeff[stages.dev]", "begins with a byte order mark"),
        ("[stages.dev]\nregion = 1", "region = 1 is wrong"),
    ],
)
def should_leave_a_declaration_that_is_wrong_alone(empty: Path, text: str, said: str) -> None:
    empty.write_text(text)

    with pytest.raises(SystemExit, match=said) as raised:
        new(empty, "worker send --table public.invoices")

    assert str(empty) in str(raised.value)
    assert empty.read_text() == text
    assert list((empty.parent / "lambda_src").iterdir()) == []


def should_say_how_functions_are_written_that_another_can_join(empty: Path) -> None:
    empty.write_text("functions = {}\n[stages.dev]\n")

    with pytest.raises(SystemExit, match=r"write functions as \[functions\.NAME\] sections"):
        new(empty, "function send")


def should_say_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"bridge.toml doesn't exist; name another file with --config"):
        new(tmp_path / "bridge.toml", "worker send")


def should_change_nothing_where_the_folder_can_not_be_written(empty: Path) -> None:
    (empty.parent / "lambda_src" / "workers").write_text("a file")

    with pytest.raises(SystemExit, match="workers/send can't be written: "):
        new(empty, "worker send --table public.invoices")

    assert empty.read_bytes().decode() == DECLARATION


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def should_take_everything_back_when_it_is_stopped_while_writing(
    empty: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    put = declaration.Declaration._put  # noqa: SLF001

    def put_half(self: declaration.Declaration, text: str) -> None:
        monkeypatch.setattr(declaration.Declaration, "_put", put)
        put(self, text[: len(text) // 2])
        raise error

    monkeypatch.setattr(declaration.Declaration, "_put", put_half)

    with pytest.raises(SystemExit, match=r"No space left|interrupted; nothing was changed"):
        new(empty, "worker send --table public.invoices")

    assert empty.read_bytes().decode() == DECLARATION
    assert not (empty.parent / "lambda_src" / "workers" / "send").exists()


def should_give_a_folder_its_name_once_it_is_whole(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[Path]] = []

    def watched(folder: Path, files: Mapping[str, str]) -> None:
        generated.write(folder, files)
        seen.append({path for kind in FOLDERS for path in (empty.parent / "lambda_src" / kind).glob("*")})

    monkeypatch.setattr("tools.cli.new.write", watched)

    new(empty, "worker send")

    assert seen == [set(), set()]
    assert sorted(path.name for path in (empty.parent / "lambda_src").iterdir()) == ["workers"]
    assert (empty.parent / "lambda_src" / "workers" / "send" / "handler.py").is_file()


def should_take_everything_back_when_it_is_terminated(empty: Path) -> None:
    program = f"""
import signal
from tools.cli.commands import main
from tools.cli.declaration import Declaration

Declaration.write = lambda *_: signal.raise_signal(signal.SIGTERM)
main(["new", "worker", "send", "--config", {str(empty)!r}])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )

    assert (result.returncode, result.stderr) == (1, "interrupted; nothing was changed\n")
    assert list((empty.parent / "lambda_src").rglob("*")) == [empty.parent / "lambda_src" / "workers"]


def should_let_two_at_once_add_both(empty: Path) -> None:
    def add(name: str) -> None:
        command = [sys.executable, "-m", "tools.cli", "new", "worker", name, "--table", f"public.{name}"]
        subprocess.run([*command, "--config", empty], cwd=ROOT, check=True, capture_output=True, timeout=60)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(add, ["one_of_two", "two_of_two"]))

    settings = read_settings({"config": empty, "stage": "dev"})
    assert set(settings.workers) == {"one_of_two", "two_of_two"}
    assert len(settings.webhooks) == 2
