"""Flow (f): keys turn by themselves, and in an emergency a key takes all it signed with it."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from counterfoil.guard import Guard, Options
from counterfoil.jose.jwt import unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.server.assembly import build
from counterfoil.server.janitor import Janitor
from counterfoil.server.opening import Outside
from counterfoil.server.records.event import CLI, JANITOR, EventKind
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import load
from tests.engines import settings_of
from tests.flows.serving import fresh, refusal, refusal_of, served, until
from tests.installation import NOTES, Clock, Installation, Person, furnish, installed
from tests.ports import free_port

pytestmark = pytest.mark.anyio

DAY = 86_400
INTERVAL = 30 * DAY


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        yield place


async def keep_house(place: Installation) -> None:
    authority = place.authority
    assert await Janitor(authority.store, authority.rotation, "a test").tick()


async def published(place: Installation) -> set[str]:
    async with place.browser() as anyone:
        return {key["kid"] for key in (await anyone.get("/jwks.json")).json()["keys"]}


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "service", token=token)).json()["active"])


def kid_of(token: str) -> str:
    return str(unverified_header(token)["kid"])


async def test_a_key_is_published_before_it_signs_and_signs_before_it_goes(place: Installation):
    """S80: unattended, on a schedule; S81: what the previous key signed stands."""
    first = kid_of(await place.service_token())
    assert await published(place) == {first}

    place.clock.turn(INTERVAL - DAY)
    await keep_house(place)
    both = await published(place)
    assert len(both) == 2
    assert kid_of(await place.service_token()) == first

    place.clock.turn(DAY - 1)
    last = await place.service_token()
    assert kid_of(last) == first
    place.clock.turn(1)
    second = kid_of(await place.service_token())
    assert {second} == both - {first}
    lifetime = place.authority.settings.access_token_lifetime
    for wait in (0, lifetime - 2):
        place.clock.turn(wait)
        await keep_house(place)
        assert await published(place) == both
        assert await is_active(place, last)

    place.clock.turn(62)
    await keep_house(place)
    assert await published(place) == {second}
    assert not await is_active(place, last)


async def test_the_new_key_is_published_for_longer_than_key_sets_are_cached(place: Installation):
    """S82: services learn of it before it is used, even those that only poll."""
    settings = place.authority.settings
    assert settings.key_publish_ahead > settings.jwks_max_age


async def test_many_turns_leave_few_keys(place: Installation):
    """S80: months go by, and nobody looks after it."""
    seen = set()
    for _ in range(120):
        place.clock.turn(DAY)
        await keep_house(place)
        token = await place.service_token()
        assert await is_active(place, token)
        seen.add(kid_of(token))
        assert len(await published(place)) <= 2
    assert len(seen) == 5


async def test_the_turn_of_a_key_leaves_its_events(place: Installation):
    """S111: who turned the keys, and when."""
    place.clock.turn(INTERVAL)
    await keep_house(place)
    events = await place.authority.store.read(lambda tx: tx.events.latest(4))
    assert {event.actor for event in events} == {JANITOR.name}
    assert {event.kind for event in events} == {EventKind.KEY_MADE, EventKind.KEY_RETIRED}


async def withdraw(place: Installation, kid: str) -> None:
    rotation = place.authority.rotation
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))


async def test_a_withdrawn_key_takes_all_that_it_signed_with_it(place: Installation):
    """S84: at once; a new key signs on, and clients notice nothing but new tokens."""
    token = await place.service_token()
    assert await is_active(place, token)
    await withdraw(place, kid_of(token))
    assert not await is_active(place, token)
    again = await place.service_token()
    assert kid_of(again) != kid_of(token)
    assert kid_of(token) not in await published(place)
    assert await is_active(place, again)


async def test_people_stay_signed_in_when_a_key_is_withdrawn(place: Installation):
    """S84: refresh tokens and sessions hang on no signing key."""
    async with place.browser() as browser:
        person = Person(place, browser)
        tokens = await person.tokens()
        await withdraw(place, kid_of(tokens["access_token"]))
        answer = await place.post(
            "/token", "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
        )
        assert answer.status_code == 200
        assert (await browser.get("/account/apps")).status_code == 200


async def test_a_withdrawal_reaches_guards_in_other_processes(tmp_path: Path):
    """S84: withdrawn in one process, served by a second, refused by a third's guard."""
    async with served(tmp_path) as place:
        with Guard(issuer=place.issuer, audience=NOTES) as guard:
            await fresh(guard)
            token = await place.service_token()
            guard.check(token)
            await withdraw(place, kid_of(token))
            assert (await refusal_of(guard, token)).reason is Reason.KEY_RETIRED
            again = await place.service_token()
            await until(lambda: refusal(guard, again) is None)


@contextmanager
def listening(place: Installation, port: int) -> Iterator[None]:
    """Serve an installation on a socket, from a thread and with the installation's own clock."""
    settings = place.authority.settings
    app = build(settings, Outside(clock=place.clock))
    config = uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


async def test_guards_know_the_new_key_before_it_signs(tmp_path: Path):
    """S82: pushed by the feed when it is made; S81: the old key's tokens pass beside the new's."""
    clock, port = Clock(), free_port()
    settings = load(
        {},
        {"data": str(tmp_path), "port": port, "head_interval_ms": 50, **settings_of(tmp_path)},
    )
    app = build(settings, Outside(clock=clock))
    async with app.running() as server:
        place = Installation(app, server, clock)
        await furnish(place)
        options = Options(clock=clock)
        with (
            listening(place, port),
            Guard(issuer=place.issuer, audience=NOTES, options=options) as guard,
        ):
            await fresh(guard)
            clock.turn(INTERVAL - DAY)
            await keep_house(place)
            clock.turn(2)  # a guard that has just fetched keys waits a second before the next time
            known = await learned(place, guard)
            clock.turn(DAY - 5)
            old = await place.service_token()
            clock.turn(5)
            new = await place.service_token()
            assert {kid_of(old), kid_of(new)} == known
            await fresh(guard)
            assert guard.check(old).client_id == guard.check(new).client_id == "service"


async def learned(place: Installation, guard: Guard) -> set[str]:
    """Wait until the guard holds every key that is published."""
    kids = await published(place)
    (state,) = guard._states.values()
    await until(lambda: state.keys.verifier is not None and set(state.keys.verifier.keys) == kids)
    return kids


async def test_both_purposes_turn(place: Installation):
    """S80: the feed's keys too, apart from those of tokens."""
    place.clock.turn(INTERVAL)
    await keep_house(place)
    for purpose in (Purpose.TOKENS, Purpose.FEED):
        keys = await place.authority.store.read(lambda tx, p=purpose: tx.signing_keys.every(p))
        assert len(keys) == 2
