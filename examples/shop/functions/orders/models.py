"""What requests and answers about orders look like."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field


class Status(StrEnum):
    """How far an order is."""

    PENDING = "pending"
    PROCESSED = "processed"
    PAID = "paid"
    EXPIRED = "expired"


class Order(BaseModel):
    """An order as it is stored; amounts are texts, because many readers of JSON round its numbers."""

    id: int
    user_id: UUID | None
    items: Annotated[Any, Field(description='such as [{"sku": "A", "quantity": 1, "price": "9.99"}]')]
    total: Decimal
    currency: str
    status: Status
    payment_due_at: datetime | None
    processed_at: datetime | None
    created_at: datetime


class OrderPage(BaseModel):
    """Some orders, the newest first."""

    orders: list[Order]
    next_cursor: Annotated[str | None, Field(description="for the next page; null: this is the last one")]
