"""The command: `python -m tools.review`, or `make review`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from stacks.errors import AppError
from stacks.settings import read_settings
from stacks.settings.reading import DEFAULT_FILE
from tools.cdk_cli import from_root
from tools.errors import LocalError
from tools.processes import end_as_interrupted
from tools.review.assembly import Assembly, read_assembly
from tools.review.base import DEPLOYED, NOTHING, Commit, base_commit, head_title, tree_of
from tools.review.deployed import deployed
from tools.review.document import document
from tools.review.errors import ReviewError
from tools.review.html import html
from tools.review.markdown import markdown
from tools.review.price import paths
from tools.review.review import Review, review
from tools.review.sections.summary import sentences, text
from tools.review.synthesis import has_stage, synthesise

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build"
EVENTS = 1_000_000
PATH = "busy"

console = Console(highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write build/review.md and build/review.html.

    Returns:
        The exit code: 0; 1 when base or head can't be had; 130 when it was told to stop.
    """
    options = _parser().parse_args(arguments)
    if options.config:
        options.config = str(from_root(Path(options.config)))
    end_as_interrupted()
    try:
        found = _reviewed(options)
    except (ReviewError, LocalError, AppError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    for sentence in sentences(found):
        console.print(f"  {text(sentence)}", soft_wrap=True, markup=False)
    for file in write(found, options.output):
        console.print(os.path.relpath(file), markup=False)
    return 0


def write(found: Review, folder: Path) -> list[Path]:
    """Write a review as Markdown and as HTML; returns both files."""
    page = document(found)
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / "review.md": markdown(page), folder / "review.html": html(page)}
    for file, content in written.items():
        file.write_text(content, "utf-8")
    return list(written)


def _reviewed(options: argparse.Namespace) -> Review:
    base, head, base_title = _assemblies(options)
    return review(
        base,
        head,
        base_title=base_title,
        head_title=_head_title(),
        events=options.events,
        path=options.path,
    )


def _assemblies(options: argparse.Namespace) -> tuple[Assembly, Assembly, str]:
    if options.base == DEPLOYED:
        head = _head(options)
        settings = read_settings({"stage": options.stage, "config": ROOT / (options.config or DEFAULT_FILE)})
        _say(f"Fetching what is deployed of stage {options.stage}")
        names = [stack.name for stack in head.stacks]
        base, title = deployed(options.stage, names, region=settings.stage.region)
        return base, head, title
    commit = base_commit(ROOT, options.base)
    if commit is None:
        return _nothing(options), _head(options), NOTHING
    with ThreadPoolExecutor() as pool:
        base_synthesis = pool.submit(_base, options, commit)
        head = _head(options)
        base, title = base_synthesis.result()
        return base, head, title


def _head(options: argparse.Namespace) -> Assembly:
    if options.assembly:
        return read_assembly(options.assembly, options.stage, tree=ROOT)
    _say("Synthesising this tree")
    return synthesise(ROOT, options.stage, config=options.config, title="this tree")


def _base(options: argparse.Namespace, commit: Commit) -> tuple[Assembly, str]:
    _say(f"Synthesising the base, {commit.title}")
    with tree_of(ROOT, commit) as tree:
        if options.config and Path(options.config).is_absolute():
            return _nothing(options), f"nothing: {options.config} is not in this repository"
        if not has_stage(tree, options.stage, config=options.config):
            return _nothing(options), f"nothing: there is no stage {options.stage} in {commit.title}"
        title = f"the base, {commit.title},"
        try:
            return synthesise(tree, options.stage, config=options.config, title=title), commit.title
        except ReviewError as error:
            # An upgrade, or a worker that is gone, must not make a review fail.
            console.print(str(error), style="yellow", markup=False, soft_wrap=True)
            why = f"{commit.title} can't be synthesised with the packages that are installed here"
            return _nothing(options), f"nothing: {why}"


def _nothing(options: argparse.Namespace) -> Assembly:
    """What a stage is before it is deployed or declared."""
    return Assembly(stage=options.stage, stacks=())


def _head_title() -> str:
    try:
        return head_title(ROOT)
    except ReviewError:
        return "this tree"


def _say(step: str) -> None:
    console.print(f"[cyan]•[/] {step}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.review",
        description="Write what a change means for a stage to build/review.md and build/review.html: "
        "resources, permissions, public entrances, secrets and their readers, acknowledged findings, "
        "triggers with their SQL, and the price. Two trees are synthesised, without AWS; the same two make "
        "the same bytes.",
        epilog="It exits with 0 once both files are written, whatever they say.",
    )
    parser.add_argument(
        "--stage", default=_default_stage(), help="a stage of bridge.toml; default: %(default)s"
    )
    parser.add_argument(
        "--base",
        metavar="REF",
        help="what to compare with: a commit, branch or tag, which is synthesised with the packages that are "
        f'installed here, or "{DEPLOYED}": the templates that CloudFormation has, the one thing that AWS is '
        "asked for; zeros: nothing, all is new; a full hash that isn't here, as after a forced push: HEAD's "
        "parent; default: where HEAD left origin/main, or without that branch HEAD: what isn't committed",
    )
    parser.add_argument(
        "--assembly",
        type=Path,
        metavar="FOLDER",
        help="what `cdk synth` wrote for this tree and stage; default: it is synthesised",
    )
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, metavar="FOLDER", help="where both files go; default: build"
    )
    parser.add_argument("--config", metavar="FILE", help="another file than bridge.toml, of both trees")
    parser.add_argument(
        "--events",
        type=_events,
        default=EVENTS,
        metavar="NUMBER",
        help=f"events a month that the price is for, such as 250_000; default: {EVENTS:_}",
    )
    parser.add_argument(
        "--path",
        choices=paths(),
        default=PATH,
        help="how they travel, by tools/review/prices.toml; default: %(default)s",
    )
    return parser


def _events(given: str) -> int:
    digits = given.replace("_", "").replace(",", "")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 15:  # noqa: PLR2004 - more is a mistake
        raise argparse.ArgumentTypeError(f'"{given}" is no number of events; give one such as 250_000')
    return int(digits)


def _default_stage() -> str:
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    return str(context["stage"])


if __name__ == "__main__":
    sys.exit(main())
