"""The outbox of one table with several targets: what goes in, what is sent of it, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.databases import webhook

if TYPE_CHECKING:
    from tests.databases import Database

EDGE = {"name": "edge", "kind": "http", "url": "https://edge.example.com/hooks/{webhook}"}
SLOW = {"name": "slow", "kind": "http", "url": "https://slow.example.com/", "fast_path": False}
SECOND = {"name": "second", "kind": "queue"}
TARGETS = ("handle_order", "edge")


def declare(orders: Database, *targets: str, further: tuple[dict[str, Any], ...] = (EDGE,)) -> None:
    declared = webhook(table="public.orders", operations=["insert"], targets=list(targets))
    orders.sync_all([declared], targets=further)
    # As the deployment's ping, or a delivery, finds out.
    orders.execute("update bridge.target set gives_receipts = true where kind = 'http'")


def insert(orders: Database, order: int = 1) -> str:
    orders.rest()
    orders.execute("insert into public.orders values (%s)", [order])
    return str(orders.scalar("select max(id::text) from bridge.message"))


def requests(orders: Database) -> dict[str, tuple[dict[str, str], bytes]]:
    """What pg_net was handed, by address."""
    rows = orders.rows("select url, headers, body from net.http_request_queue order by id")
    return {url: (headers, body) for url, headers, body in rows}


def answer(orders: Database, target: str, status: int | None, *, content: str | None = None) -> None:
    """What pg_net's worker writes once a target's requests are answered, by default with receipts."""
    messages = orders.column("select message_id::text from bridge.posted where %s = any (targets)", [target])
    for message in messages:
        orders.execute(
            """with sent as (
                delete from net.http_request_queue as q using bridge.posted as p
                where p.request_id = q.id and %s = any (p.targets) and p.message_id = %s returning q.id)
            insert into net._http_response (id, status_code, timed_out, content)
            select id, %s::int, %s::int is null, %s from sent""",
            [
                target,
                message,
                status,
                status,
                " ".join(orders.receipts(message).values()) if content is None else content,
            ],
        )
    orders.rows("select * from bridge.settle(1000)")


def states(orders: Database, message: str) -> dict[str, list[Any]]:
    rows = orders.rows(
        "select target, state, attempts, last_error from bridge.message where id = %s", [message]
    )
    return {target: rest for target, *rest in rows}


def claimed(orders: Database, kind: str = "http") -> list[str]:
    return orders.column("select target from bridge.claim(100, 60, array[%s])", [kind])


def due(orders: Database) -> None:
    orders.execute("update bridge.message set due_at = clock_timestamp() where state = 'pending'")


def target(orders: Database, name: str = "edge") -> list[Any]:
    """Failures in a row, whether it is held, why it is paused."""
    [row] = orders.rows(
        "select failures, held_until > clock_timestamp(), paused_because from bridge.target where name = %s",
        [name],
    )
    return row
