"""User codes: what a person reads off one screen and types on another (RFC 8628 §6.1). Pure.

Consonants alone, so that no word comes about and nothing looks like something else: 34 bits.
"""

from collections.abc import Callable
from typing import Final

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8
MOST_TYPED: Final = 64
"""Whatever is longer is no code, however it is spaced."""
_FAIR: Final = 256 - 256 % len(ALPHABET)
_BYTES: Final = 2 * LENGTH
_HALF: Final = LENGTH // 2


def new_user_code(random: Callable[[int], bytes]) -> str:
    """Draw a code, each letter as likely as any other. ``random`` gives so many random bytes."""
    code = ""
    while len(code) < LENGTH:
        code += "".join(ALPHABET[b % len(ALPHABET)] for b in random(_BYTES) if b < _FAIR)
    return code[:LENGTH]


def shown(code: str) -> str:
    """Give a code as people read it: ``XXXX-XXXX``."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def read(typed: str) -> str | None:
    """Read what somebody typed, whatever its case, spaces and marks; ``None``: it is no code."""
    if len(typed) > MOST_TYPED or not typed.isascii():
        return None
    code = "".join(character for character in typed.upper() if character.isalnum())
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None
