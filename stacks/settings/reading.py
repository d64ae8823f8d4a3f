"""Reading bridge.toml, and what -c overrides in it."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import ValidationError

from stacks.errors import SettingsError
from stacks.settings.folders import (
    WorkerKind,
    check_names,
    check_workers,
    function_folders,
    has_task,
    worker_folders,
)
from stacks.settings.mistakes import describe, unknown, written
from stacks.settings.model import QUEUE_SETTINGS, Function, Settings, Stage, Webhook, Worker
from stacks.settings.section import Section
from stacks.settings.targets import Target, address_problem

_Model = TypeVar("_Model", bound=Section)

SOURCES = Path(__file__).parents[2] / "lambda_src"
DEFAULT_FILE = "bridge.toml"  # beside cdk.json, where the CDK runs the app

_OWN_CONTEXT = {"config", "stage"}


def read_settings(context: Mapping[str, Any], *, sources: Path = SOURCES) -> Settings:
    """Read one stage.

    Args:
        context: what the CDK was given with -c: `config` names the file, bridge.toml if left out;
            `stage` chooses; the names of stage settings override.
        sources: the folder with workers/ and functions/.

    Raises:
        SettingsError: naming every mistake in the file and the overrides.
    """
    file = Path(context.get("config", DEFAULT_FILE))
    reader = _Reader(_load(file), sources)
    settings = reader.settings(context)
    if settings is None:
        raise SettingsError("\n  ".join([f"{file} can't be used:", *reader.mistakes]))
    return settings


def _load(file: Path) -> dict[str, Any]:
    try:
        return {key: _frozen(value) for key, value in tomllib.loads(file.read_text("utf-8")).items()}
    except FileNotFoundError:
        raise SettingsError(f"{file} doesn't exist; name another file with -c config=FILE") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{file} can't be read: {exc}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{file} is no TOML: {exc}") from exc


def _frozen(value: Any) -> Any:
    """Arrays as tuples, which a frozen, strict model takes as they are."""
    match value:
        case list():
            return tuple(map(_frozen, value))
        case dict():
            return {key: _frozen(item) for key, item in value.items()}
        case _:
            return value


class _Reader:
    """Goes through the whole file and collects what is wrong with it."""

    def __init__(self, data: dict[str, Any], sources: Path) -> None:
        self.mistakes: list[str] = []
        self._data = data
        self._sources = sources
        self._worker_folders = worker_folders(sources)
        self._function_folders = function_folders(sources)
        sections = ("webhooks", "targets", "functions", "workers", "stages")
        self.mistakes += [unknown("section", key, sections) for key in data if key not in sections]
        self.mistakes += check_names(
            {"functions": self._function_folders, "workers": list(self._worker_folders)}
        )
        self.mistakes += check_workers(sources)

    def settings(self, context: Mapping[str, Any]) -> Settings | None:
        workers = self._workers()
        functions = self._functions()
        targets = self._listed("targets", Target)
        self._check_target_names(targets)
        webhooks = self._webhooks()
        stages = self._named("stages", Stage)
        self._check_context(context)
        name = self._chosen(context.get("stage"))
        environment = self._overridden(name, stages.get(name), context) if name else None
        if name is None or environment is None:
            return None
        targets = self._of_stage(targets, name, environment)
        if self.mistakes:
            return None
        return Settings(
            stage=name,
            environment=environment,
            webhooks=webhooks,
            workers=workers,
            functions=functions,
            targets=targets,
        )

    def _webhooks(self) -> tuple[Webhook, ...]:
        declared = [entry["name"] for entry in self._entries("targets") if isinstance(entry.get("name"), str)]
        known = [*self._worker_folders, *declared]
        for index, entry in enumerate(self._entries("webhooks"), 1):
            given = entry.get("target")
            for target in given if isinstance(given, tuple) else (given,):
                if isinstance(target, str) and target not in known:
                    problem = unknown("worker of lambda_src/workers, nor one of [[targets]]", target, known)
                    self.mistakes.append(f"{_label('webhook', entry.get('name'), index)}: target: {problem}")
        return self._listed("webhooks", Webhook)

    def _listed(self, section: str, model: type[_Model]) -> tuple[_Model, ...]:
        """The entries of a section like [[webhooks]], those that are right."""
        entries = self._entries(section)
        kind = section.removesuffix("s")
        labels = [_label(kind, entry.get("name"), index) for index, entry in enumerate(entries, 1)]
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            self.mistakes.append(f"{label}: name is used {labels.count(label)} times; each needs its own")
        parsed = [self._parse(label, model, entry) for label, entry in zip(labels, entries, strict=True)]
        return tuple(entry for entry in parsed if entry)

    def _entries(self, section: str) -> tuple[dict[str, Any], ...]:
        entries = self._data.get(section, ())
        if isinstance(entries, tuple) and all(isinstance(entry, dict) for entry in entries):
            return entries
        mistake = f"{section} = {written(entries)} is wrong; begin each one with [[{section}]]"
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        return ()

    def _check_target_names(self, targets: Iterable[Target]) -> None:
        for target in targets:
            if target.name in self._worker_folders:
                self.mistakes.append(
                    f'target "{target.name}": a folder of lambda_src/workers has that name; choose another'
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
        return resolved

    def _workers(self) -> dict[str, Worker]:
        declared = self._named("workers", Worker)
        folders = self._worker_folders
        for name, worker in declared.items():
            if name not in folders:
                problem = unknown("worker of lambda_src/workers", name, folders)
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
        if kind is WorkerKind.STATE_MACHINE and not has_task(self._sources / "workers" / name):
            for field in sorted(worker.model_fields_set - QUEUE_SETTINGS):
                yield (
                    f'worker "{name}": {field} = {written(getattr(worker, field))} is wrong: it is for the '
                    "handler.py that a state machine's tasks call, and there is none; leave it out, "
                    "or add one"
                )

    def _functions(self) -> dict[str, Function]:
        declared = self._named("functions", Function)
        known = self._function_folders
        for name in sorted(set(known) | set(declared)):
            if name not in known:
                problem = unknown("folder of lambda_src/functions with a handler.py", name, known)
                self.mistakes.append(f'function "{name}": {problem}')
            elif name not in self._data.get("functions", {}):
                self.mistakes.append(
                    f'folder "{name}" of lambda_src/functions: no route leads to it; add a section '
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

    def _named(self, section: str, model: type[_Model]) -> dict[str, _Model]:
        """The tables of a section like [stages.prod], by name."""
        tables = self._data.get(section, {})
        if not isinstance(tables, dict):
            self.mistakes.append(f"{section} = {written(tables)} is wrong; write [{section}.NAME]")
            return {}
        parsed: dict[str, _Model] = {}
        for name, table in tables.items():
            label = f'{section[:-1]} "{name}"'
            if not isinstance(table, dict):
                self.mistakes.append(f"{label}: {written(table)} is no table; write [{section}.{name}]")
            elif (value := self._parse(label, model, table)) is not None:
                parsed[name] = value
        return parsed

    def _chosen(self, wanted: str | None) -> str | None:
        stages = self._data.get("stages", {})
        if not isinstance(stages, dict) or not stages:
            self.mistakes.append("there is no stage; add a section [stages.NAME]")
            return None
        name = wanted if wanted is not None else next(iter(stages)) if len(stages) == 1 else None
        if name is None:
            self.mistakes.append(
                f"there are several stages; choose one with -c stage=NAME; known: {', '.join(sorted(stages))}"
            )
        elif name not in stages:
            self.mistakes.append(f"-c stage: {unknown('stage', name, stages)}")
        elif not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", name):
            self.mistakes.append(
                f'stage "{name}": its name is wrong; allowed: a lower-case letter, '
                "then at most 15 lower-case letters, digits or '-'"
            )
        else:
            return name
        return None

    def _overridden(self, name: str, stage: Stage | None, context: Mapping[str, Any]) -> Stage | None:
        given = {key: context[key] for key in Stage.model_fields if key in context}
        if stage is None or not given:
            return stage
        converted = {key: _converted(key, value) for key, value in given.items()}
        label = " ".join(f"-c {key}={value}" for key, value in given.items())
        return self._parse(f'{label} (for stage "{name}")', Stage, {**stage.model_dump(), **converted})

    def _check_context(self, context: Mapping[str, Any]) -> None:
        """A misspelt -c would be ignored; the CDK's own keys hold ':', '/' or '-'."""
        known = {*Stage.model_fields, *_OWN_CONTEXT}
        for key in context:
            if key not in known and key.isidentifier() and get_close_matches(key, known, n=1, cutoff=0.75):
                self.mistakes.append(f"-c {key}={context[key]}: {unknown('setting', key, known)}")

    def _parse(self, label: str, model: type[_Model], data: dict[str, Any]) -> _Model | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.mistakes += describe(label, model, error)
            return None


def _label(kind: str, name: Any, index: int) -> str:
    return f'{kind} "{name}"' if isinstance(name, str) else f"{kind} number {index}"


def _converted(field: str, value: Any) -> Any:
    """-c gives text only: read a number, or a list or table separated by commas, where the setting is one."""
    annotation = Stage.model_fields[field].annotation
    if not isinstance(value, str):
        return _frozen(value)
    if annotation is int and value.isdecimal():
        return int(value)
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if get_origin(annotation) is tuple:
        return tuple(parts)
    if get_origin(annotation) is dict:
        return {key.strip(): item.strip() for key, _, item in (part.partition("=") for part in parts)}
    return value
