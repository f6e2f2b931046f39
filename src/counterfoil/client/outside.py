"""What a client takes from outside: time and chance, which a test can put in its hands."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct


class Outside(Struct, frozen=True):
    """Time in seconds since the epoch, and random bytes."""

    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes


REAL: Final = Outside()
