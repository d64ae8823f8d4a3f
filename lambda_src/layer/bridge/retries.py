"""When an event that failed is received again: soon, and later each time.

Left to the queue, it would be after the visibility time-out: six times the function's, even after a moment's
trouble.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from bridge import aws

FIRST_SECONDS = 5
LONGEST_SECONDS = 900
_logger = logging.getLogger(__name__)


def delay_seconds(receive_count: int) -> int:
    """Return the seconds until the next attempt, after so many: 5, 10, 20, … at most 900."""
    return min(FIRST_SECONDS << min(receive_count - 1, 10), LONGEST_SECONDS)


def schedule(queue_url: str, records: Sequence[Mapping[str, Any]], *, seconds: int | None = None) -> None:
    """Let failed SQS records of one batch, at most ten, be received again after their delay.

    If SQS refuses, they come after the queue's own visibility time-out: later, but not lost.

    Args:
        queue_url: where they came from.
        records: as Lambda got them.
        seconds: the same delay for all, instead of their own.
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
                    "VisibilityTimeout": seconds
                    or delay_seconds(int(record["attributes"]["ApproximateReceiveCount"])),
                }
                for index, record in enumerate(records)
            ],
        )
    except (BotoCoreError, ClientError) as error:
        _logger.warning("the visibility time-out stays for failed events: %s", type(error).__name__)
