"""Making personal tokens: what may be asked for, and what is kept (S11)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.protocol import personal_tokens
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.protocol.personal_tokens import Made, Maker, SignInTooOld, Wish
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.store import Transaction
from tests.installation import MAIL, NOTES, Installation, installed

pytestmark = pytest.mark.anyio
DAY = 24 * 3600
WISH = Wish(name="Backup", audience=NOTES, scopes=("notes:read",))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        yield place


async def make(place: Installation, *, auth_time: int | None = None, **changes: Any) -> Made:
    assert place.user is not None
    maker = Maker(place.user.id, auth_time)
    wish = replace(WISH, **changes)

    async def work(tx: Transaction) -> Made:
        return await personal_tokens.make(place.authority.settings, tx, maker, wish, CLI)

    return await place.authority.store.transact(work)


async def refused(place: Installation, **changes: Any) -> str:
    with pytest.raises(OAuthError) as error:
        await make(place, **changes)
    return error.value.description


async def test_its_text_is_shown_once_and_its_digest_kept(place: Installation):
    made = await make(place, name="  Backup  at\tnight ", networks=("192.0.2.0/24", "192.0.2.0/24"))
    text, token = made.secret.reveal(), made.token
    assert is_spelled(Kind.PERSONAL_TOKEN, text)
    assert text.startswith("cfpt_")
    assert token.name == "Backup at night"
    assert token.networks == ("192.0.2.0/24",)
    assert token.expires_at == place.clock() + 30 * DAY
    kept = await place.authority.store.read(lambda tx: tx.personal_tokens.find_by_id(token.id))
    assert kept == token
    assert token.digest == made.secret.fingerprint()
    assert text not in repr(made)


async def test_making_it_is_an_event_without_its_text_or_name(place: Installation):
    made = await make(place)
    query = EventQuery(kind=EventKind.PERSONAL_TOKEN_MADE)
    (event,) = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert event.subject == made.token.id
    assert event.detail == {
        "user_id": made.token.user_id,
        "audience": NOTES,
        "scope": "notes:read",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scopes": ()}, "one permission"),
        ({"scopes": ("notes:read", "notes:delete")}, "one permission"),
        ({"scopes": ("openid",)}, "one permission"),
        ({"audience": "https://nowhere.example"}, "no personal tokens"),
        ({"name": " "}, "has a name"),
        ({"name": "x" * 101}, "has a name"),
        ({"name": "a\u202eb"}, "has a name"),
        ({"lifetime": 0}, "lives"),
        ({"lifetime": 365 * DAY + 1}, "lives"),
        ({"networks": ("192.0.2.1/24",)}, "address range"),
        ({"networks": ("192.0.2.1",) * 21}, "20 networks"),
    ],
)
async def test_what_cannot_be_had_is_said(place: Installation, changes: dict[str, Any], said: str):
    """S11: limited in reach and time, and never wider than its API."""
    assert said in await refused(place, **changes)


async def test_only_an_api_that_says_so_takes_them(place: Installation):
    await place.add_api(MAIL, "Mail", {"mail:read": "Read"})
    assert "no personal tokens" in await refused(place, audience=MAIL, scopes=("mail:read",))


async def test_the_servers_own_api_takes_none_whatever_its_policy_says(place: Installation):
    """Nobody, administrator or not, can make a token by which the server is administered."""
    own = own_api_uri(place.issuer)
    await place.set_policy(own, personal_tokens=True)
    said = await refused(place, audience=own, scopes=("counterfoil:read",))
    assert "no personal tokens" in said


async def test_an_api_may_allow_a_shorter_life(place: Installation):
    await place.set_policy(NOTES, personal_tokens=True, personal_token_lifetime=DAY)
    assert (await make(place)).token.expires_at == place.clock() + DAY
    assert "1 to 86400" in await refused(place, lifetime=DAY + 1)


async def test_a_person_signs_in_afresh_before(place: Installation):
    now = int(place.clock())
    await make(place, auth_time=now - 15 * 60 + 1)
    with pytest.raises(SignInTooOld):
        await make(place, auth_time=now - 15 * 60)


async def test_nobody_has_more_than_so_many(place: Installation):
    for _ in range(50):
        made = await make(place, lifetime=60)
    assert "50 personal tokens" in await refused(place)
    place.clock.turn(60)
    await make(place)
    assert made.token.is_live(int(place.clock())) is False


async def test_nobody_fills_the_records_with_what_has_ended(place: Installation):
    for _ in range(10):
        for _ in range(50):
            await make(place, lifetime=60)
        place.clock.turn(60)
    assert "in the last 30 days" in await refused(place)


async def test_a_disabled_account_makes_none(place: Installation):
    user = place.user
    assert user is not None
    await place.authority.store.transact(lambda tx: tx.users.disable(user.id, 1))
    assert "cannot make" in await refused(place)
