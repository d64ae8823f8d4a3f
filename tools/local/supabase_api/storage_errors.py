"""Errors as Supabase Storage answers them: nearly all with status 400, and the body says which it is."""

import psycopg

from tools.local.supabase_api.errors import BusyError, UnreachableError

# The connection to the database timed out.
DATABASE_TIMEOUT = 544
SENT_AS_THEY_ARE = frozenset({500, DATABASE_TIMEOUT})


class StorageError(Exception):
    """An answer that is none of success; `status` is the body's, from which that of HTTP follows."""

    def __init__(self, status: int, code: str, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.body = {"statusCode": str(status), "code": code, "error": error or code, "message": message}
        self.status = status if status in SENT_AS_THEY_ARE else 400


def no_bucket() -> StorageError:
    return StorageError(404, "NoSuchBucket", "Bucket not found", error="Bucket not found")


def no_object() -> StorageError:
    return StorageError(404, "NoSuchKey", "Object not found", error="not_found")


def denied(message: str) -> StorageError:
    return StorageError(403, "AccessDenied", message, error="Unauthorized")


def invalid(message: str) -> StorageError:
    return StorageError(400, "InvalidRequest", message)


def from_database(error: Exception) -> StorageError:
    """Return what Storage answers when the database, or the way to it, fails."""
    if isinstance(error, BusyError | UnreachableError | psycopg.errors.QueryCanceled):
        return StorageError(DATABASE_TIMEOUT, "DatabaseTimeout", "The connection to the database timed out")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        message = error.diag.message_primary or str(error)
        return denied(
            "new row violates row-level security policy" if "row-level security" in message else message
        )
    if isinstance(error, psycopg.errors.UniqueViolation):
        return StorageError(409, "ResourceAlreadyExists", "The resource already exists", error="Duplicate")
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return StorageError(404, "InvalidRequest", "The related resource does not exist")
    if isinstance(error, psycopg.DataError):
        return StorageError(400, "InvalidParameter", str(error))
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return StorageError(500, "DatabaseError", f"database error, code: {state}")
