"""The statements of Storage, as the calling role: row-level security decides which objects there are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tools.local.supabase_api.database import Transaction

BUCKET = """
select id, name, public, file_size_limit, allowed_mime_types from storage.buckets
where $1::text is null or id = $1 order by id
"""
BUCKETS = """
select coalesce(json_agg(to_jsonb(b) - 'owner_id' - 'avif_autodetection' order by b.name), '[]')::text
from storage.buckets as b where $1::text is null or b.id = $1
"""
NEW_BUCKET = """
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, owner, owner_id)
values ($1, $2, $3::boolean, $4::bigint, $5::text[], $6::uuid, $7)
"""
REMOVED_BUCKET = "delete from storage.buckets where id = $1 returning id"
OBJECT = "select version, metadata, updated_at from storage.objects where bucket_id = $1 and name = $2"
# No `returning`: who may only write can.
NEW_OBJECT = """
insert into storage.objects (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata)
values ($1::uuid, $2, $3, $4::uuid, $5, $6, $7::jsonb, $8::jsonb)
"""
MERGED = """
on conflict (bucket_id, name) do update set
  owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version,
  metadata = excluded.metadata, user_metadata = excluded.user_metadata
"""
REMOVED = """
delete from storage.objects where bucket_id = $1 and name = any ($2::text[])
returning version, to_jsonb(objects) - 'path_tokens' - 'owner_id'
"""
# Files and folders of one level: of objects whose names begin with the prefix, the next part of the name.
LISTED = """
with found as (
  select
    split_part(substr(o.name, length($2) + 1), '/', 1) as part,
    position('/' in substr(o.name, length($2) + 1)) > 0 as folder,
    o.*
  from storage.objects as o where o.bucket_id = $1 and starts_with(o.name, $2)
), entries as (
  select
    part as name, (array_agg(id))[1] as id, max(updated_at) as updated_at, max(created_at) as created_at,
    max(last_accessed_at) as last_accessed_at, (array_agg(metadata))[1] as metadata
  from found where not folder group by part
  union all
  select part, null, null, null, null, null from found where folder group by part
), chosen as (
  select * from entries where name <> '' and strpos(lower(name), lower($3)) > 0
  order by {order} limit $4::bigint offset $5::bigint
)
select coalesce(json_agg(chosen), '[]')::text from chosen
"""
SORTED_BY = ("name", "updated_at", "created_at", "last_accessed_at")
DIRECTIONS = ("asc", "desc")


@dataclass(frozen=True)
class Bucket:
    """A bucket and its limits, in bytes and types of media."""

    id: str
    public: bool
    size_limit: int | None
    types: Sequence[str] | None


@dataclass(frozen=True)
class Stored:
    """An object's version, and what is known of it."""

    version: str
    metadata: Mapping[str, Any]


async def bucket(transaction: Transaction, name: str) -> Bucket | None:
    row = await transaction.row(BUCKET, [name])
    return None if row is None else Bucket(row[0], bool(row[2]), row[3], row[4])


async def buckets(transaction: Transaction, name: str | None = None) -> str:
    """Return all buckets, or the one of this name, as JSON text."""
    [[text]] = await transaction.rows(BUCKETS, [name])
    return str(text)


async def stored(transaction: Transaction, bucket_id: str, name: str) -> Stored | None:
    row = await transaction.row(OBJECT, [bucket_id, name])
    return None if row is None or row[0] is None else Stored(row[0], row[1] or {})


async def keep(  # noqa: PLR0913 - an object's columns
    transaction: Transaction,
    *,
    identity: str,
    bucket_id: str,
    name: str,
    owner: str | None,
    version: str,
    metadata: Mapping[str, Any],
    user_metadata: str | None,
    merging: bool,
) -> None:
    """Insert an object, or put it in the place of the one that is there."""
    await transaction.rows(
        NEW_OBJECT + (MERGED if merging else ""),
        [
            identity,
            bucket_id,
            name,
            owner_uuid(owner),
            owner,
            version,
            json.dumps(metadata),
            user_metadata,
        ],
    )


async def remove(
    transaction: Transaction, bucket_id: str, names: Sequence[str]
) -> list[tuple[str | None, dict[str, Any]]]:
    """Remove objects; return the version and the row of each that was removed."""
    rows = await transaction.rows(REMOVED, [bucket_id, list(names)])
    return [(version, row) for version, row in rows]


async def listed(transaction: Transaction, bucket_id: str, wanted: Mapping[str, Any]) -> str:
    """Return the files and folders of one level as JSON text.

    Args:
        transaction: the caller's.
        bucket_id: the bucket.
        wanted: `prefix`, a folder; `search`, `limit`, `offset`; `sortBy` with `column` and `order`.
    """
    sort = wanted.get("sortBy") or {}
    column, direction = sort.get("column") or "name", sort.get("order") or "asc"
    if column not in SORTED_BY or direction not in DIRECTIONS:
        raise ValueError("body/sortBy must be equal to one of the allowed values")
    prefix = str(wanted.get("prefix") or "")
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    [[text]] = await transaction.rows(
        LISTED.format(order=f"{column} {direction}"),
        [
            bucket_id,
            folder,
            str(wanted.get("search") or ""),
            int(wanted.get("limit") or 100),
            int(wanted.get("offset") or 0),
        ],
    )
    return str(text)


def owner_uuid(owner: str | None) -> str | None:
    """Return the owner where it is a UUID: the older column holds nothing else."""
    try:
        return str(UUID(owner)) if owner else None
    except ValueError:
        return None
