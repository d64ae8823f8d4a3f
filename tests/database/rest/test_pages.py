"""Pages: how many rows there are, and which of them an answer holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from tests.supabase_api import Supabase


def should_answer_a_thousand_rows_at_most(supabase: Supabase) -> None:
    answer = supabase.service("GET", "numbers?order=n&limit=5000")
    assert (len(answer.json()), answer.headers["content-range"]) == (1000, "0-999/*")


def should_count_what_a_page_is_of(supabase: Supabase) -> None:
    exact = {"Prefer": "count=exact"}
    page = supabase.service("GET", "numbers?order=n&limit=10&offset=20", headers=exact)
    assert (page.status_code, page.headers["content-range"]) == (206, "20-29/1200")
    assert page.headers["preference-applied"] == "count=exact"
    whole = supabase.service("GET", "things?id=gt.1", headers=exact)
    assert (whole.status_code, whole.headers["content-range"]) == (200, "0-2/3")
    none = supabase.service("GET", "things?id=gt.9", headers=exact)
    assert (none.status_code, none.headers["content-range"]) == (200, "*/0")
    beyond = supabase.service("GET", "things?offset=9", headers=exact)
    assert (beyond.status_code, beyond.json()["code"]) == (416, "PGRST103")


def should_count_without_rows(supabase: Supabase) -> None:
    answer = supabase.service("HEAD", "numbers", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, b"", "0-999/1200")


def should_take_a_range(supabase: Supabase) -> None:
    def ranged(text: str) -> httpx.Response:
        return supabase.service("GET", "numbers?order=n", headers={"Range-Unit": "items", "Range": text})

    assert [row["n"] for row in ranged("5-7").json()] == [6, 7, 8]
    assert ranged("1190-").headers["content-range"] == "1190-1199/*"
    assert ranged("7-5").status_code == 416


def should_give_a_single_object_or_none(supabase: Supabase) -> None:
    accept = {"Accept": "application/vnd.pgrst.object+json"}
    one = supabase.service("GET", "things?id=eq.1&select=id", headers=accept)
    assert (one.json(), one.headers["content-type"]) == (
        {"id": 1},
        "application/vnd.pgrst.object+json; charset=utf-8",
    )
    for query, details in (("id=eq.9", "The result contains 0 rows"), ("", "The result contains 4 rows")):
        answer = supabase.service("GET", f"things?{query}", headers=accept)
        assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (
            406,
            "PGRST116",
            details,
        )
