"""Amounts of money, exact in the minor units of their currency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.amounts import AmountError, major_units, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("19.98", "eur", 1998),
        ("0.10", "usd", 10),
        ("9999999999.99", "eur", 999999999999),
        ("500.00", "jpy", 500),
        ("500", "krw", 500),
        ("5.12", "kwd", 5120),
        ("5.120", "bhd", 5120),
        ("5.00", "isk", 500),
        ("10.45", "huf", 1045),
    ],
)
def should_convert_to_minor_units_and_back(amount: str, currency: str, units: int) -> None:
    assert minor_units(Decimal(amount), currency) == units
    assert major_units(units, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0", "eur"),
        ("-0.01", "eur"),
        ("NaN", "eur"),
        ("Infinity", "eur"),
        ("0.001", "eur"),
        ("500.50", "jpy"),
        ("5.124", "kwd"),
        ("5.50", "isk"),
        ("5", "ugx"),
        ("5", "EUR"),
        ("5", ""),
        ("5", "euro"),
    ],
)
def should_refuse_what_stripe_can_not_charge(amount: str, currency: str) -> None:
    with pytest.raises(AmountError):
        minor_units(Decimal(amount), currency)


@given(st.decimals("0.01", "9999999999.99", places=2), st.sampled_from(["eur", "usd", "kwd", "tnd"]))
def should_lose_nothing(amount: Decimal, currency: str) -> None:
    assert major_units(minor_units(amount, currency), currency) == amount
