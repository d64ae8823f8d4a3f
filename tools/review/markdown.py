"""The page as Markdown, as GitHub reads it."""

import re
from collections.abc import Iterator, Sequence

from tools.review.page import (
    AnyBlock,
    Badge,
    Block,
    Cell,
    Code,
    Details,
    Inline,
    Listing,
    Page,
    Paragraph,
    Table,
    visible,
)

# Whatever could be read as Markdown or HTML within a line; "@" would call a person on GitHub.
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&!$]")


def markdown(page: Page) -> str:
    """Return the page."""
    parts = [f"# {words(page.title)}"]
    for section in page.sections:
        parts.append(f"## {words(section.title)}")
        parts += [text for block in section.blocks for text in _block(block)]
    return "\n\n".join(parts) + "\n"


def words(text: str) -> str:
    """Return text that stands for itself, on one line."""
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", visible(text)).replace("@", "&#64;")


def code(text: str, *, in_table: bool = False) -> str:
    """Return text in backticks, more of them than it has itself."""
    shown = visible(text)
    if not shown.strip():
        return "–"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    # A space each is taken off again.
    inner = f" {shown} " if shown.startswith("`") or shown.endswith("`") else shown
    written = f"{fence}{inner}{fence}"
    return written.replace("|", "\\|") if in_table else written


def _block(block: AnyBlock) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _joined(block.words)
        case Listing():
            yield "\n".join(f"- {_joined(point)}" for point in block.points)
        case Table():
            yield "\n".join(_table(block))
        case Block():
            longest = max(map(len, re.findall("`+", block.text)), default=0)
            fence = "`" * max(3, longest + 1)
            yield f"{fence}{block.language}\n{visible(block.text, lines=True)}\n{fence}"
        case Details():
            yield f"<details>\n<summary>{words(block.summary)}</summary>"
            for inner in block.blocks:
                yield from _block(inner)
            yield "</details>"


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(words, table.columns))} |"
    rules = ("---:" if number in table.numeric else "---" for number in range(len(table.columns)))
    yield f"|{'|'.join(rules)}|"
    for row in table.rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(cell: Cell) -> str:
    return "<br>".join(_inline(each, in_table=True) for each in cell)


def _joined(inlines: Sequence[Inline]) -> str:
    return "".join(_inline(each, in_table=False) for each in inlines)


def _inline(inline: Inline, *, in_table: bool) -> str:
    match inline:
        case str():
            return words(inline)
        case Badge():
            return f"**{words(inline.word)}**" if inline.word else ""
        case Code(text, "new"):
            return f"**new** {code(text, in_table=in_table)}"
        case Code(text, "removed"):
            return f"~~{code(text, in_table=in_table)}~~"
        case Code(text):
            return code(text, in_table=in_table)
