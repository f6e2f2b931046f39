"""What ends when something else changes (S38): the table, the page that shows it, and the deeds."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from counterfoil.oauth.access import Access
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause, Extent
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.family import Family
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, installed

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "endings.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    """Ada at two browsers, with the app in each, and once offline."""
    async with installed(tmp_path) as place:
        for _ in range(2):
            async with place.browser() as browser:
                await Person(place, browser).tokens()
        await place.authority.store.transact(lambda tx: stay(tx, user_of(place)))
        yield place


async def stay(tx: Transaction, user_id: str) -> None:
    """The app goes on while she is away."""
    (grant,) = await tx.grants.of_user(user_id)
    await tx.families.add(
        Family(
            id="offline",
            grant_id=grant.id,
            client_id="app",
            user_id=user_id,
            session_id=None,
            access=Access(openid=frozenset({"openid", "offline_access"})),
            auth_time=tx.now,
            created_at=tx.now,
            last_used_at=tx.now,
            access_expires_at=tx.now + 3600,
            origin=Origin(),
        )
    )


def user_of(place: Installation) -> str:
    assert place.user is not None
    return place.user.id


def test_the_page_shows_the_table():
    shown = {name: (extent, sentence) for name, extent, sentence in ROW.findall(PAGE.read_text())}
    stated = {
        cause.value: (CONSEQUENCES[cause].extent.value, CONSEQUENCES[cause].sentence)
        for cause in CONSEQUENCES
    }
    assert shown == stated
    assert set(CONSEQUENCES) == set(Cause)


async def left(place: Installation) -> tuple[int, int]:
    """How many sessions and families of Ada stand."""

    async def work(tx: Transaction) -> tuple[int, int]:
        user_id = user_of(place)
        return len(await tx.sessions.of_user(user_id)), len(await tx.families.live_of_user(user_id))

    return await place.authority.store.read(work)


Deed = Callable[[Transaction, str], Awaitable[object]]


async def rotate(tx: Transaction, overlap: int) -> Ending:
    await registration.rotate_secret(tx, "app", overlap, CLI)
    return await revocation.nothing_ended(tx)


DEEDS: list[tuple[Cause, Deed, tuple[int, int]]] = [
    (
        Cause.PASSWORD_ENDED,
        lambda tx, user: registration.end_password(tx, user, CLI),
        (0, 0),
    ),
    (Cause.SECRET_REPLACED, lambda tx, _: rotate(tx, 0), (2, 0)),
    (Cause.SECRET_ROTATED, lambda tx, _: rotate(tx, 60), (2, 3)),
    (Cause.USER_DISABLED, lambda tx, user: revocation.disable_user(tx, user, CLI), (0, 0)),
    (Cause.CLIENT_DISABLED, lambda tx, _: revocation.disable_client(tx, "app", CLI), (2, 0)),
]


@pytest.mark.parametrize(
    ("cause", "deed", "stands"), DEEDS, ids=[cause.value for cause, *_ in DEEDS]
)
async def test_what_must_end_ends(
    place: Installation, cause: Cause, deed: Deed, stands: tuple[int, int]
):
    """S38: whoever did it, by the table."""
    assert await left(place) == (2, 3)
    await place.authority.store.transact(lambda tx: deed(tx, user_of(place)))
    assert await left(place) == stands

    async def reasons(tx: Transaction) -> set[str]:
        ends = {"family_ended", "session_ended"}
        return {e.detail["why"] for e in await tx.events.latest(10) if e.kind.value in ends}

    if CONSEQUENCES[cause].extent is Extent.EVERYTHING_OF_THE_PERSON:
        assert await place.authority.store.read(reasons) == {cause.value}


async def test_a_changed_password_spares_the_browser_in_which_it_was_changed(place: Installation):
    """S38: offline families may be a thief's, and end too."""

    async def work(tx: Transaction) -> set[str | None]:
        user_id = user_of(place)
        here = (await tx.sessions.of_user(user_id))[0].id
        ending = await revocation.follow(tx, Cause.PASSWORD_CHANGED, user_id, CLI, here)
        assert (ending.sessions, ending.families) == (1, 2)
        assert [session.id for session in await tx.sessions.of_user(user_id)] == [here]
        return {family.session_id for family in await tx.families.live_of_user(user_id)} - {here}

    assert await place.authority.store.transact(work) == set()


async def test_what_is_enabled_again_brings_nothing_back(place: Installation):
    async def work(tx: Transaction) -> None:
        user_id = user_of(place)
        await revocation.disable_user(tx, user_id, CLI)
        await revocation.disable_client(tx, "app", CLI)
        assert not (await registration.enable_user(tx, user_id, CLI)).ended
        assert not (await registration.enable_client(tx, "app", CLI)).ended

    await place.authority.store.transact(work)
    assert await left(place) == (0, 0)
    client = await place.authority.store.read(lambda tx: tx.clients.find("app"))
    assert client is not None
    assert client.is_enabled
