"""What runs, on file: so that `down` and `status` find what `up` started."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.errors import LocalError
from tools.processes import Process


@dataclass(frozen=True)
class State:
    """The addresses and processes of a system, in the order in which they started."""

    direct_url: str
    pooled_url: str
    admin_url: str
    aws_endpoint: str
    supabase_url: str
    supabase_keys: Mapping[str, str]
    stripe_url: str
    stripe_key: str
    run_directory: str
    log_directory: str
    real_pg_net: bool
    processes: Mapping[str, Process]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)  # the addresses hold passwords; and the keys
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Return what the file holds, None where there is none.

        Raises:
            LocalError: the file is not what `write` makes.
        """
        try:
            found = json.loads(path.read_text())
            processes = {name: Process(**process) for name, process in found.pop("processes").items()}
            return cls(**found, processes=processes)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LocalError(f"{path} is damaged: remove it ({error!r})") from error
