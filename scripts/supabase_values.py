"""What a self-hosted Supabase's .env says about reaching it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - recognised, not bound
_TRANSACTION_PORT = "POOLER_PROXY_PORT_TRANSACTION"


class FillError(Exception):
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


def collect(given: Given) -> dict[str, dict[str, str]]:
    """Values by entry ("supabase", "database"); only those that are known.

    Raises:
        FillError: with every value that can't be taken, and how else to give it.
    """
    environment = _read(given.env_file)
    supabase = {
        "url": given.supabase_url or environment.get("SUPABASE_PUBLIC_URL", ""),
        "service_role_key": environment.get("SERVICE_ROLE_KEY") or environment.get("SUPABASE_SECRET_KEY", ""),
        "jwt_secret": environment.get("JWT_SECRET", ""),
    }
    if not given.supabase_url and urlsplit(supabase["url"]).hostname in LOOPBACK:
        raise FillError(
            f"SUPABASE_PUBLIC_URL is {supabase['url']}, which a Lambda function can't reach; "
            "give the public address with --supabase-url"
        )
    database = {
        "database_url": _checked("--database-url", given.database_url),
        "direct_url": _checked("--direct-url", given.direct_url),
        "ca_certificate": _certificate(given.ca_file),
    }
    if given.env_file and not (given.database_url and given.direct_url):
        pooled, direct = _connections(environment, given)
        database["database_url"] = database["database_url"] or pooled
        database["direct_url"] = database["direct_url"] or direct
    values = {"supabase": supabase, "database": database}
    return {
        entry: {key: value for key, value in keys.items() if value}
        for entry, keys in values.items()
        if any(keys.values())
    }


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
