"""Why an execution was not started. The event returns to its queue."""

from bridge.errors import BridgeError


class StartError(BridgeError):
    """Step Functions refuses to start this execution; the message holds its code."""


class StepFunctionsUnavailableError(StartError):
    """Step Functions can't be reached, has a fault, or takes no more executions for now."""
