"""Write the OpenAPI document: what the HTTP functions take and answer, made from their own models.

What each function declares comes from its code, who may call it from the declaration, and what every function
and API Gateway answer alike is added here.
"""

# ruff: noqa: T201 - what it prints is what it is for

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

from stacks.settings.folders import code_of, function_folders
from tools.cli.stage import DECLARATION, CommandError, ConfigOption, errors_explained

if TYPE_CHECKING:
    from bridge.api import Resolver

_LAYER = Path(__file__).parents[2] / "lambda_src" / "layer"
# Of the library, for answers in a form that bridge.api replaces.
_REPLACED = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
_INT64_MAX = 2**63 - 1
# OpenAPI wants one. The document is the user's, and no release of the bridge changes it.
_VERSION = "1"
_PROBLEM_TYPE = "application/problem+json"

_PROBLEM = {
    "title": "Problem",
    "description": "Problem details, RFC 9457",
    "type": "object",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "finds the request in the logs"},
        "errors": {
            "description": "with 422: what is wrong, and where",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "message"],
                "properties": {
                    "in": {"enum": ["body", "cookie", "header", "path", "query"]},
                    "field": {"type": "string", "description": "the parameter's name"},
                    "pointer": {"type": "string", "description": "into the body, RFC 6901"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_MESSAGE = {
    "title": "Message",
    "description": "What API Gateway answers itself",
    "type": "object",
    "properties": {"message": {"type": ["string", "null"]}},
}
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A token of Supabase Auth, with one of the roles that the operation names in x-roles",
}


class OpenApiError(CommandError):
    """The functions and their declaration contradict each other; the message says where."""


def openapi(
    *,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write. [openapi.json beside bridge.toml]")
    ] = None,
    config: ConfigOption = DECLARATION,
) -> None:
    """Write the OpenAPI document of the functions."""
    with errors_explained(interrupted="the document is as it was"):
        document = text(config)
        output = output or config.with_name("openapi.json")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(document, "utf-8")
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}") from error
        empty = "" if json.loads(document)["paths"] else f", without any path: {config} declares no function"
        print(f"wrote {output}{empty}")


def text(declaration: Path) -> str:
    """Return the document as it is to be committed.

    Args:
        declaration: bridge.toml, beside which the functions are.

    Raises:
        OpenApiError: a route is declared but not made, or made but not declared.
        CommandError: the declaration can't be read.
    """
    code = code_of(declaration)
    for folder in (code / "functions", _LAYER):
        if str(folder.resolve()) not in sys.path:
            sys.path.append(str(folder.resolve()))
    document = _document(function_folders(code), _declared(declaration))
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _declared(declaration: Path) -> Mapping[str, Any]:
    try:
        functions: Mapping[str, Any] = tomllib.loads(declaration.read_text("utf-8")).get("functions", {})
    except (OSError, ValueError) as error:
        raise CommandError(f"{declaration} can't be read: {error}") from error
    return functions


def _document(functions: Iterable[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    merge = OpenAPIMerge(title="Supabase External Compute", version=_VERSION, on_conflict="error")
    schemas: dict[str, Any] = {}
    for name in functions:
        made = _of_function(name, declared.get(name, {}).get("routes", {}))
        for schema, content in made.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(schema, content) != content:
                raise OpenApiError(
                    f'functions/{name}: another function has another model "{schema}"; rename one'
                )
        merge.add_schema(made)
    # The library leaves out "paths" where there is none.
    document = {"paths": {}, **merge.get_openapi_schema()}
    document["components"] = {
        "schemas": schemas | {"Problem": _PROBLEM, "Message": _MESSAGE},
        "securitySchemes": {"token": _TOKEN},
    }
    return document


def _of_function(name: str, routes: Mapping[str, list[str]]) -> dict[str, Any]:
    app: Resolver = importlib.import_module(f"{name}.handler").app
    made: dict[str, Any] = app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)
    operations = dict(_operations(made))
    for route in operations.keys() ^ routes.keys():
        missing = "it isn't declared" if route in operations else "its handler has no such route"
        raise OpenApiError(f'functions/{name}: "{route}": {missing}')
    for route, operation in operations.items():
        _complete(operation, routes[route])
        operation["tags"] = [name]
        # The library appends path and method; the function's own name is enough.
        method, path = route.split()
        ending = re.sub(r"\W", "_", path) + f"_{method.lower()}"
        operation["operationId"] = operation["operationId"].removesuffix(ending)
    _mend(made)
    for schema in _REPLACED:
        made.get("components", {}).get("schemas", {}).pop(schema, None)
    return made


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _mend(schema: Any) -> None:
    """Undo what the library does to bounds, and to parameters that may be left out."""
    if isinstance(schema, list):
        for each in schema:
            _mend(each)
    if not isinstance(schema, dict):
        return
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if schema.get("type") == "integer" and isinstance(value := schema.get(bound), float):
            # It keeps bounds as floats, which have no 2^63 - 1.
            schema[bound] = _INT64_MAX if value >= 2**63 else int(value)
    if "in" in schema and "anyOf" in schema.get("schema", {}):
        # A parameter of a path or a query can be absent, but not null.
        given = [each for each in schema["schema"].pop("anyOf") if each != {"type": "null"}]
        schema["schema"] |= given[0] if len(given) == 1 else {"anyOf": given}
    for each in schema.values():
        _mend(each)


def _complete(operation: dict[str, Any], roles: list[str]) -> None:
    """Add who may call, and what every function and API Gateway itself may answer."""
    answers = operation["responses"]
    # The library's own, in its own form.
    for status in ("422", "500"):
        answers.pop(status, None)
    _add(answers, "429", "Too many requests", "Message")
    _add(answers, "500", "Something failed that should not", "Problem", "Message")
    _add(answers, "503", "Something that this needs can't be reached now", "Problem", "Message")
    if roles:
        operation |= {"security": [{"token": []}], "x-roles": sorted(roles)}
        _add(answers, "401", "No token, or one that has just expired", "Problem", "Message")
        refused = "The token is expired or not accepted, or its role may not do this"
        _add(answers, "403", refused, "Problem", "Message")
    if "requestBody" in operation:
        _add(answers, "400", "The body is not JSON", "Problem")
        _add(answers, "413", "The body is too large", "Message")
        _add(answers, "415", "The body is declared as something else than JSON", "Problem")
    if "requestBody" in operation or operation.get("parameters"):
        _add(answers, "422", "The request is not what it should be", "Problem")
    for answer in answers.values():
        if not answer.get("content", True):
            del answer["content"]


def _add(answers: dict[str, Any], status: str, description: str, *schemas: str) -> None:
    answer = answers.setdefault(status, {"description": description})
    content = answer.setdefault("content", {})
    for schema in schemas:
        reference: dict[str, Any] = {"$ref": f"#/components/schemas/{schema}"}
        media_type = _PROBLEM_TYPE if schema == "Problem" else "application/json"
        if media_type in content:
            reference = {"anyOf": [content[media_type]["schema"], reference]}
        content[media_type] = {"schema": reference}
