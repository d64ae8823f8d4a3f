"""What an answer about health looks like."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field


class State(StrEnum):
    """Whether something can be used."""

    OK = "ok"
    UNAVAILABLE = "unavailable"


class Check(BaseModel):
    """What asking one part gave."""

    status: State
    latency_ms: Annotated[int, Field(ge=0, description="until it answered, or was given up")]


class Version(BaseModel):
    """What runs."""

    app: str
    python: str


class Health(BaseModel):
    """Whether the parts that functions need can be reached."""

    status: State
    database: Check
    rest: Check
    version: Version
