"""The folders that are the user's: where they are, what they hold, and what they may be called."""

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

# Keys in the receiver's map of queues, packages of other functions, and the layer's own.
_RESERVED = {
    "apply_sql",
    "authorize",
    "bridge",
    "receive_webhook",
    "redeliver",
    "rotate_secret",
    "start_execution",
    "sync_platform",
}
# What Lambda's runtime brings: a package of the same name would hide it from all that imports it. With what
# is installed, for the layer or the package itself, a name is compared when the code is staged.
LIBRARIES_OF_LAMBDA = {
    "awslambdaric",
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot_restore_py",
    "urllib3",
}
# Folders that pytest, ruff or a .gitignore pass over as something that is generated.
_PASSED_OVER = {"build", "dist", "node_modules", "venv"}
# Each part begins with a letter, so that AnOutputsName stands for one folder only.
_NAME = re.compile(r"(?=.{1,32}$)[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")

# In a state machine's definition, the function that its tasks call.
_TASK_FUNCTION = "${TaskFunction}"


def code_of(declaration: Path) -> Path:
    """Folder that holds a declaration's workers/ and functions/: lambda_src beside it, or its own."""
    beside = declaration.parent
    return beside / "lambda_src" if (beside / "lambda_src").is_dir() else beside


class WorkerKind(Enum):
    """What a folder of workers/ holds; the value names the file that tells."""

    STATE_MACHINE = "state_machine.asl.json"
    PYTHON = "handler.py"
    NODE = "index.mjs"

    @classmethod
    def of(cls, folder: Path) -> "WorkerKind | None":
        """Tell what a folder is; None: no worker. The tasks of a state machine may have a handler.py too."""
        return next((kind for kind in cls if (folder / kind.value).is_file()), None)


def worker_folders(sources: Path) -> dict[str, WorkerKind]:
    """Folders of workers/ that hold a worker, by name in alphabetical order."""
    folders = sorted((sources / "workers").glob("*/"))
    return {folder.name: kind for folder in folders if (kind := WorkerKind.of(folder))}


def function_folders(sources: Path) -> list[str]:
    """Folders of functions/ that hold a handler.py, in alphabetical order."""
    return sorted(path.parent.name for path in (sources / "functions").glob("*/handler.py"))


def has_task(folder: Path) -> bool:
    """Whether a state machine's tasks have a function that they can call: the folder's handler.py."""
    return (folder / WorkerKind.PYTHON.value).is_file()


def check_workers(sources: Path) -> Iterator[str]:
    """One sentence for each file in a folder of workers/ that would be ignored, or that is missed."""
    for name, kind in worker_folders(sources).items():
        folder = sources / "workers" / name
        label = f'folder "{name}" of workers'
        node = WorkerKind.NODE
        if kind is not node and (folder / node.value).is_file():
            yield f"{label}: {node.value} would never run beside {kind.value}; keep one of the two"
        if (
            kind is WorkerKind.STATE_MACHINE
            and not has_task(folder)
            and _TASK_FUNCTION in (folder / kind.value).read_text("utf-8")
        ):
            yield (
                f"{label}: {kind.value} calls {_TASK_FUNCTION}, which is the folder's "
                f"{WorkerKind.PYTHON.value}, and there is none; add it"
            )


def check_names(folders: Mapping[str, list[str]]) -> Iterator[str]:
    """One sentence for each folder that can't be called what it is called; folders by their parent's name."""
    parents: dict[str, str] = {}
    for parent, names in folders.items():
        for name in names:
            if problem := _name_problem(name):
                yield f'folder "{name}" of {parent}: {problem}'
            elif name in parents:
                yield (
                    f'folder "{name}" of {parent}: the folder "{name}" of {parents[name]} would be the same '
                    "package to Python; rename one of the two"
                )
            parents[name] = parent


def _name_problem(name: str) -> str | None:
    if name in _RESERVED or not _NAME.fullmatch(name):
        return (
            "a name has at most 32 lower-case letters, digits and single '_', "
            "a letter after each, and is none of " + ", ".join(sorted(_RESERVED))
        )
    instead = f'rename it, for example to "handle_{name}"'
    if keyword.iskeyword(name):
        return f"it is a keyword of Python, which import can't name; {instead}"
    if name in _PASSED_OVER:
        return f"tools pass over a folder of that name, as one that is generated; {instead}"
    if name in LIBRARIES_OF_LAMBDA | sys.stdlib_module_names:
        return f"a library has that name, which the folder would hide; {instead}"
    return None
