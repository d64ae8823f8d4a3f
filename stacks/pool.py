"""Whether the functions, all at once, find room in the pooler."""

from collections.abc import Mapping

from stacks.redelivery import MAX_CONCURRENCY
from stacks.settings import Settings

# So many functions are listed, those with the most connections.
_NAMED = 10


def pool_warning(settings: Settings) -> str | None:
    """Say which settings let functions hold more connections than the pooler accepts; None if none do.

    Every instance of a function that reads the entry "database" keeps one pooled connection.
    """
    holders = connections(settings)
    if unbounded := [name for name, count in holders.items() if not count]:
        return (
            f"{', '.join(unbounded)}: max_concurrency = 0 lets as many instances connect to the pooler "
            "as the account has; give a number"
        )
    total, accepted = sum(holders.values()), settings.stage.pool_clients
    if total <= accepted:
        return None
    most = sorted(holders.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{name} {count}" for name, count in most[:_NAMED])
    if len(most) > _NAMED:
        listed += f", and {len(most) - _NAMED} more"
    return (
        f"functions may hold {total} connections at a time ({listed}), the pooler accepts {accepted}: "
        "lower max_concurrency of workers and functions, or raise the pooler's limit and pool_clients"
    )


def connections(settings: Settings) -> Mapping[str, int]:
    """How many pooled connections each function may hold; 0: there is no bound."""
    functions = {
        name: function.max_concurrency
        for name, function in settings.functions.items()
        if "database" in function.secrets
    }
    workers = {name: worker.max_concurrency for name, worker in settings.workers.items()}
    # Secrets Manager rotates each entry at an hour of its own, so that there is seldom more than one.
    return {"redeliver": MAX_CONCURRENCY, "rotate_secret": 1, **workers, **functions}
