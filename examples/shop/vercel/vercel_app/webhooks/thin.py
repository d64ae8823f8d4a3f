"""Thin records: reading back a row that was too large to be sent."""

from dataclasses import replace
from typing import Any

from psycopg import sql

from vercel_app.connecting import Connection
from vercel_app.errors import MissingKeyError
from vercel_app.webhooks import json_text
from vercel_app.webhooks.message import Event


async def whole(event: Event, db: Connection) -> Event:
    """Return the event with its row in full.

    A row that is gone leaves the event as it is, `truncated` and with nothing but the key. So does DELETE.

    Raises:
        MissingKeyError: the record holds no key, or one of a type that can't be compared.
        psycopg.Error: the table can't be read.
    """
    if not event.truncated or event.record is None:
        return event
    values = [_literal(value) for value in event.record.values()]
    cursor = await db.execute(_query(event, event.record), values)
    row = await cursor.fetchone()
    return event if row is None else replace(event, record=json_text.decode(row[0]), truncated=False)


def _query(event: Event, key: dict[str, Any]) -> sql.Composed:
    if not key or any(value is None or isinstance(value, list | dict) for value in key.values()):
        raise MissingKeyError(
            f'the thin record of "{event.schema}"."{event.table}" has no key of single values;'
            f" it has: {list(key)}"
        )
    # Bound as text of unknown type, which Postgres reads as the column's own: its index can be used.
    matches = [sql.SQL("t.{} = %s").format(_identifier(column)) for column in key]
    return sql.SQL("select to_jsonb(t)::text from {} as t where {}").format(
        _identifier(event.schema, event.table), sql.SQL(" and ").join(matches)
    )


def _identifier(*names: str) -> sql.Identifier:
    # In a query with values to bind, psycopg takes a percent sign for a placeholder, inside identifiers too.
    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
