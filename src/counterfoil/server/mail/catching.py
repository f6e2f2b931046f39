"""In development mail is caught, and shown at a page: nothing leaves the machine."""

from collections import deque
from email.message import EmailMessage
from typing import Final

MOST: Final = 50


class Catcher:
    """Keeps the last messages in memory. It is there in development only."""

    def __init__(self) -> None:
        self._caught: deque[EmailMessage] = deque(maxlen=MOST)

    async def deliver(self, message: EmailMessage) -> None:
        """Keep a message."""
        self._caught.append(message)

    @property
    def caught(self) -> list[EmailMessage]:
        """What was caught, newest first."""
        return list(reversed(self._caught))
