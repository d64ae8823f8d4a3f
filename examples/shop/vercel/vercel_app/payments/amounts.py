"""Amounts of money as Postgres keeps them and as Stripe wants them: exact, in a currency's minor units.

The same as `examples/shop/functions/payments/amounts.py`: both may charge for the same order.
https://docs.stripe.com/currencies#minor-units, #zero-decimal, #three-decimal and #special-cases
"""

import re
from decimal import Decimal, localcontext

_ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Written with two decimals that must be 00.
_WHOLE_UNITS = frozenset(("isk",))
# Stripe's page lists it as zero-decimal and as two-decimal: a hundred times too much, or too little.
_AMBIGUOUS = frozenset(("ugx",))
_CURRENCY = re.compile("[a-z]{3}")
_DIGITS = 64


class AmountError(ValueError):
    """An amount that can't be charged; the message says why, without naming the order."""


def minor_units(amount: Decimal, currency: str) -> int:
    """Convert an amount into what Stripe calls its `amount`.

    Args:
        amount: in the currency's own unit, such as 19.98.
        currency: its ISO 4217 code in lower case.

    Raises:
        AmountError: it isn't positive, has digits that the currency lacks, or the currency isn't charged.
    """
    exponent = _exponent(currency)
    if not amount.is_finite() or amount <= 0:
        raise AmountError(f"{amount} is nothing to charge")
    # The default context rounds to 28 digits.
    with localcontext(prec=_DIGITS):
        units = amount.scaleb(exponent)
        step = 100 if currency in _WHOLE_UNITS else 10 if exponent == 3 else 1  # noqa: PLR2004
        if units % step:
            raise AmountError(f"{amount} has digits that can't be charged in {currency}")
    return int(units)


def major_units(units: int, currency: str) -> Decimal:
    """Convert Stripe's `amount` back into the currency's own unit.

    Raises:
        AmountError: the currency isn't charged.
    """
    with localcontext(prec=_DIGITS):
        return Decimal(units).scaleb(-_exponent(currency))


def _exponent(currency: str) -> int:
    if not _CURRENCY.fullmatch(currency) or currency in _AMBIGUOUS:
        raise AmountError(f"the currency {currency!r} is not charged")
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2
