"""What is put: its names, and where in Secrets Manager the values are."""

from collections.abc import Iterable, Mapping

from bridge import secrets, signing
from bridge.errors import SecretError, SettingsError

SIGNING_SECRET = "WEBHOOK_SIGNING_SECRET"  # noqa: S105  # the variable's name
# Members of the entry "supabase".
_SUPABASE = {"SUPABASE_URL": "url", "SUPABASE_ANON_KEY": "anon_key"}


def read(names: Iterable[str], *, target_secret_id: str, supabase_secret_id: str) -> Mapping[str, str]:
    """Read the values of variables.

    Raises:
        SecretError: an entry can't be read, isn't filled, or holds no signing secret where it should.
        SettingsError: nothing is known of one of the names.
    """
    values = {}
    for name in names:
        if name == SIGNING_SECRET:
            values[name] = _signing_secrets(target_secret_id)
        elif name in _SUPABASE:
            values[name] = secrets.field(supabase_secret_id, _SUPABASE[name]).strip()
        else:
            raise SettingsError(f'nothing is known of a variable "{name}"')
    return values


def _signing_secrets(secret_id: str) -> str:
    """Both in one value while the secret rotates, so that a receiver changes over in one moment."""
    members = (secrets.field(secret_id, "current"), secrets.get(secret_id).get("previous", ""))
    in_force = [f"whsec_{member.removeprefix('whsec_')}" for member in members if member]
    try:
        # A receiver would refuse every message, or not start.
        signing.sign("", "check", in_force)
    except SecretError as error:
        raise SecretError(f'"current" or "previous" of secret "{secret_id}": {error}') from None
    return " ".join(in_force)
