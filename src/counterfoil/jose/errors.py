"""What this floor raises: one error, with one of a closed list of reasons."""

from __future__ import annotations

from typing import Literal, TypeAlias

JoseReason: TypeAlias = Literal[
    "malformed",
    "oversized",
    "unknown_critical",
    "wrong_algorithm",
    "wrong_type",
    "unknown_key",
    "bad_signature",
    "undecryptable",
    "bad_key",
    "unsupported_key",
]


class JoseError(Exception):
    """A token, a key or a key set was refused.

    `reason` is stable and meant for programs; the text is a sentence for people.
    Neither ever contains a piece of the token or of a private key.
    """

    def __init__(self, reason: JoseReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason: JoseReason = reason
