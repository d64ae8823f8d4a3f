"""The page as one HTML file that needs nothing else."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tools.review.page import Page, visible

# Behind a separator, where no other follows.
_SEPARATED = re.compile(r"(?<=\w[/:,])(?![/:,])")


def html(page: Page) -> str:
    """Return the page; everything in it is escaped by the template engine."""
    environment = Environment(
        loader=PackageLoader("tools.review", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    environment.filters["breakable"] = breakable
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("page.html.j2").render(page=page)


def breakable(text: str) -> Markup:
    """Return a name that may be broken into lines behind its separators, and else nowhere."""
    return Markup("<wbr>").join(escape(part) for part in _SEPARATED.split(text))
