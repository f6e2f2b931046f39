"""The atlas: addresses to places, from a file of countries or cities (MaxMind DB format 2.0).

The whole file is held in memory, so that no request reads it, and so that whoever overwrites it in
place tears nothing that is in use.
"""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from counterfoil.oauth.addresses import address_in
from counterfoil.server.records.place import NOWHERE, TOWN_KM, Place, Point

if TYPE_CHECKING:
    from maxminddb.reader import Reader

LOOK_SECONDS: Final = 30
"""How often it is looked whether the file has changed."""
_KINDS: Final = ("country", "city", "enterprise", "location")
_LONGEST: Final = 80
_LOG: Final = logging.getLogger(__name__)


class BadAtlas(Exception):
    """The file cannot be used; says why."""


class _Stamp(Struct, frozen=True):
    changed: int
    size: int
    inode: int


class Atlas:
    """Knows the places of addresses. Without a file it knows none, and nothing else changes."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._reader: Reader | None = None
        self._said = ""

    def find(self, address: str) -> Place:
        """Give the place of an address; ``NOWHERE`` where it is not known. No input or output."""
        read = address_in(address)
        if self._reader is None or read is None:
            return NOWHERE
        try:
            return place_in(self._reader.get(read))
        except Exception:  # whatever is wrong inside the file: a place is a guess, a sign-in is not
            return NOWHERE

    def describe(self, address: str) -> str:
        """Name the place of an address, with the address, for a place is a guess."""
        name = self.find(address).name
        return f"{name} ({address})" if name else address

    def look(self) -> None:
        """Read the file if it is another than before; a bad one changes nothing. It reads a disk.

        What is wrong is logged, once.
        """
        if self._path is None:
            return
        stamp: _Stamp | None = None
        try:
            stamp = _stamp_of(self._path)
            if stamp == self._stamp:
                return
            self._reader = opened(self._path)
        except (BadAtlas, OSError) as error:
            self._say(str(error))
        else:
            self._said = ""
            _LOG.info("places are known from %s", self._path)
        self._stamp = stamp

    async def run(self) -> None:
        """Look for another file now and then, until cancelled."""
        while self._path is not None:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def _say(self, what: str) -> None:
        if what == self._said:
            return
        self._said = what
        before = "the file from before stays in use" if self._reader else "places are not known"
        _LOG.error("places_file cannot be used: %s; %s", what, before)


def opened(path: Path) -> "Reader":
    """Read a whole file into memory.

    Raises:
        BadAtlas: it is none of places, or the library is missing.
        OSError: it cannot be read.
    """
    try:
        import maxminddb
    except ModuleNotFoundError:
        raise BadAtlas("it needs maxminddb: pip install 'counterfoil[server,places]'") from None
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except OSError:
        raise
    except Exception:  # what a damaged file raises is many things
        raise BadAtlas(f"{path} is no whole file in the MaxMind DB format (.mmdb)") from None
    kind = reader.metadata().database_type
    if not any(word in kind.casefold() for word in _KINDS):
        raise BadAtlas(f"{path} is a file of {kind!r}: one of countries or of cities is needed")
    return reader


def _stamp_of(path: Path) -> _Stamp:
    found = path.stat()
    return _Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


def place_in(record: Any) -> Place:
    """Read a record, nested as MaxMind and DB-IP have it, or flat as others do."""
    if not isinstance(record, dict):
        return NOWHERE
    nested = record.get("country")
    country: dict[str, Any] = nested if isinstance(nested, dict) else {}
    code = country.get("iso_code") or record.get("country_code") or nested
    city = _words(_named(record.get("city")))
    return Place(
        country=_words(code),
        city=city,
        country_name=_words(_named(country)),
        # The middle of a country is no place, unless the file says how far from it somebody may be.
        point=_point_in(record, TOWN_KM if city else None),
    )


def _named(thing: Any) -> Any:
    names = thing.get("names") if isinstance(thing, dict) else None
    return names.get("en") if isinstance(names, dict) else thing


def _words(thing: Any) -> str:
    text = thing.strip()[:_LONGEST] if isinstance(thing, str) else ""
    return text if text.isprintable() else ""


def _point_in(record: dict[str, Any], unless_said: int | None) -> Point | None:
    nested = record.get("location")
    location: dict[str, Any] = nested if isinstance(nested, dict) else record
    said = location.get("accuracy_radius") or unless_said
    if said is None:
        return None
    try:
        latitude, longitude = float(location["latitude"]), float(location["longitude"])
        radius = int(said)
    except (KeyError, TypeError, ValueError):
        return None
    is_there = abs(latitude) <= 90 and abs(longitude) <= 180 and radius >= 0
    return Point(latitude, longitude, radius) if is_there else None
