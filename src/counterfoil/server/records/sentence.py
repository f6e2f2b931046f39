"""Sentences for people: text in English that knows how it is said in another language.

The English text is its name in the catalogues of the pages. As text it is plain English, which is
what the wire, the log and the command line say of it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
from msgspec import Struct

_NAME: Final = re.compile(r"\{(\w+)\}")


class Tongue(Protocol):
    """A language in which sentences are said."""

    def translate(self, english: str) -> str:
        """Give the pattern of a sentence in this language."""

    def translate_many(self, one: str, many: str, count: int) -> str:
        """Give the pattern of a sentence that is about so many things."""

    def day(self, moment: int) -> str:
        """Name the day of a moment, in UTC."""

    def minute(self, moment: int) -> str:
        """Name a moment to the minute, in UTC, and say that it is."""

    def listed(self, parts: tuple[str, ...]) -> str:
        """Say that it is all of these."""


class Sentence(str):
    """Text in English. Whoever joins, cuts or formats it gets English, and no sentence any more.

    What writes JSON knows plain text alone: there it is ``str(sentence)``.
    """

    __slots__ = ()

    def said_in(self, tongue: Tongue) -> str:
        """Say it in another language: where nothing is put in, it is its own name there."""
        return tongue.translate(str(self))


class _Saying(Sentence):
    __slots__ = ("_count", "_many", "_one", "_values")
    _one: str
    _many: str
    _count: int
    _values: Mapping[str, object]

    def said_in(self, tongue: Tongue) -> str:
        if self._many:
            pattern = tongue.translate_many(self._one, self._many, self._count)
        else:
            pattern = tongue.translate(self._one)
        return _filled(pattern, {name: spoken(each, tongue) for name, each in self._values.items()})


class Day(Sentence):
    """The day of a moment (seconds since the epoch), in UTC."""

    __slots__ = ("at",)
    at: int

    def __new__(cls, moment: int) -> "Day":
        day = datetime.fromtimestamp(moment, UTC)
        made = super().__new__(cls, f"{day.day} {day:%B %Y}")
        made.at = moment
        return made

    def said_in(self, tongue: Tongue) -> str:
        """Name the day as the language does."""
        return tongue.day(self.at)


class Minute(Sentence):
    """A moment (seconds since the epoch) to the minute, in UTC."""

    __slots__ = ("at",)
    at: int

    def __new__(cls, moment: int) -> "Minute":
        time = datetime.fromtimestamp(moment, UTC)
        made = super().__new__(cls, f"{Day(moment)}, {time:%H:%M} UTC")
        made.at = moment
        return made

    def said_in(self, tongue: Tongue) -> str:
        """Name the moment as the language does."""
        return tongue.minute(self.at)


class Row(Sentence):
    """Texts one after the other, with a mark between them that is the same in every language."""

    __slots__ = ("_mark", "_parts")
    _parts: tuple[str, ...]
    _mark: str

    def __new__(cls, parts: tuple[str, ...], mark: str = " ") -> "Row":
        made = super().__new__(cls, mark.join(parts))
        made._parts, made._mark = parts, mark
        return made

    def said_in(self, tongue: Tongue) -> str:
        """Say each in the language."""
        return self._mark.join(spoken(each, tongue) for each in self._parts)


class Listed(Sentence):
    """Texts of which all hold: "a", "a and b", "a, b and c"."""

    __slots__ = ("_parts",)
    _parts: tuple[str, ...]

    def __new__(cls, parts: tuple[str, ...]) -> "Listed":
        *before, last = parts
        made = super().__new__(cls, f"{', '.join(before)} and {last}" if before else last)
        made._parts = parts
        return made

    def said_in(self, tongue: Tongue) -> str:
        """List them as the language does."""
        return tongue.listed(tuple(spoken(each, tongue) for each in self._parts))


def say(english: str, /, **values: object) -> Sentence:
    """Make a sentence; names in braces in it are ``values``, which may be sentences themselves.

    What the catalogues hold is read off the calls of this function: ``english`` is written there,
    or stands in a table that the extraction knows. What is a sentence already stays that one.
    """
    if isinstance(english, Sentence):
        return english
    return _said(english, "", 0, values) if values else Sentence(english)


def say_many(one: str, many: str, count: int, /, **values: object) -> Sentence:
    """Make a sentence that is about so many things; ``{count}`` in it is how many."""
    return _said(one, many, count, {"count": count, **values})


class _Kept(Struct, frozen=True, array_like=True):
    """What a sentence was made from."""

    one: str
    many: str
    count: int
    values: "dict[str, _Kept | int | str]"


def kept(sentences: Iterable[str]) -> str:
    """Write down what sentences were made from, in one line, so that they can be said again."""
    return msgspec.json.encode([_kept(each) for each in sentences]).decode()


def said_again(text: str) -> tuple[str, ...]:
    """Give the sentences that ``kept`` wrote down; none where it did not."""
    try:
        found = msgspec.json.decode(text, type=tuple[_Kept, ...])
    except msgspec.DecodeError:
        return ()
    return tuple(_again(each) for each in found)


def spoken(value: object, tongue: Tongue) -> str:
    """Give any value as text of a language; what is no sentence stays as it is."""
    return value.said_in(tongue) if isinstance(value, Sentence) else str(value)


def _said(one: str, many: str, count: int, values: Mapping[str, object]) -> _Saying:
    made = _Saying(_filled(many if many and count != 1 else one, values))
    made._one, made._many, made._count, made._values = one, many, count, values
    return made


def _kept(sentence: str) -> _Kept:
    if not isinstance(sentence, _Saying):
        return _Kept(str(sentence), "", 0, {})
    values = {name: _kept_value(each) for name, each in sentence._values.items()}
    return _Kept(sentence._one, sentence._many, sentence._count, values)


def _kept_value(value: object) -> _Kept | int | str:
    if isinstance(value, Sentence):
        return _kept(value)
    return value if isinstance(value, int) else str(value)


def _again(found: _Kept) -> Sentence:
    values = {
        name: _again(each) if isinstance(each, _Kept) else each
        for name, each in found.values.items()
    }
    return _said(found.one, found.many, found.count, values)


def _filled(pattern: str, values: Mapping[str, object]) -> str:
    """Put values in. Nothing in them is read as a pattern, and a name that has none stays."""
    return _NAME.sub(lambda found: str(values.get(found[1], found[0])), pattern)
