"""A certificate for localhost, of an authority of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(directory: Path) -> str:
    """Put server.key and server.crt into a directory, as its owner's; return the authority's certificate."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    files = {
        "server.key": certificate.private_key_pem.bytes(),
        "server.crt": b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
    }
    for name, content in files.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        shutil.chown(path, directory.owner(), directory.group())
    return authority.cert_pem.bytes().decode()
