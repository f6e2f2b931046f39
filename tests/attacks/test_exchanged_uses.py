"""Tokens with limits are exchanged, by whoever hopes for more of them (S12, S15, S54)."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.allowances import USES
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE
from counterfoil.oauth.limits import Limits, count_name, sum_name
from counterfoil.oauth.use_limit import TYPE
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.exchange_right import ExchangeRight
from tests.allowing import COUNTED, act, acted, add_guard, granted, left, spend, take
from tests.exchanging import child_of, exchanged, furnish_exchange, refused
from tests.installation import MAIL, NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio
TASKS, N = 50, 12
LESS = {"type": "counterfoil_limit", "action": "transfer", "unit": "EUR"}


@pytest.fixture(scope="module")
async def place(on_engine: str, tmp_path_factory: Any) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("uses")) as place:
        await furnish_exchange(place)
        await add_guard(place)
        scopes = frozenset({"notes:read", "notes:write"})
        await place.add_client(
            "worker", grant_types=("client_credentials", GRANT_TYPE), scopes=scopes
        )
        rights = (
            ExchangeRight(NOTES, NOTES, "notes:read"),
            ExchangeRight(NOTES, MAIL, "mail:send"),
        )
        service = {"grant_types": ("client_credentials", GRANT_TYPE)}
        await place.add_client("deputy", exchange_rights=rights, **service)
        yield place


def jti_of(token: str) -> str:
    return str(unverified_claims(token)["jti"])


def details(*limits: dict[str, Any]) -> str:
    return msgspec.json.encode(limits).decode()


async def limited(place: Installation, uses: int) -> str:
    return await place.service_token("worker", max_uses=str(uses))


async def counted(place: Installation, **members: Any) -> str:
    """A token that was issued while its API had limits; it has none afterwards."""
    await place.set_policy(NOTES, limits=msgspec.convert([COUNTED | members], Limits))
    try:
        return await place.service_token("worker")
    finally:
        await place.set_policy(NOTES, limits=())


async def test_exchanging_multiplies_no_uses(place: Installation):
    """S12, S54: N in all, whoever asks: the parent, its children, and theirs."""
    parent = await limited(place, 5)
    one, other = [await child_of(place, "worker", parent) for _ in range(2)]
    grandchild = await child_of(place, "worker", one, scope="notes:read")
    assert unverified_claims(grandchild)["max_uses"] == 5
    assert unverified_header(grandchild)["typ"] == TYPE
    every = [parent, one, other, grandchild]
    got = [await granted(place, take(jti_of(each))) for each in (*every, *every)]
    assert got == [[1]] * 5 + [["used_up"]] * 3
    late = await child_of(place, "worker", parent)
    assert await granted(place, take(jti_of(late))) == ["used_up"]


async def test_fewer_can_be_asked_for_and_never_more(place: Installation):
    """S54: of a token with five uses one with two; that is what it has, and they count for both."""
    parent = await limited(place, 5)
    child = await child_of(place, "worker", parent, max_uses="2")
    assert unverified_claims(child)["max_uses"] == 2
    assert [await granted(place, take(jti_of(child))) for _ in range(3)] == [[1], [1], ["used_up"]]
    assert await granted(place, take(jti_of(parent), 3)) == [3]
    for token, uses in ((parent, "6"), (child, "3"), (child, "5")):
        answer = await exchanged(place, "worker", token, max_uses=uses)
        assert refused(answer)[0] == "invalid_request"
        assert "the token that this one comes of" in answer.json()["error_description"]


async def test_a_race_over_parent_and_children_is_won_so_many_times(place: Installation):
    """S54: fifty tasks, four tokens of one line, and exactly twelve uses."""
    parent = await limited(place, N)
    children = [await child_of(place, "worker", parent) for _ in range(2)]
    tokens = [parent, *children, await child_of(place, "worker", children[0])]
    tasks = [granted(place, take(jti_of(tokens[n % 4]))) for n in range(TASKS)]
    got = [answer for (answer,) in await asyncio.gather(*tasks)]
    assert (got.count(1), got.count("used_up")) == (N, TASKS - N)
    assert await left(place, jti_of(parent)) == 0


async def test_leases_of_several_tokens_are_never_more_than_there_is(place: Installation):
    """S54: each guard wants ten at once, in one request for all, in an order of its own."""
    parent = await limited(place, N)
    children = [await child_of(place, "worker", parent) for _ in range(3)]
    tokens = [jti_of(each) for each in (parent, *children)]

    async def lease(number: int) -> list[Any]:
        order = tokens[number % 4 :] + tokens[: number % 4]
        return await granted(place, *(take(jti, 10, least=1) for jti in order))

    got = await asyncio.gather(*map(lease, range(8)))
    assert sum(each for some in got for each in some if each != "used_up") == N
    assert await left(place, jti_of(parent)) == 0


async def test_what_was_taken_is_taken_once_and_given_back_once(place: Installation):
    """S54: under the key of one token nothing is had by another."""
    parent = await limited(place, 4)
    child = jti_of(await child_of(place, "worker", parent))
    asked = take(child, 3, least=1)
    assert [await granted(place, asked) for _ in range(3)] == [[3]] * 3
    same_key = asked | {"jti": jti_of(parent)}
    assert await granted(place, same_key) == [1], "it is another take"
    assert await granted(place, take(child)) == ["used_up"]
    back = {name: asked[name] for name in ("jti", "name", "key")} | {"amount": 3}
    answers = [(await spend(place, returns=[back])).json()["returns"] for _ in range(2)]
    assert answers == [[3], [0]]
    assert (await left(place, jti_of(parent)), await left(place, child)) == (3, 4)
    assert await granted(place, asked | {"amount": 4}) == ["key_reused"]


async def test_a_retry_of_a_lease_that_got_the_least_gets_it_again(place: Installation):
    parent = await limited(place, 2)
    child = jti_of(await child_of(place, "worker", parent))
    asked = take(child, 8, least=1)
    assert [await granted(place, asked) for _ in range(2)] == [[1], [1]]
    assert await left(place, jti_of(parent)) == 1


async def test_limits_are_never_wider_than_they_were(place: Installation):
    """S12, S15: no member above its own, no action that was not named, and none lost on the way."""
    parent = await counted(place)
    child = await child_of(place, "worker", parent)
    assert unverified_claims(child)["authorization_details"] == [COUNTED]
    for wider in (
        {"per_transaction": 2501},
        {"count": 4},
        {"sum": 4001},
        {"action": "pay"},
        {"unit": "USD"},
    ):
        answer = await exchanged(
            place, "worker", parent, authorization_details=details(LESS | wider)
        )
        assert refused(answer)[0] == "invalid_authorization_details", wider
    less = details(LESS | {"per_transaction": 100, "count": 2})
    narrow = await child_of(place, "worker", parent, authorization_details=less)
    assert unverified_claims(narrow)["authorization_details"] == [
        COUNTED | {"per_transaction": 100, "count": 2}
    ]
    answer = await exchanged(place, "worker", narrow, authorization_details=details(LESS | COUNTED))
    assert refused(answer)[0] == "invalid_authorization_details"


async def test_exchanging_multiplies_no_transactions(place: Installation):
    """S15: three transfers of forty euros in all, by whichever token."""
    parent = await counted(place)
    less = details(LESS | {"count": 1})
    narrow = await child_of(place, "worker", parent, authorization_details=less)
    child = await child_of(place, "worker", parent)
    assert await acted(place, act(jti_of(narrow), 1500)) == [1]
    assert await acted(place, act(jti_of(narrow), 1)) == ["used_up"], "its own count"
    assert await acted(place, act(jti_of(parent), 2000)) == [1]
    assert await acted(place, act(jti_of(child), 501)) == ["used_up"], "the sum of all"
    count = count_name("transfer", "EUR")
    assert await left(place, jti_of(parent), count) == 1, "what was refused took nothing"
    assert await left(place, jti_of(child), count) == 3
    assert await acted(place, act(jti_of(child), 500)) == [1]
    assert await left(place, jti_of(parent), sum_name("transfer", "EUR")) == 0


async def test_a_race_of_transactions_is_won_so_many_times(place: Installation):
    """S15: fifty tasks, three tokens, and no cent more than the sum."""
    parent = await counted(place, count=40, sum=1000)
    tokens = [parent, *[await child_of(place, "worker", parent) for _ in range(2)]]
    tasks = [acted(place, act(jti_of(tokens[n % 3]), 100)) for n in range(TASKS)]
    got = [answer for (answer,) in await asyncio.gather(*tasks)]
    assert (got.count(1), got.count("used_up")) == (10, TASKS - 10)


async def test_one_key_at_two_tokens_is_two_transactions(place: Installation):
    """S15: else whoever has two tokens would have the second transaction for nothing."""
    parent = await counted(place, count=2)
    child = await child_of(place, "worker", parent)
    key = {"key": "k" * 22}
    assert await acted(place, act(jti_of(child), **key), act(jti_of(parent), **key)) == [1, 1]
    assert await acted(place, act(jti_of(child), **key)) == [1], "the same one again"
    assert await acted(place, act(jti_of(child))) == ["used_up"]


@pytest.mark.parametrize("wanted", [{"resource": MAIL}, {"resource": NOTES}], ids=str)
async def test_nobody_acts_with_what_is_limited(place: Installation, wanted: dict[str, str]):
    """RFC 8693 §4: what is counted at one API is not counted at another; and ``act`` hides none."""
    plain = await place.service_token("worker")
    for token in (await limited(place, 3), await counted(place)):
        answer = await exchanged(place, "deputy", token, **wanted)
        assert refused(answer) == ("invalid_request", "wrong_type")
        assert "narrowed by the client that it was issued to" in answer.json()["error_description"]
    own = await place.service_token("deputy", scope="notes:read", max_uses="3")
    actor = {"actor_token": own, "actor_token_type": ACCESS_TOKEN}
    answer = await exchanged(place, "deputy", plain, **wanted, **actor)
    assert refused(answer) == ("invalid_request", "not_permitted"), "its use would not be counted"


async def test_it_ends_with_its_parent_where_it_is_counted(place: Installation):
    """S48: the server refuses to count for what was ended, however far the guard is behind."""
    parent = await limited(place, 5)
    child = await child_of(place, "worker", parent)
    sibling = await child_of(place, "worker", parent)
    end = partial(revocation.end_token, handle=jti_of(sibling), expires_at=None, by=CLI)
    await place.authority.store.transact(end)
    assert await granted(place, take(jti_of(sibling)), take(jti_of(child))) == ["revoked", 1]
    end = partial(revocation.end_token, handle=jti_of(parent), expires_at=None, by=CLI)
    await place.authority.store.transact(end)
    assert await granted(place, take(jti_of(child))) == ["revoked"]


async def test_where_the_count_of_the_first_is_lost_nothing_is_left(place: Installation):
    """It fails closed: a row that is not there counts for nothing to take."""
    parent = await limited(place, 5)
    child = msgspec.convert(unverified_claims(await child_of(place, "worker", parent)), AccessToken)
    own = await place.authority.store.read(lambda tx: tx.allowances.find(child.jti, USES))
    assert own is not None
    orphan = msgspec.structs.replace(
        own, marks=msgspec.structs.replace(own.marks, jti="o" * 22), draws_on="n" * 22
    )
    await place.authority.store.transact(lambda tx: tx.allowances.add(orphan))
    assert await granted(place, take("o" * 22)) == ["used_up"]


async def test_a_person_narrows_as_a_service_does(place: Installation):
    """S12: with a session behind it; the account page says what is left of both."""
    async with place.browser() as browser:
        person = Person(place, browser)
        answer = await person.exchange(
            await person.code("teller", scope="openid notes:read"), "teller", max_uses="3"
        )
        parent = str(answer.json()["access_token"])
        child = await child_of(place, "teller", parent, lifetime="60")
        assert await granted(place, take(jti_of(parent), 2)) == [2]
        page = (await browser.get("/account/apps")).text
        assert page.count("1 of 3") == 2, page
    assert await granted(place, take(jti_of(child), 1)) == [1]
