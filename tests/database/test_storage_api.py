"""Objects in buckets: what goes in comes out, for those whom row-level security lets."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.supabase_api import ADA, BOB, Supabase, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.servers import Server

PDF = b"%PDF-1.7 \x00\xff"
AS_PDF = {"content-type": "application/pdf"}
UPSERT = {"x-upsert": "true"}
POLICIES = """
create policy "own files" on storage.objects for select to authenticated
  using ((storage.foldername(name))[1] = (select auth.uid())::text);
create policy "own uploads" on storage.objects for insert to authenticated
  with check (bucket_id = 'receipts' and (storage.foldername(name))[1] = (select auth.uid())::text);
"""


@pytest.fixture(scope="module")
def running_supabase(server: Server, supabase_template: str) -> Iterator[Supabase]:
    with running(server, supabase_template) as supabase:
        # As the deploying role, which owns the tables.
        supabase.database.execute(POLICIES)
        yield supabase


@pytest.fixture
def supabase(running_supabase: Supabase) -> Supabase:
    running_supabase.database.execute("truncate storage.buckets cascade")
    running_supabase.database.execute(
        "insert into storage.buckets (id, name, public) values"
        " ('receipts', 'receipts', false), ('pictures', 'pictures', true)"
    )
    return running_supabase


def service(supabase: Supabase, method: str, path: str, **options: Any) -> httpx.Response:
    return supabase.storage(method, path, key=supabase.api.keys.service_role_key, **options)


def put(
    supabase: Supabase, path: str, content: bytes = PDF, *, headers: dict[str, str] | None = None
) -> httpx.Response:
    return service(supabase, "POST", f"object/{path}", content=content, headers=AS_PDF | (headers or {}))


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """The status of HTTP, and the body's status and message."""
    body = answer.json()
    assert set(body) == {"statusCode", "code", "error", "message"}
    return answer.status_code, body["statusCode"], body["message"]


NOT_FOUND = (400, "404", "Object not found")
NO_BUCKET = (400, "404", "Bucket not found")
REFUSED = (400, "403", "new row violates row-level security policy")


def should_give_back_what_was_put(supabase: Supabase) -> None:
    stored = put(supabase, f"receipts/{ADA}/1.pdf", headers={"cache-control": "max-age=60"})
    assert stored.status_code == 200
    assert stored.json()["Key"] == f"receipts/{ADA}/1.pdf"

    for place in ("object", "object/authenticated"):
        found = service(supabase, "GET", f"{place}/receipts/{ADA}/1.pdf")
        assert (found.status_code, found.content) == (200, PDF)
        assert found.headers["content-type"] == "application/pdf"
        assert found.headers["cache-control"] == "max-age=60"
        assert found.headers["etag"].strip('"')
    assert service(supabase, "HEAD", f"object/receipts/{ADA}/1.pdf").headers["content-length"] == str(
        len(PDF)
    )
    named = service(supabase, "GET", f"object/receipts/{ADA}/1.pdf?download=")
    assert named.headers["content-disposition"] == "attachment; filename*=UTF-8''1.pdf"


def should_keep_a_row_with_the_columns_of_storage(supabase: Supabase) -> None:
    extra = base64.b64encode(json.dumps({"order": 1}).encode()).decode()
    path = f"receipts/{ADA}/deep/1.pdf"
    identity = supabase.storage(
        "POST",
        f"object/{path}",
        token=supabase.token(ADA),
        content=PDF,
        headers=AS_PDF | {"x-metadata": extra},
    ).json()["Id"]
    row = supabase.database.execute(
        "select id::text, bucket_id, name, owner::text, owner_id, path_tokens, metadata, user_metadata"
        " from storage.objects"
    ).fetchone()
    assert row is not None
    *columns, metadata, user_metadata = row
    assert columns == [identity, "receipts", f"{ADA}/deep/1.pdf", ADA, ADA, [ADA, "deep", "1.pdf"]]
    assert metadata["mimetype"] == "application/pdf"
    assert (metadata["size"], metadata["contentLength"]) == (len(PDF), len(PDF))
    assert user_metadata == {"order": 1}


def should_put_again_only_when_told_so(supabase: Supabase) -> None:
    path = "receipts/1.pdf"
    put(supabase, path)
    again = put(supabase, path, b"new")
    assert error(again) == (400, "409", "The resource already exists")
    assert again.json()["error"] == "Duplicate"
    assert service(supabase, "GET", f"object/{path}").content == PDF

    assert put(supabase, path, b"new", headers=UPSERT).status_code == 200
    assert service(supabase, "GET", f"object/{path}").content == b"new"
    replaced = service(supabase, "PUT", f"object/{path}", content=b"newer", headers=AS_PDF)
    assert replaced.status_code == 200
    assert service(supabase, "GET", f"object/{path}").content == b"newer"


def should_leave_no_contents_behind(supabase: Supabase, running_supabase: Supabase) -> None:
    def files() -> set[Path]:
        home = running_supabase.api.home
        return set((home / "objects").iterdir())

    before = files()
    put(supabase, "receipts/1.pdf")
    put(supabase, "receipts/1.pdf")
    put(supabase, "receipts/1.pdf", headers=UPSERT)
    assert len(files() - before) == 1
    service(supabase, "DELETE", "object/receipts/1.pdf")
    assert files() == before


def should_keep_users_apart(supabase: Supabase) -> None:
    path = f"object/receipts/{ADA}/1.pdf"
    ada, bob = supabase.token(ADA), supabase.token(BOB)
    content: dict[str, Any] = {"content": PDF, "headers": AS_PDF}
    assert error(supabase.storage("POST", path, token=bob, **content)) == REFUSED
    assert error(supabase.storage("POST", path, **content)) == REFUSED
    assert supabase.storage("POST", path, token=ada, **content).status_code == 200

    assert supabase.storage("GET", path, token=ada).content == PDF
    assert error(supabase.storage("GET", path, token=bob)) == NOT_FOUND
    assert error(supabase.storage("GET", path)) == NOT_FOUND
    assert error(supabase.storage("GET", path, key=None)) == (400, "403", "Access denied to this bucket")
    signing = path.replace("object/", "object/sign/")
    assert error(supabase.storage("POST", signing, token=bob, json={"expiresIn": 5})) == NOT_FOUND
    # No policy lets anyone replace or delete.
    upsert = content | {"headers": AS_PDF | UPSERT}
    assert error(supabase.storage("POST", path, token=ada, **upsert)) == REFUSED
    assert error(supabase.storage("DELETE", path, token=ada)) == NOT_FOUND
    assert supabase.storage("GET", path, token=ada).content == PDF


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exp": int(time.time()) - 60}, '"exp" claim timestamp check failed'),
        ({"secret": "another secret of thirty-two bytes"}, "signature verification failed"),
    ],
)
def should_refuse_tokens_that_do_not_hold(supabase: Supabase, options: dict[str, Any], message: str) -> None:
    token = supabase.token(ADA, **options)
    for method, path in (("POST", "object/receipts/1"), ("GET", "object/authenticated/receipts/1")):
        assert error(supabase.storage(method, path, token=token)) == (400, "403", message)
    malformed = supabase.storage("POST", "object/receipts/1", token="nonsense")
    assert error(malformed) == (400, "403", "Invalid Compact JWS")
    assert supabase.storage("POST", "object/receipts/1", key=None).status_code == 400


def should_take_a_token_of_the_signing_key(supabase: Supabase) -> None:
    path, token = f"object/receipts/{ADA}/1.pdf", supabase.token(ADA, algorithm="ES256")
    assert supabase.storage("POST", path, token=token, content=PDF, headers=AS_PDF).status_code == 200
    assert supabase.storage("GET", path, token=token).content == PDF


def should_show_what_is_public_to_everyone(supabase: Supabase) -> None:
    put(supabase, "pictures/cat.png", b"meow")
    put(supabase, "receipts/1.pdf")
    assert supabase.storage("GET", "object/public/pictures/cat.png", key=None).content == b"meow"
    assert supabase.storage("GET", "object/pictures/cat.png", key=None).content == b"meow"
    assert error(supabase.storage("GET", "object/public/receipts/1.pdf")) == NO_BUCKET
    assert error(supabase.storage("GET", "object/public/nowhere/1.pdf")) == NO_BUCKET


def should_sign_an_address_for_some_seconds(supabase: Supabase) -> None:
    put(supabase, "receipts/a b.pdf")
    answer = service(supabase, "POST", "object/sign/receipts/a b.pdf", json={"expiresIn": 60})
    address = answer.json()["signedURL"]
    assert address.startswith("/object/sign/receipts/a%20b.pdf?token=")
    assert supabase.storage("GET", address[1:], key=None).content == PDF

    other = address.replace("a%20b", "other")
    assert error(supabase.storage("GET", other[1:], key=None)) == (400, "400", "Invalid signature")
    path, secret = address.partition("?")[0][1:], supabase.api.keys.jwt_secret
    refused = {
        "expired": jwt.encode({"url": "receipts/a b.pdf", "exp": 1}, secret, "HS256"),
        "a user's token": supabase.token(ADA),
        "forged": jwt.encode({"url": "receipts/a b.pdf", "exp": 9e9}, "x" * 32, "HS256"),
        "nothing": "",
    }
    for token in refused.values():
        assert supabase.storage("GET", f"{path}?token={token}", key=None).status_code == 400
    assert service(supabase, "POST", "object/sign/receipts/a b.pdf", json={}).status_code == 400


def should_list_one_level_of_folders(supabase: Supabase) -> None:
    for name in ("a/1.pdf", "a/2.pdf", "a/deep/3.pdf", "b.pdf"):
        put(supabase, f"receipts/{name}")

    def listed(**wanted: Any) -> list[tuple[str, bool]]:
        answer = service(supabase, "POST", "object/list/receipts", json={"prefix": "", **wanted})
        return [(entry["name"], entry["id"] is not None) for entry in answer.json()]

    assert listed() == [("a", False), ("b.pdf", True)]
    inside = [("1.pdf", True), ("2.pdf", True), ("deep", False)]
    assert listed(prefix="a") == listed(prefix="a/") == inside
    assert listed(prefix="a", limit=1, offset=1) == [("2.pdf", True)]
    assert listed(prefix="a", search="2") == [("2.pdf", True)]
    assert listed(prefix="a", sortBy={"column": "name", "order": "desc"}) == inside[::-1]
    ordered = {"prefix": "", "sortBy": {"column": "name; drop table storage.objects"}}
    assert service(supabase, "POST", "object/list/receipts", json=ordered).status_code == 400
    assert supabase.storage("POST", "object/list/receipts", json={"prefix": "a"}).json() == []


def should_remove_one_or_several(supabase: Supabase) -> None:
    for name in ("1", "2", "3"):
        put(supabase, f"receipts/{name}")
    assert service(supabase, "DELETE", "object/receipts/1").json() == {"message": "Successfully deleted"}
    assert error(service(supabase, "DELETE", "object/receipts/1")) == NOT_FOUND
    removed = service(supabase, "DELETE", "object/receipts", json={"prefixes": ["2", "3", "4"]})
    assert sorted(row["name"] for row in removed.json()) == ["2", "3"]


def should_keep_buckets_to_the_service_role(supabase: Supabase) -> None:
    wanted = {"id": "papers", "file_size_limit": 5, "allowed_mime_types": ["image/*", "application/pdf"]}
    assert service(supabase, "POST", "bucket", json=wanted).json() == {"name": "papers"}
    assert error(service(supabase, "POST", "bucket", json=wanted))[1] == "409"
    assert [bucket["id"] for bucket in service(supabase, "GET", "bucket").json()] == [
        "papers",
        "pictures",
        "receipts",
    ]
    assert service(supabase, "GET", "bucket/papers").json()["file_size_limit"] == 5
    assert error(service(supabase, "GET", "bucket/nowhere")) == NO_BUCKET

    assert error(supabase.storage("POST", "bucket", json={"name": "mine"}, token=supabase.token())) == REFUSED
    assert supabase.storage("GET", "bucket").json() == []

    assert error(put(supabase, "papers/1.pdf", b"123456"))[1] == "413"
    assert error(put(supabase, "papers/1.txt", b"1", headers={"content-type": "text/plain"}))[1] == "415"
    assert put(supabase, "papers/1.png", b"1", headers={"content-type": "image/png"}).status_code == 200
    assert error(service(supabase, "DELETE", "bucket/papers"))[1] == "409"
    service(supabase, "DELETE", "object/papers/1.png")
    assert service(supabase, "DELETE", "bucket/papers").status_code == 200


def should_miss_what_is_not_there(supabase: Supabase) -> None:
    assert error(service(supabase, "GET", "object/receipts/1.pdf")) == NOT_FOUND
    assert error(service(supabase, "GET", "object/nowhere/1.pdf")) == NO_BUCKET
    assert error(put(supabase, "nowhere/1.pdf")) == NO_BUCKET
    assert service(supabase, "POST", "object/list/receipts", content=b"{").status_code == 400


@settings(max_examples=40)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@example("../../../etc/passwd")
@example("a'); drop table storage.objects; --")
@example("%2e%2e/x")
def should_give_a_name_back_or_refuse_it(running_supabase: Supabase, name: str) -> None:
    running_supabase.database.execute(
        "insert into storage.buckets (id, name) values ('names', 'names') on conflict do nothing"
    )
    path = f"names/{quote(name, safe='')}"
    answer = put(running_supabase, path, name.encode(), headers=UPSERT)
    if answer.status_code == 200:
        assert service(running_supabase, "GET", f"object/{path}").content == name.encode()
    else:
        assert answer.status_code in {400, 404, 405}
        assert service(running_supabase, "GET", f"object/{path}").status_code in {400, 404, 405}
