"""Imports of what is not shipped: they work where code is deployed from, and in Lambda fail each event."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from stacks.code.staging import shipped
from stacks.settings.folders import LIBRARIES_OF_LAMBDA

# Compiled into the functions' interpreter, or this one's alone.
_STANDARD = sys.stdlib_module_names


def missing_imports(folder: Path, provided: set[str]) -> Iterator[str]:
    """Yield a sentence for each module that a package imports and that Lambda won't have.

    What may fail is left out: imports for type checkers alone, and those in a `try`.

    Args:
        folder: the package.
        provided: top-level modules that are shipped beside it.
    """
    there = {folder.name, *provided, *_STANDARD, *LIBRARIES_OF_LAMBDA}
    for inside, data in shipped(folder):
        if not inside.endswith(".py"):
            continue
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError) as error:
            yield f"{inside} is no Python: {error}"
            continue
        for module in sorted(_imported(tree)):
            if module.partition(".")[0] not in there:
                yield f'{inside} imports "{module}", which is not shipped'


def _imported(node: ast.AST) -> set[str]:
    """Modules that code imports by their full name, whenever it does."""
    if isinstance(node, ast.Try) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
        return set()
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module} if node.module and not node.level else set()
    return set().union(*map(_imported, ast.iter_child_nodes(node)))
