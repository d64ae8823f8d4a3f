"""JSON as Postgres writes it: numbers have more digits than a float keeps."""

import json
from decimal import Decimal
from typing import Any, NoReturn


def decode(text: str | bytes) -> Any:
    """Decode a JSON text; numbers with a fraction or an exponent, and very long ones, are Decimal.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number has an exponent beyond what Decimal holds") from None


def _integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:
        # Python converts at most sys.get_int_max_str_digits() digits; numeric has up to 131,072.
        return Decimal(text)


def _refuse(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")
