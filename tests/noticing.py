"""People who sign in from somewhere in the world, through a proxy that says from where."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from counterfoil.server.records.event import Event, EventKind, EventQuery
from counterfoil.server.records.habits import Habits
from tests.installation import Installation, Person, installed
from tests.mmdb import BERLIN, NEW_YORK, POTSDAM, SYDNEY, write

HOME, OFFICE, FAR, THERE = "192.0.2.7", "198.51.100.7", "203.0.113.7", "2001:db8:7::7"
"""In Berlin, in Potsdam, in Sydney, in New York."""
PLACES = {
    "192.0.2.0/24": BERLIN,
    "198.51.100.0/24": POTSDAM,
    "203.0.113.0/24": SYDNEY,
    "2001:db8:7::/48": NEW_YORK,
}
NOTICED = (
    EventKind.NEW_DEVICE,
    EventKind.NEW_PLACE,
    EventKind.IMPOSSIBLE_TRAVEL,
    EventKind.UNUSUAL_TIME,
    EventKind.FAILURES_BEFORE,
    EventKind.REFRESHED_ELSEWHERE,
)
DAY = 24 * 60 * 60


@asynccontextmanager
async def in_the_world(data: Path, **settings: Any) -> AsyncIterator[Installation]:
    """An installation behind a proxy, which knows places and catches its mail."""
    places = write(data / "places.mmdb", PLACES)
    given = {
        "issuer": "http://localhost:8000",
        "trusted_proxies": ["127.0.0.1"],
        "places_file": str(places),
        "sign_in_rate_per_minute": 1_000_000,
        "sign_in_tries": 100,
    }
    async with installed(data / "data", **given | settings) as place:
        yield place


def browser_at(place: Installation, address: str, **options: Any) -> Any:
    """A new browser somewhere."""
    return place.browser(headers={"x-forwarded-for": address, "user-agent": FIREFOX}, **options)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def signed_in_from(place: Installation, address: str, email: str = "") -> str:
    """Sign Ada in by a new browser; gives the page that follows."""
    async with browser_at(place, address) as browser:
        person = Person(place, browser)
        page = await person.sign_in(await browser.get("/sign-in"), email)
        return str(page.text)


async def lives_at_home(place: Installation, email: str = "", days: int = 1) -> None:
    """Let something be known of Ada, or of somebody else."""
    for _ in range(days):
        await signed_in_from(place, HOME, email)
        place.clock.turn(DAY)


async def noticed(place: Installation, *kinds: EventKind) -> list[Event]:
    """What was noticed so far, newest first; of these kinds, or of all."""
    found = list[Event]()
    for kind in kinds or NOTICED:
        query = EventQuery(kind=kind)
        found += await place.authority.store.read(lambda tx, query=query: tx.events.find(query))
    return sorted(found, key=lambda event: -event.number)


async def scores(place: Installation) -> dict[str, int]:
    """The newest score of each kind."""
    return {each.kind.value: int(each.detail["score"]) for each in (await noticed(place))[::-1]}


async def habits_of(place: Installation, user_id: str = "") -> Habits:
    """What is known of Ada, or of somebody else."""
    whose = user_id or (place.user.id if place.user else "")
    return await place.authority.store.read(lambda tx: tx.habits.of_user(whose))
