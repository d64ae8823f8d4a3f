"""What requests and answers about payments look like."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# No U+0000, which Postgres can't store; ids of Stripe are at most 255 characters.
# https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backward-compatible
METHOD_PATTERN = "^pm_[A-Za-z0-9_]{1,252}$"
# Visible ASCII, as a header's value.
KEY_PATTERN = "^[!-~]{1,255}$"


class NewPayment(BaseModel):
    """How to pay."""

    model_config = ConfigDict(extra="forbid")

    payment_method: Annotated[
        str,
        Field(
            pattern=METHOD_PATTERN,
            description="the id of a PaymentMethod that Stripe.js made",
            examples=["pm_card_visa"],
        ),
    ]


class PaymentStatus(StrEnum):
    """How far a payment is, in Stripe's words."""

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"


class Payment(BaseModel):
    """The payment of an order; amounts are texts, because many readers of JSON round its numbers."""

    order_id: int
    status: PaymentStatus
    amount: Decimal
    currency: str
    payment_intent_id: str
    client_secret: Annotated[
        str | None,
        Field(description="for stripe.handleNextAction while the status is requires_action; else null"),
    ] = None
