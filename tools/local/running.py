"""A system that another process started and left running."""

import shutil
import signal
from pathlib import Path

from tools.local.state import State
from tools.processes import interrupted_later

# PostgreSQL's fast shutdown: it doesn't wait for clients to leave.
SIGNALS = {"postgres": signal.SIGINT}
POSTGRES = "postgres"


def complete(state: State) -> bool:
    """Return whether every part of it runs."""
    return all(process.alive() for process in state.processes.values())


def down(path: Path) -> bool:
    """Stop the system that the state file names, remove its data and the file. Ctrl-C waits for it.

    Returns:
        Whether there was one.
    """
    state = State.read(path)
    if state is None:
        return False
    with interrupted_later():
        for name, process in reversed(list(state.processes.items())):
            process.stop(how=SIGNALS.get(name, signal.SIGTERM))
        shutil.rmtree(state.run_directory, ignore_errors=True)
        path.unlink(missing_ok=True)
    return True
