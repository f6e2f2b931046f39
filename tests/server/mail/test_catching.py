"""In development the last messages are kept, newest first."""

from email.message import EmailMessage

import pytest

from counterfoil.server.mail.catching import MOST, Catcher

pytestmark = pytest.mark.anyio


async def test_the_last_ones_are_kept():
    catcher = Catcher()
    messages = [EmailMessage() for _ in range(MOST + 1)]
    for each in messages:
        await catcher.deliver(each)
    assert catcher.caught == messages[:0:-1]
