"""What a folder of workers/ or functions/ with a name that it can't have is answered with."""

from pathlib import Path

import pytest

from tests.unit.settings_errors.mistakes import mistakes

SOURCES = Path(__file__).parents[3] / "lambda_src"
ROUTES = '[functions.{}]\nroutes = {{ "GET /a" = [] }}\n[stages.prod]'


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "class",
            'it is a keyword of Python, which import can\'t name; rename it, for example to "handle_class"',
        ),
        ("import", "it is a keyword of Python"),
        ("build", "tools pass over a folder of that name, as one that is generated; rename it"),
        ("dist", "tools pass over a folder of that name"),
        ("node_modules", "tools pass over a folder of that name"),
        ("venv", "tools pass over a folder of that name"),
    ],
)
def should_refuse_a_name_that_import_or_a_tool_would_miss(tmp_path: Path, name: str, said: str) -> None:
    [of_function, of_worker] = mistakes(tmp_path, ROUTES.format(name), workers=(name,), functions=(name,))[:2]
    assert of_worker.startswith(f'folder "{name}" of workers: {said}')
    assert of_function.startswith(f'folder "{name}" of functions: {said}')


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SOURCES.glob("*/handler.py")))
def should_refuse_the_name_of_each_function_of_the_bridge(tmp_path: Path, name: str) -> None:
    [mistake] = mistakes(tmp_path, "[stages.prod]", workers=(name,))
    assert mistake.startswith(f'folder "{name}" of workers: a name has at most 32')


def should_refuse_one_name_for_a_worker_and_a_function(tmp_path: Path) -> None:
    text = ROUTES.format("send")
    assert mistakes(tmp_path, text, workers=("send",), functions=("send",)) == [
        (
            'folder "send" of workers: the folder "send" of functions would be the same package to Python; '
            "rename one of the two"
        )
    ]
