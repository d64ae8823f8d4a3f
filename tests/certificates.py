"""A certificate for localhost, of its own authority."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tools.local import programs

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(directory: Path) -> str:
    """Put server.key and server.crt into a directory, as its owner's; return the certificate."""
    program = programs.openssl()
    key, certificate = directory / "server.key", directory / "server.crt"
    made = [
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    subprocess.run([program, "req", "-x509", *made], check=True, capture_output=True)
    for path in (key, certificate):
        path.chmod(0o600)
        shutil.chown(path, directory.owner(), directory.group())
    return certificate.read_text()
