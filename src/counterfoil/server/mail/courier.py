"""What carries a message away, and how that fails."""

from email.message import EmailMessage
from typing import Final, Protocol

LONGEST: Final = 90
"""Seconds for a message at most, with all the steps that it takes."""


class NotNow(Exception):
    """The message was not taken, or nobody knows whether it was: it is tried again."""


class Undeliverable(Exception):
    """The message is refused, and always will be."""


class Courier(Protocol):
    """Carries messages away."""

    async def deliver(self, message: EmailMessage) -> None:
        """Hand a message over to whoever sends it on.

        Raises:
            NotNow: later, perhaps.
            Undeliverable: never.
        """
