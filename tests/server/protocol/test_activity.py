"""When things were last used, written in one go."""

from pathlib import Path

import pytest

from counterfoil.server.protocol.activity import Activity
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Store, Transaction
from tests.installation import Installation, Person, installed

pytestmark = pytest.mark.anyio


class Failing:
    """A store whose commits fail."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def transact(self, work: object, *, beside: bool) -> None:
        raise StoreUnavailable


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


async def last_use(place: Installation) -> int | None:
    async def work(tx: Transaction) -> int | None:
        (secret,) = await tx.clients.secrets_of("service")
        return secret.last_used_at

    return await place.authority.store.read(work)


async def secret_id(place: Installation) -> str:
    secrets = await place.authority.store.read(lambda tx: tx.clients.secrets_of("service"))
    return secrets[0].id


async def test_what_was_noted_is_written_once(place: Installation):
    activity = Activity()
    activity.note_secret(await secret_id(place), 5)
    activity.note_secret(await secret_id(place), 9)
    activity.note_secret(None, 11)
    assert await last_use(place) is None
    await activity.flush(place.authority.store)
    assert await last_use(place) == 9


async def test_nothing_noted_is_no_transaction(place: Installation):
    version = place.authority.store.version()
    await Activity().flush(place.authority.store)
    assert place.authority.store.version() == version


async def test_a_failed_write_is_tried_again(place: Installation):
    activity = Activity()
    activity.note_secret(await secret_id(place), 5)
    with pytest.raises(StoreUnavailable):
        await activity.flush(Failing(place.authority.store))
    await activity.flush(place.authority.store)
    assert await last_use(place) == 5


async def test_a_use_during_a_failing_write_is_not_lost(place: Installation):
    activity, name = Activity(), await secret_id(place)

    class Busy(Failing):
        async def transact(self, work: object, *, beside: bool) -> None:
            activity.note_secret(name, 9)
            raise StoreUnavailable

    activity.note_secret(name, 5)
    with pytest.raises(StoreUnavailable):
        await activity.flush(Busy(place.authority.store))
    await activity.flush(place.authority.store)
    assert await last_use(place) == 9


async def test_a_session_in_use_does_not_fall_idle(place: Installation):
    """A session that is used each day lives on, though only pages touch it."""
    settings = place.authority.settings
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.code()
        for _ in range(10):
            place.clock.turn(settings.session_idle_lifetime - 1)
            if place.clock.now > 1_800_000_000 + settings.session_lifetime:
                break
            assert (await browser.get("/account/apps")).status_code == 200
            await place.authority.activity.flush(place.authority.store)
        assert (await browser.get("/account/apps")).status_code == 303


async def test_a_session_that_is_left_alone_ends(place: Installation):
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.code()
        place.clock.turn(place.authority.settings.session_idle_lifetime)
        assert (await browser.get("/account/apps")).status_code == 303


async def test_a_cookie_that_was_set_anew_is_written_and_kept_on_failure(place: Installation):
    """S34."""
    async with place.browser() as browser:
        await Person(place, browser).code()
    store, activity = place.authority.store, Activity()
    (session,) = await store.read(lambda tx: tx.sessions.every())
    later = session.cookie_set_at + 7
    activity.note_cookie(session.id, later)
    with pytest.raises(StoreUnavailable):
        await activity.flush(Failing(store))
    await activity.flush(store)
    (session,) = await store.read(lambda tx: tx.sessions.every())
    assert session.cookie_set_at == later
