"""When an event that failed is received again: soon, and later each time.

Left to the queue, it would be after the visibility time-out: six times the function's, even after a moment's
trouble.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge import aws

FIRST_SECONDS = 5
LONGEST_SECONDS = 900
FULL_POOLER_SECONDS = 60
_logger = logging.getLogger(__name__)


def delay_seconds(receive_count: int) -> int:
    """Return the seconds until the next attempt, after so many: 5, 10, 20, … at most 900."""
    return min(FIRST_SECONDS << min(receive_count - 1, 10), LONGEST_SECONDS)


def outage_delay_seconds(_receive_count: int) -> int:
    """Return the seconds until the next attempt while something is away that every event needs.

    An outage outlasts the attempts of an event that fails by itself.
    """
    return LONGEST_SECONDS


def full_pooler_delay_seconds(receive_count: int) -> int:
    """Return the seconds until the next attempt when the pooler was full: mostly for a moment."""
    return FULL_POOLER_SECONDS if receive_count == 1 else LONGEST_SECONDS


def schedule(
    queue_url: str, records: Sequence[Mapping[str, Any]], *, delay: Callable[[int], int] = delay_seconds
) -> None:
    """Let failed SQS records of one batch, at most ten, be received again after their delay.

    If SQS refuses, they come after the queue's own visibility time-out: later, but not lost.

    Args:
        queue_url: where they came from.
        records: as Lambda got them.
        delay: from how often a record was received to the seconds until the next time.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    if not records:
        return
    try:
        aws.client("sqs").change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {
                    "Id": str(index),
                    "ReceiptHandle": record["receiptHandle"],
                    "VisibilityTimeout": delay(int(record["attributes"]["ApproximateReceiveCount"])),
                }
                for index, record in enumerate(records)
            ],
        )
    except (BotoCoreError, ClientError) as error:
        _logger.warning("the visibility time-out stays for failed events: %s", type(error).__name__)
