"""Deciding device_code: waiting, taken once, begun where the device is (RFC 8628 §3.4, §3.5)."""

from collections.abc import AsyncIterator

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.records.client import DEVICE_CODE
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.policy import ClientPolicy
from tests.devices import Device, add_device_clients, decide, let_in, open_device_page
from tests.installation import MAIL, NOTES, Installation, Person, installed
from tests.shared import UNTHROTTLED

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    many = {"device_rate_per_minute": 0, "device_tries_per_minute": 10_000}
    data = tmp_path_factory.mktemp("data")
    async with installed(data, **UNTHROTTLED, **many) as place:
        await add_device_clients(place)
        yield place


async def families_of(person: Person) -> list[Family]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.families.live_of_user(person.user_id))


async def test_the_family_is_the_devices(place: Installation, person: Person) -> None:
    """What a person sees among their sessions is the television, not the telephone."""
    device = await Device(place, **{"user-agent": "a television"}).begin()
    await let_in(person, device)
    await device.tokens()
    (family,) = await families_of(person)
    assert family.origin.user_agent == "a television"
    assert family.session_id is not None
    assert family.user_id == person.user_id


async def test_offline_access_outlives_the_browsers_session(
    place: Installation, person: Person
) -> None:
    """S08: that is what a device should ask for."""
    device = await Device(place).begin(scope="offline_access notes:read")
    await let_in(person, device)
    await device.tokens()
    (family,) = await families_of(person)
    assert family.is_offline


async def test_a_client_without_the_refresh_grant_gets_none(
    place: Installation, person: Person
) -> None:

    scopes = frozenset({"notes:read"})
    await place.add_client("once", public=True, grant_types=(DEVICE_CODE,), scopes=scopes)
    device = await Device(place, "once").begin(scope="notes:read")
    await let_in(person, device)
    assert "refresh_token" not in await device.tokens()


async def test_each_token_is_for_one_api(place: Installation, person: Person) -> None:
    """RFC 8707 §2.2: as with codes, the token request chooses."""
    await place.add_api(MAIL, "Mail", {"mail:send": "Send mail"})

    scopes = frozenset({"notes:read", "mail:send"})
    grant_types = (DEVICE_CODE, "refresh_token")
    await place.add_client("two", public=True, grant_types=grant_types, scopes=scopes)
    device = await Device(place, "two").begin(scope="notes:read mail:send", resource=[NOTES, MAIL])
    await let_in(person, device)
    assert await device.error() == "invalid_target"
    assert (await device.tokens(resource=MAIL))["scope"] == "mail:send"


async def test_what_is_asked_wrongly_does_not_use_the_code_up(
    place: Installation, person: Person
) -> None:
    device = await Device(place).begin()
    await let_in(person, device)
    assert await device.error(resource="https://other.example") == "invalid_target"
    assert (await device.tokens(resource=NOTES))["scope"] == "notes:read openid"


@pytest.mark.parametrize("code", ["", "x", "cfdc_x", "cfac_AAAAAAAAAAAAAAAAAAAA-00000000"])
async def test_what_is_no_device_code_is_refused(place: Installation, code: str) -> None:
    device = Device(place)
    device.told = {"device_code": code}
    assert await device.error() == ("invalid_grant" if code else "invalid_request")


async def test_what_happened_is_told(place: Installation, person: Person) -> None:
    """S111: who allowed what, and where it began."""
    device = await Device(place).begin()
    await let_in(person, device)
    await device.tokens()
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    assert [each.kind for each in events] == [EventKind.FAMILY_STARTED, EventKind.CONSENT_GIVEN]
    assert events[0].actor == "client:tv"
    assert events[1].actor == f"user:{person.user_id}"
    device = await Device(place).begin()
    await decide(person, await open_device_page(person, device.link), "deny")
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.subject) == (EventKind.CONSENT_REFUSED, "tv")


async def test_the_id_token_says_who_let_it_in(place: Installation, person: Person) -> None:
    """OpenID Connect Core §2."""

    device = await Device(place).begin()
    await let_in(person, device)
    claims = unverified_claims((await device.tokens())["id_token"])
    assert (claims["sub"], claims["aud"]) == (person.user_id, "tv")
    assert "nonce" not in claims


async def test_a_demand_for_proof_holds_here_too(place: Installation, person: Person) -> None:
    """RFC 9449 §5.2; S21."""

    for number, policy in enumerate(
        (ClientPolicy(dpop_bound_access_tokens=True), ClientPolicy(in_session=True))
    ):
        scopes = frozenset({"notes:read"})
        await place.add_client(
            f"bound{number}", public=True, grant_types=(DEVICE_CODE,), scopes=scopes, policy=policy
        )
        device = await Device(place, f"bound{number}").begin(scope="notes:read")
        await let_in(person, device)
        answer = await device.poll()
        assert answer.json()["error_reason"] == "proof_missing"
