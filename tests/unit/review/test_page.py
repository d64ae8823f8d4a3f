"""Names come from users: whatever they hold, both pages show it as text, in its own cell."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tools.review.html import html
from tools.review.markdown import markdown
from tools.review.page import (
    AnyBlock,
    Badge,
    Block,
    Code,
    Details,
    Listing,
    Page,
    Paragraph,
    Section,
    Table,
    visible,
)

NASTY = [
    "a|b",
    "`x`",
    "``",
    "`",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://example.com/y.png)",
    "**bold** _it_ ~~gone~~",
    "a\nb",
    "\\|",
    "\\`",
    "&lt;",
    "@everyone",
    "  spaced  ",
    "# no heading",
    "{{ 7 * 7 }}{% raw %}",
    "-- ]]> --></style></code>",
    "\u202ereversed",
    "",
]


def page(text: str) -> Page:
    table = Table(
        ["name", "also", "third"], [[[Code(text)], [text, Code(text, "new")], [Badge("end", "new")]]]
    )
    blocks: list[AnyBlock] = [Paragraph([text]), Listing([[Code(text)]]), table, Details(text, [table])]
    return Page(text, [Section(text, blocks)])


class _Text(HTMLParser):
    """What a browser would show of each cell, and which elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def read(document: str) -> _Text:
    reader = _Text()
    reader.feed(document)
    return reader


def rendered(text: str) -> _Text:
    """The Markdown as GitHub would show it: raw HTML counts."""
    return read(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown(page(text))))


def squeezed(text: str) -> str:
    return " ".join(visible(text).split()) or "–"


@pytest.mark.parametrize("text", NASTY)
def should_show_any_name_as_text_in_html(text: str) -> None:
    found = read(html(page(text)))
    assert " ".join(found.cells[0].split()) == squeezed(text)
    assert found.tags.isdisjoint({"script", "img", "strong", "em"})


@pytest.mark.parametrize("text", NASTY)
def should_show_any_name_as_text_in_markdown(text: str) -> None:
    found = rendered(text)
    assert len(found.cells) == 6
    assert " ".join(found.cells[0].split()) == squeezed(text)
    assert "".join(found.cells[1].split()) == "".join(f"{visible(text)}new{squeezed(text)}".split())
    assert found.cells[2] == "end"
    assert found.tags.isdisjoint({"script", "img", "a", "em"})


@given(st.text(max_size=30))
def should_keep_cells_apart_whatever_is_in_them(text: str) -> None:
    cells = rendered(text).cells
    assert (len(cells), cells[2]) == (6, "end")
    assert " ".join(cells[0].split()) == squeezed(text)


def should_keep_a_block_in_its_fence() -> None:
    text = "select '```';\n````\n-- end"
    shown = Page("x", [Section("y", [Block(text, "sql")])])
    tokens = [t for t in MarkdownIt("commonmark").parse(markdown(shown)) if t.type == "fence"]
    assert [token.content for token in tokens] == [f"{text}\n"]
    assert "<pre" in html(shown)


def should_need_nothing_from_elsewhere() -> None:
    document = html(page("x"))
    assert "http://" not in document
    assert "https://" not in document
    assert "src=" not in document


def should_show_what_hides() -> None:
    assert visible("a\u202eb\u200bc\x07") == "a\\u202eb\\u200bc\\u0007"
