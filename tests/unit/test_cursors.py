"""A cursor holds a key and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bridge import cursors

if TYPE_CHECKING:
    from uuid import UUID


@given(st.uuids(), st.integers(-(2**63), 2**63 - 1))
def should_read_a_cursor_back(uuid: UUID, number: int) -> None:
    assert cursors.to_uuid(cursors.of_uuid(uuid)) == uuid
    assert cursors.to_int64(cursors.of_int64(number)) == number


@given(
    st.from_regex(cursors.UUID_PATTERN, fullmatch=True), st.from_regex(cursors.INT64_PATTERN, fullmatch=True)
)
def should_find_a_key_in_every_text_of_its_form(of_uuid: str, of_int64: str) -> None:
    assert cursors.to_uuid(of_uuid.strip()).int >= 0
    assert abs(cursors.to_int64(of_int64.strip())) <= 2**63
