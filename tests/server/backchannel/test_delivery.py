"""Clients are told of logouts: each in its line, again where that fails, and not for ever."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import Verifier
from counterfoil.net.http import Unreachable
from counterfoil.net.outward import WHOLE
from counterfoil.oauth import logout_token
from counterfoil.oauth.logout_token import Between, Ended
from counterfoil.server.backchannel.delivery import (
    AT_A_TURN,
    CLAIM_SECONDS,
    LINES_AT_ONCE,
    Delivery,
)
from counterfoil.server.opening import Outside, open_authority
from counterfoil.server.outgoing import FIRST_WAIT, LONGEST_WAIT
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.backchannel_logout import KEEPS_TRYING, Telling, tell
from counterfoil.server.records.client import Client
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import load
from tests.installation import CALLBACK, Clock

pytestmark = pytest.mark.anyio
ISSUER = "https://id.example"


class Clients:
    """Takes what clients are told; ``answers`` says what each address answers, 200 if nothing."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self.authority = authority
        self.clock = clock
        self.answers: dict[str, int | BaseException | asyncio.Event] = {}
        self.told: list[tuple[str, Ended]] = []
        self.tokens: list[str] = []
        self.calls: list[str] = []
        self.was_called = asyncio.Event()

    async def post_form(self, url: str, form: Mapping[str, str]) -> int:
        self.calls.append(url)
        self.was_called.set()
        answer = self.answers.get(url, 200)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = 200
        if isinstance(answer, BaseException):
            raise answer
        if answer in {200, 204}:
            self._take(url, form["logout_token"])
        return answer

    def _take(self, url: str, token: str) -> None:
        client_id = url.removeprefix("https://").partition(".")[0]
        now = int(self.clock())
        keys = self.authority.keyring.published(Purpose.TOKENS, now)
        claims = Verifier(keys, logout_token.TYPE).verify(token).claims
        self.tokens.append(token)
        self.told.append((client_id, logout_token.read(claims, Between(ISSUER, client_id), now)))

    @property
    def said(self) -> list[tuple[str, str, str]]:
        return [(client_id, ended.sub, ended.sid) for client_id, ended in self.told]


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[Clients]:
    """An installation that nobody serves, with two clients."""
    clock = Clock()
    settings = load({}, {"data": str(tmp_path), "issuer": ISSUER})
    authority = await open_authority(settings, Outside(clock=clock))
    clients = Clients(authority, clock)
    for name in ("app", "other"):
        await add_client(clients, name)
    yield clients
    await authority.store.close()


def address(client_id: str) -> str:
    return f"https://{client_id}.example/logged-out"


async def add_client(clients: Clients, client_id: str, **members: Any) -> None:
    client = Client(
        client_id=client_id,
        client_name=client_id,
        created_at=1,
        grant_types=("authorization_code",),
        scopes=frozenset(),
        redirect_uris=(CALLBACK,),
        backchannel_logout_uri=address(client_id),
    )
    await clients.authority.store.transact(lambda tx: tx.clients.add(replace(client, **members)))


async def end(clients: Clients, *names: tuple[str, str], client_id: str = "app") -> None:
    """Have a client told of sessions, by person and name."""
    tellings = [Telling(client_id, user, (session,)) for user, session in names]
    await clients.authority.store.transact(lambda tx: tell(tx, tellings))


def delivery(clients: Clients) -> Delivery:
    return Delivery(clients.authority, clients)


async def tick_all(clients: Clients) -> None:
    one = delivery(clients)
    while await one.tick():
        pass


async def not_told(clients: Clients) -> list[tuple[str, str, str]]:
    query = EventQuery(kind=EventKind.LOGOUT_NOT_TOLD)
    found = await clients.authority.store.read(lambda tx: tx.events.find(query))
    return [(each.subject, each.detail["user_id"], each.detail["why"]) for each in found]


async def test_a_client_is_told_once(clients: Clients):
    await end(clients, ("ada", "s"))
    one = delivery(clients)
    assert [await one.tick(), await one.tick()] == [True, False]
    assert clients.said == [("app", "ada", "s")]


async def test_what_its_transaction_undoes_is_not_told(clients: Clients):
    async def work(tx: Any) -> None:
        await tell(tx, [Telling("app", "ada", ("s",))])
        raise LookupError

    with pytest.raises(LookupError):
        await clients.authority.store.transact(work)
    assert not await delivery(clients).tick()


async def test_of_two_processes_one_tells(clients: Clients):
    await end(clients, *((f"u{number}", "s") for number in range(30)))
    await end(clients, *((f"u{number}", "s") for number in range(30)), client_id="other")
    one, other = delivery(clients), delivery(clients)
    while any(await asyncio.gather(one.tick(), other.tick())):
        pass
    assert len(clients.said) == len(set(clients.said)) == 60


def test_a_claim_outlasts_a_turn():
    """Or else another process would serve a line while this one does."""
    assert AT_A_TURN * (WHOLE + 1) < CLAIM_SECONDS


async def test_another_process_goes_on_where_one_died(clients: Clients):
    """The client may have been told: then it is again, by a token of its own."""
    await end(clients, ("ada", "s"))
    clients.answers[address("app")] = KeyboardInterrupt()  # as a power cut, nothing is tidied up
    with pytest.raises(KeyboardInterrupt):
        await delivery(clients).tick()
    clients.answers.clear()
    assert not await delivery(clients).tick()
    clients.clock.turn(CLAIM_SECONDS)
    await tick_all(clients)
    assert clients.said == [("app", "ada", "s")]


async def test_a_server_that_is_stopped_lets_go_of_its_lines(clients: Clients):
    """Whoever comes next goes on at once."""
    await end(clients, ("ada", "s"))
    clients.answers[address("app")] = asyncio.Event()
    task = asyncio.create_task(delivery(clients).run())
    await clients.was_called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    clients.answers.clear()
    await tick_all(clients)
    assert clients.said == [("app", "ada", "s")]


@pytest.mark.parametrize("answer", [Unreachable("away"), 500, 302, 404, 429])
async def test_who_cannot_take_it_is_told_later_and_later(clients: Clients, answer: Any):
    clients.answers[address("app")] = answer
    await end(clients, ("ada", "s"), ("bob", "t"))
    for wait in [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]:
        assert await delivery(clients).tick()
        clients.clock.turn(wait - 1)
        assert not await delivery(clients).tick()
        clients.clock.turn(1)
    assert len(clients.calls) == 3, "one try for the whole line, not one for each logout"
    clients.answers.clear()
    await tick_all(clients)
    assert sorted(clients.said) == [("app", "ada", "s"), ("app", "bob", "t")]
    assert len({ended.jti for _, ended in clients.told}) == 2
    assert await not_told(clients) == []


async def test_every_try_is_a_token_of_its_own(clients: Clients):
    """A client that had it, and whose answer was lost, must not take the next for a replay."""
    await end(clients, ("ada", "s"))
    await tick_all(clients)
    await end(clients, ("ada", "s"))
    await tick_all(clients)
    assert len({ended.jti for _, ended in clients.told}) == 2


async def test_it_is_given_up_after_a_day_and_written_down(
    clients: Clients, caplog: pytest.LogCaptureFixture
):
    clients.answers[address("app")] = 503
    await end(clients, ("ada", "s"))
    for _ in range(3):
        await delivery(clients).tick()
        clients.clock.turn(LONGEST_WAIT)
    clients.clock.turn(KEEPS_TRYING)
    await end(clients, ("bob", "t"))
    clients.answers.clear()
    with caplog.at_level(logging.ERROR):
        await tick_all(clients)
    assert clients.said == [("app", "bob", "t")]
    assert await not_told(clients) == [("app", "ada", "out_of_time")]
    assert "client app was not told" in caplog.text


async def test_what_a_client_refuses_is_given_up_and_holds_up_nothing(clients: Clients):
    """400 is about this message (§2.8); all else is about who takes it."""
    clients.answers[address("app")] = 400
    await end(clients, ("ada", "s"), ("bob", "t"))
    await tick_all(clients)
    assert len(clients.calls) == 2
    assert sorted(await not_told(clients)) == [("app", "ada", "refused"), ("app", "bob", "refused")]


async def test_who_is_disabled_or_listens_no_more_is_told_nothing(clients: Clients):
    await end(clients, ("ada", "s"))
    await end(clients, ("ada", "s"), client_id="other")

    async def work(tx: Any) -> None:
        await tx.clients.disable("app", tx.now)
        other = await tx.clients.find("other")
        await tx.clients.update(replace(other, backchannel_logout_uri=""))

    await clients.authority.store.transact(work)
    await tick_all(clients)
    assert (clients.calls, await not_told(clients)) == ([], [])
    await end(clients, ("bob", "s"))
    assert not await delivery(clients).tick()


async def test_who_hangs_holds_up_nobody_else(clients: Clients):
    """And does not get a second call meanwhile, however much waits for it."""
    hung = asyncio.Event()
    clients.answers[address("app")] = hung
    await end(clients, *((f"u{number}", "s") for number in range(3 * AT_A_TURN)))
    task = asyncio.create_task(delivery(clients).run())
    await clients.was_called.wait()
    for _ in range(3):
        clients.was_called.clear()
        await end(clients, ("bob", "t"), client_id="other")
        await asyncio.wait_for(clients.was_called.wait(), 10)
    assert clients.calls.count(address("app")) == 1
    hung.set()
    while len(clients.said) < 3 * AT_A_TURN + 3:
        clients.was_called.clear()
        await asyncio.wait_for(clients.was_called.wait(), 10)
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_so_many_are_told_at_once_and_no_more(clients: Clients):
    hung = asyncio.Event()
    names = [f"c{number}" for number in range(LINES_AT_ONCE + 3)]
    for name in names:
        await add_client(clients, name)
        clients.answers[address(name)] = hung
        await end(clients, ("ada", "s"), client_id=name)
    task = asyncio.create_task(delivery(clients).run())
    while len(clients.calls) < LINES_AT_ONCE:
        clients.was_called.clear()
        await asyncio.wait_for(clients.was_called.wait(), 10)
    for _ in range(10):  # time for all the lines that are left
        await end(clients)
    assert len(clients.calls) == LINES_AT_ONCE
    hung.set()
    while len(clients.said) < len(names):
        clients.was_called.clear()
        await asyncio.wait_for(clients.was_called.wait(), 10)
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_fails_in_a_way_of_its_own_stops_nothing(
    clients: Clients, caplog: pytest.LogCaptureFixture
):
    clients.answers[address("app")] = RuntimeError("broken")
    await end(clients, ("ada", "s"))
    await end(clients, ("ada", "s"), client_id="other")
    task = asyncio.create_task(delivery(clients).run())
    while len(clients.calls) < 2:
        clients.was_called.clear()
        await asyncio.wait_for(clients.was_called.wait(), 10)
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clients.said == [("other", "ada", "s")]
    assert "client app could not be told" in caplog.text
