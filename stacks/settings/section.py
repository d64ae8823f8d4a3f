"""What every section of bridge.toml is.

A field's description ends the sentence "allowed: ..." of the error for a wrong value.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the file: nothing is converted, nothing unknown accepted, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
