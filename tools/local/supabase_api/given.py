"""The Supabase that runs already: its address and keys, as the environment names them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tools.errors import LocalError
from tools.local.supabase_api.keys import Keys

URL = "SUPABASE_URL"
# Both must be of the same Supabase: what a function writes over REST fires webhooks in its database.
DATABASE = "DATABASE_URL"
# By the members of Keys.
VARIABLES = {
    "anon_key": "SUPABASE_ANON_KEY",
    "service_role_key": "SUPABASE_SERVICE_ROLE_KEY",
    "jwt_secret": "SUPABASE_JWT_SECRET",
}


@dataclass(frozen=True)
class Given:
    """A Supabase that isn't started here."""

    url: str
    keys: Keys

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Given | None":
        """Return the Supabase that SUPABASE_URL names; None without it.

        Raises:
            LocalError: its database or one of its keys is missing.
        """
        url = environment.get(URL, "").strip().rstrip("/")
        if not url:
            return None
        missing = [name for name in (*VARIABLES.values(), DATABASE) if not environment.get(name)]
        if missing:
            raise LocalError(
                f"{URL} names a Supabase, but {', '.join(missing)} is not set: that Supabase's .env has it"
                f" (the keys without the prefix SUPABASE_); or unset {URL} to have a stand-in started"
            )
        if not url.startswith(("http://", "https://")):
            raise LocalError(f"{URL} is {url!r}: it must begin with http:// or https://")
        return cls(url, Keys(**{member: environment[name] for member, name in VARIABLES.items()}))
