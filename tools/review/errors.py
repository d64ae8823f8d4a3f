"""What keeps a review from being written."""


class ReviewError(Exception):
    """Says what could not be had, by its name, and what helps."""
