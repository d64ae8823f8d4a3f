"""How things are called, in the template and in the account."""


def camel_case(name: str) -> str:
    """send_receipt as SendReceipt, webhook-signing as WebhookSigning: for construct ids and outputs."""
    return "".join(word.capitalize() for word in name.replace("-", "_").split("_"))


def stage_prefix(stage_name: str) -> str:
    """What the names of a stage's stacks, queues and alarms begin with."""
    return f"external-compute-{stage_name}-"


def queue_name(stage_name: str, name: str, *, ordered: bool = False) -> str:
    """The name of a worker's queue; `ordered`: it is FIFO."""
    return f"{stage_prefix(stage_name)}{name}{_fifo(ordered=ordered)}"


def dead_letter_queue_name(stage_name: str, name: str, *, ordered: bool = False) -> str:
    """The name of a worker's dead-letter queue."""
    return f"{stage_prefix(stage_name)}{name}-dead-letter{_fifo(ordered=ordered)}"


def _fifo(*, ordered: bool) -> str:
    return ".fifo" if ordered else ""


def entry_name(stage_name: str, entry: str) -> str:
    """The name under which Secrets Manager keeps a stage's entry."""
    return f"external-compute/{stage_name}/{entry}"


def target_entry(target: str) -> str:
    """The Secrets Manager entry with the signing secret of a target outside AWS."""
    return f"target-{target.replace('_', '-')}"
