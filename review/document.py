"""The page of a review, section by section."""

from review.page import Page
from review.review import Review
from review.sections.database import database
from review.sections.entrances import entrances
from review.sections.findings import findings
from review.sections.permissions import permissions
from review.sections.price import price
from review.sections.resources import resources
from review.sections.secrets import secrets
from review.sections.summary import summary

_SECTIONS = (summary, resources, permissions, entrances, secrets, findings, database, price)


def document(review: Review) -> Page:
    """Return the page."""
    return Page(f"Review of stage {review.head.stage}", [section(review) for section in _SECTIONS])
