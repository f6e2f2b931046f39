"""The text of one letter in one language."""

from msgspec import Struct


class Words(Struct, frozen=True):
    """The sentences of one letter; names in braces are values of the letter.

    ``button`` is what the link is called; empty where there is none.
    """

    subject: str
    before: tuple[str, ...]
    button: str
    after: tuple[str, ...] = ()
