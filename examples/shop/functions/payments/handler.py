"""The Lambda function behind POST /orders/{id}/payment."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from bridge import api
from bridge.database import Database
from payments.charging import Cashier
from payments.intents import Intents
from payments.models import KEY_PATTERN, NewPayment, Payment, PaymentStatus
from payments.records import Request

# For recording a charge, once there is one, and for the answer.
RESERVED_SECONDS = 3.0

_ANSWERS: dict[int, Any] = {
    200: {"description": "The order is paid"},
    202: {
        "description": "The bank takes its time, or the user has to authenticate",
        "content": {"application/json": {"model": Payment}},
    },
} | api.problems(
    {
        402: "The payment was declined; another payment method, with a new key, may not be",
        404: "No such order among the caller's",
        409: "The order can't be paid, or another request pays it right now (then with Retry-After)",
    }
)

app = api.resolver()
database = Database.from_environment()
intents = Intents()


@app.post(
    "/orders/<id>/payment",
    summary="Pay for an order",
    description="Charges at most once, however often it is sent. After 202, send the same request again: with"
    " requires_action when the user has authenticated, with processing until it is paid or refused.",
    responses=_ANSWERS,
)
def pay_order(
    id: Annotated[int, Path(ge=1, le=2**63 - 1)],  # noqa: A002  # the path's name
    new: NewPayment,
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            pattern=KEY_PATTERN,
            description="made anew for each attempt, sent again with each repetition of it",
        ),
    ],
) -> Response[Payment]:
    caller = api.caller(app)
    remaining_ms = app.lambda_context.get_remaining_time_in_millis
    intents.limit(remaining_ms() / 1_000 - RESERVED_SECONDS)
    payment = Cashier(
        database=database,
        intents=intents,
        request=Request(order_id=id, method=new.payment_method, key=idempotency_key, subject=caller.subject),
        caller=caller,
        request_id=api.request_id(app),
        remaining_ms=remaining_ms,
    ).pay()
    return Response(
        200 if payment.status == PaymentStatus.SUCCEEDED else 202,
        content_type="application/json",
        body=payment,
        headers={"Cache-Control": "no-store"},
    )


handler = api.handler(app)
