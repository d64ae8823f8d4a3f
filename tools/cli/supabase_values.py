"""What a self-hosted Supabase's .env says about reaching it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values

from tools.cli.stage import CommandError

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - recognised, not bound
_TRANSACTION_PORT = "POOLER_PROXY_PORT_TRANSACTION"


class FillError(CommandError):
    """Shown as it is, without a stack trace."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the command line says; None: take it from the .env."""

    env_file: Path | None = None
    database_host: str | None = None
    supabase_url: str | None = None
    database_url: str | None = None
    direct_url: str | None = None
    ca_file: Path | None = None


def collect(given: Given, own_entries: Collection[str] = ()) -> dict[str, dict[str, str]]:
    """Values by entry; only those that are known.

    Args:
        given: what the command line says.
        own_entries: entries that the user's functions name: "stripe" gets each STRIPE_SECRET_KEY and the like
            of the .env as secret_key.

    Raises:
        FillError: with every value that can't be taken, and how else to give it.
    """
    environment = _read(given.env_file)
    values = {
        **_supabase(environment, given),
        **_database(environment, given),
        **{entry: _own(environment, entry, own_entries) for entry in own_entries},
    }
    known = {entry: {key: value for key, value in keys.items() if value} for entry, keys in values.items()}
    return {entry: keys for entry, keys in known.items() if keys}


def _supabase(environment: Mapping[str, str], given: Given) -> dict[str, dict[str, str]]:
    url = (given.supabase_url or environment.get("SUPABASE_PUBLIC_URL", "")).rstrip("/")
    if not given.supabase_url and urlsplit(url).hostname in LOOPBACK:
        raise FillError(
            f"SUPABASE_PUBLIC_URL is {url}, which a Lambda function can't reach; "
            "give the public address with --supabase-url"
        )
    return {
        "supabase": {"url": url, "anon_key": _first(environment, "ANON_KEY", "SUPABASE_PUBLISHABLE_KEY")},
        "supabase-service-role": {
            "url": url,
            "service_role_key": _first(environment, "SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"),
        },
        "supabase-jwt": {"url": url, "jwt_secret": environment.get("JWT_SECRET", "")},
    }


def _database(environment: Mapping[str, str], given: Given) -> dict[str, dict[str, str]]:
    pooled = _checked("--database-url", given.database_url)
    direct = _checked("--direct-url", given.direct_url)
    if given.env_file and not (pooled and direct):
        made_pooled, made_direct = _connections(environment, given)
        pooled, direct = pooled or made_pooled, direct or made_direct
    certificate = _certificate(given.ca_file)
    return {
        "database": {"database_url": pooled, "ca_certificate": certificate},
        "database-direct": {"direct_url": direct, "ca_certificate": certificate},
    }


def _own(environment: Mapping[str, str], entry: str, entries: Iterable[str]) -> dict[str, str]:
    """Variables that begin like the entry, and not like another one with a longer name."""
    prefix = _prefix(entry)
    longer = tuple(p for p in map(_prefix, entries) if p.startswith(prefix) and p != prefix)
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix) and name != prefix and not (longer and name.startswith(longer))
    }


def _prefix(entry: str) -> str:
    return entry.upper().replace("-", "_") + "_"


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if name in environment), "")


def _read(file: Path | None) -> Mapping[str, str]:
    if file is None:
        return {}
    if not file.is_file():
        raise FillError(f"{file} doesn't exist; give the .env beside Supabase's docker-compose.yml")
    return {name: value for name, value in dotenv_values(file).items() if value}


def _connections(environment: Mapping[str, str], given: Given) -> tuple[str, str]:
    """The pooled (transaction mode) and the direct (session mode) address, both through Supavisor."""
    needed = ("POSTGRES_PASSWORD", "POSTGRES_DB", "POOLER_TENANT_ID", _TRANSACTION_PORT, "POSTGRES_PORT")
    if missing := [name for name in needed if name not in environment]:
        raise FillError(
            f"{given.env_file} has no {', '.join(missing)}; add what is missing, "
            "or give --database-url and --direct-url"
        )
    user = f"postgres.{environment['POOLER_TENANT_ID']}"
    credentials = f"{quote(user, safe='')}:{quote(environment['POSTGRES_PASSWORD'], safe='')}"
    host, database = _host(environment, given), quote(environment["POSTGRES_DB"], safe="")
    return (
        f"postgresql://{credentials}@{host}:{environment[_TRANSACTION_PORT]}/{database}",
        f"postgresql://{credentials}@{host}:{environment['POSTGRES_PORT']}/{database}",
    )


def _host(environment: Mapping[str, str], given: Given) -> str:
    host = given.database_host or urlsplit(environment.get("SUPABASE_PUBLIC_URL", "")).hostname
    if not host or (host in LOOPBACK and not given.database_host):
        raise FillError(
            f"{given.env_file} doesn't say where the database is reached "
            f"(SUPABASE_PUBLIC_URL: {environment.get('SUPABASE_PUBLIC_URL', 'none')}); give --database-host"
        )
    return f"[{host}]" if ":" in host else host


def _checked(option: str, url: str | None) -> str:
    if url is None:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not (
        parts.hostname and parts.username and parts.password
    ):
        raise FillError(
            f"{option} {masked_url(url)} is no address of a database; "
            "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, signs in the password percent-encoded"
        )
    return url


def _certificate(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        text = file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise FillError(f"--ca-file {file} can't be read: {exc}") from exc
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise FillError(f"--ca-file {file} holds no certificate; PEM is needed (-----BEGIN CERTIFICATE-----)")
    return text


def masked_url(url: str) -> str:
    """The address without its password."""
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}:••••{at}{host}" if at else url
