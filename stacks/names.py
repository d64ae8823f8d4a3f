"""How things are called, in the template and in the account."""


def camel_case(name: str) -> str:
    """process_order as ProcessOrder, webhook-signing as WebhookSigning: for construct ids and outputs."""
    return "".join(word.capitalize() for word in name.replace("-", "_").split("_"))


def queue_name(stage: str, name: str) -> str:
    """The name of a worker's queue."""
    return f"external-compute-{stage}-{name}"


def entry_name(stage: str, entry: str) -> str:
    """The name under which Secrets Manager keeps a stage's entry."""
    return f"external-compute/{stage}/{entry}"


def target_entry(target: str) -> str:
    """The Secrets Manager entry with the signing secret of a target outside AWS."""
    return f"target-{target.replace('_', '-')}"
