"""Flow (b): a person signs in, lets an app in, and the app gets its tokens."""

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.grant import Grant
from tests.installation import NOTES, Installation, Person, answer_of, permissions_in, token_request

pytestmark = pytest.mark.anyio


async def grants_of(person: Person) -> list[Grant]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.grants.of_user(person.user_id))


async def events_of(person: Person, kind: EventKind) -> list[Event]:
    store = person.installation.authority.store
    latest = await store.read(lambda tx: tx.events.latest(1000))
    return [e for e in latest if e.kind is kind and e.actor == f"user:{person.user_id}"]


async def is_active(place: Installation, token: str, client_id: str = "app") -> bool:
    return bool((await place.post("/introspect", client_id, token=token)).json()["active"])


async def test_the_whole_way(place: Installation, person: Person):
    """Sign in, consent, code, tokens; each page stands where the one before led."""
    page = await person.open()
    assert page.status_code == 200
    assert "Sign in" in page.text
    assert "<bdi>App</bdi>" in page.text
    page = await person.sign_in(page)
    assert "Let <bdi>App</bdi> in?" in page.text
    assert "app.example" in page.text
    assert "Read your notes" in page.text
    back = await person.allow(page)
    answer = await person.exchange(answer_of(back)["code"])
    claims = unverified_claims(answer.json()["access_token"])
    assert claims["sub"] == person.user_id
    assert claims["aud"] == NOTES
    assert {"access_token", "refresh_token", "id_token"} <= answer.json().keys()


async def test_who_is_signed_in_and_has_consented_sees_no_page(person: Person):
    """S115: one sign-in serves several apps."""
    await person.code()
    assert "code" in answer_of(await person.open())
    page = await person.open("spa")
    assert 'name="password"' not in page.text
    assert "Let <bdi>Spa</bdi> in?" in page.text


async def test_fewer_permissions_can_be_granted_than_were_asked(
    place: Installation, person: Person
):
    """S10: the token carries what was picked, and the app is told."""
    page = await person.sign_in(await person.open(scope="openid email notes:read notes:write"))
    offered = permissions_in(page.text)
    assert set(offered) == {"openid", "email", f"{NOTES} notes:read", f"{NOTES} notes:write"}
    back = await person.allow(page, permissions=["openid", f"{NOTES} notes:read"])
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert tokens["scope"] == "notes:read openid"
    assert unverified_claims(tokens["access_token"])["scope"] == "notes:read openid"
    assert [grant.access.scopes for grant in await grants_of(person)] == [{"openid", "notes:read"}]


async def test_nothing_can_be_granted_that_was_not_asked(person: Person):
    """S10: the form adds nothing to the request."""
    page = await person.sign_in(await person.open(scope="openid notes:read"))
    more = [*permissions_in(page.text), f"{NOTES} notes:write", "email"]
    back = await person.allow(page, permissions=more)
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert tokens["scope"] == "notes:read openid"


async def test_nothing_picked_is_no_consent(person: Person):
    page = await person.sign_in(await person.open(scope="notes:read"))
    again = await person.allow(page, permissions=[])
    assert again.status_code == 400
    assert "Choose at least one permission" in again.text
    assert await grants_of(person) == []


async def test_a_grant_is_recorded_apart_from_any_token(place: Installation, person: Person):
    """S09: user, app and time; S14: who consented to what is written down."""
    await person.code()
    (grant,) = await grants_of(person)
    assert grant.user_id == person.user_id
    assert grant.client_id == "app"
    assert grant.created_at == int(place.clock())
    assert grant.access.scopes == {"openid", "notes:read"}
    (consent,) = await events_of(person, EventKind.CONSENT_GIVEN)
    assert consent.subject == grant.id
    assert consent.at == int(place.clock())
    assert consent.address == "127.0.0.1"
    (session,) = await place.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
    assert consent.proof == f"session:{session.id}"
    assert consent.detail == {"client_id": "app", "scope": "notes:read openid"}


async def test_a_grant_outlives_its_tokens(place: Installation, person: Person):
    """S09: when the tokens have expired, the permission still stands."""
    await person.tokens()
    place.clock.turn(40 * 86400)
    (grant,) = await grants_of(person)
    assert grant.ended_at is None
    page = await person.open()
    assert 'name="password"' in page.text
    assert "code" in answer_of(await person.sign_in(page))


async def test_a_denial_is_written_down_and_grants_nothing(person: Person):
    page = await person.sign_in(await person.open())
    assert answer_of(await person.allow(page, decision="deny"))["error"] == "access_denied"
    assert await grants_of(person) == []
    (refusal,) = await events_of(person, EventKind.CONSENT_REFUSED)
    assert refusal.subject == "app"


async def test_one_grant_however_many_browsers(
    place: Installation, person: Person, visitor: Person
):
    """S01: one per app; S02: each authorization its own token, all of them good at once."""
    tokens = [await person.tokens(), await visitor.tokens(), await visitor.tokens()]
    assert len(await grants_of(person)) == 1
    access = [each["access_token"] for each in tokens]
    assert len(set(access)) == 3
    assert [await is_active(place, token) for token in access] == [True] * 3


async def test_a_grant_is_widened_by_consent(person: Person):
    await person.code(scope="notes:read")
    page = await person.open(scope="notes:write")
    assert page.status_code == 200
    await person.allow(page)
    (grant,) = await grants_of(person)
    assert grant.access.scopes == {"notes:read", "notes:write"}
    assert "code" in answer_of(await person.open(scope="notes:read notes:write"))


async def test_a_wider_grant_does_not_widen_a_token_that_asked_for_less(person: Person):
    await person.code(scope="notes:read notes:write")
    tokens = await person.tokens(scope="notes:read")
    assert tokens["scope"] == "notes:read"


async def test_another_account_may_be_chosen_at_the_consent(place: Installation, person: Person):
    other = await place.add_user("other@example.com")
    page = await person.sign_in(await person.open())
    page = await person.allow(page, decision="switch")
    assert 'name="password"' in page.text
    back = await person.allow(await person.sign_in(page, email="other@example.com"))
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert unverified_claims(tokens["access_token"])["sub"] == other.id


async def test_a_code_dies_with_its_session(place: Installation, person: Person):
    """S39: signing out between code and exchange leaves nothing behind."""
    code = await person.code()
    page = await person.browser.get("/account/apps")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    await person.browser.post("/account/sign-out", data={"csrf": csrf})
    assert (await person.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_native_app_needs_no_cookie(place: Installation, person: Person):
    """S116: code, refresh and revocation work without one."""
    code = await person.code("spa")
    form = {"client_id": "spa", "code": code, "code_verifier": person.verifier}
    async with place.browser() as device:
        answer = await device.post("/token", data={"grant_type": "authorization_code", **form})
        assert answer.status_code == 200
        assert not device.cookies
        refresh_token = answer.json()["refresh_token"]
    answer = await token_request(
        place, "spa", grant_type="refresh_token", refresh_token=refresh_token
    )
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
