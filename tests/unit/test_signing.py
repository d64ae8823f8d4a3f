"""Only what the holder of the signing secret signed, and only within five minutes, is accepted."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bridge.errors import SecretError, SignatureError
from bridge.signing import sign, verify
from tests.signatures import NOW, RECEIPTS, SIGNING, VERIFYING, Receipt, Signing, Verifying

CURRENT = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PREVIOUS = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OTHER = "T" * 64
PLATFORMS = Path(__file__).parents[2] / "docs" / "platforms.md"
MESSAGE_ID = "01936b2e-7c00-7000-8000-000000000001"
BODY = '{"type": "order.created", "note": "größe"}'


def headers(body: str = BODY, at: datetime | None = None) -> dict[str, str]:
    return sign(body, MESSAGE_ID, [CURRENT], at)


def refused(body: str | bytes, signed: dict[str, str]) -> bool:
    try:
        verify(body, signed, [CURRENT, PREVIOUS])
    except SignatureError:
        return True
    return False


@pytest.mark.parametrize("vector", SIGNING, ids=lambda vector: vector.name)
def should_sign_as_everybody_does(vector: Signing) -> None:
    signed = sign(vector.body, vector.id, vector.secrets, datetime.fromtimestamp(vector.timestamp, UTC))

    assert signed == {
        "webhook-id": vector.id,
        "webhook-timestamp": str(vector.timestamp),
        "webhook-signature": vector.signature,
    }


@pytest.mark.parametrize("vector", VERIFYING, ids=lambda vector: vector.name)
def should_judge_as_everybody_does(vector: Verifying) -> None:
    with time_machine.travel(NOW, tick=False):
        if vector.accepted:
            verify(vector.body, vector.headers, vector.secrets)
        else:
            with pytest.raises(SignatureError):
                verify(vector.body, vector.headers, vector.secrets)


@pytest.mark.parametrize("vector", RECEIPTS, ids=lambda vector: vector.name)
def should_give_receipts_as_everybody_does(vector: Receipt) -> None:
    with time_machine.travel(NOW, tick=False):
        attempt = verify(vector.body, vector.headers, vector.secrets)

    assert attempt.receipt(vector.target) == vector.receipt


def should_give_receipts_as_the_documentation_shows() -> None:
    [example] = re.findall(
        r"```python\n(# pip install standardwebhooks\n.*?)```", PLATFORMS.read_text(), re.DOTALL
    )
    vector = RECEIPTS[0]
    names: dict[str, Any] = {"secret": vector.secrets[0], "body": vector.body, "headers": vector.headers}

    with time_machine.travel(NOW, tick=False):
        exec(example, names)

    assert names["answer"] == {"receipt": vector.receipt}


@pytest.mark.parametrize("target", [None, "handle_order"])
def should_give_no_receipt_that_could_pass_for_a_requests_signature(target: str | None) -> None:
    """Receivers refuse what is not a JSON object; so the body that a receipt is for is never a message."""
    signed = headers()
    receipt = verify(BODY, signed, [CURRENT]).receipt(target)

    assert receipt != signed["webhook-signature"]
    assert refused(BODY, signed | {"webhook-signature": receipt})


def should_sign_as_the_standards_library_does() -> None:
    at = datetime.now(UTC)

    assert headers(at=at)["webhook-signature"] == Webhook(CURRENT).sign(MESSAGE_ID, at, BODY)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def should_accept_any_body_that_it_signed(body: str) -> None:
    assert verify(body.encode(), headers(body), [CURRENT]).message_id == MESSAGE_ID


@pytest.mark.parametrize("secret", [CURRENT, PREVIOUS])
def should_accept_the_current_and_the_previous_secret(secret: str) -> None:
    assert verify(BODY, sign(BODY, MESSAGE_ID, [secret]), [CURRENT, PREVIOUS]).message_id == MESSAGE_ID


def should_accept_one_good_signature_among_others() -> None:
    assert verify(BODY, sign(BODY, MESSAGE_ID, [OTHER, CURRENT]), [CURRENT]).message_id == MESSAGE_ID


def should_accept_a_repeated_signature_header_as_api_gateway_joins_it() -> None:
    signed = sign(BODY, MESSAGE_ID, [OTHER, CURRENT])
    signed["webhook-signature"] = signed["webhook-signature"].replace(" ", ",")

    assert verify(BODY, signed, [CURRENT]).message_id == MESSAGE_ID


def should_take_headers_in_any_case() -> None:
    assert (
        verify(BODY, {name.title(): value for name, value in headers().items()}, [CURRENT]).message_id
        == MESSAGE_ID
    )


@given(st.integers(min_value=0), st.integers(1, 255))
def should_refuse_a_body_with_any_byte_flipped(position: int, flip: int) -> None:
    body = bytearray(BODY.encode())
    body[position % len(body)] ^= flip

    assert refused(bytes(body), headers())


@given(st.sampled_from(sorted(headers())), st.integers(min_value=0), st.integers(1, 255))
def should_refuse_a_header_with_any_byte_flipped(name: str, position: int, flip: int) -> None:
    signed = headers()
    value = bytearray(signed[name].encode())
    value[position % len(value)] ^= flip

    assert refused(BODY, signed | {name: value.decode("latin-1")})


@given(st.sampled_from(sorted(headers())), st.text())
def should_refuse_any_other_header(name: str, value: str) -> None:
    assert refused(BODY, headers() | {name: value})


@given(st.sampled_from(sorted(headers())), st.integers(min_value=0), st.text(min_size=1, max_size=3))
def should_refuse_a_header_with_anything_inserted(name: str, position: int, inserted: str) -> None:
    signed = headers()
    value = signed[name]
    # Before or after a whole signature, an insertion may be a separator or another element.
    at = 1 + position % (len(value) - 1)

    assert refused(BODY, signed | {name: value[:at] + inserted + value[at:]})


@pytest.mark.parametrize("name", sorted(headers()))
def should_refuse_a_request_without_one_of_the_headers(name: str) -> None:
    signed = headers()
    del signed[name]

    assert refused(BODY, signed)


@pytest.mark.parametrize("seconds", [-310, 310])
def should_refuse_a_message_outside_the_tolerance(seconds: int) -> None:
    assert refused(BODY, headers(at=datetime.now(UTC) + timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [-290, 290])
def should_accept_a_message_within_the_tolerance(seconds: int) -> None:
    assert not refused(BODY, headers(at=datetime.now(UTC) + timedelta(seconds=seconds)))


@pytest.mark.parametrize("spelling", ["{}.0", "{}.9", "+{}", " {}", "{}\n", "0{}", "{}e0"])
def should_refuse_another_spelling_of_the_signed_timestamp(spelling: str) -> None:
    signed = headers()

    assert refused(BODY, signed | {"webhook-timestamp": spelling.format(signed["webhook-timestamp"])})


@pytest.mark.parametrize("timestamp", ["nan", "inf", "1e400", "-1", "", "9" * 400, "١٧٠٠٠٠٠٠٠٠"])
def should_refuse_a_timestamp_that_is_none(timestamp: str) -> None:
    assert refused(BODY, headers() | {"webhook-timestamp": timestamp})


@pytest.mark.parametrize(
    "signature",
    ["v1", "v1,", "v1,a,b", ",", "v1,é", "v1,====", f"v1,whsec_{CURRENT}", "v1a,xx", "v2,xx", " ", "\0"],
)
def should_refuse_a_malformed_signature(signature: str) -> None:
    assert refused(BODY, headers() | {"webhook-signature": signature})


def should_skip_malformed_elements_beside_a_good_one() -> None:
    signed = headers()

    assert not refused(BODY, signed | {"webhook-signature": f"v1 v1a,x {signed['webhook-signature']}"})


def should_refuse_a_body_that_is_not_utf_8() -> None:
    assert refused(b"\xff\xfe", headers())


@pytest.mark.parametrize("secret", ["", "whsec_", "short", "not base64!" * 4, "é" * 64, "A" * 200])
def should_name_a_secret_that_cannot_sign_without_showing_it(secret: str) -> None:
    with pytest.raises(SecretError) as raised:
        verify(BODY, headers(), [secret])

    assert str(raised.value) == "a signing secret must be base64 of 24 to 64 bytes"


@pytest.mark.parametrize(("count", "accepted"), [(23, False), (24, True), (64, True), (65, False)])
def should_take_secrets_of_the_standards_length_only(count: int, *, accepted: bool) -> None:
    secret = base64.b64encode(b"s" * count).decode()

    if accepted:
        assert verify(BODY, sign(BODY, MESSAGE_ID, [secret]), [secret]).message_id == MESSAGE_ID
    else:
        with pytest.raises(SecretError):
            sign(BODY, MESSAGE_ID, [secret])
