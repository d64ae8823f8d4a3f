"""What requests and answers about users look like."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

# The form that browsers accept, https://html.spec.whatwg.org/#valid-e-mail-address, with a dot in the domain.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL_PATTERN = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(\.{_LABEL})+$"
# No control characters (Postgres can't store U+0000), and something else than a space at both ends.
NAME_PATTERN = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"


class NewUser(BaseModel):
    """A user to be created."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=254, pattern=EMAIL_PATTERN, examples=["ada@example.com"])]
    name: Annotated[str, Field(max_length=200, pattern=NAME_PATTERN, examples=["Ada Lovelace"])]


class User(BaseModel):
    """A user as it is stored."""

    id: UUID
    email: str
    name: str
    created_at: datetime


class UserPage(BaseModel):
    """Some users, in the order of their ids."""

    users: list[User]
    next_cursor: Annotated[str | None, Field(description="for the next page; null: this is the last one")]
