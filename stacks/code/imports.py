"""Imports of what is not shipped: they work where code is deployed from, and in Lambda fail each event."""

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from stacks.code.staging import shipped
from stacks.settings.folders import LIBRARIES_OF_LAMBDA

# Of the functions' Python 3.14, whichever this is: "What's New in Python" 3.12 to 3.14.
_ADDED = {"annotationlib", "compression"}
_REMOVED = {
    *(
        "aifc",
        "asynchat",
        "asyncore",
        "audioop",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "distutils",
        "imghdr",
        "imp",
    ),
    *("lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd"),
    *("sunau", "telnetlib", "uu", "xdrlib"),
}
_STANDARD = (sys.stdlib_module_names | _ADDED) - _REMOVED
# What catches a failing import.
_CATCHING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def missing_imports(folder: Path, provided: set[str]) -> Iterator[str]:
    """Yield a sentence for each module that a package imports and that Lambda won't have.

    What may fail is left out: imports for type checkers alone, and those whose failure is caught.

    Args:
        folder: the package.
        provided: top-level modules that are shipped beside it.
    """
    available = {folder.name, *provided, *_STANDARD, *LIBRARIES_OF_LAMBDA}
    files = dict(shipped(folder))
    for inside, data in files.items():
        if not inside.endswith(".py"):
            continue
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError) as error:
            yield f"{inside} is no Python: {error}"
            continue
        for module in sorted(_imported(tree)):
            name, _, rest = module.partition(".")
            if name not in available or (name == folder.name and _is_left_out(folder, rest, files)):
                yield f'{inside} imports "{module}", which is not shipped'


def _is_left_out(folder: Path, module: str, files: Collection[str]) -> bool:
    """Tell whether a module of the package is there and not shipped, as a test is."""
    first = module.partition(".")[0]
    is_there = bool(first) and ((folder / f"{first}.py").is_file() or (folder / first).is_dir())
    return is_there and not any(file == f"{first}.py" or file.startswith(f"{first}/") for file in files)


def _imported(node: ast.AST) -> set[str]:
    """Modules that code imports by their full name, whenever it does."""
    match node:
        case ast.Import():
            return {alias.name for alias in node.names}
        case ast.ImportFrom():
            return {node.module} if node.module and not node.level else set()
        case ast.Try() if any(_catches_imports(handler) for handler in node.handlers):
            return set()
        case ast.If() if "TYPE_CHECKING" in ast.dump(node.test):
            return set()
    return set().union(*map(_imported, ast.iter_child_nodes(node)))


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    """Tell whether an except clause goes on where an import fails."""
    if handler.type is None:
        return True
    return any(isinstance(part, ast.Name) and part.id in _CATCHING for part in ast.walk(handler.type))
