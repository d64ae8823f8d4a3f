"""What can go wrong on one machine.

LocalError
├── MissingProgramError   a system package is not installed; says how to install it
├── StartError            a part did not come up; holds the end of its log
└── DeployError           the CDK CLI failed; holds the end of its output
"""

from pathlib import Path

LOG_LINES = 40
CDK_FAILURES = "Failed resources:"


class LocalError(Exception):
    """Base of every error of the local system."""


class MissingProgramError(LocalError):
    """A program of a system package is not installed."""


class StartError(LocalError):
    """A part of the local system did not come up."""


class DeployError(LocalError):
    """The CDK CLI, or filling the secrets, failed."""


def with_log(message: str, log: Path) -> str:
    """Return `message` and the end of the file `log`, or its list of failures where the CDK CLI wrote one."""
    if not log.is_file():
        return message
    lines = log.read_text(errors="replace").splitlines()
    listed = [number for number, line in enumerate(lines) if line.startswith(CDK_FAILURES)]
    shown = lines[listed[0] :][:LOG_LINES] if listed else lines[-LOG_LINES:]
    return "\n".join([message, f"From {log}:", *shown])
