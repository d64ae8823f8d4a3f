"""Every SQL block of the runbook runs, on a database where there is something to remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.databases import TARGET_SECRET, webhook

if TYPE_CHECKING:
    from tests.databases import Database

RUNBOOK = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
BLOCKS = [
    re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
    for indent, block in re.findall(r"^( *)```sql\n(.*?)^ *```$", RUNBOOK, re.MULTILINE | re.DOTALL)
]
CRM = {"name": "crm", "kind": "http", "url": "https://crm.example.com/hooks/{webhook}"}


@pytest.fixture
def troubled(database: Database) -> Database:
    """The runbook's names: a webhook to a worker and to an address, with messages that wait for both."""
    [message] = set(re.findall(r"message => '([\w-]+)'", RUNBOOK))
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("select bridge.set_signing_secret(%s, 'crm')", [TARGET_SECRET])
    declared = webhook(
        name="order.created", table="public.orders", operations=["insert"], targets=["handle_order", "crm"]
    )
    database.sync_all([declared], targets=[CRM])
    database.execute("insert into public.orders values (1)")
    database.execute("update bridge.message set id = %s where target = 'crm'", [message])
    database.execute("insert into public.orders values (2)")
    return database


def should_have_a_remedy_in_sql() -> None:
    assert len(BLOCKS) > 20


@pytest.mark.parametrize("block", BLOCKS)
def should_run_as_it_stands(troubled: Database, block: str) -> None:
    troubled.execute(block.encode())


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if re.search(r"dead_only|replay\(message|delete from", block)]
)
def should_find_what_was_given_up(troubled: Database, block: str) -> None:
    troubled.execute("update bridge.message set state = 'dead', attempts = 10 where target = 'crm'")
    troubled.execute(block.encode())
    assert troubled.scalar("select count(*) from bridge.dead_letter") < 2
