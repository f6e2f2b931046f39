"""Attacks by reports: leaked credentials of a guard, lies, floods, and hostile strings."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.records.client import REPORT
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.sighting import (
    CHANGE,
    MOST_OF_CLIENT,
    MOST_OF_FAMILY,
    MOST_PLACES,
    MOST_TOLD,
)
from counterfoil.server.records.store import Transaction
from tests.attacks.test_bad_input import SAYABLE
from tests.installation import MAIL, NOTES, Installation, Person, installed
from tests.reporting import AWAY, HOME, WORK, add_guard, post, report, sighting, taken, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, token_failures_per_minute=5) as place:
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        await add_guard(place, scopes=frozenset({REPORT, "notes:read"}))
        await add_guard(place, "mail-guard", scopes=frozenset({REPORT, "mail:read"}))
        for client_id in ("app", "service"):
            await end_in_two_places(place, client_id)
        yield place


@pytest.fixture
async def token(place: Installation) -> AsyncIterator[str]:
    async with place.browser() as browser:
        token = str((await Person(place, browser).tokens())["access_token"])
        place.clock.turn(200)
        yield token


async def end_in_two_places(place: Installation, client_id: str) -> None:
    async def work(tx: Transaction) -> None:
        client = await tx.clients.find(client_id)
        assert client is not None
        wanted = replace(client, policy=ClientPolicy(in_two_places="end"))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


def everywhere(place: Installation, token: str, **changes: Any) -> list[dict[str, Any]]:
    """The lie that a token is in two places at once."""
    return [
        sighting(place, token, HOME, at=-60, **changes),
        sighting(place, token, HOME, **changes),
        sighting(place, token, WORK, at=-30, **changes),
    ]


async def stands(place: Installation, token: str) -> bool:
    return not isinstance(await place.authority.reader.read(token, place.clock()), Reason)


async def count(place: Installation, client_id: str, family_id: str = "") -> int:
    return await place.authority.store.read(lambda tx: tx.sightings.count(client_id, family_id))


async def notices(place: Installation) -> int:
    position, _ = await place.authority.store.read(lambda tx: tx.notices.head())
    return position.number


async def test_the_guard_of_one_api_ends_nothing_at_another(place: Installation, token: str):
    """S106: a leaked credential reaches as far as the APIs that it guards, and no further."""
    lie = everywhere(place, token)
    assert (await report(place, *lie, client_id="mail-guard")).status_code == 400
    assert await taken(place, *lie, client_id="mail-guard", audience=MAIL) == 0
    service = await place.service_token()
    lie = everywhere(place, service)
    assert await taken(place, *lie, client_id="mail-guard", audience=MAIL) == 0
    assert await stands(place, token)
    assert await stands(place, service)
    assert await told(place) == []


async def test_a_lie_names_who_told_it(place: Installation, token: str):
    """At its own API a guard is believed; the log says which client and which secret it was."""
    assert await taken(place, *everywhere(place, token)) == 3
    assert not await stands(place, token)
    [event] = await told(place)
    assert event.actor == "client:guard"
    [secret] = await place.authority.store.read(lambda tx: tx.clients.secrets_of("guard"))
    assert event.proof == f"secret:{secret.id}"


async def test_families_cannot_be_guessed(place: Installation, token: str):
    """Whoever reports must have seen a token: a family's handle is 128 bits of chance."""
    lies = [
        sighting(place, token, jti=f"{named(bytes([n]) * 16)}.{named(bytes(12))}")
        for n in range(100)
    ]
    assert await taken(place, *lies) == 0


async def test_of_a_client_that_is_disabled_nothing_is_believed(place: Installation):
    token, now = await place.service_token(), int(place.clock())
    await place.authority.store.transact(lambda tx: tx.clients.disable("service", now))
    assert await taken(place, *everywhere(place, token)) == 0


@pytest.mark.parametrize("of_family", [True, False])
async def test_invented_tokens_do_not_fill_the_log(
    place: Installation, token: str, *, of_family: bool
):
    """S111: of one family, or one client without a person, few pairs are told of; the rest not.

    With the policy to end, an invented token costs every guard a notice: so few, too.
    """
    if of_family:
        await place.authority.store.transact(_record_only)
    before = await notices(place)
    known = token if of_family else await place.service_token()
    prefix = unverified_claims(known)["fam"] + "." if of_family else ""
    for number in range(3):
        invented = []
        for n in range(33):
            name = named(bytes([number, n]) * (6 if of_family else 8))
            invented += everywhere(place, known, jti=f"{prefix}{name}")
        await taken(place, *invented)
    assert len(await told(place)) == MOST_TOLD
    assert await notices(place) - before == (0 if of_family else MOST_TOLD)


async def _record_only(tx: Transaction) -> None:
    client = await tx.clients.find("app")
    assert client is not None
    await tx.clients.update(replace(client, policy=ClientPolicy()))


@pytest.mark.parametrize("of_family", [True, False])
async def test_invented_tokens_do_not_fill_the_store(
    place: Installation, token: str, *, of_family: bool
):
    """A family has so much room, and a client; those that are known go on when it is used up."""
    known = token if of_family else await place.service_token()
    family = unverified_claims(known)["fam"] if of_family else ""
    most = MOST_OF_FAMILY if of_family else MOST_OF_CLIENT
    prefix = f"{family}." if family else ""
    await taken(place, sighting(place, known))
    for number in range(most // 100 + 1):
        names = [named(bytes([number, n]) * (6 if of_family else 8)) for n in range(100)]
        await taken(place, *(sighting(place, known, jti=prefix + name) for name in names))
    assert await count(place, "app" if of_family else "service", family) == most
    place.clock.turn(60)
    await taken(place, sighting(place, known))
    jti = unverified_claims(known)["jti"]
    [stay] = await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))
    assert stay.last == int(place.clock())


async def test_a_million_sightings_are_not_read(place: Installation, token: str):
    whole = sighting(place, token)
    assert (await report(place, *([whole] * 101))).status_code == 400
    body = b'{"sightings": [' + b"{}," * 1_000_000 + b"{}]}"
    answer = await post(place, body)
    assert answer.status_code == 400
    assert "longer than" in answer.json()["error_description"]


async def test_a_report_that_is_sent_again_says_nothing_new(place: Installation, token: str):
    """A moment later it is what it was; after two minutes it is not taken at all."""
    body = json.dumps(
        {
            "audience": NOTES,
            "sent_at": int(place.clock()),
            "sightings": [sighting(place, token, HOME, at=-20), sighting(place, token, HOME)],
        }
    )
    for _ in range(3):
        assert (await post(place, body)).status_code == 200
    assert await told(place) == []
    jti = unverified_claims(token)["jti"]
    [stay] = await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))
    assert (stay.first, stay.last) == (int(place.clock()) - 20, int(place.clock()))
    place.clock.turn(121)
    assert (await post(place, body)).status_code == 400


async def test_a_lie_keeps_a_session_no_longer_than_its_tokens_live(
    place: Installation, token: str
):
    """S25: use that is claimed after the last token of the family expired is not believed."""
    claims = unverified_claims(token)
    place.clock.turn(claims["exp"] - place.clock() + 30)
    lie = sighting(place, token, expires_at=claims["exp"] + 10**6)
    assert await taken(place, lie) == 1
    session = await _session_of(place, claims["sub"])
    assert session.last_used_at == claims["exp"]
    place.clock.turn(60)
    assert await taken(place, lie | {"last": int(place.clock())}) == 0


async def _session_of(place: Installation, user_id: str) -> Any:
    [session] = await place.authority.store.read(lambda tx: tx.sessions.of_user(user_id))
    return session


async def test_an_end_that_a_guard_invents_is_bounded(place: Installation):
    """A token without a person ends for no longer than any token can live."""
    token = await place.service_token()
    place.clock.turn(100)
    await taken(place, *everywhere(place, token, expires_at=2**40))
    assert not await stands(place, token)
    store = place.authority.store
    place.clock.turn(10**5)
    for _ in range(5):
        await store.transact(lambda tx: tx.sweep(1000))
    assert await store.read(lambda tx: tx.notices.live()) == []


async def test_guessing_at_the_secret_is_slowed_down(place: Installation):
    place.secrets["guard"] = "cfcs_wrong"
    statuses = [(await report(place)).status_code for _ in range(12)]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "where",
    [
        "<script>alert(1)</script>",
        "192.0.2.7\r\nx: y",
        "fe80::1%<script>",
        "' OR 1=1 --",
        "\x00",
        "192.0.2.7 ",
        "٣.٣.٣.٣",
        "0x7f.1",
        "192.0.2.7/24",
        "2001:DB8::1",
    ],
)
async def test_a_place_is_an_address_and_nothing_else(place: Installation, token: str, where: str):
    answer = await report(place, sighting(place, token, where))
    assert answer.status_code == 400
    said = answer.json()["error_description"]
    assert "$.sightings[0]" in said
    assert SAYABLE.fullmatch(said)
    assert await count(place, "app", unverified_claims(token)["fam"]) == 0


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["audience", "sent_at", "sightings", "dropped", "more", '`"\\']),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    )
)
async def test_nonsense_is_refused_with_a_sentence(
    shared_place: Installation, body: dict[str, Any]
):
    answer = await post(shared_place, json.dumps(body))
    assert answer.status_code == 400
    assert SAYABLE.fullmatch(answer.json()["error_description"])


@pytest.fixture(scope="module")
async def shared_place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data")) as place:
        await add_guard(place)
        yield place


async def test_a_third_place_is_no_way_to_hide(place: Installation, token: str):
    """Who uses it from many networks in turn is told of in each, beside the owner's."""
    await place.authority.store.transact(_record_only)
    await taken(place, sighting(place, token, AWAY, at=-60), sighting(place, token, AWAY))
    for number in range(12):
        await taken(place, sighting(place, token, f"10.{number}.0.1", at=-30))
    assert sum(AWAY in event.detail["places"].split() for event in await told(place)) == 12


async def test_many_places_in_turn_are_no_way_to_hide(place: Installation, token: str):
    """Each is used for a moment, more than the owner's, which is gone before it overlaps."""
    await place.authority.store.transact(_record_only)
    for turn in range(3):
        theirs = [f"10.{turn}.{number}.1" for number in range(MOST_PLACES + 1)]
        mine = sighting(place, token, HOME)
        await taken(place, mine, *(sighting(place, token, each, count=9) for each in theirs))
        place.clock.turn(CHANGE)
    assert await told(place)


async def test_many_places_do_not_drive_out_one_that_is_used_more(place: Installation, token: str):
    await place.authority.store.transact(_record_only)
    await taken(place, *(sighting(place, token, HOME, at=at) for at in (-60, -50, -40)))
    for number in range(20):
        await taken(place, sighting(place, token, f"10.{number}.0.1", at=-25))
    jti = unverified_claims(token)["jti"]
    stays = await place.authority.store.read(lambda tx: tx.sightings.of_token(jti))
    assert HOME in {stay.place for stay in stays}
