"""How hard a password is to guess: by zxcvbn, never by which characters it has (ASVS 5.0 §6.2).

Its lists hold 30 000 passwords that are in common use. What the person is called counts as known.
They take 15 MB: they are loaded with the first password that somebody chooses, in its thread.
"""

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from counterfoil.server.records.sentence import Row, say

_ENOUGH: Final = 2
"""Of 4. Whoever guesses at a server that pauses is held off for good; the hash does the rest."""
_LOOKED_AT: Final = 72
"""Characters. More only make it stronger, and take longer to look at."""
_WORD: Final = re.compile(r"\w{3,}")
_WORDS_AT_MOST: Final = 20
_TOO_COMMON: Final = say("Many people use this password, so it is tried first.")
_WHY: Final = MappingProxyType(
    {
        "dictionary": say("It is a word or a name that is tried early, or is made of such."),
        "spatial": say("It is a row of keys that lie beside each other."),
        "repeat": say("It repeats itself."),
        "sequence": say("It is a sequence, such as abc or 123."),
        "regex": say("It is a year."),
        "date": say("It is a date."),
    }
)
_ADVICE: Final = say("Take three or four words that have nothing to do with each other.")


def weakness(password: str, about: Iterable[str] = ()) -> str | None:
    """Say why a password is too easy to guess, in a sentence for the person; ``None``: it is not.

    ``about`` is what the guesser knows: the person's name and address, and the name of this place.
    """
    from zxcvbn import zxcvbn
    from zxcvbn.matching import RANKED_DICTIONARIES

    looked_at = password[:_LOOKED_AT]
    if looked_at.casefold() in RANKED_DICTIONARIES["passwords"] and len(password) <= _LOOKED_AT:
        return Row((_TOO_COMMON, _ADVICE))
    known = [word for text in about for word in (text.casefold(), *_WORD.findall(text.casefold()))]
    found = zxcvbn(looked_at, known[:_WORDS_AT_MOST], max_length=_LOOKED_AT)
    if found["score"] >= _ENOUGH:
        return None
    longest = max(found["sequence"], key=lambda part: len(part["token"]), default={"pattern": ""})
    why = _WHY.get(longest["pattern"], say("It is too short for how it is made."))
    return Row((say("This password is easily guessed."), why, _ADVICE))
