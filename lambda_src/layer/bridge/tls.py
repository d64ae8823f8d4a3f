"""How the connection to Postgres is encrypted, and whose certificate it accepts."""

import atexit
import functools
import os
import ssl
import tempfile
from pathlib import Path

from bridge.errors import SettingsError

TLS_MODES = ("disable", "require", "verify-ca", "verify-full")


def tls_parameters(mode: str, ca_certificate: str) -> dict[str, str]:
    """Translate a TLS mode into libpq's parameters.

    Args:
        mode: disable, require, verify-ca or verify-full.
        ca_certificate: PEM text; empty: the system's authorities.

    Raises:
        SettingsError: verify-ca without a certificate: any public one would pass.
    """
    if mode in ("disable", "require"):
        return {"sslmode": mode, "sslrootcert": ""}
    if ca_certificate:
        return {"sslmode": mode, "sslrootcert": _file(ca_certificate)}
    if mode == "verify-ca":
        raise SettingsError(
            'database_tls "verify-ca" needs "ca_certificate" in the database secret;'
            ' without one use "verify-full"'
        )
    return {"sslmode": mode, "sslrootcert": _system_authorities()}


@functools.cache
def _file(certificate: str) -> str:
    # A name of its own each time: one that others could guess, they could also take first.
    descriptor, path = tempfile.mkstemp(prefix="database-ca-", suffix=".pem", text=True)
    with os.fdopen(descriptor, "w") as file:
        file.write(certificate)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


def _system_authorities() -> str:
    # libpq's "system" asks the OpenSSL inside psycopg's wheel, which looks where its builder kept them.
    system = ssl.get_default_verify_paths().cafile
    if system:
        return system
    from botocore.httpsession import get_cert_path  # noqa: PLC0415  # only where there is no other

    return str(get_cert_path(verify=True))
