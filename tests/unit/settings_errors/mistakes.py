"""A bridge.toml with mistakes, the folders beside it, and what is said of them."""

from pathlib import Path
from typing import Any

import pytest

from stacks.errors import SettingsError
from stacks.settings import read_settings

GOOD = {
    "name": '"order.created"',
    "table": '"public.orders"',
    "operations": '["insert"]',
    "target": '"handle_order"',
}


def mistakes(
    tmp_path: Path,
    text: str,
    *,
    workers: tuple[str, ...] = ("handle_order",),
    functions: tuple[str, ...] = (),
    **context: Any,
) -> list[str]:
    folders = [f"workers/{name}" for name in workers] + [f"functions/{name}" for name in functions]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "handler.py").touch()
    file = tmp_path / "bridge.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings({"config": str(file), **context})
    headline, *lines = str(caught.value).splitlines()
    assert str(file) in headline
    return [line.strip() for line in lines]


def worker_folder(tmp_path: Path, name: str, **files: str) -> None:
    folder = tmp_path / "workers" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, "utf-8")


def webhook(**fields: str) -> str:
    body = "".join(f"{name} = {value}\n" for name, value in {**GOOD, **fields}.items() if value)
    return f"[[webhooks]]\n{body}[stages.prod]\n"
