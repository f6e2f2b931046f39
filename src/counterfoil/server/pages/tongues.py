"""The languages in which pages are said: catalogues of gettext, and Babel's dates and lists.

English needs none of it: its sentences are the names in the catalogues. Another language is read
when the first page in it is written.
"""

import gettext
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from counterfoil.server.records.language import ENGLISH
from counterfoil.server.records.sentence import Day, Listed, Minute, Tongue

CATALOGUES: Final = Path(__file__).parent / "locale"
OWN_NAMES: Final = (("en", "English"), ("de", "Deutsch"))
"""What each language is called in itself."""


class English:
    """The language in which everything is written."""

    def translate(self, english: str) -> str:
        """Give it as it is."""
        return english

    def translate_many(self, one: str, many: str, count: int) -> str:
        """Choose by the number."""
        return one if count == 1 else many

    def day(self, moment: int) -> str:
        """Name the day of a moment, in UTC."""
        return str(Day(moment))

    def minute(self, moment: int) -> str:
        """Name a moment to the minute, in UTC."""
        return str(Minute(moment))

    def listed(self, parts: tuple[str, ...]) -> str:
        """Say that it is all of these."""
        return str(Listed(parts))


class Translated:
    """A language with a catalogue; Babel knows its dates, plural forms and lists."""

    def __init__(self, language: str) -> None:
        # Whoever reads English waits for none of these.
        from babel.core import Locale  # noqa: PLC0415

        self._locale: Final = Locale.parse(language)
        self._catalogue: Final = _read(language)

    def translate(self, english: str) -> str:
        """Look a sentence up; one that is not there stays English."""
        # By the empty name a catalogue gives what it says of itself.
        return self._catalogue.gettext(english) if english else ""

    def translate_many(self, one: str, many: str, count: int) -> str:
        """Look a sentence up by the number in it."""
        return self._catalogue.ngettext(one, many, count)

    def day(self, moment: int) -> str:
        """Name the day of a moment, in UTC."""
        from babel.dates import format_date  # noqa: PLC0415

        return format_date(_at(moment), "long", locale=self._locale)

    def minute(self, moment: int) -> str:
        """Name a moment to the minute, in UTC, and say that it is."""
        from babel.dates import format_time  # noqa: PLC0415

        time = format_time(_at(moment), "short", locale=self._locale)
        return f"{self.day(moment)}, {time} UTC"

    def listed(self, parts: tuple[str, ...]) -> str:
        """Say that it is all of these."""
        from babel.lists import format_list  # noqa: PLC0415

        return format_list(parts, locale=self._locale)


def tongue_of(language: str) -> Tongue:
    """Give one of our languages."""
    return English() if language == ENGLISH else Translated(language)


def catalogue_of(language: str) -> Path:
    """Say where the sentences of a language stand."""
    return CATALOGUES / language / "LC_MESSAGES" / "messages.po"


def _read(language: str) -> gettext.GNUTranslations:
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with catalogue_of(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
