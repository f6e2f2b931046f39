"""Whoever is fast: tokens asked for in the moment in which what they rest on is ended.

Two processes of one installation, on each engine; an answer that was given counts at both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from tests.installation import Clock, Installation, Person, token_request
from tests.server.test_assembly import node
from tests.storage.samples import feed_is_whole, log_is_whole

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("names them itself")]

Nodes = tuple[Installation, Installation]
ROUNDS = 12


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    clock = Clock()
    database = "" if request.param == "sqlite" else request.getfixturevalue("database")
    async with (
        node(tmp_path, clock, database=database) as one,
        node(tmp_path, clock, one) as other,
    ):
        yield one, other
        await one.authority.store.read(feed_is_whole)
        await other.authority.store.read(log_is_whole)


async def after(turns: int, what: Awaitable[Any]) -> Any:
    """Let the others go ahead by so many turns of the loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await what


async def demand_dead(nodes: Nodes, answers: list[httpx2.Response]) -> int:
    """Demand that no token which was handed out is good anywhere; says how many there were."""
    tokens = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    for token in tokens:
        for each in nodes:
            said = (await each.post("/introspect", "app", token=token)).json()
            assert said == {"active": False}
    return len(tokens)


async def end_grant(place: Installation) -> None:
    store = place.authority.store
    assert place.user is not None
    user_id = place.user.id
    grants = await store.read(lambda tx: tx.grants.of_user(user_id))
    for grant in grants:
        await store.transact(lambda tx, grant=grant: revocation.end_grant(tx, grant.id, CLI))


async def test_a_code_that_is_exchanged_while_its_grant_is_ended(nodes: Nodes) -> None:
    """S03: what the person took back is gone, though the exchange had looked before."""
    one, other = nodes
    handed_out = 0
    async with one.browser() as browser:
        person = Person(one, browser)
        for round_ in range(ROUNDS):
            person.installation = one
            code = await person.code()
            person.installation = other
            answer, _ = await asyncio.gather(
                person.exchange(code), after(round_ * 4, end_grant(one))
            )
            handed_out += await demand_dead(nodes, [answer])
    assert handed_out, "no exchange was ever first: nothing was shown"


async def test_tokens_that_are_refreshed_while_their_grant_is_ended(nodes: Nodes) -> None:
    """S39: nothing that was issued under it lives on, at either process."""
    one, other = nodes
    handed_out = 0
    async with one.browser() as browser:
        person = Person(one, browser)
        for round_ in range(ROUNDS):
            refresh_token = (await person.tokens())["refresh_token"]
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            *answers, _ = await asyncio.gather(
                *(token_request(each, "app", **form) for each in (one, other) * 3),
                after(round_ * 8, end_grant(other)),
            )
            handed_out += await demand_dead(nodes, answers)
    assert handed_out, "no refresh was ever first: nothing was shown"


async def test_a_stolen_token_that_is_used_while_its_theft_is_noticed(nodes: Nodes) -> None:
    """S19: the theft is noticed in the middle of refreshes; all that came of them is dead."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        for round_ in range(ROUNDS):
            stolen = (await person.tokens())["refresh_token"]
            newest = stolen
            for _ in range(2):
                renewed = await token_request(
                    one, "app", grant_type="refresh_token", refresh_token=newest
                )
                newest = renewed.json()["refresh_token"]
            thief, *owners = await asyncio.gather(
                after(
                    round_ * 4,
                    token_request(other, "app", grant_type="refresh_token", refresh_token=stolen),
                ),
                *(
                    token_request(each, "app", grant_type="refresh_token", refresh_token=newest)
                    for each in (one, other)
                ),
            )
            assert thief.status_code == 400
            await demand_dead(nodes, owners)


async def test_a_code_that_is_shown_to_both_at_once_is_spent_once(nodes: Nodes) -> None:
    """RFC 9700 §2.1.1: and whoever shows it again ends what came of it, wherever."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        for _ in range(ROUNDS // 2):
            person.installation = one
            code = await person.code()
            form = {"code": code, "code_verifier": person.verifier}
            answers = await asyncio.gather(
                *(
                    token_request(each, "app", grant_type="authorization_code", **form)
                    for each in (one, other) * 3
                )
            )
            assert [answer.status_code for answer in answers].count(200) == 1
            assert await demand_dead(nodes, answers) == 1


async def test_whoever_asks_wrongly_at_the_same_time_takes_nothing_from_the_others(
    nodes: Nodes,
) -> None:
    """Exchanges may share a transaction: one that fails after it took a code undoes only itself."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        codes = [(await person.code(), {"code_verifier": person.verifier}) for _ in range(48)]
        wrong = {"redirect_uri": "https://elsewhere.example"}
        asked = []
        for number, (code, proof) in enumerate(codes):
            person.installation = nodes[number % 2]
            asked.append(person.exchange(code, **proof, **(wrong if number % 8 == 3 else {})))
        answers = await asyncio.gather(*asked)
        assert {each.status_code for each in answers[3::8]} == {400}
        again = [await person.exchange(code, **proof) for code, proof in codes[3::8]]
    del answers[3::8]
    for answer in [*answers, *again]:  # also for the codes of those who asked wrongly
        assert answer.status_code == 200, answer.text
        said = await other.post("/introspect", "app", token=answer.json()["access_token"])
        assert said.json()["active"]
