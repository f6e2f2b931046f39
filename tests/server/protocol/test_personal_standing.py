"""Whether a personal token stands, and what it opens today (S11)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.personal_token import CLIENT_ID
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.ending_targets import Ends, Target
from counterfoil.server.protocol.endings import Ending, carry_out
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.personal_tokens import Made
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.personal_token import Use
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, installed
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        yield place


async def read(place: Installation, made: Made) -> ReadToken | Reason:
    return await place.authority.reader.read(made.secret.reveal(), place.clock())


async def end(place: Installation, kind: Ends, name: str) -> Ending:
    return await place.authority.store.transact(
        lambda tx: carry_out(place.authority, tx, Target(kind, name), CLI)
    )


async def test_it_says_what_an_access_token_says(place: Installation):
    made = await make(place, scopes=("notes:write", "notes:read"), auth_time=int(place.clock()))
    found = await read(place, made)
    assert isinstance(found, ReadToken)
    token = found.token
    assert (token.sub, token.aud, token.client_id) == (made.token.user_id, NOTES, CLIENT_ID)
    assert (token.jti, token.scope, token.fam) == (made.token.id, "notes:read notes:write", "")
    assert token.auth_time == place.clock()
    assert found.personal == made.token


async def test_it_expires(place: Installation):
    made = await make(place, lifetime=60)
    place.clock.turn(60)
    assert await read(place, made) is Reason.EXPIRED


@pytest.mark.parametrize("kind", [Ends.PERSONAL_TOKEN, Ends.TOKEN, Ends.USER, Ends.API])
async def test_each_way_of_ending_ends_it(place: Installation, kind: Ends):
    """S11: one by one, or with all that is its person's or its API's."""
    made, sibling = await make(place), await make(place)
    names = {Ends.USER: made.token.user_id, Ends.API: NOTES}
    ending = await end(place, kind, names.get(kind, made.token.id))
    assert ending.ended
    assert await read(place, made) is Reason.REVOKED
    stands = kind in (Ends.PERSONAL_TOKEN, Ends.TOKEN)
    assert isinstance(await read(place, sibling), ReadToken) == stands
    if kind is not Ends.API:
        again = await end(place, kind, names.get(kind, made.token.id))
        assert (again.ended, again.personal_tokens) == (False, 0)


async def test_its_notice_stands_for_as_long_as_an_older_answer_may(place: Installation):
    """However long the token would have lived: a year of notices would cost every guard."""
    made = await make(place, lifetime=300 * 24 * 3600)
    await end(place, Ends.PERSONAL_TOKEN, made.token.id)
    rejects = place.authority.hub.revocations.rejects
    found = replace(made.token).id
    await place.authority.hub.catch_up()
    live = await place.authority.store.read(lambda tx: tx.notices.live())
    (notice,) = [text for text in live if found.encode() in text]
    assert f'"until":{int(place.clock()) + 3660}'.encode() in notice
    assert rejects is not None


async def change_scopes(place: Installation, **changes: Any) -> None:
    async def work(tx: Transaction) -> None:
        api = await tx.apis.find(NOTES)
        assert api is not None
        await registration.update_api(tx, replace(api, **changes), CLI)

    await place.authority.store.transact(work)


async def test_it_opens_no_more_than_its_api_has_today(place: Installation):
    made = await make(place, scopes=("notes:read", "notes:write"))
    await change_scopes(place, scopes={"notes:read": "Read", "notes:all": "All"})
    found = await read(place, made)
    assert isinstance(found, ReadToken)
    assert found.token.scope == "notes:read"


async def test_an_api_that_takes_none_any_more_takes_none(place: Installation):
    made = await make(place)
    await place.set_policy(NOTES)
    assert await read(place, made) is Reason.REVOKED


async def test_it_does_not_come_back_with_its_person(place: Installation):
    made = await make(place)
    user_id = made.token.user_id
    await place.authority.store.transact(lambda tx: revocation.disable_user(tx, user_id, CLI))
    assert await read(place, made) is Reason.REVOKED
    await place.authority.store.transact(lambda tx: tx.users.enable(user_id))
    assert await read(place, made) is Reason.REVOKED


async def test_a_shorter_lifetime_of_its_api_leaves_it(place: Installation):
    made = await make(place)
    await change_scopes(place, token_lifetime=60)
    place.clock.turn(120)
    assert isinstance(await read(place, made), ReadToken)


async def test_the_first_use_is_an_event_and_the_last_one_is_kept(place: Installation):
    """Noted in memory, written in one go; what a failure keeps from being written stays noted."""
    made = await make(place)
    activity, store = place.authority.activity, place.authority.store
    now = int(place.clock())
    activity.note_personal_token(made.token.id, Use(now, "192.0.2.7"))
    activity.note_personal_token(made.token.id, Use(now + 5))

    class Broken:
        async def transact(self, *_: Any, **__: Any) -> None:
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await activity.flush(Broken())  # type: ignore[arg-type]
    for at in (now + 5, now + 60):
        activity.note_personal_token(made.token.id, Use(at))
        await activity.flush(store)
    token = await store.read(lambda tx: tx.personal_tokens.find_by_id(made.token.id))
    assert token is not None
    assert (token.last_used_at, token.last_used_from) == (now + 60, "192.0.2.7")
    query = EventQuery(kind=EventKind.PERSONAL_TOKEN_USED)
    (event,) = await store.read(lambda tx: tx.events.find(query))
    assert (event.subject, event.actor, event.address) == (
        made.token.id,
        f"user:{made.token.user_id}",
        "192.0.2.7",
    )
