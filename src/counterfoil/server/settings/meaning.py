"""What a setting is for, and its bounds: written at its type in the table."""

from typing import Final

from msgspec import Meta

MINUTE: Final = 60
DAY: Final = 24 * 60 * MINUTE


def number(help: str, least: int, most: int | None = None, unit: str = "") -> Meta:  # noqa: A002
    """Describe a number from ``least`` to ``most``."""
    return Meta(ge=least, le=most, description=help, extra={"unit": unit})


def seconds(help: str, least: int = 1, most: int | None = None) -> Meta:  # noqa: A002
    """Describe a time in whole seconds."""
    return number(help, least, most, "seconds")


def words(help: str) -> Meta:  # noqa: A002
    """Describe what is no number."""
    return Meta(description=help)
