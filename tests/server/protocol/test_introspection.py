"""Who may know what about a token (RFC 7662 §4)."""

from urllib.parse import urlencode

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol import introspection
from counterfoil.server.protocol.introspection import INACTIVE, Introspection
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def ask(place: Installation, client_id: str, token: str) -> Introspection:
    form = {"client_id": client_id, "client_secret": place.secrets[client_id], "token": token}
    return await introspection.introspect(place.authority, urlencode(form).encode(), None)


async def test_the_owner_learns_of_its_tokens(place: Installation, person: Person):
    tokens = await person.tokens()
    for kind in ("access_token", "refresh_token"):
        found = await ask(place, "app", tokens[kind])
        assert found.active
        assert found.sub == person.user_id


async def test_others_are_told_nothing(place: Installation, person: Person):
    """RFC 7662 §2.2: only active, so that nobody can tell foreign from none."""
    tokens = await person.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"], "x"):
        assert await ask(place, "service", token) == INACTIVE


async def test_a_refresh_token_is_active_until_it_is_used_or_expires(
    place: Installation, person: Person
):
    tokens = await person.tokens()
    place.clock.turn(place.authority.settings.refresh_idle_lifetime)
    assert await ask(place, "app", tokens["refresh_token"]) == INACTIVE


async def test_the_token_is_asked_for_after_the_client(place: Installation):
    form = urlencode({"client_id": "app", "client_secret": place.secrets["app"]}).encode()
    with pytest.raises(OAuthError) as refused:
        await introspection.introspect(place.authority, form, None)
    assert refused.value.error == "invalid_request"


async def test_a_refresh_token_is_active_while_its_session_stands(
    place: Installation, person: Person
):
    """S33: it says no to what the token endpoint would refuse."""
    tokens = await person.tokens()
    settings = place.authority.settings
    assert settings.session_idle_lifetime < settings.refresh_idle_lifetime
    place.clock.turn(settings.session_idle_lifetime)
    assert await ask(place, "app", tokens["refresh_token"]) == INACTIVE
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await place.post("/token", "app", **form)).json()["error"] == "invalid_grant"
