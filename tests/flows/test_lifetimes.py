"""How long tokens live: per API and client, end dates, proof anew, and what a change does."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import access_token_from
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio

DAY = 86_400
OFFLINE = "openid notes:read offline_access"


async def give_policy(place: Installation, client_id: str, **policy: Any) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.clients.find(client_id)
        assert found is not None
        wanted = replace(found, policy=replace(found.policy, **policy))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


@pytest.fixture
async def app(place: Installation):
    """The policy of the app is undone after a test that changed it."""
    yield "app"
    await give_policy(
        place,
        "app",
        access_token_lifetime=None,
        refresh_idle_lifetime=None,
        refresh_absolute_lifetime=None,
        offline_idle_lifetime=None,
        offline_absolute_lifetime=None,
        reproof_interval=None,
    )


async def refresh(place: Installation, tokens: dict[str, Any]) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await token_request(place, "app", **form)


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "app", token=token)).json()["active"])


async def is_let_in(place: Installation, token: str) -> bool:
    async with place.browser() as browser:
        headers = {"authorization": f"Bearer {token}"}
        return (await browser.get("/userinfo", headers=headers)).status_code == 200


async def test_a_token_lives_as_its_client_is_worth(place: Installation, person: Person, app: str):
    """S22: what the answer says, what the token says, and what happens."""
    await give_policy(place, app, access_token_lifetime=120)
    tokens = await person.tokens()
    token = access_token_from(unverified_claims(tokens["access_token"]))
    assert token is not None
    assert token.exp - token.iat == tokens["expires_in"] == 120
    place.clock.turn(119)
    assert await is_active(place, tokens["access_token"])
    place.clock.turn(1)
    assert not await is_active(place, tokens["access_token"])


async def test_a_lifetime_shortened_at_the_server_reaches_tokens_already_out(
    place: Installation, person: Person, app: str
):
    """S26: introspection and userinfo go by it at once; lengthening revives nothing."""
    tokens = await person.tokens()
    place.clock.turn(50)
    await give_policy(place, app, access_token_lifetime=100)
    said = (await place.post("/introspect", "app", token=tokens["access_token"])).json()
    assert said["exp"] == said["iat"] + 100
    place.clock.turn(49)
    assert await is_let_in(place, tokens["access_token"])
    place.clock.turn(1)
    assert not await is_active(place, tokens["access_token"])
    assert not await is_let_in(place, tokens["access_token"])
    await give_policy(place, app, access_token_lifetime=None)
    assert not await is_active(place, tokens["access_token"])
    assert (await refresh(place, tokens)).json()["expires_in"] == 3600


async def test_the_refusal_of_a_shortened_token_says_that_it_expired(
    place: Installation, person: Person, app: str
):
    """S109."""
    tokens = await person.tokens()
    place.clock.turn(100)
    await give_policy(place, app, access_token_lifetime=100)
    async with place.browser() as browser:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = await browser.get("/userinfo", headers=headers)
    assert answer.json()["error_reason"] == "expired"


@pytest.mark.parametrize("limit", ["idle", "absolute"])
@pytest.mark.parametrize("kind", ["refresh", "offline"])
async def test_a_limit_of_refreshing_counts_at_the_next_refresh(
    place: Installation, person: Person, app: str, limit: str, kind: str
):
    """S26: the shorter of what was promised and what is said now; and the other kind goes on."""
    scope = OFFLINE if kind == "offline" else "openid notes:read"
    tokens = await person.tokens(scope=scope)
    other = "refresh" if kind == "offline" else "offline"
    await give_policy(place, app, **{f"{other}_{limit}_lifetime": 60})
    place.clock.turn(60)
    tokens = (await refresh(place, tokens)).json()
    await give_policy(place, app, **{f"{kind}_{limit}_lifetime": 60})
    place.clock.turn(60)
    said = (await place.post("/introspect", "app", token=tokens["refresh_token"])).json()
    assert said == {"active": False}
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


async def test_a_longer_limit_revives_no_refresh_token(
    place: Installation, person: Person, app: str
):
    """S26."""
    await give_policy(place, app, offline_idle_lifetime=60)
    tokens = await person.tokens(scope=OFFLINE)
    place.clock.turn(60)
    await give_policy(place, app, offline_idle_lifetime=6000)
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("limit", ["offline_idle_lifetime", "reproof_interval"])
async def test_a_limit_that_came_and_went_revives_no_refresh_token(
    place: Installation, person: Person, app: str, limit: str
):
    """S26: what was refused while a shorter limit stood stays refused when it is lifted."""
    tokens = await person.tokens(scope=OFFLINE)
    await give_policy(place, app, **{limit: 60})
    place.clock.turn(60)
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"
    await give_policy(place, app, **{limit: None})
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


async def test_a_limit_that_did_not_bite_costs_nothing(
    place: Installation, person: Person, app: str
):
    """S26: refreshed in time, a family goes on by the limits of today."""
    tokens = await person.tokens(scope=OFFLINE)
    await give_policy(place, app, offline_idle_lifetime=60)
    place.clock.turn(59)
    await give_policy(place, app, offline_idle_lifetime=None)
    tokens = (await refresh(place, tokens)).json()
    place.clock.turn(6000)
    assert (await refresh(place, tokens)).status_code == 200


async def test_proof_anew_ends_what_rests_on_the_old_one(
    place: Installation, person: Person, app: str
):
    """S30: refusing says why; S31: then the person signs in again, and all goes on."""
    await give_policy(place, app, reproof_interval=DAY)
    tokens = await person.tokens(scope=OFFLINE)
    place.clock.turn(DAY - 100)
    tokens = (await refresh(place, tokens)).json()
    assert tokens["expires_in"] == 100
    place.clock.turn(100)
    assert not await is_active(place, tokens["access_token"])
    refused = (await refresh(place, tokens)).json()
    assert refused["error"] == "invalid_grant"
    assert "sign in again" in refused["error_description"]
    silent = await person.open(scope=OFFLINE, prompt="none")
    assert answer_of(silent)["error"] == "login_required"
    page = await person.open(scope=OFFLINE)
    assert 'name="password"' in page.text
    back = await person.sign_in(page)
    assert (await person.exchange(answer_of(back)["code"])).status_code == 200


async def test_no_family_is_born_dead(place: Installation, person: Person, app: str):
    """S32: a session older than the absolute limit of refreshing is not one to begin with."""
    await person.tokens(scope=OFFLINE)
    await give_policy(place, app, offline_absolute_lifetime=DAY)
    place.clock.turn(DAY)
    online = await person.open()
    assert "code" in answer_of(online)
    page = await person.open(scope=OFFLINE)
    assert 'name="password"' in page.text
    back = await person.sign_in(page)
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert (await refresh(place, tokens)).status_code == 200


async def test_a_person_gives_access_until_a_day(place: Installation, person: Person):
    """S13: the consent page asks; then all ends by itself, and the app has to ask anew."""
    page = await person.sign_in(await person.open(scope=OFFLINE))
    assert "For how long" in page.text
    back = await person.allow(page, span="day")
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    shown = (await person.browser.get("/account/apps")).text
    assert "Ends on " in shown
    place.clock.turn(DAY - 1)
    assert (await refresh(place, tokens)).json()["expires_in"] == 1
    place.clock.turn(1)
    assert "No apps yet" in (await person.browser.get("/account/apps")).text
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"
    asked = await person.open(scope=OFFLINE)
    assert "For how long" in asked.text
    assert "Already allowed" not in asked.text


async def test_asking_again_proposes_the_end_date_that_stands(place: Installation, person: Person):
    """S13: whoever just says yes lengthens nothing."""
    back = await person.allow(await person.sign_in(await person.open()), span="week")
    assert "code" in answer_of(back)
    place.clock.turn(DAY)
    again = await person.open(scope="openid notes:read notes:write")
    assert "As before" in again.text
    assert "You allowed it until " in again.text
    await person.allow(again)
    store = place.authority.store
    grant = await store.read(lambda tx: tx.grants.between(person.user_id, "app"))
    assert grant is not None
    assert grant.ends_at == int(place.clock()) + 6 * DAY
    assert grant.access.apis[NOTES] == {"notes:read", "notes:write"}


@pytest.mark.parametrize("span", ["decade", "DAY", " ", "None"])
async def test_what_the_page_does_not_offer_is_refused(person: Person, span: str):
    page = await person.sign_in(await person.open())
    answer = await person.allow(page, span=span)
    assert answer.status_code == 400


async def test_an_app_may_ask_for_proof_more_often(place: Installation, person: Person, app: str):
    """S30: of the client, not of the server's own pages."""
    await give_policy(place, app, reproof_interval=600)
    tokens = await person.tokens(scope="openid notes:read offline_access")
    assert tokens["expires_in"] == 600
    place.clock.turn(600)
    page = await person.open(scope="openid notes:read offline_access")
    assert 'name="password"' in page.text
    assert (await person.browser.get("/account/apps")).status_code == 200
