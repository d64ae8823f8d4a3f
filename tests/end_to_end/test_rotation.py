"""The API's signing secret is rotated while orders come in, and no message is refused."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from botocore.config import Config

from tests.end_to_end.deployment import ITEMS, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.deployment import Deployment

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
ENTRY = "external-compute/local/webhook-signing"
PLACE = "insert into public.orders (items, total) values (%s::jsonb, 9.99) returning id"
ATTEMPTS = """
select count(*), sum(attempts), max(last_error) from bridge.message
where webhook = 'order.created' and (body #>> '{data,0,record,id}')::bigint = any (%s)
"""


def invoke(deployment: Deployment, **event: object) -> dict[str, str]:
    """Invoke the function as Secrets Manager does, or the schedule."""
    client = deployment.session.client(
        "lambda", endpoint_url=deployment.system.aws_endpoint, config=Config(read_timeout=120)
    )
    payload = json.dumps(event).encode()
    answer = client.invoke(FunctionName=deployment.outputs["RotateSecretFunction"], Payload=payload)
    done: dict[str, str] = json.load(answer["Payload"])
    assert "FunctionError" not in answer, done
    return done


def take(deployment: Deployment, step: str, token: str) -> None:
    invoke(deployment, SecretId=ENTRY, ClientRequestToken=token, Step=step)


@contextmanager
def orders_coming_in(deployment: Deployment) -> Iterator[list[int]]:
    """Place an order every third of a second, each in a transaction of its own."""
    orders: list[int] = []
    over = threading.Event()

    def place() -> None:
        with psycopg.connect(deployment.system.direct_url, autocommit=True) as connection:
            while not over.wait(0.3):
                row = connection.execute(PLACE, [ITEMS]).fetchone()
                assert row
                orders.append(row[0])

    writer = threading.Thread(target=place)
    writer.start()
    try:
        yield orders
    finally:
        over.set()
        writer.join()


def refusals(deployment: Deployment) -> int:
    """How often the receiver has answered 401."""
    return len(re.findall(r'"status": ?401', deployment.logs(of="Receiver")))


def vault(deployment: Deployment) -> list[str]:
    [keys] = deployment.column("select bridge.signing_secret(null)")
    return str(keys).split()


def should_refuse_no_message_while_the_secret_is_rotated(deployment: Deployment) -> None:
    assert deployment.post("{}", secret="whsec_" + "B" * 64).status_code == 401
    wait_for(lambda: refusals(deployment) > 0)
    deployment.wait_until_processed(deployment.place())
    old, refused = deployment.signing_secret(), refusals(deployment)
    token = str(uuid4())

    with orders_coming_in(deployment) as orders:
        for step in STEPS:
            take(deployment, step, token)
        new = deployment.signing_secret()
        assert vault(deployment) == [new, old]
        # Accepted still: what is wrong with this is not its signature.
        assert deployment.post("{}", secret=old).status_code == 400

        invoke(deployment, entry="webhook-signing", end_overlap=True)
        assert deployment.post("{}", secret=new).status_code == 400
        placed = len(orders)
        wait_for(lambda: len(orders) > placed + 5)

    assert new != old
    assert deployment.secret("webhook-signing") == {"current": new, "previous": ""}
    assert vault(deployment) == [new]
    deployment.wait_until_processed(orders)
    assert deployment.rows(ATTEMPTS, [orders]) == [[len(orders), 0, None]]
    assert refusals(deployment) == refused
    assert not [secret for secret in (old, new) if secret in deployment.logs()]
