"""Ports to serve on later; below those that the system hands out to whoever asks for any."""

import random
import socket
from contextlib import suppress

LOWEST, HIGHEST = 10_100, 32_000
"""Above 10080, the last that browsers refuse to open."""
ROW = 4


def free_port() -> int:
    """A port that is free, and the two after it."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(LOWEST, HIGHEST, ROW)
        with suppress(OSError):
            for each in range(port, port + ROW - 1):
                socket.create_server(("127.0.0.1", each)).close()
            return port
