"""Clients of AWS, made by botocore alone: boto3 around it would add as much again, half of it for S3."""

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session


@functools.cache
def _session() -> "Session":
    from botocore.session import get_session  # noqa: PLC0415  # those who need no client shouldn't pay for it

    return get_session()


@functools.cache
def client(service: str, *, read_timeout: float = 4, attempts: int = 3) -> Any:
    """Make a service's client, once. It is safe to use from several threads.

    Args:
        service: "sqs", "secretsmanager", "stepfunctions" or "lambda".
        read_timeout: seconds that an answer may take; whoever sent a webhook waits for five.
        attempts: how often a request is sent at most.
    """
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=16,
        tcp_keepalive=True,
    )
    return _session().create_client(service, config=config)


def forget() -> None:
    """Forget the clients, so that the next ones are made from the environment of then."""
    client.cache_clear()
    _session.cache_clear()
