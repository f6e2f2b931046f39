"""Flow (c): refreshing, and what a refresh token that was seen before turns out to be."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.grant_types import refresh_token as refresh_token_grant
from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load
from tests.engines import settings_of
from tests.installation import (
    CALLBACK,
    MAIL,
    NOTES,
    Installation,
    Person,
    answer_of,
    installed,
    token_request,
)

pytestmark = pytest.mark.anyio


async def refresh(place: Installation, refresh_token: str, client_id: str = "app", **form: str):
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | form
    return await token_request(place, client_id, **form)


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "app", token=token)).json()["active"])


async def kinds_of_events(place: Installation) -> list[EventKind]:
    latest = await place.authority.store.read(lambda tx: tx.events.latest(10))
    return [event.kind for event in latest]


async def test_an_expired_access_token_is_replaced_without_the_person(
    place: Installation, person: Person
):
    """S18: the refresh token brings the next one."""
    tokens = await person.tokens()
    place.clock.turn(place.authority.settings.access_token_lifetime)
    assert not await is_active(place, tokens["access_token"])
    answer = await refresh(place, tokens["refresh_token"])
    assert await is_active(place, answer.json()["access_token"])


async def test_a_refresh_does_not_end_the_access_token_before_it(
    place: Installation, person: Person
):
    """S07: a further token beside the first."""
    tokens = await person.tokens()
    await refresh(place, tokens["refresh_token"])
    assert await is_active(place, tokens["access_token"])


async def test_reuse_ends_this_device_and_no_other(
    place: Installation, person: Person, visitor: Person
):
    """S19: reuse is noticed and ends the family; S05: the other machine goes on (§2 Family)."""
    here, there = await person.tokens(), await visitor.tokens()
    renewed = (await refresh(place, here["refresh_token"])).json()
    place.clock.turn(place.authority.settings.refresh_window)
    answer = await refresh(place, here["refresh_token"])
    assert answer.json()["error"] == "invalid_grant"
    assert not await is_active(place, renewed["access_token"])
    assert await is_active(place, there["access_token"])
    assert (await refresh(place, there["refresh_token"])).status_code == 200


async def test_reuse_leaves_its_trace(place: Installation, person: Person):
    """S111: the refusal is committed with its events."""
    tokens = await person.tokens()
    await refresh(place, tokens["refresh_token"])
    place.clock.turn(place.authority.settings.refresh_window)
    await refresh(place, tokens["refresh_token"])
    assert (await kinds_of_events(place))[:2] == [
        EventKind.FAMILY_ENDED,
        EventKind.REFRESH_REUSED,
    ]


async def test_a_hundred_refreshes_are_one_row(place: Installation, person: Person):
    """S93: rows grow with live grants, never with issued tokens."""
    tokens = await person.tokens()
    for _ in range(100):
        tokens = (await refresh(place, tokens["refresh_token"])).json()
    families = await place.authority.store.read(lambda tx: tx.families.live_of_user(person.user_id))
    assert [family.refresh_generation for family in families] == [101]


ASKED = (
    {"scope": "notes:read", "resource": NOTES},
    {"scope": "notes:read notes:write", "resource": NOTES},
    {"scope": "openid mail:read", "resource": MAIL},
    {"resource": MAIL},
    {"resource": NOTES},
)
GIVEN = (
    (NOTES, "notes:read"),
    (NOTES, "notes:read notes:write"),
    (MAIL, "mail:read openid"),
    (MAIL, "mail:read openid"),
    (NOTES, "notes:read notes:write openid"),
)


async def app_of_two_apis(place: Installation) -> None:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await place.add_client(
        "busy",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid", "notes:read", "notes:write", "mail:read"}),
    )


async def tokens_of_two_apis(person: Person) -> dict[str, Any]:
    asked: Any = {"scope": "openid notes:read notes:write mail:read", "resource": [NOTES, MAIL]}
    code = await person.code("busy", **asked)
    return dict((await person.exchange(code, "busy", resource=NOTES)).json())


async def demand_one_successor(place: Installation, answers: Sequence[httpx2.Response]) -> str:
    """Each answer has a working token of its own, for what it asked; all the same successor."""
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    bodies = [answer.json() for answer in answers]
    assert len({body["access_token"] for body in bodies}) == len(answers)
    for number, body in enumerate(bodies):
        claims = unverified_claims(body["access_token"])
        assert (claims["aud"], claims["scope"]) == GIVEN[number % len(GIVEN)]
        asked = {"token": body["access_token"]}
        assert (await place.post("/introspect", "busy", **asked)).json()["active"]
    (successor,) = {body["refresh_token"] for body in bodies}
    return str(successor)


async def test_fifty_at_once_for_different_apis_get_one_successor(tmp_path: Path):
    """S19: fifty tabs wake up: one successor, fifty tokens that work, and nobody is signed out."""
    async with installed(tmp_path) as place, place.browser() as browser:
        await app_of_two_apis(place)
        tokens = await tokens_of_two_apis(Person(place, browser))
        before = await kinds_of_events(place)
        asked = [ASKED[number % len(ASKED)] for number in range(50)]
        answers = await asyncio.gather(
            *(refresh(place, tokens["refresh_token"], "busy", **form) for form in asked)
        )
        successor = await demand_one_successor(place, answers)
        assert await kinds_of_events(place) == before, "routine appends nothing"
        (family,) = await place.authority.store.read(
            lambda tx: tx.families.live_of_user(place.user.id)
        )
        assert family.refresh_generation == 2
        answer = await refresh(place, successor, "busy", resource=NOTES)
        assert answer.status_code == 200


async def test_fifty_at_once_at_two_servers_of_one_database(tmp_path: Path):
    """S19, S91: the same, when the requests meet in the database alone."""
    async with installed(tmp_path) as place, place.browser() as browser:
        await app_of_two_apis(place)
        tokens = await tokens_of_two_apis(Person(place, browser))
        beside = build(
            load({}, {"data": str(tmp_path), **settings_of(tmp_path)}), Outside(clock=place.clock)
        )
        async with beside.running() as server:
            other = Installation(beside, server, place.clock)
            other.secrets = place.secrets
            asked = [ASKED[number % len(ASKED)] for number in range(50)]
            answers = await asyncio.gather(
                *(
                    refresh((place, other)[number % 2], tokens["refresh_token"], "busy", **form)
                    for number, form in enumerate(asked)
                )
            )
            successor = await demand_one_successor(other, answers)
            answer = await refresh(other, successor, "busy", resource=MAIL)
            assert answer.status_code == 200
            place.clock.turn(1)
            assert (await refresh(place, tokens["refresh_token"], "busy")).status_code == 400


@pytest.mark.parametrize("point", ["before the commit", "after the commit", "on its way"])
async def test_an_answer_lost_at_any_point_is_recovered_by_trying_again(
    place: Installation, person: Person, point: str
):
    """S19: whether anything was stored or not, the app goes on with the token that it has."""
    tokens = await person.tokens()
    with pytest.raises(ConnectionResetError):
        await lose(place, tokens["refresh_token"], point)
    (family,) = await place.authority.store.read(
        lambda tx: tx.families.live_of_user(person.user_id)
    )
    assert family.refresh_generation == (1 if point == "before the commit" else 2)
    again = (await refresh(place, tokens["refresh_token"])).json()
    assert await is_active(place, again["access_token"])
    assert (await refresh(place, again["refresh_token"])).status_code == 200


async def lose(place: Installation, refresh_token: str, point: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}

    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("app")
        assert client is not None
        request = TokenRequest(client, Parameters(form, {}), Origin("127.0.0.1"))
        await refresh_token_grant.exchange(place.authority, tx, request)
        if point == "before the commit":
            raise ConnectionResetError

    async def cut(message: object) -> None:
        raise ConnectionResetError

    async def app(scope: Any, receive: Any, _: Any) -> None:
        await place.app(scope, receive, cut)

    if point == "on its way":
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=place.issuer) as cut_off:
            await cut_off.post("/token", data=form, auth=("app", place.secrets["app"]))
    await place.authority.store.transact(work)
    raise ConnectionResetError


async def test_an_idle_refresh_token_expires(place: Installation, person: Person):
    """S31: when all lifetimes are over, the person signs in again."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    place.clock.turn(place.authority.settings.offline_idle_lifetime - 1)
    tokens = (await refresh(place, tokens["refresh_token"])).json()
    place.clock.turn(place.authority.settings.offline_idle_lifetime)
    assert (await refresh(place, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    page = await person.open()
    assert 'name="password"' in page.text


async def test_a_chain_of_refreshes_ends_at_a_set_age(place: Installation, person: Person):
    """S32: the chain keeps the time of the sign-in, however often it is refreshed."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    settings = place.authority.settings
    step = settings.offline_idle_lifetime - 1
    answers = []
    for _ in range(settings.offline_absolute_lifetime // step + 1):
        place.clock.turn(step)
        answer = await refresh(place, tokens["refresh_token"])
        answers.append(answer.status_code)
        tokens = answer.json() if answer.status_code == 200 else tokens
    assert answers == [200] * (settings.offline_absolute_lifetime // step) + [400]


async def test_offline_access_lasts_a_year_and_online_access_as_its_session(
    place: Installation, person: Person
):
    """S08: asked for apart, and living apart; each is used every day and the browser is not."""
    offline = await person.tokens(scope="openid notes:read offline_access")
    online = await person.tokens(scope="openid notes:read")
    lasted = {"offline": 0, "online": 0}
    held = {"offline": offline, "online": online}
    for day in range(1, 400):
        place.clock.turn(86_400)
        for name in list(held):
            answer = await refresh(place, held[name]["refresh_token"])
            if answer.status_code == 200:
                held[name], lasted[name] = answer.json(), day
            else:
                assert answer.json()["error"] == "invalid_grant"
                del held[name]
        await place.authority.activity.flush(place.authority.store)
    assert lasted == {"offline": 364, "online": 29}


async def test_after_a_set_age_an_app_gets_nothing_without_a_fresh_sign_in(
    place: Installation, person: Person
):
    """S32: by its client's policy, though the person's session would still stand."""
    await place.add_client(
        "fortnight",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        policy=ClientPolicy(refresh_absolute_lifetime=14 * 86_400),
    )
    tokens = await person.tokens("fortnight", scope="notes:read")
    for _ in range(13):
        place.clock.turn(86_400)
        tokens = (await refresh(place, tokens["refresh_token"], "fortnight")).json()
        await place.authority.activity.flush(place.authority.store)
    place.clock.turn(86_400)
    answer = await refresh(place, tokens["refresh_token"], "fortnight")
    assert answer.json()["error"] == "invalid_grant"
    elsewhere = await person.open("app", prompt="none", scope="notes:read")
    assert answer_of(elsewhere)["error"] == "consent_required", "the session stands"
    silent = await person.open("fortnight", prompt="none", scope="notes:read")
    assert answer_of(silent)["error"] == "login_required"
    tokens = await person.tokens("fortnight", scope="notes:read")
    assert (await refresh(place, tokens["refresh_token"], "fortnight")).status_code == 200


@pytest.mark.parametrize("gone", ["user", "grant", "session", "client"])
async def test_each_refresh_asks_whether_all_still_stands(
    place: Installation, person: Person, gone: str
):
    """S33: user, grant, session and client are looked at anew."""
    await place.add_client(
        f"app-{gone}",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=("https://app.example/callback",),
    )
    tokens = await person.tokens(f"app-{gone}", scope="notes:read")

    async def work(tx: Transaction) -> None:
        (family,) = await tx.families.live_of_user(person.user_id)
        match gone:
            case "user":
                await tx.users.disable(person.user_id, tx.now)
            case "grant":
                await tx.grants.end(family.grant_id, tx.now)
            case "session":
                await tx.sessions.end(str(family.session_id), tx.now)
            case "client":
                await tx.clients.disable(family.client_id, tx.now)

    await place.authority.store.transact(work)
    answer = await refresh(place, tokens["refresh_token"], f"app-{gone}")
    assert answer.json()["error"] == ("invalid_client" if gone == "client" else "invalid_grant")


async def test_a_stranger_with_a_stolen_token_ends_nothing(place: Installation, person: Person):
    """S50: without the client's secret it is worth nothing, and nobody is signed out by it."""
    tokens = await person.tokens()
    assert (await refresh(place, tokens["refresh_token"], "spa")).status_code == 400
    async with place.browser() as thief:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await thief.post("/token", data=form | {"client_id": "app"})
    assert answer.json()["error"] == "invalid_client"
    assert (await refresh(place, tokens["refresh_token"])).status_code == 200


async def test_everything_of_a_person_can_be_ended(
    place: Installation, person: Person, visitor: Person
):
    """S47: all tokens and sessions, here and there; afterwards they sign in anew."""
    here, there = await person.tokens(), await visitor.tokens(scope="notes:read offline_access")
    await place.authority.store.transact(
        lambda tx: revocation.end_everything_of(tx, person.user_id, "compromised", CLI)
    )
    for tokens in (here, there):
        assert not await is_active(place, tokens["access_token"])
        assert (await refresh(place, tokens["refresh_token"])).status_code == 400
    page = await person.open()
    assert 'name="password"' in page.text
