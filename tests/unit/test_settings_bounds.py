"""Numbers of bridge.toml: what an error says is allowed is what is allowed, to the last one."""

import re

import annotated_types
import pytest
from pydantic.fields import FieldInfo

from stacks.settings import Function, Stage, Target, Webhook, Worker

BOUNDED = {
    f"{section.__name__}.{name}": field
    for section in (Webhook, Target, Worker, Function, Stage)
    for name, field in section.model_fields.items()
    if any(isinstance(rule, annotated_types.Ge) for rule in field.metadata)
}


def said(field: FieldInfo) -> tuple[int, int]:
    found = re.match(r"(\d+) to (\d+)\b", field.description or "")
    assert found, field.description
    # 0 has a meaning of its own where the text says so, after the others.
    least = 0 if re.search(r"[;)] ?0: ", field.description or "") else int(found[1])
    return least, int(found[2])


def should_know_of_all() -> None:
    assert len(BOUNDED) == 24


@pytest.mark.parametrize("name", sorted(BOUNDED))
def should_allow_what_the_error_says_and_no_more(name: str) -> None:
    field = BOUNDED[name]

    [least] = [rule.ge for rule in field.metadata if isinstance(rule, annotated_types.Ge)]
    [most] = [rule.le for rule in field.metadata if isinstance(rule, annotated_types.Le)]

    assert (least, most) == said(field)
