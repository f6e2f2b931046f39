"""For which tokens a guard takes: those of its own API, while they stand (S54, S55)."""

import msgspec
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import AccessToken
from counterfoil.server.records.allowance import Allowance, Return, Take, Taken
from counterfoil.server.records.client import SPEND
from counterfoil.server.storage.statements.allowances import AllowanceStatements
from tests.allowing import act, acted, add_guard, allow, granted, left, spend, take
from tests.installation import MAIL, Installation, Person

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def counted(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(place)
    await add_guard(place, "mail-guard", scopes=frozenset({SPEND, "mail:read"}))
    return place


async def test_a_token_of_another_api_is_not_known_there(counted: Installation):
    """Nor can anything be given back for it."""
    jti = await allow(counted, await counted.service_token(), 5)
    mail = {"client_id": "mail-guard", "audience": MAIL}
    assert await granted(counted, take(jti), take("x" * 22), **mail) == ["not_registered"] * 2
    asked = take(jti, 2)
    assert await granted(counted, asked) == [2]
    assert (await spend(counted, returns=[asked], **mail)).json()["returns"] == [0]
    assert await left(counted, jti) == 3


async def test_of_a_token_that_was_ended_nothing_is_taken(counted: Installation, person: Person):
    """S51: the moment that its session ends, though the guard has not heard of it yet."""
    token = (await person.tokens())["access_token"]
    jti = await allow(counted, token, 5)
    asked = take(jti, 1)
    assert await granted(counted, asked) == [1]
    await counted.post("/revoke", "app", token=token)
    assert await granted(counted, asked, take(jti)) == ["revoked"] * 2
    assert await left(counted, jti) == 4


async def test_of_a_token_that_has_expired_nothing_is_taken(counted: Installation):
    """S55: though it was never used."""
    jti = await allow(counted, await counted.service_token(), 5)
    counted.clock.turn(3600)
    assert await granted(counted, take(jti)) == ["expired"]
    assert await left(counted, jti) == 5


async def test_every_name_is_counted_for_itself(counted: Installation):
    token = await counted.service_token()
    jti = await allow(counted, token, 1)
    await allow(counted, token, 100, "eur")
    euros = [take(jti, 60, name="eur"), take(jti, 60, name="eur"), take(jti), take(jti, name="x")]
    assert await granted(counted, *euros) == [60, "used_up", 1, "not_registered"]


async def test_all_is_done_in_one_order_whoever_asks(
    counted: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Two requests over the same tokens never wait for one another in a circle; returns first."""
    done = list[tuple[str, str]]()
    keep, undo = AllowanceStatements.take, AllowanceStatements.give_back

    async def take_noted(self: AllowanceStatements, asked: Take) -> Taken:
        done.append((asked.jti, "take"))
        return await keep(self, asked)

    async def give_back_noted(self: AllowanceStatements, back: Return) -> int:
        done.append((back.jti, "return"))
        return await undo(self, back)

    monkeypatch.setattr(AllowanceStatements, "take", take_noted)
    monkeypatch.setattr(AllowanceStatements, "give_back", give_back_noted)
    every = sorted([await allow(counted, await counted.service_token(), 5) for _ in range(4)])
    asked = [take(jti) for jti in reversed(every)]
    assert await granted(counted, *asked) == [1] * 4
    assert done == [(jti, "take") for jti in every]
    done.clear()
    await spend(counted, *map(take, reversed(every)), returns=asked[:2])
    assert done == sorted(done)
    assert len(done) == 6


async def test_transactions_wait_for_the_first_of_their_line_whatever_else_is_counted(
    counted: Installation, monkeypatch: pytest.MonkeyPatch
):
    """S15: tokens have a sum in common, and each of them a count of its own: by that they are not
    put in order, for what came of the same two tokens may be called otherwise."""
    done = list[tuple[str, str]]()
    keep = AllowanceStatements.take

    async def take_noted(self: AllowanceStatements, asked: Take) -> Taken:
        done.append((asked.jti[0], asked.name.partition(":")[0]))
        return await keep(self, asked)

    monkeypatch.setattr(AllowanceStatements, "take", take_noted)
    token = msgspec.convert(unverified_claims(await counted.service_token()), AccessToken)
    for jti, name, behind in (
        ("1", "sum", ""),
        ("2", "sum", ""),
        ("A", "sum", "2"),
        ("B", "sum", "1"),
        ("A", "count", ""),
        ("B", "count", ""),
    ):
        allowance = Allowance(
            name=f"{name}:transfer/EUR",
            total=9,
            marks=msgspec.structs.replace(token.marks(""), jti=jti * 22),
            subject=token.sub,
            expires_at=token.exp,
            kept_until=token.exp,
            draws_on=behind * 22,
        )
        await counted.authority.store.transact(lambda tx, each=allowance: tx.allowances.add(each))
    assert await acted(counted, act("A" * 22, 2), act("B" * 22, 3)) == [1, 1]
    of_one = [("1", "sum"), ("B", "sum"), ("B", "count")]
    assert done == [*of_one, ("2", "sum"), ("A", "sum"), ("A", "count")]
