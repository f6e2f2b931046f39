"""Deciding refresh_token: rotated, repeated, reused or expired."""

from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol.grant_types.refresh_token import exchange
from counterfoil.server.protocol.issuance import Refusal, TokenRequest
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import CALLBACK, NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def refresh(place: Installation, tokens: dict[str, str], **form: str):
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]} | form
    return await token_request(place, "app", **form)


async def family_of(person: Person) -> Family:
    store = person.installation.authority.store
    (family,) = await store.read(lambda tx: tx.families.live_of_user(person.user_id))
    return family


async def latest(place: Installation) -> EventKind:
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    return event.kind


async def test_a_rotation_writes_the_family_and_no_notice(place: Installation, person: Person):
    """S93: one row however often; guards have nothing to learn."""
    tokens = await person.tokens()
    await place.authority.hub.catch_up()
    before = place.authority.hub.position
    await refresh(place, tokens)
    await place.authority.hub.catch_up()
    assert place.authority.hub.position == before
    assert (await family_of(person)).refresh_generation == 2


async def test_where_it_was_refreshed_from_is_remembered(place: Installation, person: Person):
    """S06: device and place of the last use."""
    tokens = await person.tokens()
    place.clock.turn(60)
    async with place.browser(headers={"user-agent": "Phone/1"}) as phone:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        await phone.post("/token", data=form, auth=("app", place.secrets["app"]))
    family = await family_of(person)
    assert family.origin.user_agent == "Phone/1"
    assert family.last_used_at == int(place.clock())


async def test_a_mistake_costs_nothing(place: Installation, person: Person):
    """Raised, and rolled back: the refresh token stays as good as it was."""
    tokens = await person.tokens()
    assert (await refresh(place, tokens, scope="email")).json()["error"] == "invalid_scope"
    wrong = await refresh(place, tokens, resource="https://other.example")
    assert wrong.json()["error"] == "invalid_target"
    assert (await refresh(place, tokens)).status_code == 200


async def test_a_repeat_gets_the_same_successor_and_writes_no_event(
    place: Installation, person: Person
):
    """S19: inside the window, the successor unused: a lost answer; each gets an access token."""
    tokens = await person.tokens()
    started = await latest(place)
    first = (await refresh(place, tokens)).json()
    place.clock.turn(place.authority.settings.refresh_window - 1)
    again = (await refresh(place, tokens)).json()
    assert again["refresh_token"] == first["refresh_token"] != tokens["refresh_token"]
    assert again["access_token"] != first["access_token"]
    assert await latest(place) is started is EventKind.FAMILY_STARTED
    family = await family_of(person)
    assert family.refresh_generation == 2
    assert family.access_expires_at == unverified_claims(again["access_token"])["exp"]


async def test_a_repeat_from_elsewhere_is_answered_and_written_down(
    place: Installation, person: Person
):
    """S106, S111: a phone that changes its network; or a thief beside the owner."""
    tokens = await person.tokens()
    first = (await refresh(place, tokens)).json()
    transport = httpx2.ASGITransport(place.app, client=("198.51.100.9", 4711))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    async with httpx2.AsyncClient(transport=transport, base_url=place.issuer) as elsewhere:
        auth = ("app", place.secrets["app"])
        again = (await elsewhere.post("/token", data=form, auth=auth)).json()
    assert again["refresh_token"] == first["refresh_token"]
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    family = await family_of(person)
    assert (event.kind, event.subject) == (EventKind.REFRESH_REPEATED, family.id)
    assert event.address == "198.51.100.9"
    assert event.detail == {"rotated_from": "127.0.0.1", "user_id": person.user_id}
    assert family.origin.address == "127.0.0.1", "what is compared is where it was rotated"


async def test_a_repeat_asks_anew_and_a_mistake_in_it_costs_nothing(
    place: Installation, person: Person
):
    """Narrower is allowed, wider is not; the successor stays as good as it was."""
    tokens = await person.tokens(scope="openid notes:read notes:write")
    first = (await refresh(place, tokens, scope="openid notes:read")).json()
    narrow = (await refresh(place, tokens, scope="notes:write")).json()
    assert (narrow["scope"], narrow["refresh_token"]) == ("notes:write", first["refresh_token"])
    assert (await refresh(place, tokens, scope="email")).json()["error"] == "invalid_scope"
    wrong = await refresh(place, tokens, resource="https://other.example")
    assert wrong.json()["error"] == "invalid_target"
    assert (await refresh(place, first)).status_code == 200


async def test_a_repeat_asks_whether_all_still_stands(place: Installation, person: Person):
    """S33: what ended between the two answers brings no token."""
    tokens = await person.tokens()
    await refresh(place, tokens)

    async def work(tx: Transaction) -> None:
        await tx.sessions.end(
            str((await tx.families.live_of_user(person.user_id))[0].session_id), 1
        )

    await place.authority.store.transact(work)
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


async def test_who_refreshes_uses_the_session(place: Installation, person: Person):
    """A busily used app does not let its session idle out, though the browser rests."""
    tokens = await person.tokens()
    idle = place.authority.settings.session_idle_lifetime
    for _ in range(3):
        place.clock.turn(idle - 1)
        answer = await refresh(place, tokens)
        assert answer.status_code == 200
        tokens = answer.json()
        await place.authority.activity.flush(place.authority.store)
    place.clock.turn(idle)
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


async def test_who_loses_a_race_is_answered_as_who_comes_second(
    place: Installation, person: Person
):
    """Several processes share a store: the row was read, and was rotated before it was written."""
    tokens = await person.tokens()
    stale = await family_of(person)
    first = (await refresh(place, tokens)).json()
    store = place.authority.store
    issuance = await store.transact(lambda tx: exchange_behind(place, tx, tokens, [stale]))
    assert issuance.refresh_token.reveal() == first["refresh_token"]
    repeated = await family_of(person)
    second = (await refresh(place, first)).json()
    lost = await store.transact(lambda tx: exchange_behind(place, tx, tokens, [stale, repeated]))
    assert isinstance(lost, Refusal), "its successor was used meanwhile"
    assert (await refresh(place, second)).json()["error"] == "invalid_grant"


async def exchange_behind(place: Installation, tx: Transaction, tokens: Any, stale: list[Family]):
    """Exchange, seeing the family at first as it was before others had changed it."""
    client = await tx.clients.find("app")
    assert client is not None
    form = {"refresh_token": tokens["refresh_token"]}
    request = TokenRequest(client, Parameters(form, {}), Origin("127.0.0.1"))
    find, seen = tx.families.find, list(stale)

    class Families:
        def __getattr__(self, name: str) -> Any:
            return getattr(tx.families, name)

        async def find(self, family_id: str) -> Family | None:
            return seen.pop(0) if seen else await find(family_id)

    class Behind:
        families = Families()

        def __getattr__(self, name: str) -> Any:
            return getattr(tx, name)

    issuance = await exchange(place.authority, Behind(), request)
    assert seen == []
    return issuance


async def decided(place: Installation, client_id: str, **policy: Any) -> None:
    await place.add_client(
        client_id,
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid", "offline_access", "notes:read"}),
        policy=ClientPolicy(**policy),
    )


async def test_without_rotation_the_refresh_token_stays(place: Installation, person: Person):
    """S22: by the policy of a client with a secret; its idle time slides, its age does not."""
    await decided(place, "fixed", refresh_rotation=False, offline_idle_lifetime=100,
                  offline_absolute_lifetime=250)  # fmt: skip
    tokens = await person.tokens("fixed", scope="openid notes:read offline_access")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for seconds, status in ((0, 200), (99, 200), (99, 200), (51, 200), (1, 400)):
        place.clock.turn(seconds)
        answer = await token_request(place, "fixed", **form)
        assert answer.status_code == status
        assert "refresh_token" not in answer.json()
    assert answer.json()["error"] == "invalid_grant"


async def test_where_rotation_is_given_up_the_predecessor_is_reuse(
    place: Installation, person: Person
):
    """The current token may be used without a trace in its generation: a repeat is told by that."""
    await decided(place, "changing")
    tokens = await person.tokens("changing")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    second = (await token_request(place, "changing", **form)).json()

    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("changing")
        assert client is not None
        await tx.clients.update(replace(client, policy=ClientPolicy(refresh_rotation=False)))

    await place.authority.store.transact(work)
    again = (await token_request(place, "changing", **form)).json()
    assert again["refresh_token"] == second["refresh_token"]
    used = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    assert (await token_request(place, "changing", **used)).status_code == 200
    assert "ended" in (await token_request(place, "changing", **form)).json()["error_description"]


async def test_a_shortened_lifetime_reaches_what_is_out(place: Installation, person: Person):
    """S26, S32: the policy of today decides, and the same is said by introspection."""
    await decided(place, "shortened")
    tokens = await person.tokens("shortened", scope="openid notes:read offline_access")

    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("shortened")
        assert client is not None
        await tx.clients.update(replace(client, policy=ClientPolicy(offline_absolute_lifetime=50)))

    place.clock.turn(50)
    asked = {"token": tokens["refresh_token"]}
    assert (await place.post("/introspect", "shortened", **asked)).json()["active"] is True
    await place.authority.store.transact(work)
    assert (await place.post("/introspect", "shortened", **asked)).json() == {"active": False}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await token_request(place, "shortened", **form)).json()["error"] == "invalid_grant"


async def test_reuse_is_noted_and_ends_the_family(place: Installation, person: Person):
    """S19, S111."""
    tokens = await person.tokens()
    await refresh(place, tokens)
    place.clock.turn(place.authority.settings.refresh_window)
    assert "ended" in (await refresh(place, tokens)).json()["error_description"]
    assert await latest(place) is EventKind.FAMILY_ENDED
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("token", ["", "x", "cfrt_x", "cfac_AAAAAAAAAAAAAAAAAAAA-00000000"])
async def test_what_names_nothing_is_refused(place: Installation, token: str):
    answer = await refresh(place, {"refresh_token": token})
    expected = "invalid_grant" if token else "invalid_request"
    assert answer.json()["error"] == expected


async def consent_anew(person: Person, permissions: list[str], **parameters: str) -> None:
    """Let the app ask again, and allow only this."""
    page = await person.open(prompt="consent", **parameters)
    assert (await person.allow(page, permissions=permissions)).status_code == 303


async def test_what_may_do_what_was_taken_back_is_ended(place: Installation, person: Person):
    """S14: a permission that is not ticked any more ends what was allowed more, at once."""
    scope = "openid notes:read notes:write"
    tokens = await person.tokens(scope=scope)
    less = await person.tokens(scope="openid notes:read")
    await consent_anew(person, ["openid", f"{NOTES} notes:read"], scope=scope)
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    introspected = await place.post("/introspect", "app", token=tokens["access_token"])
    assert introspected.json() == {"active": False}
    assert (await refresh(place, less)).status_code == 200


async def test_where_all_was_taken_back_nothing_is_refreshed(place: Installation, person: Person):
    tokens = await person.tokens(scope="notes:write")
    await consent_anew(person, [f"{NOTES} notes:read"], scope="notes:read notes:write")
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_who_may_not_go_on_while_the_person_is_away_does_not(
    place: Installation, person: Person
):
    """OpenID Connect Core §11: taken back from what was granted before, too."""
    scope = "openid offline_access notes:read"
    tokens = await person.tokens(scope=scope)
    await consent_anew(person, ["openid", f"{NOTES} notes:read"], scope=scope)
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
