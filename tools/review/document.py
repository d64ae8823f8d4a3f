"""The page of a review, section by section."""

from tools.review.page import Page
from tools.review.review import Review
from tools.review.sections.database import database
from tools.review.sections.entrances import entrances
from tools.review.sections.findings import findings
from tools.review.sections.permissions import permissions
from tools.review.sections.price import price
from tools.review.sections.resources import resources
from tools.review.sections.secrets import secrets
from tools.review.sections.summary import summary

_SECTIONS = (summary, resources, permissions, entrances, secrets, findings, database, price)


def document(review: Review) -> Page:
    """Return the page."""
    return Page(f"Review of stage {review.head.stage}", [section(review) for section in _SECTIONS])
