"""A place in the world, as a file of addresses tells it: a guess, and coarse. Pure."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

from msgspec import Struct

_EARTH_KM: Final = 6_371.0
TOWN_KM: Final = 50
"""The radius of a city whose file states none."""


class Point(Struct, frozen=True):
    """Degrees north and east, true to so many kilometres."""

    latitude: float
    longitude: float
    radius: int = TOWN_KM


class Place(Struct, frozen=True):
    """A country by its code (ISO 3166-1), and the city where that is known.

    ``point`` is where that is; only files of cities tell it.
    """

    country: str = ""
    city: str = ""
    country_name: str = ""
    point: Point | None = None

    @property
    def key(self) -> str:
        """What counts as the same place; empty where nothing is known."""
        return f"{self.country}/{self.city}" if self.city else self.country

    @property
    def name(self) -> str:
        """What people call it; empty where nothing is known."""
        country = self.country_name or self.country
        return ", ".join(part for part in (self.city, country) if part)


NOWHERE: Final = Place()
"""Nothing is known of an address."""


def kilometres(one: Point, other: Point) -> int:
    """Give how far two points are apart at least: their distance less what is not sure of both."""
    return max(0, round(_distance(one, other)) - one.radius - other.radius)


def _distance(one: Point, other: Point) -> float:
    """Give the great-circle distance, by the haversine formula."""
    north, north_too = radians(one.latitude), radians(other.latitude)
    half_up = (north_too - north) / 2
    half_across = radians(other.longitude - one.longitude) / 2
    square = sin(half_up) ** 2 + cos(north) * cos(north_too) * sin(half_across) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(square)))
