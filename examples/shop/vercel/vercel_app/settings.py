"""The project's environment variables.

Each is read where it is needed: one that is missing stops its own routes, and no others.
"""

from collections.abc import Mapping
from functools import cached_property

from vercel_app.errors import SettingsError

TLS_MODES = ("disable", "require", "verify-ca", "verify-full")
STRIPE_API = "https://api.stripe.com"
# RFC 7518, section 3.2: a key of HS256 has at least the bits of its hash.
_MIN_JWT_SECRET_BYTES = 32
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class Settings:
    """What the project was given; each property raises SettingsError if it can't be used.

    Args:
        environment: where the variables are.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """The signing secret of this target, and while it rotates the previous one."""
        return tuple(self._required("WEBHOOK_SIGNING_SECRET").split())

    @property
    def supabase_url(self) -> str:
        """The address of Supabase's gateway, without trailing slash."""
        return self._address("SUPABASE_URL", self._required("SUPABASE_URL"))

    @property
    def anon_key(self) -> str:
        """Supabase's anon key, or a publishable one."""
        return self._required("SUPABASE_ANON_KEY")

    @cached_property
    def jwt_secret(self) -> str | None:
        """What HS256 tokens are signed with; None: only tokens of Supabase's signing keys are accepted."""
        secret = self._optional("SUPABASE_JWT_SECRET")
        if secret and len(secret.encode()) < _MIN_JWT_SECRET_BYTES:
            raise SettingsError(f"SUPABASE_JWT_SECRET must have {_MIN_JWT_SECRET_BYTES} bytes or more")
        return secret or None

    @property
    def database_url(self) -> str:
        """The pooled address of Postgres, in transaction mode, as the role edge."""
        return self._required("DATABASE_URL")

    @property
    def database_tls(self) -> str:
        """One of TLS_MODES; decides, whatever the address says."""
        mode = self._optional("DATABASE_TLS") or "verify-full"
        if mode not in TLS_MODES:
            raise SettingsError(f"DATABASE_TLS must be one of: {', '.join(TLS_MODES)}")
        return mode

    @property
    def ca_certificate(self) -> str:
        """The authority of the database's certificate as PEM text; "": any public one."""
        certificate = self._optional("DATABASE_CA_CERTIFICATE")
        if certificate and _CERTIFICATE not in certificate:
            raise SettingsError(f"DATABASE_CA_CERTIFICATE must be PEM text, with {_CERTIFICATE}")
        return certificate

    @property
    def stripe_key(self) -> str:
        """Stripe's secret key, or a restricted one that may write PaymentIntents and read Charges."""
        return self._required("STRIPE_SECRET_KEY")

    @property
    def stripe_api(self) -> str:
        """Where Stripe is asked."""
        return self._address("STRIPE_API_BASE", self._optional("STRIPE_API_BASE") or STRIPE_API)

    def _required(self, name: str) -> str:
        value = self._optional(name)
        if not value:
            raise SettingsError(f"the environment variable {name} is not set")
        return value

    def _optional(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    @staticmethod
    def _address(name: str, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise SettingsError(f"{name} must be an address that begins with https://")
        return value.rstrip("/")
