"""Functions of the database, called by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.supabase_api import Supabase


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        ("add", {"a": 1, "b": 2}, 3),
        ("add", {"a": 1}, 11),
        ("total", {"numbers": [1, 2], "doc": {"plus": 3}}, 6),
        ("names", {}, ["Apple", "banana", "Cherry, red"]),
        ("cheap?select=id", {"below": 3}, [{"id": 1}, {"id": 2}]),
        ("cheap?select=id&id=gt.1&order=id.desc&limit=1", {"below": 10}, [{"id": 4}]),
        ("one?select=name", {"which": 1}, {"name": "Apple"}),
    ],
)
def should_call_functions_by_named_arguments(
    supabase: Supabase, path: str, arguments: dict[str, Any], expected: Any
) -> None:
    answer = supabase.service("POST", f"rpc/{path}", json=arguments)
    assert (answer.status_code, answer.json()) == (200, expected)


def should_refuse_calls_that_fit_no_function_or_several(supabase: Supabase) -> None:
    missing = supabase.service("POST", "rpc/add", json={"b": 1})
    assert (missing.status_code, missing.json()["code"]) == (404, "PGRST202")
    assert missing.json()["message"] == "Could not find the function public.add(b) in the schema cache"
    several = supabase.service("POST", "rpc/twice", json={"x": 1})
    assert (several.status_code, several.json()["code"]) == (300, "PGRST203")
