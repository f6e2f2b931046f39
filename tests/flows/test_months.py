"""A mobile app stays signed in for months: no password is asked for meanwhile (S23)."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_header
from counterfoil.server.janitor import Janitor
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import Installation, Person, installed, restarted, token_request

pytestmark = pytest.mark.anyio

DAY = 86_400
HALF_A_YEAR = 183 * DAY
RESTARTS = (40 * DAY, 100 * DAY, 150 * DAY)


class Phone:
    """A public app that keeps nothing but its refresh token, and is opened now and then."""

    def __init__(self, tokens: dict[str, Any]) -> None:
        self.tokens = tokens

    async def open(self, place: Installation, *, loses_the_answer: bool) -> None:
        """Refresh, as at every opening; an answer that is lost is asked for again."""
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        answer = await token_request(place, "spa", **form)
        assert answer.status_code == 200, answer.text
        if loses_the_answer:
            place.clock.turn(3)
            answer = await token_request(place, "spa", **form)
            assert answer.status_code == 200, answer.text
        self.tokens = dict(answer.json())


async def works(place: Installation, token: str) -> bool:
    async with place.browser() as app:
        bearer = {"authorization": f"Bearer {token}"}
        return (await app.get("/userinfo", headers=bearer)).status_code == 200


async def test_a_mobile_app_stays_signed_in_for_half_a_year(tmp_path: Path):
    """S23, S35: daily, then weekly; restarts, keys that turn by themselves, sweeps
    and lost answers in between.
    """
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(AsyncExitStack())
        place = await running.enter_async_context(installed(tmp_path))
        async with place.browser() as browser:
            person = Person(place, browser)
            phone = Phone(await person.tokens("spa", scope="openid offline_access notes:read"))
        begun, restarts, kids, openings = place.clock(), list(RESTARTS), set(), 0
        while place.clock() < begun + HALF_A_YEAR:
            since = place.clock() - begun
            place.clock.turn(DAY if since < 14 * DAY else 7 * DAY)
            if restarts and since >= restarts[0]:
                restarts.pop(0)
                await running.aclose()
                running = await stack.enter_async_context(AsyncExitStack())
                place = await running.enter_async_context(restarted(place))
            authority = place.authority
            assert await Janitor(authority.store, authority.rotation, "a test").tick()
            await phone.open(place, loses_the_answer=openings % 10 == 9)
            assert await works(place, phone.tokens["access_token"])
            kids.add(str(unverified_header(phone.tokens["access_token"])["kid"]))
            openings += 1
        assert not restarts
        assert len(kids) > 3, "the signing key turned"
        assert openings > 35
        await nobody_was_asked(place)


async def nobody_was_asked(place: Installation) -> None:
    """The one sign-in of half a year ago is the only one that there was."""
    store = place.authority.store
    signed_in = EventQuery(kind=EventKind.SIGNED_IN)
    assert len(await store.read(lambda tx: tx.events.find(signed_in))) == 1
    reused = EventQuery(kind=EventKind.REFRESH_REUSED)
    assert await store.read(lambda tx: tx.events.find(reused)) == []
