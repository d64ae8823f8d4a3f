"""A declaration of nothing, and one of more workers than one stack has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.deployment import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.deployment import Deployment

WORKERS = [f"mark_{letter}{other}" for letter in "abcd" for other in "abcdefghij"]
HANDLER = """
from bridge.worker import worker

@worker
def handler(event, db):
    name = __name__.partition(".")[0]
    db.execute("insert into public.marks values (%s, %s)", [name, event.row["id"]])
"""
STAGE = """
[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
fast_path_grace = 5
rotation_days = 0
pool_clients = 1000
"""


def declare(folder: Path) -> Path:
    for worker in WORKERS:
        code = folder / "workers" / worker
        code.mkdir(parents=True)
        (code / "__init__.py").touch()
        (code / "handler.py").write_text(HANDLER, "utf-8")
    targets = ", ".join(f'"{worker}"' for worker in WORKERS)
    declaration = folder / "bridge.toml"
    declaration.write_text(
        '[[webhooks]]\nname = "order.marked"\ntable = "public.orders"\noperations = ["insert"]\n'
        f"target = [{targets}]\n{STAGE}",
        "utf-8",
    )
    return declaration


def should_deliver_to_forty_workers(deployment: Deployment, tmp_path: Path) -> None:
    deployment.connection.execute("create table if not exists public.marks (worker text, order_id bigint)")
    deployment.deploy_file(declare(tmp_path))
    [order] = deployment.place()

    def marked() -> list[str]:
        return deployment.column("select distinct worker from public.marks where order_id = %s", [order])

    wait_for(lambda: sorted(marked()) == WORKERS)
    deployment.restore()
    [order] = deployment.place()
    wait_for(lambda: deployment.status_of(order) == "processed")


def should_deploy_a_declaration_of_nothing(deployment: Deployment, tmp_path: Path) -> None:
    declaration = tmp_path / "bridge.toml"
    declaration.write_text(STAGE, "utf-8")

    deployment.deploy_file(declaration)

    assert deployment.outputs["Triggers"] == "0"
    assert deployment.triggers() == []
    deployment.restore()
    [order] = deployment.place()
    wait_for(lambda: deployment.status_of(order) == "processed")
