"""What each TLS mode verifies a server by."""

from __future__ import annotations

import os

import pytest

from bridge.database import Database
from bridge.errors import SettingsError
from bridge.tls import tls_parameters


def should_refuse_an_unknown_tls_mode() -> None:
    with pytest.raises(SettingsError, match='DATABASE_TLS is "prefer", but must be one of: disable, require'):
        Database("secret", tls="prefer", application_name="unit")


@pytest.mark.parametrize("mode", ["disable", "require"])
def should_not_verify_unless_asked(mode: str) -> None:
    assert tls_parameters(mode, "certificate") == {"sslmode": mode, "sslrootcert": ""}


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def should_verify_by_the_certificate_of_the_secret(mode: str) -> None:
    parameters = tls_parameters(mode, "certificate\n")

    assert parameters["sslmode"] == mode
    with open(parameters["sslrootcert"]) as file:  # noqa: PTH123
        assert file.read() == "certificate\n"


def should_verify_by_the_systems_authorities_without_a_certificate() -> None:
    root = tls_parameters("verify-full", "")["sslrootcert"]

    assert os.path.exists(root)  # noqa: PTH110


def should_refuse_to_trust_any_authority_for_any_host() -> None:
    with pytest.raises(SettingsError, match='"verify-ca" needs "ca_certificate"'):
        tls_parameters("verify-ca", "")
