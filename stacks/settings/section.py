"""What every section of bridge.toml is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the file: nothing is converted, nothing unknown accepted, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
