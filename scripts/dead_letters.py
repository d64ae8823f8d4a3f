"""Dead letters of workers: how many there are, what they are, and back to their worker.

python -m scripts.dead_letters list --stage prod
python -m scripts.dead_letters show process_order --stage prod
python -m scripts.dead_letters redrive process_order --stage prod --webhook order.created
"""

# ruff: noqa: T201 - what it prints is what it is for

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from scripts.dead_letter_queues import (
    HIDDEN_SECONDS,
    DeadLetterError,
    DeadLetters,
    WorkerQueues,
    queues_of,
)
from scripts.letters import Choice, Letter
from scripts.stage import errors_explained, options_parser, outputs_of, session_of, settings_of
from stacks.settings.mistakes import unknown

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SHOWN = 100
# So many are received to find the oldest; there may be more.
LOOKED_AT = 1_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is asked for; exits with a message where that can't be done."""
    options = _parser().parse_args(arguments)
    with errors_explained(interrupted="nothing is lost: what is not sent back is where it was"):
        options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.dead_letters", description=(__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    everywhere = options_parser()
    of_worker = argparse.ArgumentParser(add_help=False, parents=[everywhere])
    of_worker.add_argument("worker", help="a folder of lambda_src/workers")
    of_worker.add_argument("--event", action="append", default=[], metavar="ID", help="only this; repeatable")
    of_worker.add_argument("--webhook", help="only those of one webhook")

    known = commands.add_parser("list", parents=[everywhere], help="how many each worker has, since when")
    known.set_defaults(run=_list)
    show = commands.add_parser("show", parents=[of_worker], help="what they are")
    show.add_argument("--limit", type=_number, default=SHOWN, help=f"at most so many; {SHOWN} by default")
    show.add_argument("--body", action="store_true", help="with the rows themselves")
    show.set_defaults(run=_show)
    redrive = commands.add_parser("redrive", parents=[of_worker], help="send them back to their worker")
    redrive.set_defaults(run=_redrive)
    discard = commands.add_parser("discard", parents=[of_worker], help="delete them for good")
    discard.add_argument("--all", action="store_true", help="whatever there is")
    discard.set_defaults(run=_discard)
    for command in (redrive, discard):
        command.add_argument("--limit", type=_number, help="at most so many")
        command.add_argument("--yes", action="store_true", help="do it without asking")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("it must be a number from 1 on")
    return int(text)


def _list(options: argparse.Namespace) -> None:
    client, queues = _found(options)
    width = max(map(len, ["worker", *queues]))
    print(f"{'worker':<{width}}  {'dead letters':>12}  oldest change")
    for name, each in queues.items():
        letters = DeadLetters(client, each)
        waiting, hidden = letters.count()
        oldest = letters.look(Choice(), LOOKED_AT)[:1] if waiting else []
        since = _ago(oldest[0].at) if oldest else "-"
        print(f"{name:<{width}}  {waiting + hidden:>12}  {since}{_looked_at(hidden)}")


def _show(options: argparse.Namespace) -> None:
    letters = _letters(options)
    # Before: SQS's figures would still count as hidden what this has just given back.
    waiting, hidden = letters.count()
    found = letters.look(_choice(options), options.limit)
    for letter in found:
        print(f"{letter.at:%Y-%m-%d %H:%M:%S}Z  {_name(letter)}  receives: {letter.receives}")
        if options.body:
            print(f"  {letter.body}")
    print(f"{len(found)} shown of about {max(waiting + hidden, len(found))}{_looked_at(hidden)}")
    if letters.ordered:
        print("of an ordered worker, SQS shows no more than the first ten of each row")


def _redrive(options: argparse.Namespace) -> None:
    letters = _letters(options)
    _ask(f"Send {_meant(options)} back to {options.worker}?", options)
    _carry_out("sent back", letters, letters.redrive(_choice(options), options.limit), options)


def _discard(options: argparse.Namespace) -> None:
    if not (options.event or options.webhook or options.all):
        raise DeadLetterError("say which to delete: --event ID, --webhook NAME or --all")
    letters = _letters(options)
    _ask(f"Delete {_meant(options)} of {options.worker} for good?", options)
    _carry_out("deleted", letters, letters.discard(_choice(options), options.limit), options)


def _carry_out(
    done: str, letters: DeadLetters, batches: Iterator[list[Letter]], options: argparse.Namespace
) -> None:
    waiting, hidden = letters.count()
    found: list[Letter] = []
    progress = Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True))
    try:
        with progress:
            task = progress.add_task(done, total=max(min(waiting, options.limit or waiting), 1))
            for batch in batches:
                found += batch
                progress.advance(task, len(batch))
    finally:
        # Also of a run that ends early.
        print(f"{len(found)} {done}")
    if hidden:
        print(
            f"{hidden} others are being looked at just now; run it again in {HIDDEN_SECONDS} seconds for them"
        )
    if missing := sorted(set(options.event) - {letter.event_id for letter in found}):
        raise DeadLetterError(f"not found among the dead letters of {options.worker}: {', '.join(missing)}")


def _ask(question: str, options: argparse.Namespace) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise DeadLetterError("nobody is there to ask; give --yes to do it without asking")
    if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeadLetterError("nothing was changed")


def _meant(options: argparse.Namespace) -> str:
    most = f"at most {options.limit} of " if options.limit else ""
    events = f" with the events {', '.join(options.event)}" if options.event else ""
    webhook = f" of webhook {options.webhook}" if options.webhook else ""
    return f"{most}the dead letters{webhook}{events}"


def _choice(options: argparse.Namespace) -> Choice:
    return Choice(event_ids=frozenset(options.event), webhook=options.webhook)


def _letters(options: argparse.Namespace) -> DeadLetters:
    client, queues = _found(options)
    if options.worker not in queues:
        raise DeadLetterError(
            unknown(f"worker that is deployed in stage {options.stage}", options.worker, queues)
        )
    return DeadLetters(client, queues[options.worker])


def _found(options: argparse.Namespace) -> "tuple[SQSClient, dict[str, WorkerQueues]]":
    settings = settings_of(options)
    session = session_of(options, settings)
    return session.client("sqs"), queues_of(outputs_of(session, options.stage), settings)


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


if __name__ == "__main__":
    main()
