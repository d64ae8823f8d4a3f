"""Dead letters of workers: how many there are, what they are, and back to their worker."""

# ruff: noqa: T201 - what it prints is what it is for

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from stacks.settings.mistakes import unknown
from tools.cli.dead_letter_queues import (
    HIDDEN_SECONDS,
    DeadLetterError,
    DeadLetters,
    WorkerQueues,
    queues_of,
)
from tools.cli.letters import Choice, Letter
from tools.cli.stage import (
    DECLARATION,
    ConfigOption,
    DeployedStage,
    RegionOption,
    StageOption,
    YesOption,
    errors_explained,
)

SHOWN = 100
# So many are received to find the oldest; there may be more.
LOOKED_AT = 1_000
_INTERRUPTED = "nothing is lost: what is not sent back is where it was"

_Worker = Annotated[str, typer.Argument(help="The worker's name, as its folder has it.")]
_Events = Annotated[list[str] | None, typer.Option("--event", metavar="ID", help="Only this; repeatable.")]
_Webhook = Annotated[str | None, typer.Option("--webhook", help="Only those of one webhook.")]
_Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]

COMMANDS = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class _Selection:
    """The dead letters that a command is about.

    Attributes:
        worker: whose they are.
        events: ids of the only ones, if any are named.
        webhook: the only webhook; None: all.
        limit: how many at most; None: all.
    """

    worker: str
    events: tuple[str, ...]
    webhook: str | None
    limit: int | None

    @property
    def choice(self) -> Choice:
        return Choice(event_ids=frozenset(self.events), webhook=self.webhook)

    @property
    def words(self) -> str:
        most = f"at most {self.limit} of " if self.limit else ""
        events = f" with the events {', '.join(self.events)}" if self.events else ""
        webhook = f" of webhook {self.webhook}" if self.webhook else ""
        return f"{most}the dead letters{webhook}{events}"


@COMMANDS.command("list")
def list_workers(
    *, stage: StageOption, config: ConfigOption = DECLARATION, region: RegionOption = None
) -> None:
    """How many each worker has, since when."""
    with errors_explained(interrupted=_INTERRUPTED):
        deployed = DeployedStage(stage, config=config, region=region)
        client, queues = deployed.session.client("sqs"), _queues(deployed)
        width = max(map(len, ["worker", *queues]))
        print(f"{'worker':<{width}}  {'dead letters':>12}  oldest change")
        for name, pair in queues.items():
            letters = DeadLetters(client, pair)
            waiting, hidden = letters.count()
            oldest = letters.look(Choice(), LOOKED_AT)[:1] if waiting else []
            since = _ago(oldest[0].at) if oldest else "-"
            print(f"{name:<{width}}  {waiting + hidden:>12}  {since}{_looked_at(hidden)}")


@COMMANDS.command()
def show(
    worker: _Worker,
    *,
    event: _Events = None,
    webhook: _Webhook = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = SHOWN,
    body: Annotated[bool, typer.Option("--body", help="With the rows themselves.")] = False,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """What they are."""
    with errors_explained(interrupted=_INTERRUPTED):
        letters = _letters(DeployedStage(stage, config=config, region=region), worker)
        # Before: SQS's figures would still count as hidden what this has just given back.
        waiting, hidden = letters.count()
        shown = letters.look(Choice(event_ids=frozenset(event or ()), webhook=webhook), limit)
        for letter in shown:
            print(f"{letter.at:%Y-%m-%d %H:%M:%S}Z  {_name(letter)}  receives: {letter.receives}")
            if body:
                print(f"  {letter.body}")
        print(f"{len(shown)} shown of about {max(waiting + hidden, len(shown))}{_looked_at(hidden)}")
        if letters.ordered:
            print("of an ordered worker, SQS shows no more than the first ten of each row")


@COMMANDS.command()
def redrive(
    worker: _Worker,
    *,
    event: _Events = None,
    webhook: _Webhook = None,
    limit: _Limit = None,
    yes: YesOption = False,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Send dead letters back to their worker."""
    with errors_explained(interrupted=_INTERRUPTED):
        selection = _Selection(worker=worker, events=tuple(event or ()), webhook=webhook, limit=limit)
        letters = _letters(DeployedStage(stage, config=config, region=region), worker)
        if not yes:
            _ask(f"Send {selection.words} back to {worker}?")
        _carry_out("sent back", letters, letters.redrive(selection.choice, limit), selection)


@COMMANDS.command()
def discard(
    worker: _Worker,
    *,
    event: _Events = None,
    webhook: _Webhook = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever there is.")] = False,
    limit: _Limit = None,
    yes: YesOption = False,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Delete them for good."""
    with errors_explained(interrupted=_INTERRUPTED):
        if not (event or webhook or everything):
            raise DeadLetterError("say which to delete: --event ID, --webhook NAME or --all")
        selection = _Selection(worker=worker, events=tuple(event or ()), webhook=webhook, limit=limit)
        letters = _letters(DeployedStage(stage, config=config, region=region), worker)
        if not yes:
            _ask(f"Delete {selection.words} of {worker} for good?")
        _carry_out("deleted", letters, letters.discard(selection.choice, limit), selection)


def _carry_out(
    done: str, letters: DeadLetters, batches: Iterator[list[Letter]], selection: _Selection
) -> None:
    waiting, hidden = letters.count()
    moved: list[Letter] = []
    progress = Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True))
    try:
        with progress:
            task = progress.add_task(done, total=max(min(waiting, selection.limit or waiting), 1))
            for batch in batches:
                moved += batch
                progress.advance(task, len(batch))
    finally:
        # Also of a run that ends early.
        print(f"{len(moved)} {done}")
    if hidden:
        print(
            f"{hidden} others are being looked at just now; run it again in {HIDDEN_SECONDS} seconds for them"
        )
    if missing := sorted(set(selection.events) - {letter.event_id for letter in moved}):
        raise DeadLetterError(f"not found among the dead letters of {selection.worker}: {', '.join(missing)}")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise DeadLetterError("nobody is there to ask; give --yes to do it without asking")
    if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeadLetterError("nothing was changed")


def _letters(deployed: DeployedStage, worker: str) -> DeadLetters:
    queues = _queues(deployed)
    if worker not in queues:
        raise DeadLetterError(unknown(f"worker that is deployed in stage {deployed.name}", worker, queues))
    return DeadLetters(deployed.session.client("sqs"), queues[worker])


def _queues(deployed: DeployedStage) -> dict[str, WorkerQueues]:
    return queues_of(deployed.outputs, deployed.settings)


def _name(letter: Letter) -> str:
    if letter.event_id is None:
        return f"no event (message {letter.id})"
    return f"{letter.event_id}  {letter.webhook}"


def _ago(at: datetime) -> str:
    """How long ago, in the two units that say most."""
    minutes = max(int((datetime.now(UTC) - at).total_seconds()) // 60, 0)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h ago"
    return f"{hours} h {minutes} min ago" if hours else f"{minutes} min ago"


def _looked_at(hidden: int) -> str:
    return f" ({hidden} of them are being looked at just now)" if hidden else ""
