"""Conditions, order and columns of what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.database.rest.conftest import ids

if TYPE_CHECKING:
    from tests.supabase_api import Supabase


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("id=eq.2", [2]),
        ("id=neq.2", [1, 3, 4]),
        ("id=gt.2", [3, 4]),
        ("id=gte.2", [2, 3, 4]),
        ("id=lt.2", [1]),
        ("id=lte.2", [1, 2]),
        ("id=gt.1&id=lt.4", [2, 3]),
        ("name=like.*an*", [2]),
        ("name=ilike.a*", [1]),
        ("name=match.^B", []),
        ("name=imatch.^b", [2]),
        ("price=is.null", [3]),
        ("price=not.is.null", [1, 2, 4]),
        ("price=is.not_null", [1, 2, 4]),
        ("done=is.true", [1, 4]),
        ("done=is.false", [2]),
        ("done=is.unknown", [3]),
        ("name=isdistinct.Apple", [2, 3, 4]),
        ("id=in.(1,3)", [1, 3]),
        ("id=not.in.(1,3)", [2, 4]),
        ("id=in.()", []),
        ('name=in.("Cherry, red",Apple)', [1, 3]),
        ("name=eq.Cherry, red", [3]),
        ('name=eq."Apple"', []),
        ("tags=cs.{fruit}", [1, 2]),
        ("tags=cd.{fruit,green}", [2, 3]),
        ("tags=ov.{red}", [1]),
        ('data=cs.{"size":3}', [1]),
        ("data->size=eq.7", [2]),
        ("data->>size=eq.7", [2]),
        ("data->at->0->>x=eq.y", [3]),
        ("or=(id.eq.1,id.eq.3)", [1, 3]),
        ("and=(id.gt.1,id.lt.4)", [2, 3]),
        ("not.or=(id.eq.1,id.eq.3)", [2, 4]),
        ("or=(id.eq.1,and(id.gt.2,price.not.is.null))", [1, 4]),
        ("or=(id.eq.1,not.and(id.lt.4,id.gt.0))", [1, 4]),
        ('or=(name.eq."Cherry, red",id.in.(1,2))', [1, 2, 3]),
        ("or=(tags.cs.{red,fruit},data->>size.eq.7)", [1, 2]),
        ("limit=2", [1, 2]),
        ("limit=2&offset=1", [2, 3]),
        ("limit=zero", [1, 2, 3, 4]),
        ("limit=0", []),
    ],
)
def should_filter(supabase: Supabase, query: str, expected: list[int]) -> None:
    assert ids(supabase.service("GET", f"things?select=id&order=id&{query}")) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("id.desc", [4, 3, 2, 1]),
        ("price", [1, 2, 4, 3]),
        ("price.desc", [3, 4, 2, 1]),
        ("price.desc.nullslast", [4, 2, 1, 3]),
        ("price.nullsfirst", [3, 1, 2, 4]),
        ("done.asc.nullsfirst,id.desc", [3, 2, 4, 1]),
        ("data->size,id", [1, 2, 3, 4]),
    ],
)
def should_order(supabase: Supabase, order: str, expected: list[int]) -> None:
    assert ids(supabase.service("GET", f"things?order={order}")) == expected


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("id,name", {"id": 1, "name": "Apple"}),
        ("title:name", {"title": "Apple"}),
        ("id::text", {"id": "1"}),
        ("cost:price::text,tags", {"cost": "1.50", "tags": ["red", "fruit"]}),
        ("data->size", {"size": 3}),
        ("big:data->>size", {"big": "3"}),
        ("tags->0", {"0": "red"}),
        ('"Odd, name"', {"Odd, name": None}),
        ("at", {"at": "2026-01-02T03:04:05.678901+00:00"}),
    ],
)
def should_select(supabase: Supabase, select: str, expected: dict[str, Any]) -> None:
    assert supabase.service("GET", f"things?id=eq.1&select={select}").json() == [expected]


@pytest.mark.parametrize(
    "query",
    [
        "id=1",
        "id=eq",
        "id=equals.1",
        "id=in.1",
        'id=in.("a"b)',
        "or=(id.eq.1",
        "or=id.eq.1",
        "or=()",
        "or=(id.eq.1))",
        "or=(id)",
        "order=id.down",
        "order=id.asc.nullslast.more",
        "order=.desc",
        "select=id::",
        "select=id::int;drop",
        "select=:name",
    ],
)
def should_say_where_it_stops_reading(supabase: Supabase, query: str) -> None:
    answer = supabase.service("GET", f"things?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")
    assert "(line 1, column " in answer.json()["message"]
