"""An authorization under way in a browser."""

import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.approval import Decision, Span
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.pending import unseal
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.flow import Flow, conclude
from tests.installation import CALLBACK, Installation, Person, answer_of, hidden_fields

pytestmark = pytest.mark.anyio


async def begun(person: Person) -> str:
    """Begin an authorization; gives the query that carries it on."""
    start = await person.browser.get(person.authorization_url())
    return str(start.headers["location"]).partition("?")[2]


async def test_the_flow_survives_a_reload(person: Person):
    query = await begun(person)
    for _ in range(2):
        page = await person.browser.get(f"/sign-in?{query}")
        assert page.status_code == 200
    back = await person.allow(await person.sign_in(page))
    assert "code" in answer_of(back)


async def test_two_flows_go_on_side_by_side(person: Person):
    """Two tabs: a pending authorization is no state of the browser."""
    one = await person.open(state="one")
    other = await person.open(state="other")
    page = await person.sign_in(other)
    assert answer_of(await person.allow(page))["state"] == "other"
    assert answer_of(await person.follow(await go_on(person, one.text)))["state"] == "one"


async def go_on(person: Person, page: str):
    flow = hidden_fields(page)["flow"]
    return await person.browser.get("/authorize/continue", params={"flow": flow})


async def test_an_old_flow_ends(place: Installation, person: Person):
    query = await begun(person)
    place.clock.turn(place.authority.settings.pending_lifetime + 1)
    page = await person.browser.get(f"/sign-in?{query}")
    assert page.status_code == 400
    assert "too long ago" in page.text


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/authorize/continue"])
async def test_a_flow_of_another_browser_is_refused(person: Person, visitor: Person, path: str):
    query = await begun(person)
    await visitor.browser.get("/sign-in")
    page = await visitor.browser.get(f"{path}?{query}")
    assert page.status_code == 400
    assert "begun in this browser" in page.text


async def test_an_app_disabled_meanwhile_gets_nothing(place: Installation, person: Person):
    await place.add_client(
        "fading",
        grant_types=("authorization_code",),
        redirect_uris=("https://app.example/callback",),
        scopes=frozenset({"openid"}),
    )
    page = await person.open("fading", scope="openid")
    store = place.authority.store
    await store.transact(lambda tx: tx.clients.disable("fading", tx.now))
    after = await person.sign_in(page)
    assert after.status_code == 400
    assert "location" not in after.headers


async def test_a_permission_taken_back_this_moment_is_asked_for_again(
    place: Installation, person: Person
):
    """S03: between the decision and its commit the person may have removed the app."""
    await person.code()
    store = place.authority.store
    (grant,) = await store.read(lambda tx: tx.grants.of_user(person.user_id))
    (session,) = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    page = await person.open(prompt="consent")
    sealed = hidden_fields(page.text)["flow"]
    browser = Secret(person.browser.cookies["counterfoil_browser"]).fingerprint().hex()
    flow = Flow(unseal(place.authority.pending, sealed, browser, 0), sealed)
    decision = Decision(session, flow.pending.access, Origin(), Span.AS_BEFORE)
    assert "code=" in (await conclude(place.server, flow, decision)).headers["location"]
    await store.transact(lambda tx: revocation.end_grant(tx, grant.id, CLI))
    response = await conclude(place.server, flow, decision)
    assert response.headers["location"].startswith("/authorize/continue?flow=")
    assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == []


async def test_a_session_ended_this_moment_allows_nothing(place: Installation, person: Person):
    """S44: the flow goes on, and the person has to sign in again."""
    page = await person.sign_in(await person.open())
    store = place.authority.store
    (session,) = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    sealed = hidden_fields(page.text)["flow"]
    browser = Secret(person.browser.cookies["counterfoil_browser"]).fingerprint().hex()
    flow = Flow(unseal(place.authority.pending, sealed, browser, 0), sealed)
    await store.transact(lambda tx: tx.sessions.end(session.id, tx.now))
    decision = Decision(session, flow.pending.access, Origin())
    response = await conclude(place.server, flow, decision)
    assert 'name="password"' in (await person.follow(response)).text
    assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == []


@pytest.mark.parametrize("meanwhile", ["disabled", "moved"])
async def test_an_app_that_is_not_there_any_more_this_moment_is_given_nothing(
    place: Installation, person: Person, meanwhile: str
):
    """Judged where the code is given: it was looked at before, in another transaction."""
    await place.add_client(
        meanwhile,
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"notes:read"}),
    )
    page = await person.sign_in(await person.open(meanwhile, scope="notes:read"))
    store = place.authority.store
    (session,) = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    sealed = hidden_fields(page.text)["flow"]
    browser = Secret(person.browser.cookies["counterfoil_browser"]).fingerprint().hex()
    flow = Flow(unseal(place.authority.pending, sealed, browser, 0), sealed)

    async def work(tx: Transaction) -> None:
        client = await tx.clients.find(meanwhile)
        assert client is not None
        await tx.clients.update(replace(client, redirect_uris=("https://app.example/elsewhere",)))

    if meanwhile == "moved":
        await store.transact(work)
    else:
        await store.transact(lambda tx: tx.clients.disable(meanwhile, tx.now))
    with pytest.raises(OAuthError, match="invalid_request"):
        await conclude(place.server, flow, Decision(session, flow.pending.access, Origin()))
    assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == []
