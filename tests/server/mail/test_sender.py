"""Letters are sent once each by one process; what fails comes again, and nothing for ever."""

import asyncio
import logging
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.mail.courier import LONGEST, NotNow, Undeliverable
from counterfoil.server.mail.posting import post
from counterfoil.server.mail.sender import CLAIM_SECONDS, Desk, Sender
from counterfoil.server.mail.writing import Writer
from counterfoil.server.outgoing import FIRST_WAIT, LONGEST_WAIT
from counterfoil.server.records.letter import Letter, LetterKind
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio

LETTER = Letter(
    id="letter-1",
    kind=LetterKind.NEW_PASSWORD,
    to="ada@example.com",
    language="en",
    written_at=1_800_000_000,
    values={"link": "https://id.example/x", "minutes": "60"},
)
LIFETIME = 3600


class Courier:
    """Takes messages, unless ``failure`` says otherwise."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.has_taken = asyncio.Event()
        self.failure: BaseException | None = None

    async def deliver(self, message: EmailMessage) -> None:
        if self.failure is not None:
            raise self.failure
        self.taken.append(str(message["Message-ID"]))
        self.has_taken.set()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation whose own sender has another issuer's settings: no mail is set there."""
    async with installed(tmp_path, issuer="https://id.example") as office:
        yield office


@pytest.fixture
def courier() -> Courier:
    return Courier()


def sender(office: Installation, courier: Courier, name: str = "one", **errands: Any) -> Sender:
    desk = Desk(office.authority.letters, Writer("https://id.example", "id@id.example"), courier)
    known = {LetterKind(kind): errand for kind, errand in errands.items()}
    return Sender(office.authority.store, desk, name, known)


async def put(office: Installation, letter: Letter = LETTER, lifetime: int = LIFETIME) -> None:
    authority = office.authority
    await authority.store.transact(lambda tx: post(tx, authority.letters, letter, lifetime))


async def waits(office: Installation) -> bool:
    return await office.authority.store.read(lambda tx: tx.outbox.is_full(1))


async def test_a_letter_is_sent_and_forgotten(office: Installation, courier: Courier):
    await put(office)
    one = sender(office, courier)
    assert [await one.tick(), await one.tick()] == [True, False]
    assert courier.taken == ["<letter-1@id.example>"]
    assert not await waits(office)


async def test_what_its_transaction_undoes_is_not_sent(office: Installation, courier: Courier):
    """A letter is written with what it tells of, or not at all."""

    async def work(tx: Any) -> None:
        await post(tx, office.authority.letters, LETTER, LIFETIME)
        raise LookupError

    with pytest.raises(LookupError):
        await office.authority.store.transact(work)
    assert not await sender(office, courier).tick()


def test_a_claim_outlasts_whatever_a_courier_takes():
    """Or else another process would send the letter while this one does."""
    assert LONGEST < CLAIM_SECONDS


async def test_of_two_processes_one_sends(office: Installation, courier: Courier):
    for number in range(10):
        await put(office, replace(LETTER, id=f"letter-{number}"))
    one, other = sender(office, courier), sender(office, courier, "other")
    while await waits(office):
        await asyncio.gather(one.tick(), other.tick())
    assert sorted(courier.taken) == [f"<letter-{number}@id.example>" for number in range(10)]


async def test_another_process_goes_on_where_one_died(office: Installation, courier: Courier):
    """It may have handed the letter over: then it goes twice, under one Message-ID."""
    await put(office)
    courier.failure = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await sender(office, courier).tick()
    courier.failure = None
    other = sender(office, courier, "other")
    assert not await other.tick()
    office.clock.turn(CLAIM_SECONDS)
    assert await other.tick()
    assert courier.taken == ["<letter-1@id.example>"]


async def test_what_fails_is_tried_again_later_and_later(office: Installation, courier: Courier):
    await put(office, lifetime=30 * 86_400)
    one = sender(office, courier)
    courier.failure = NotNow("busy")
    for wait in [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]:
        assert await one.tick()
        office.clock.turn(wait - 1)
        assert not await one.tick()
        office.clock.turn(1)
    for _ in range(10):
        await one.tick()
        office.clock.turn(LONGEST_WAIT)
    courier.failure = None
    assert await one.tick()
    assert not await waits(office)


async def test_it_is_given_up_when_it_is_of_no_use(
    office: Installation, courier: Courier, caplog: pytest.LogCaptureFixture
):
    await put(office)
    office.clock.turn(LIFETIME)
    with caplog.at_level(logging.ERROR):
        assert await sender(office, courier).tick()
    assert (courier.taken, await waits(office)) == ([], False)
    assert "letter-1 was not sent in time" in caplog.text
    assert "ada" not in caplog.text


async def test_what_is_refused_for_good_is_not_tried_again(office: Installation, courier: Courier):
    await put(office)
    courier.failure = Undeliverable("nobody there")
    assert await sender(office, courier).tick()
    assert not await waits(office)


async def test_an_address_that_cannot_be_one_holds_nobody_up(
    office: Installation, courier: Courier
):
    await put(office, replace(LETTER, to="ada@example.com\r\nBcc: everyone@example.com"))
    await put(office, replace(LETTER, id="letter-2"))
    one = sender(office, courier)
    while await one.tick():
        pass
    assert courier.taken == ["<letter-2@id.example>"]


async def test_what_was_not_sealed_here_is_not_sent(office: Installation, courier: Courier):
    async def work(tx: Any) -> None:
        await post(tx, office.authority.pending, LETTER, LIFETIME)

    await office.authority.store.transact(work)
    assert await sender(office, courier).tick()
    assert (courier.taken, await waits(office)) == ([], False)


async def test_an_errand_is_done_once_however_often_its_letter_is_tried(
    office: Installation, courier: Courier
):
    done = []

    async def errand(_: Any, letter: Letter) -> Letter | None:
        done.append(letter.to)
        known = letter.to.startswith("ada")
        return replace(letter, kind=LetterKind.NEW_PASSWORD) if known else None

    await put(office, replace(LETTER, kind=LetterKind.RECOVERY_ASKED))
    await put(
        office, replace(LETTER, kind=LetterKind.RECOVERY_ASKED, id="2", to="nobody@x.example")
    )
    one = sender(office, courier, recovery_asked=errand)
    courier.failure = NotNow("busy")
    while await one.tick():
        pass
    courier.failure = None
    office.clock.turn(FIRST_WAIT)
    while await one.tick():
        pass
    assert sorted(done) == ["ada@example.com", "nobody@x.example"]
    assert courier.taken == ["<letter-1@id.example>"]


async def run_until_taken(office: Installation, courier: Courier) -> None:
    """Send until a letter has gone, and end in order."""
    await put(office)
    task = asyncio.create_task(sender(office, courier).run())
    await courier.has_taken.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_goes_on_until_it_is_cancelled(office: Installation, courier: Courier):
    await run_until_taken(office, courier)


async def test_who_ends_in_order_leaves_what_comes_then_to_another_at_once(
    office: Installation, courier: Courier
):
    """After a restart nobody waits two minutes for a code that was sent by mail."""
    await run_until_taken(office, courier)
    await put(office, replace(LETTER, id="letter-2"))
    assert await sender(office, courier, "two").tick()
    assert "<letter-2@id.example>" in courier.taken


async def test_it_ends_although_it_was_woken_a_moment_ago(office: Installation, courier: Courier):
    await put(office)
    one = sender(office, courier)
    task = asyncio.create_task(one.run())
    await courier.has_taken.wait()
    for _ in range(50):  # until it waits again
        await asyncio.sleep(0)
    one.wake()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("kind", ["NEW_PASSWORD", "INVITED", "INVITATION", "MAILED_CODE"])
@pytest.mark.parametrize("change", ["disabled", "deleted"])
async def test_a_link_to_an_account_that_is_no_more_is_not_sent(
    office: Installation, courier: Courier, kind: str, change: str
):
    """It waited while the account ended, and its link opens nothing; what tells of it goes."""
    user = await office.add_user("gone@example.com")
    letter = replace(LETTER, kind=LetterKind[kind], to=user.email)
    letter = replace(letter, values={**letter.values, "days": "7", "code": "123456"})
    told = replace(letter, id="told", kind=LetterKind.PASSWORD_WAS_SET)
    for each in (letter, told):
        await put(office, each)
    courier.failure = NotNow("nobody answers")
    one = sender(office, courier)
    assert [await one.tick(), await one.tick()] == [True, True]
    if change == "disabled":
        await office.authority.store.transact(lambda tx: tx.users.disable(user.id, tx.now))
    else:
        await office.authority.store.transact(lambda tx: tx.users.remove(user.id))
    courier.failure = None
    office.clock.turn(FIRST_WAIT)
    while await one.tick():
        pass
    assert courier.taken == ["<told@id.example>"]
    assert not await waits(office)
