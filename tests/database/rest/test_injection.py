"""Nothing of a request becomes SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.database.rest.conftest import represented

if TYPE_CHECKING:
    from tests.supabase_api import Supabase

TRICKS = [
    "x'; drop table things; --",
    'x"; drop table things; --',
    'id" = 1 or "id',
    "id) from things union select secret from secrets --",
    "$1",
    "%s",
    "%(x)s",
    "\\",
    "a\nb",
    "secret from public.secrets",
]
anything = st.one_of(st.sampled_from(TRICKS), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))


@settings(max_examples=40)
@given(text=anything)
@example("hunter2")
def should_keep_whatever_is_asked_within_values_and_names(running_supabase: Supabase, text: str) -> None:
    part = quote(text, safe="")
    paths = [
        f"things?name=eq.{part}",
        f"things?name=in.({part})",
        f"things?{part}=eq.1",
        f"things?or=({part}.eq.1,name.eq.{part})",
        f"things?select={part}",
        f"things?select=id::{part}",
        f"things?select={part}:id",
        f"things?select=data->{part}",
        f"things?data->>{part}=eq.1",
        f"things?order={part}",
        f"things?limit={part}&offset={part}",
        part,
        f"rpc/{part}",
    ]
    for path in paths:
        answer = running_supabase.service("GET", path)
        assert answer.status_code < 500, (path, answer.text)
        assert "hunter2" not in answer.text.replace(text, "")
    row = {"id": 7, text or "name": text}
    for path in (f"things?on_conflict={part}", f"things?columns=id,{part}", "things", f"rpc/{part}"):
        headers = represented(resolution="merge-duplicates")
        answer = running_supabase.service("POST", path, json=row, headers=headers)
        assert answer.status_code < 500, (path, answer.text)
    removed = running_supabase.service("DELETE", f"things?name=eq.{part}&id=eq.-1")
    assert removed.status_code < 500
    assert running_supabase.database.execute("select secret from public.secrets").fetchall() == [("hunter2",)]
    assert running_supabase.database.execute("select count(*) from public.numbers").fetchone() == (1200,)


def should_not_read_what_the_role_may_not(supabase: Supabase) -> None:
    answer = supabase.service("GET", "secrets")
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")
