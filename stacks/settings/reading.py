"""Reading bridge.toml, and what -c overrides in it."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.errors import SettingsError
from stacks.settings.compute import QUEUE_SETTINGS, Function, Worker
from stacks.settings.folders import (
    WorkerKind,
    check_names,
    check_workers,
    code_of,
    function_folders,
    has_task,
    worker_folders,
)
from stacks.settings.mistakes import unknown, written
from stacks.settings.sections import Sections, frozen, label_of
from stacks.settings.settings import Settings
from stacks.settings.stage import Stage
from stacks.settings.stage_choice import chosen_stage
from stacks.settings.targets import Target, address_problem
from stacks.settings.webhook import Webhook

DEFAULT_FILE = "bridge.toml"  # beside cdk.json, where the CDK runs the app


def read_settings(context: Mapping[str, Any]) -> Settings:
    """Read one stage.

    Args:
        context: what the CDK was given with -c: `config` names the file, bridge.toml if left out;
            `stage` chooses; the names of stage settings override. Workers and functions are found beside
            the file.

    Raises:
        SettingsError: naming every mistake in the file and the overrides.
    """
    file = Path(context.get("config", DEFAULT_FILE))
    reader = _Reader(load(file), code_of(file))
    settings = reader.settings(context)
    if settings is None:
        raise SettingsError("\n  ".join([f"{file} can't be used:", *reader.mistakes]))
    return settings


def load(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
        if text.startswith("\N{BYTE ORDER MARK}"):
            raise SettingsError(
                f"{file} begins with a byte order mark (BOM), which TOML hasn't; save it as UTF-8 without"
            )
        return {key: frozen(value) for key, value in tomllib.loads(text).items()}
    except FileNotFoundError:
        raise SettingsError(
            f"{file} doesn't exist; name another file (cdk -c config=FILE, make … CONFIG=FILE)"
        ) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{file} can't be read: {exc}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{file} is no TOML: {exc}") from exc


class _Reader(Sections):
    """Goes through the whole file and collects what is wrong with it."""

    def __init__(self, data: dict[str, Any], code: Path) -> None:
        super().__init__(data)
        self._code = code
        self._worker_folders = worker_folders(code)
        self._function_folders = function_folders(code)
        sections = ("webhooks", "targets", "functions", "workers", "stages")
        self.mistakes += [unknown("section", key, sections) for key in data if key not in sections]
        self.mistakes += check_names(
            {"functions": self._function_folders, "workers": list(self._worker_folders)}
        )
        self.mistakes += check_workers(code)

    def settings(self, context: Mapping[str, Any]) -> Settings | None:
        workers = self._workers()
        functions = self._functions()
        targets = self.listed("targets", Target)
        self._check_target_names(targets)
        webhooks = self._webhooks()
        self._check_order(webhooks, workers)
        chosen = chosen_stage(self, context)
        if chosen is None:
            return None
        name, stage = chosen
        targets = self._of_stage(targets, name, stage)
        if self.mistakes:
            return None
        return Settings(
            stage_name=name,
            stage=stage,
            code=self._code,
            webhooks=webhooks,
            workers=workers,
            functions=functions,
            targets=targets,
        )

    def _webhooks(self) -> tuple[Webhook, ...]:
        declared = [entry["name"] for entry in self.entries("targets") if isinstance(entry.get("name"), str)]
        known = [*self._worker_folders, *declared]
        for index, entry in enumerate(self.entries("webhooks"), 1):
            given = entry.get("target")
            for target in given if isinstance(given, tuple) else (given,):
                if isinstance(target, str) and target not in known:
                    problem = unknown("folder of workers, nor one of [[targets]]", target, known)
                    self.mistakes.append(
                        f"{label_of('webhook', entry.get('name'), index)}: target: {problem}"
                    )
        return self.listed("webhooks", Webhook)

    def _check_order(self, webhooks: Iterable[Webhook], workers: Mapping[str, Worker]) -> None:
        """Whether the targets of ordered webhooks can keep an order."""
        for webhook in webhooks:
            for target in webhook.targets if webhook.ordered else ():
                if self._worker_folders.get(target) is WorkerKind.STATE_MACHINE:
                    self.mistakes.append(
                        f'webhook "{webhook.name}": ordered = true is wrong: the executions of state machine '
                        f'"{target}" run side by side; leave it out, or name another target'
                    )
                worker = workers.get(target)
                # A batch would make what waits behind a failing event run out of attempts with it.
                if worker and "batch_size" in worker.model_fields_set and worker.batch_size != 1:
                    self.mistakes.append(
                        f'worker "{target}": batch_size = {worker.batch_size} is wrong: webhook '
                        f'"{webhook.name}" is ordered, its events are handled one by one; allowed: 1, '
                        "or leave it out"
                    )

    def _check_target_names(self, targets: Iterable[Target]) -> None:
        for target in targets:
            if target.name in self._worker_folders:
                self.mistakes.append(
                    f'target "{target.name}": a folder of workers has that name; choose another'
                )

    def _of_stage(self, targets: Iterable[Target], name: str, stage: Stage) -> tuple[Target, ...]:
        """The targets as the stage has them, each address checked."""
        known = {target.name for target in targets}
        for other in sorted(stage.target_urls.keys() - known):
            self.mistakes.append(f'stage "{name}": target_urls: {unknown("target", other, known)}')
        resolved = tuple(target.of_stage(name, stage.target_urls) for target in targets)
        for target in resolved:
            if problem := address_problem(
                target.url,
                allowed_ranges=stage.allowed_target_ranges,
                plain_http=stage.layer_platform == "local",
            ):
                self.mistakes.append(
                    f'target "{target.name}": url = {written(target.url)} is wrong: {problem}'
                )
        self._check_places(resolved)
        return resolved

    def _check_places(self, targets: Iterable[Target]) -> None:
        """Two that write to the same place would overwrite each other's signing secret."""
        owners: dict[tuple[str, ...], str] = {}
        for target in targets:
            for place in sorted(target.places):
                if owner := owners.get(place):
                    self.mistakes.append(
                        f'target "{target.name}": {target.platform}: "{owner}" has that place already; '
                        "let webhooks share one target"
                    )
                owners[place] = target.name

    def _workers(self) -> dict[str, Worker]:
        declared = self.named("workers", Worker)
        folders = self._worker_folders
        for name, worker in declared.items():
            if name not in folders:
                problem = unknown("folder of workers", name, folders)
                self.mistakes.append(f'worker "{name}": {problem}')
            else:
                self.mistakes += self._unfitting(name, worker)
        return {folder: declared.get(folder, Worker()) for folder in folders}

    def _unfitting(self, name: str, worker: Worker) -> Iterator[str]:
        """Settings that the kind of worker in the folder doesn't have."""
        kind = self._worker_folders[name]
        if worker.snap_start and kind is WorkerKind.NODE:
            yield (
                f'worker "{name}": snap_start = true is wrong: Lambda has no SnapStart for Node.js; '
                "allowed: false, with provisioned_concurrency where its start takes too long"
            )
        if kind is WorkerKind.STATE_MACHINE and not has_task(self._code / "workers" / name):
            for field in sorted(worker.model_fields_set - QUEUE_SETTINGS):
                yield (
                    f'worker "{name}": {field} = {written(getattr(worker, field))} is wrong: it is for the '
                    "handler.py that a state machine's tasks call, and there is none; leave it out, "
                    "or add one"
                )

    def _functions(self) -> dict[str, Function]:
        declared = self.named("functions", Function)
        known = self._function_folders
        for name in sorted(set(known) | set(declared)):
            if name not in known:
                problem = unknown("folder of functions with a handler.py", name, known)
                self.mistakes.append(f'function "{name}": {problem}')
            elif name not in self.data.get("functions", {}):
                self.mistakes.append(
                    f'folder "{name}" of functions: no route leads to it; add a section '
                    f"[functions.{name}] with routes"
                )
        self._check_routes(declared)
        return declared

    def _check_routes(self, functions: Mapping[str, Function]) -> None:
        owners: dict[str, str] = {}
        for name, function in functions.items():
            for route in function.routes:
                # API Gateway takes /orders/{id} and /orders/{order} for the same.
                path = re.sub(r"{\w+}", "{}", route)
                if owner := owners.get(path):
                    self.mistakes.append(f'function "{name}": route "{route}" leads to "{owner}" already')
                owners[path] = name
