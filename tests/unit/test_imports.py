"""What a worker or function imports is there in Lambda, or the synthesis says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stacks.code.imports import missing_imports

if TYPE_CHECKING:
    from pathlib import Path

PROVIDED = {"bridge", "psycopg"}


def missing(tmp_path: Path, code: str, file: str = "handler.py") -> list[str]:
    folder = tmp_path / "ship_order"
    folder.mkdir()
    (folder / file).write_text(code)
    return list(missing_imports(folder, PROVIDED))


@pytest.mark.parametrize(
    "code",
    [
        "import json\nimport xml.etree.ElementTree",
        "from bridge.worker import worker\nfrom psycopg import Connection",
        "import boto3\nfrom botocore.config import Config",
        "from ship_order.prices import PRICES\nfrom .prices import PRICES\nfrom . import prices",
        "from __future__ import annotations",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mypy_boto3_sqs import SQSClient",
        "import typing\nif typing.TYPE_CHECKING:\n    import rich",
        "try:\n    import orjson as json\nexcept ImportError:\n    import json",
        "try:\n    import tomllib\nexcept (ImportError, KeyError):\n    import tomli",
        "from compression import zstd\nimport annotationlib",
    ],
)
def should_take_what_is_there_or_may_be_missing(tmp_path: Path, code: str) -> None:
    assert missing(tmp_path, code) == []


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("from rich.console import Console", "rich.console"),
        ("import json, slugify", "slugify"),
        ("from pay_order.rates import RATES", "pay_order.rates"),
        ("from stacks.names import camel_case", "stacks.names"),
        ("def later():\n    import pytest", "pytest"),
        ("if True:\n    import typer", "typer"),
        ("try:\n    import rich\nfinally:\n    pass", "rich"),
        ("try:\n    import rich\nexcept ValueError:\n    pass", "rich"),
        ("import distutils", "distutils"),
    ],
)
def should_name_what_is_not_shipped(tmp_path: Path, code: str, module: str) -> None:
    assert missing(tmp_path, code) == [f'handler.py imports "{module}", which is not shipped']


def should_name_a_module_of_the_package_that_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "ship_order"
    (folder / "tests").mkdir(parents=True)
    (folder / "test_data.py").touch()
    (folder / "prices.py").touch()
    imports = ["ship_order.test_data", "ship_order.tests.rows", "ship_order.prices", "ship_order"]
    (folder / "handler.py").write_text("".join(f"import {module}\n" for module in imports))
    assert list(missing_imports(folder, PROVIDED)) == [
        'handler.py imports "ship_order.test_data", which is not shipped',
        'handler.py imports "ship_order.tests.rows", which is not shipped',
    ]


def should_look_at_no_test(tmp_path: Path) -> None:
    assert missing(tmp_path, "import pytest", file="test_handler.py") == []


@pytest.mark.parametrize("code", ["import", "def f(:", "x = '\\0"])
def should_name_a_file_that_is_no_python(tmp_path: Path, code: str) -> None:
    [said] = missing(tmp_path, code)
    assert said.startswith("handler.py is no Python: ")
