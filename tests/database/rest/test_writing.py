"""Inserting, merging, updating and deleting rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.database.rest.conftest import ids, represented

if TYPE_CHECKING:
    import httpx

    from tests.supabase_api import Supabase


def should_insert_one_or_several_rows(supabase: Supabase) -> None:
    one = supabase.service("POST", "counters", json={"label": "a"}, headers=represented())
    assert (one.status_code, one.json()[0]["hits"]) == (201, 1)
    rows = [{"label": "b"}, {"label": "c"}]
    several = supabase.service("POST", "counters?select=label", json=rows, headers=represented())
    assert (several.status_code, several.json()) == (201, rows)
    silent = supabase.service("POST", "counters", json={"label": "d"})
    assert (silent.status_code, silent.content) == (201, b"")
    empty = supabase.service("POST", "counters", json={}, headers=represented())
    assert empty.json()[0]["label"] is None
    nothing = supabase.service("POST", "counters", json=[], headers=represented())
    assert (nothing.status_code, nothing.json()) == (201, [])


def should_say_where_an_inserted_row_is(supabase: Supabase) -> None:
    headers = {"Prefer": "return=headers-only"}
    answer = supabase.service("POST", "pairs", json={"a": 1, "b": "x y"}, headers=headers)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"] == "/pairs?a=eq.1&b=eq.x%20y"
    assert supabase.service("GET", answer.headers["location"][1:]).json()[0]["b"] == "x y"


def should_keep_numbers_whole(supabase: Supabase) -> None:
    content = '{"id": 9223372036854775807, "price": 12345678.10}'
    supabase.service("POST", "things", content=content)
    text = supabase.service("GET", "things?select=id,price&id=gt.4").text
    assert text == '[{"id":9223372036854775807,"price":12345678.10}]'


def should_insert_only_the_columns_that_the_query_names(supabase: Supabase) -> None:
    row = {"label": "a", "hits": 5, "unknown": 1}
    answer = supabase.service("POST", "counters?columns=label", json=row, headers=represented())
    assert answer.json()[0]["hits"] == 1


def should_merge_or_ignore_duplicates(supabase: Supabase) -> None:
    def upsert(resolution: str, **row: Any) -> httpx.Response:
        return supabase.service(
            "POST", "counters?on_conflict=label", json=row, headers=represented(resolution=resolution)
        )

    first = upsert("merge-duplicates", label="a", hits=1)
    assert (first.status_code, first.json()[0]["hits"]) == (201, 1)
    merged = upsert("merge-duplicates", label="a", hits=2)
    assert (merged.status_code, merged.json()[0]["hits"]) == (200, 2)
    assert merged.headers["preference-applied"] == "resolution=merge-duplicates, return=representation"
    ignored = upsert("ignore-duplicates", label="a", hits=3)
    assert (ignored.status_code, ignored.json()) == (201, [])
    assert supabase.service("GET", "counters?select=label,hits").json() == [{"label": "a", "hits": 2}]


def should_merge_on_the_primary_key_by_default(supabase: Supabase) -> None:
    headers = represented(resolution="merge-duplicates")
    rows = [{"a": 1, "b": "x", "note": note} for note in ("old", "new")]
    for row in rows:
        supabase.service("POST", "pairs", json=row, headers=headers)
    assert supabase.service("GET", "pairs").json() == [rows[1]]


def should_update_and_delete_what_fits(supabase: Supabase) -> None:
    changed = supabase.service(
        "PATCH", "things?id=lte.2&select=id,name", json={"name": "new"}, headers=represented(count="exact")
    )
    assert changed.status_code == 200
    assert sorted(changed.json(), key=lambda row: row["id"]) == [
        {"id": 1, "name": "new"},
        {"id": 2, "name": "new"},
    ]
    assert changed.headers["content-range"] == "0-1/2"
    assert supabase.service("PATCH", "things?id=eq.9", json={"name": "x"}).status_code == 204
    assert supabase.service("PATCH", "things?id=eq.1", json={}).status_code == 204
    removed = supabase.service("DELETE", "things?id=in.(1,2)&select=id", headers=represented())
    assert sorted(ids(removed)) == [1, 2]
    assert supabase.service("DELETE", "things?id=eq.3").status_code == 204
    assert ids(supabase.service("GET", "things")) == [4]


def should_take_a_write_back_whose_answer_is_not_single(supabase: Supabase) -> None:
    accept = represented() | {"Accept": "application/vnd.pgrst.object+json"}
    answer = supabase.service("PATCH", "things?id=lte.2", json={"name": "x"}, headers=accept)
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    assert ids(supabase.service("GET", "things?name=eq.x")) == []
