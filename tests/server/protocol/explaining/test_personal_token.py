"""A personal token, pasted or by its fingerprint: explained through its row (S11, S109)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import explain, revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explaining.explanation import Explanation, Verdict
from counterfoil.server.records.personal_token import TokenEnd
from tests.installation import NOTES, Installation, installed
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        yield place


async def told(place: Installation, pasted: str) -> Explanation:
    found = await explain.explain(place.authority, pasted)
    assert found.kind == "personal_token"
    return found


async def test_it_stands_and_whoever_pasted_it_is_warned(place: Installation):
    made = await make(place, networks=("192.0.2.0/24",))
    found = await told(place, made.secret.reveal())
    assert (found.verdict, found.owner) == (Verdict.STANDS, made.token.user_id)
    assert "should not be pasted" in found.sentence
    assert "192.0.2.0/24" in found.steps[-1].sentence
    by_name = await told(place, made.token.id)
    assert (by_name.verdict, by_name.owner) == (Verdict.STANDS, made.token.user_id)
    assert "pasted" not in by_name.sentence


async def test_it_says_when_why_and_by_whom_it_was_ended(place: Installation):
    made = await make(place)
    place.clock.turn(60)
    end = TokenEnd(int(place.clock()), "reported", "https://pastes.example/1")
    await place.authority.store.transact(
        lambda tx: revocation.end_personal_token(tx, made.token.id, end, CLI)
    )
    found = await told(place, made.token.id)
    assert (found.verdict, found.decided_by, found.reason) == (
        Verdict.REFUSED,
        "ended",
        Reason.REVOKED,
    )
    assert (found.since, found.by) == (end.at, "cli")
    assert "https://pastes.example/1" in found.sentence


async def test_one_that_expired_or_whose_api_takes_none_says_so(place: Installation):
    made = await make(place, lifetime=60)
    await place.set_policy(NOTES)
    assert (await told(place, made.token.id)).decided_by == "audience"
    place.clock.turn(60)
    assert (await told(place, made.token.id)).decided_by == "expiry"


async def test_one_whose_person_is_disabled_says_so(place: Installation):
    made = await make(place)
    user_id = made.token.user_id
    await place.authority.store.transact(lambda tx: tx.users.disable(user_id, 1))
    assert (await told(place, made.token.id)).decided_by == "person"


async def test_one_that_was_never_made_is_not_known(place: Installation):
    found = await told(place, spell(Kind.PERSONAL_TOKEN, bytes(32)).reveal())
    assert (found.reason, found.owner) == (Reason.NOT_REGISTERED, "")


async def test_a_person_learns_of_their_own_alone(place: Installation):
    made = await make(place)
    text = made.secret.reveal()
    own = await explain.explain_to(place.authority, text, made.token.user_id)
    assert own.verdict is Verdict.STANDS
    for strange in (text, made.token.id):
        other = await explain.explain_to(place.authority, strange, "somebody else")
        assert other == explain.NOT_YOURS
