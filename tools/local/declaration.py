"""Declarations of one's own over the shop's code: what tests, faults and measurements deploy."""

from pathlib import Path

from tools.cdk_cli import ROOT

SHOP = ROOT / "examples" / "shop"


def write_declaration(text: str, folder: Path) -> Path:
    """Write a bridge.toml with the shop's workers and functions beside it.

    Args:
        text: what it says.
        folder: where it goes; harmless where one is already.

    Returns:
        The file, for `-c config=`.
    """
    file = folder / "bridge.toml"
    file.write_text(text, "utf-8")
    for name in ("workers", "functions"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(SHOP / name)
    return file


def routes() -> str:
    """Sections that a declaration over the shop's code needs at least: a route for each function."""
    names = sorted(path.parent.name for path in (SHOP / "functions").glob("*/handler.py"))
    return "".join(f'\n[functions.{name}]\nroutes = {{ "GET /{name}" = [] }}\n' for name in names)
