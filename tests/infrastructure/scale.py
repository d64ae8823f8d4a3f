"""Declarations larger than anyone's, with folders of workers and functions beside them."""

from pathlib import Path

STAGE = """
[stages.prod]
[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
rotation_days = 0
"""
_HANDLER = "def handler(event, db):\n    pass\n"


def declare(
    folder: Path, *, workers: int = 0, webhooks: int = 0, functions: int = 0, routes: int = 0
) -> Path:
    """Write a bridge.toml for so many of each; webhooks go round the workers, routes round the functions."""
    names = [f"process_something_number{number}" for number in range(workers)]
    for name in names:
        _handler(folder / "workers" / name)
    sections = [
        f'[[webhooks]]\nname = "something.number.{number}.happened"\ntable = "public.things"\n'
        f'operations = ["insert", "update"]\ntarget = "{names[number % workers]}"\n'
        for number in range(webhooks)
    ]
    for number in range(functions):
        _handler(folder / "functions" / f"serve_something_number{number}")
        paths = [f"GET /something/number{route}/{{id}}" for route in range(number, routes, functions)]
        table = ", ".join(f'"{path}" = ["authenticated"]' for path in paths)
        sections.append(f"[functions.serve_something_number{number}]\nroutes = {{ {table} }}\n")
    declaration = folder / "bridge.toml"
    declaration.write_text("\n".join([*sections, STAGE]), "utf-8")
    return declaration


def _handler(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "handler.py").write_text(_HANDLER, "utf-8")
