"""What Storage does with objects: their rows as the caller, their contents on disk."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tools.local.supabase_api import storage_tables as tables
from tools.local.supabase_api.database import Caller, Pool
from tools.local.supabase_api.storage_errors import StorageError, denied, invalid, no_bucket, no_object
from tools.local.supabase_api.storage_files import Files
from tools.local.supabase_api.storage_tables import Bucket, Stored

# The service's own limit, where the bucket has none: FILE_SIZE_LIMIT of the docker set-up.
SIZE_LIMIT = 52_428_800
KEY = re.compile(r"[\w/!\-.*'() &$@=;:+,?]+", re.ASCII)
# Who Storage is when it looks at buckets for itself.
SERVICE = Caller("service_role", {"role": "service_role"}, {"search_path": '"storage"'})


@dataclass(frozen=True)
class Upload:
    """An object to be kept."""

    bucket: str
    name: str
    content: bytes
    media_type: str
    cache_control: str
    user_metadata: str
    merging: bool


class Objects:
    """The objects of one database and one directory. Its methods raise StorageError."""

    def __init__(self, pool: Pool, files: Files) -> None:
        self._pool = pool
        self._files = files

    async def bucket(self, name: str) -> Bucket:
        """Find a bucket, whoever asks."""
        async with self._pool.transaction() as transaction:
            await transaction.become(SERVICE)
            found = await tables.bucket(transaction, name)
        if found is None:
            raise no_bucket()
        return found

    async def keep(self, caller: Caller, upload: Upload) -> str:
        """Keep an object; return its id."""
        _check(upload, await self.bucket(upload.bucket))
        owner = caller.claims.get("sub")
        identity = str(uuid4())
        before = await self._as_service(upload.bucket, upload.name) if upload.merging else None
        version = self._files.write(upload.content)
        try:
            async with self._pool.transaction() as transaction:
                await transaction.become(caller)
                await tables.keep(
                    transaction,
                    identity=identity,
                    bucket_id=upload.bucket,
                    name=upload.name,
                    owner=owner if isinstance(owner, str) else None,
                    version=version,
                    metadata=_metadata(upload),
                    user_metadata=_user_metadata(upload.user_metadata),
                    merging=upload.merging,
                )
        except BaseException:
            self._files.remove(version)
            raise
        if before is not None:
            self._files.remove(before.version)
        return identity

    async def find(self, caller: Caller, bucket_id: str, name: str) -> Stored:
        """Find an object that the caller may see."""
        async with self._pool.transaction(read_only=True) as transaction:
            await transaction.become(caller)
            found = await tables.stored(transaction, bucket_id, name)
        if found is None:
            raise no_object()
        return found

    def content(self, stored: Stored) -> bytes:
        found = self._files.read(stored.version)
        if found is None:
            # Uploaded through another Storage: the rows are in the database, what they hold is there.
            raise no_object()
        return found

    async def public(self, bucket_id: str, name: str) -> Stored:
        """Find an object of a public bucket, whoever asks."""
        if not (await self.bucket(bucket_id)).public:
            raise no_bucket()
        return await self.find(SERVICE, bucket_id, name)

    async def visible(self, caller: Caller | None, bucket_id: str, name: str) -> Stored:
        """Find an object of a public bucket, or one that the caller may see."""
        bucket = await self.bucket(bucket_id)
        if bucket.public:
            return await self.find(SERVICE, bucket_id, name)
        if caller is None:
            raise denied("Access denied to this bucket")
        return await self.find(caller, bucket_id, name)

    async def remove(self, caller: Caller, bucket_id: str, names: list[str]) -> list[dict[str, Any]]:
        """Remove those objects that the caller may see and delete; return their rows."""
        async with self._pool.transaction() as transaction:
            await transaction.become(caller)
            removed = await tables.remove(transaction, bucket_id, names)
        for version, _ in removed:
            if version:
                self._files.remove(version)
        return [row for _, row in removed]

    async def listed(self, caller: Caller, bucket_id: str, wanted: Mapping[str, Any]) -> str:
        """Return one level of files and folders that the caller may see, as JSON text."""
        async with self._pool.transaction(read_only=True) as transaction:
            await transaction.become(caller)
            try:
                return await tables.listed(transaction, bucket_id, wanted)
            except (ValueError, TypeError, AttributeError) as error:
                raise invalid(str(error)) from error

    async def _as_service(self, bucket_id: str, name: str) -> Stored | None:
        async with self._pool.transaction(read_only=True) as transaction:
            await transaction.become(SERVICE)
            return await tables.stored(transaction, bucket_id, name)


def _check(upload: Upload, bucket: Bucket) -> None:
    if not KEY.fullmatch(upload.name):
        raise StorageError(400, "InvalidKey", f"Invalid key: {upload.name}")
    if len(upload.content) > (bucket.size_limit or SIZE_LIMIT):
        message = "The object exceeded the maximum allowed size"
        raise StorageError(413, "EntityTooLarge", message, error="Payload too large")
    if bucket.types and not any(_fits(upload.media_type, allowed) for allowed in bucket.types):
        message = f"mime type {upload.media_type} is not supported"
        raise StorageError(415, "InvalidMimeType", message, error="invalid_mime_type")


def _fits(media_type: str, allowed: str) -> bool:
    kind = media_type.partition(";")[0].strip()
    return kind == allowed or (allowed.endswith("/*") and kind.startswith(allowed[:-1]))


def _metadata(upload: Upload) -> dict[str, Any]:
    size = len(upload.content)
    return {
        "eTag": f'"{hashlib.md5(upload.content, usedforsecurity=False).hexdigest()}"',
        "size": size,
        "mimetype": upload.media_type,
        "cacheControl": upload.cache_control,
        "lastModified": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "contentLength": size,
        "httpStatusCode": 200,
    }


def _user_metadata(header: str) -> str | None:
    """Return the JSON text that the header x-metadata holds as base64; Storage passes over any other."""
    try:
        return json.dumps(json.loads(base64.b64decode(header, validate=True))) if header else None
    except (ValueError, binascii.Error):
        return None
