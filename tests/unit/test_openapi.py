"""The OpenAPI document is made from the functions, and the committed one is current."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import schemathesis

from tools.cli import openapi
from tools.cli.commands import main
from tools.local.declaration import SHOP

DECLARATION = SHOP / "bridge.toml"
if TYPE_CHECKING:
    from pathlib import Path

ROUTE = """
from typing import Annotated
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel
from bridge import api

app = api.resolver()

class {model}(BaseModel):
    {field}: int

@app.get("/things/<id>")
def get_thing(
    id: Annotated[int, Path(ge=1, le=2**63 - 1)], name: Annotated[str | None, Query(min_length=1)] = None
) -> {model}:
    return {model}({field}=id)
"""


class Functions:
    """A folder of functions made for a test, and the declaration of their routes."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "lambda_src" / "functions"
        self.declaration = directory / "bridge.toml"
        self.declaration.write_text("")

    def add(self, *, route: str = "GET /things/{id}", model: str = "Thing", field: str = "id") -> str:
        name = f"function_{uuid4().hex}"
        (self.folder / name).mkdir(parents=True)
        (self.folder / name / "__init__.py").touch()
        (self.folder / name / "handler.py").write_text(ROUTE.format(model=model, field=field))
        with self.declaration.open("a") as file:
            file.write(f'[functions.{name}]\nroutes = {{ "{route}" = ["authenticated"] }}\n')
        return name

    def document(self) -> Any:
        return json.loads(openapi.text(self.declaration))


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Functions:
    functions = Functions(tmp_path)
    monkeypatch.syspath_prepend(str(functions.folder))
    return functions


def should_be_committed_as_it_is_made() -> None:
    document = (SHOP / "openapi.json").read_text()

    assert document == openapi.text(DECLARATION), "run: make openapi CONFIG=examples/shop/bridge.toml"


def should_be_a_document_of_its_standard() -> None:
    schema = schemathesis.openapi.from_dict(json.loads(openapi.text(DECLARATION)))

    schema.validate()
    assert len(list(schema.get_all_operations())) >= 4


def should_say_who_may_call_and_what_may_come_back(functions: Functions) -> None:
    name = functions.add()
    operation = functions.document()["paths"]["/things/{id}"]["get"]

    assert operation["operationId"] == "get_thing"
    assert operation["tags"] == [name]
    assert operation["security"] == [{"token": []}]
    assert operation["x-roles"] == ["authenticated"]
    assert sorted(operation["responses"]) == ["200", "401", "403", "422", "429", "500", "503"]


def should_keep_bounds_exact(functions: Functions) -> None:
    functions.add()
    parameters = functions.document()["paths"]["/things/{id}"]["get"]["parameters"]

    assert parameters[0]["schema"] == {
        "maximum": 9223372036854775807,
        "minimum": 1,
        "title": "Id",
        "type": "integer",
    }
    assert parameters[1]["schema"] == {"minLength": 1, "title": "Name", "type": "string"}


def should_refuse_a_route_that_is_not_declared(functions: Functions) -> None:
    name = functions.add(route="GET /other")

    with pytest.raises(openapi.OpenApiError, match=f'functions/{name}: "GET /'):
        functions.document()


def should_refuse_two_models_of_one_name(functions: Functions) -> None:
    functions.add()
    functions.add(field="number")

    with pytest.raises(openapi.OpenApiError, match='has another model "Thing"; rename one'):
        functions.document()


def should_write_an_empty_document_where_there_is_no_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bridge.toml").write_text("[stages.dev]\n")

    main(["openapi", "--config", str(tmp_path / "bridge.toml")])

    assert json.loads((tmp_path / "openapi.json").read_text())["paths"] == {}
    assert "without any path" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "[["])
def should_say_what_is_wrong_with_a_declaration(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "bridge.toml").write_text(text)
    with pytest.raises(SystemExit, match=r"bridge\.toml can't be read"):
        main(["openapi", "--config", str(tmp_path / "bridge.toml"), "--output", str(tmp_path / "o.json")])
