"""The Lambda function that processes new orders."""

from aws_lambda_powertools import Logger
from psycopg import Connection

from bridge.events import Event
from bridge.worker import worker
from process_order.orders import process

_logger = Logger(child=True)


@worker
def handler(event: Event, db: Connection) -> None:
    """Process the order that was created."""
    if not process(event.row, db):
        _logger.info("the order has been deleted meanwhile")
