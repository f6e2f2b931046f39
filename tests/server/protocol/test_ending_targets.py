"""What was pasted, or guessed: whose it is, and what it names."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.protocol.ending_targets import Ends, Target, owner_of
from tests.installation import Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        yield place


async def test_an_access_token_names_itself_and_its_end(place: Installation):
    """S45: exactly this one, remembered no longer than it would have lived (S41)."""
    token = await place.service_token()
    target = await place.target_of(token)
    assert target.kind is Ends.TOKEN
    assert len(target.name) == 22
    lifetime = place.authority.settings.access_token_lifetime
    assert target.expires_at == int(place.clock()) + lifetime


async def test_a_refresh_token_names_its_family(place: Installation):
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens()
    target = await place.target_of(tokens["refresh_token"])
    owner = await place.authority.store.read(lambda tx: owner_of(tx, target))
    assert place.user is not None
    assert (target.kind, owner) == (Ends.FAMILY, place.user.id)


@pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "é" * 5000, ".", "x" * 200_000])
async def test_what_is_no_token_is_refused_and_not_repeated(place: Installation, text: str):
    with pytest.raises(OAuthError, match="This is no access token of ours") as raised:
        await place.target_of(text)
    assert len(raised.value.description) < 200


async def test_a_token_with_a_changed_byte_names_nothing(place: Installation):
    """Whoever could end by a forged token could end anybody's by its jti and family."""
    token = await place.service_token()
    head, body, signature = token.split(".")
    changed = ("B" if signature[0] == "A" else "A") + signature[1:]
    for forged in (f"{head}.{body}.{changed}", f"{head}.{body}.", token[:-20], f"{head}.{body}"):
        with pytest.raises(OAuthError, match="no access token of ours"):
            await place.target_of(forged)


async def test_a_forged_refresh_token_names_nothing(place: Installation):
    forged = spell(Kind.REFRESH_TOKEN, bytes(60)).reveal()
    with pytest.raises(OAuthError, match="no refresh token of ours"):
        await place.target_of(forged)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Kind.CLIENT_SECRET, "a client secret"), (Kind.SESSION, "session's cookie")],
)
async def test_another_secret_is_named_for_what_it_is(place: Installation, kind: Kind, name: str):
    """S75."""
    secret = spell(kind, bytes(32)).reveal()
    with pytest.raises(OAuthError, match=name) as raised:
        await place.target_of(secret)
    assert secret not in raised.value.description


async def test_everything_of_a_person_has_its_owner(place: Installation):
    async with place.browser() as browser:
        await Person(place, browser).tokens()
    assert place.user is not None
    user_id = place.user.id

    async def owners(tx):
        session = (await tx.sessions.of_user(user_id))[0]
        grant = (await tx.grants.of_user(user_id))[0]
        family = (await tx.families.live_of_user(user_id))[0]
        targets = [
            Target(Ends.SESSION, session.id),
            Target(Ends.GRANT, grant.id),
            Target(Ends.APP_SESSIONS, grant.id),
            Target(Ends.FAMILY, family.id),
            Target(Ends.USER, user_id),
        ]
        return [await owner_of(tx, each) for each in targets]

    assert await place.authority.store.read(owners) == [user_id] * 5


@pytest.mark.parametrize("kind", [Ends.TOKEN, Ends.CLIENT, Ends.API, Ends.KEY, Ends.SESSION])
async def test_what_is_nobodys_or_unknown_has_no_owner(place: Installation, kind: Ends):
    for name in ("app", "nothing"):
        target = Target(kind, name)
        assert await place.authority.store.read(lambda tx, t=target: owner_of(tx, t)) is None
