"""The page, apart from how it is written: Markdown and HTML are made from this."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Mark = Literal["new", "changed", "removed", "replaced", ""]


@dataclass(frozen=True)
class Code:
    """A name or a value, as it is written; `mark` for one that is new or removed beside others that stay."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Badge:
    """A word that tells what became of a row, in the colour of its mark."""

    word: str
    mark: Mark


Inline = str | Code | Badge
# Each on a line of its own.
Cell = Sequence[Inline]


@dataclass(frozen=True)
class Paragraph:
    """Words in a row."""

    words: Sequence[Inline]


@dataclass(frozen=True)
class Listing:
    """Points, of words in a row each."""

    points: Sequence[Sequence[Inline]]


@dataclass(frozen=True)
class Table:
    """Rows of cells; `numeric` columns, by their number, are set flush right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Sequence[int] = ()


@dataclass(frozen=True)
class Block:
    """Text that keeps its lines, such as SQL."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Details:
    """What is folded away, under a sentence that says what it is."""

    summary: str
    blocks: Sequence["AnyBlock"]


AnyBlock = Paragraph | Listing | Table | Block | Details


@dataclass(frozen=True)
class Section:
    """A heading and what is under it."""

    title: str
    blocks: Sequence[AnyBlock]

    @property
    def anchor(self) -> str:
        """What links to it."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())


@dataclass(frozen=True)
class Page:
    """All of it."""

    title: str
    sections: Sequence[Section] = field(default_factory=list)


def visible(text: str, *, lines: bool = False) -> str:
    """Return text in which nothing hides: controls, and what reverses or joins letters, by their number.

    Args:
        text: from a template.
        lines: whether it keeps its lines.
    """
    return "".join(_visible(letter, lines=lines) for letter in text)


def _visible(letter: str, *, lines: bool) -> str:
    if letter == "\n":
        return "\n" if lines else " ↵ "
    if letter == "\t":
        return " "
    hidden = unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
    return f"\\u{ord(letter):04x}" if hidden else letter
