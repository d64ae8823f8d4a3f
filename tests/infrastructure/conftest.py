"""The templates, synthesized once, because that takes seconds."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.assembly import Assembly, synthesize
from tests.infrastructure.changed import CHANGED


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assembly]:
    """Synthesize with the given -c options; the same options, the same assembly."""
    known: dict[tuple[str, ...], Assembly] = {}

    def run(*options: str) -> Assembly:
        if options not in known:
            output = tmp_path_factory.mktemp("cdk.out")
            result = synthesize(output, *(word for option in options for word in ("-c", option)))
            assert result.returncode == 0, result.stderr
            known[options] = Assembly(output, result.stderr)
        return known[options]

    return run


@pytest.fixture(scope="session")
def assembly(synthesized: Callable[..., Assembly]) -> Assembly:
    return synthesized("stage=prod")


@pytest.fixture(scope="session")
def changed(synthesized: Callable[..., Assembly]) -> Assembly:
    """The stage with nearly every setting changed: one synthesis for the tests of all of them."""
    return synthesized("stage=prod", *(f"{name}={value}" for name, value in CHANGED.items()))


@pytest.fixture(scope="session")
def bridge(assembly: Assembly) -> dict[str, Any]:
    return assembly.template("prod-bridge")


@pytest.fixture(scope="module")
def template(bridge: dict[str, Any]) -> Template:
    return Template.from_json(bridge)


@pytest.fixture(scope="session")
def secrets(assembly: Assembly) -> dict[str, Any]:
    return assembly.template("prod-secrets")
