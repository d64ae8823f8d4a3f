"""The Lambda function behind GET /orders."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from bridge import api, cursors
from bridge.database import Database
from orders import listing
from orders.models import OrderPage, Status

# Far below the 30 seconds after which API Gateway gives up.
TIMEOUT_MS = 10_000

app = api.resolver()
database = Database.from_environment()


@app.get("/orders", summary="List orders", responses=api.cached_responses("Orders, the newest first"))
def list_orders(
    status: Annotated[Status | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=cursors.INT64_PATTERN)] = None,
) -> Response[OrderPage]:
    with database.transaction(
        timeout_ms=TIMEOUT_MS, request_id=api.request_id(app), caller=api.caller(app)
    ) as db:
        page = listing.page(db, status=status, limit=limit, cursor=cursor)
    return api.cached(app, page)


handler = api.handler(app)
