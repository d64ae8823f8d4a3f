"""Events come out of a message as they went in, and nothing but a message gets through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import MalformedMessageError
from bridge.events import Event, Transaction, split
from tests.unit.messages import TRANSACTION, event, message, queued

# What a jsonb column can hold: no NaN, no infinity, no NUL, no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ROWS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def message_with(record_text: str) -> str:
    return message(event({})).replace('"record": {}', f'"record": {record_text}')


@given(st.lists(ROWS, max_size=3))
def should_hand_over_any_row_unchanged(rows: list[dict[str, Any]]) -> None:
    bodies = split(message(*(event(row) for row in rows)))

    assert [Event.parse(body).record for body in bodies] == rows


@given(st.decimals(allow_nan=False, allow_infinity=False))
def should_hand_over_any_number_to_the_last_digit(number: Decimal) -> None:
    [body] = split(message_with(f'{{"n": {number:f}}}'))

    assert f"{number:f}" in body
    assert Event.parse(body).row["n"] == number


@given(ROWS)
def should_send_only_what_sqs_takes(row: dict[str, Any]) -> None:
    [body] = split(message(event(row)))

    assert all(character in "\t\n\r" or character >= "\x20" for character in body)
    assert not {"\ufffe", "\uffff"} & set(body)


@given(st.text())
def should_refuse_any_other_text_as_malformed(text: str) -> None:
    with pytest.raises(MalformedMessageError):
        split(text)
    with pytest.raises(MalformedMessageError):
        Event.parse(text)


def should_escape_the_characters_that_sqs_refuses() -> None:
    [body] = split(message(event({"note": "\uffff\ufffe"})))

    assert r"\uffff\ufffe" in body
    assert Event.parse(body).record == {"note": "\uffff\ufffe"}


def should_keep_the_text_of_an_event() -> None:
    record = '{"b":1.50,  "a":1e3,"b":[ ]}'

    [body] = split(message_with(record))

    assert record in body


@pytest.mark.parametrize("number", ["9" * 20_000, "-" + "1" * 131_072, "0." + "7" * 16_383])
def should_hand_over_numbers_longer_than_python_converts(number: str) -> None:
    [body] = split(message_with(f'{{"n": {number}}}'))

    assert number in body
    assert Event.parse(body).row["n"] == Decimal(number)


def should_not_trip_over_a_value_nested_deeper_than_the_recursion_limit() -> None:
    depth = 20_000
    nested = '[{"a": 1, "b": ' * depth + "null" + ', "c": []}, {}]' * depth

    [body] = split(message_with(f'{{"deep": {nested}, "after": [1, "two"]}}'))
    row = Event.parse(body).row

    value = row["deep"]
    for _ in range(depth):
        assert value[0]["a"] == 1
        value = value[0]["b"]
    assert value is None
    assert row["after"] == [1, "two"]


@pytest.mark.parametrize("tail", ["", "]", "}" * 20_000, '{"a": }', "x"])
def should_refuse_a_deep_value_that_is_broken(tail: str) -> None:
    with pytest.raises(MalformedMessageError):
        split(message_with('{"deep": ' + "[" * 20_000 + tail + "}"))


@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "'a'", '"\n"', '"\\x"']
)
def should_refuse_what_is_not_json(literal: str) -> None:
    with pytest.raises(MalformedMessageError):
        split(message_with(f'{{"n": {literal}}}'))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "expected '{' at character 0"),
        ("[]", "expected '{' at character 0"),
        ("null", "expected '{' at character 0"),
        ("{}", '"type" is missing'),
        (message() + "{}", "unexpected text after the message"),
        (message(type=1), '"type" must be a string'),
        (message(timestamp=None), '"timestamp" must be a string'),
        (message(transaction=[]), '"transaction" must be an object'),
        (message(data={}), '"data" must be an array'),
        (message(data=[1]), "expected '{'"),
        (message(event({}, id=7)), '"id" must be a string'),
        (message({}), '"id" is missing'),
        (message(event({}, type="other")), 'must not have a "type" of its own'),
        (message()[:-1] + ', "type": "other"}', "'type' occurs twice"),
        (message(event({})).replace('"id":', '"id": "0", "id":'), "'id' occurs twice"),
    ],
)
def should_say_what_is_wrong_with_a_message(body: str, problem: str) -> None:
    with pytest.raises(MalformedMessageError, match="malformed message: ") as raised:
        split(body)

    assert problem in str(raised.value)


def should_refuse_a_message_of_another_webhook() -> None:
    with pytest.raises(MalformedMessageError, match=r'"type" must be "order\.deleted"'):
        split(message(), webhook="order.deleted")


def should_compose_nothing_from_a_message_without_events() -> None:
    assert split(message()) == []


def should_take_white_space_anywhere() -> None:
    spaced = json.dumps(json.loads(message(event({"a": [1, {}]}), event({}))), indent="\t \r")

    assert [Event.parse(body).record for body in split(f" {spaced}\n")] == [{"a": [1, {}]}, {}]


def should_parse_an_event() -> None:
    deleted = queued(None, operation="DELETE", old_record={"id": 1}, truncated=True, transaction=TRANSACTION)

    parsed = Event.parse(json.dumps(deleted))

    assert parsed == Event(
        id=deleted["id"],
        type="order.created",
        timestamp=datetime(2026, 11, 23, 15, 0, 0, 123456, tzinfo=UTC),
        operation="DELETE",
        schema="public",
        table="orders",
        record=None,
        old_record={"id": 1},
        truncated=True,
        transaction=Transaction(id="7341", actor=None, role="authenticated"),
    )
    assert parsed.row == {"id": 1}


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"timestamp": "yesterday"}, '"timestamp" must be a date and time with its time zone'),
        ({"timestamp": "2026-11-23T15:00:00"}, '"timestamp" must be a date and time with its time zone'),
        ({"operation": None}, '"operation" must be str, not NoneType'),
        ({"record": []}, '"record" must be dict or NoneType, not list'),
        ({"truncated": "yes"}, '"truncated" must be bool, not str'),
        ({"transaction": {}}, '"id" is missing'),
    ],
)
def should_say_what_is_wrong_with_an_event(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(MalformedMessageError) as raised:
        Event.parse(json.dumps(queued({}) | members))

    assert problem in str(raised.value)
