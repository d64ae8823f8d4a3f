"""POST /api/process-payment: pays for an order of the caller's.

The body is {"order_id": 1, "payment_method": "pm_…"}. The answer is 200 once the order is paid, for the first
request and for every repetition.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from starlette.requests import Request
from starlette.responses import Response

from vercel_app import bodies
from vercel_app.answers import answer
from vercel_app.deadline import Deadline
from vercel_app.errors import HttpError
from vercel_app.instance import Instance

# Below maxDuration in vercel.json: an answer that was cut off says nothing.
SECONDS = 25.0
MAX_BYTES = 4_096
# bigint's
_MAX_ID = 2**63 - 1
# Ids of Stripe are at most 255 characters:
# https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backward-compatible
_METHOD = re.compile("pm_[A-Za-z0-9_]{1,252}")
_MEMBERS = {"order_id", "payment_method"}


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What is to be paid, and how.

    Attributes:
        order_id: the order.
        payment_method: the id of a PaymentMethod that Stripe.js made.
    """

    order_id: int
    payment_method: str

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read it from a request's body.

        Raises:
            HttpError: 400, it is not that.
        """
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise _malformed("the body must be JSON") from None
        if not isinstance(found, dict) or found.keys() != _MEMBERS:
            raise _malformed('the body must be an object of "order_id" and "payment_method"')
        order_id, method = found["order_id"], found["payment_method"]
        if type(order_id) is not int or not 1 <= order_id <= _MAX_ID:
            raise _malformed('"order_id" must be a number from 1 on')
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise _malformed('"payment_method" must be the id of a PaymentMethod: "pm_…"')
        return cls(order_id, method)


async def process_payment(request: Request) -> Response:
    """Charge for an order."""
    # Stripe's SDK is for this route alone: the others start without it.
    from vercel_app.payments.charging import Cashier  # noqa: PLC0415

    deadline = Deadline(SECONDS)
    instance = Instance.of(request)
    caller = await instance.callers.authenticate(request)
    new = NewPayment.parse(await bodies.read(request, MAX_BYTES))
    async with instance.database.in_use():
        payment = await Cashier(
            database=instance.database,
            intents=instance.intents,
            order_id=new.order_id,
            method=new.payment_method,
            caller=caller,
            deadline=deadline,
        ).pay()
    return answer(
        HTTPStatus.OK,
        {
            "order_id": payment.order_id,
            "status": "paid",
            # A text, because many readers of JSON round its numbers.
            "amount": str(payment.amount),
            "currency": payment.currency,
            "payment_intent_id": payment.payment_intent_id,
        },
    )


def _malformed(message: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, message)
