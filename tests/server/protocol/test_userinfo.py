"""Claims about the person behind a token, while both stand."""

import pytest
from msgspec import to_builtins

from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.userinfo import Shown, userinfo
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def ask(place: Installation, token: str):
    return await userinfo(place.authority, Shown(token), place.clock())


async def test_the_scopes_of_the_token_open_the_claims(place: Installation, person: Person):
    """OpenID Connect Core §5.4."""
    tokens = await person.tokens(scope="openid profile")
    found = await ask(place, tokens["access_token"])
    assert to_builtins(found) == {"sub": person.user_id, "name": "Grace"}


@pytest.mark.parametrize(("token", "reason"), [("x", Reason.MALFORMED), ("", Reason.MALFORMED)])
async def test_what_is_no_token_is_refused(place: Installation, token: str, reason: Reason):
    assert await ask(place, token) is reason


async def test_a_service_is_nobody(place: Installation):
    assert await ask(place, await place.service_token()) is Reason.INSUFFICIENT_SCOPE


async def test_a_disabled_persons_token_says_nothing(place: Installation, person: Person):
    """S33: the person is looked at anew."""
    tokens = await person.tokens()
    store = place.authority.store
    await store.transact(lambda tx: tx.users.disable(person.user_id, tx.now))
    assert await ask(place, tokens["access_token"]) is Reason.REVOKED


async def test_an_ended_token_says_nothing(place: Installation, person: Person):
    """S39."""
    tokens = await person.tokens()
    store = place.authority.store
    await store.transact(lambda tx: revocation.end_everything_of(tx, person.user_id, "test", CLI))
    assert await ask(place, tokens["access_token"]) is Reason.REVOKED
