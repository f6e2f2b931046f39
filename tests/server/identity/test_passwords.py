"""Passwords: slow to guess, taken as they are, and nobody learns which accounts exist."""

import asyncio
import threading
import time
from collections.abc import Iterator

import argon2
import pytest

from counterfoil.server.identity.passwords import (
    LONGEST,
    WAITING_PER_THREAD,
    PasswordRefused,
    Passwords,
    TooBusy,
)
from counterfoil.server.records.user import ENDED_PASSWORD

pytestmark = pytest.mark.anyio

RIGHT = "correct horse battery"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(2)
    yield made
    made.close()


async def test_a_password_verifies_against_its_own_hash_alone(passwords: Passwords):
    stored = await passwords.hash(RIGHT)
    assert await passwords.verify(RIGHT, stored) is True
    assert await passwords.verify(RIGHT + " ", stored) is False
    assert await passwords.verify(RIGHT.upper(), stored) is False
    assert await passwords.verify("", stored) is False


async def test_the_hash_is_argon2id_salted_with_the_parameters_of_owasp(passwords: Passwords):
    """S104: passwords are salted and hashed slowly (OWASP: 19 MiB, 2 passes, 1 lane)."""
    stored = [await passwords.hash(RIGHT) for _ in range(2)]
    parameters = argon2.extract_parameters(stored[0])
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert parameters.salt_len >= 16
    assert stored[0] != stored[1]
    assert RIGHT not in stored[0]


async def test_nobodys_hash_costs_what_a_real_one_costs_and_is_no_passwords(passwords: Passwords):
    stored = await passwords.hash(RIGHT)
    nobodys = passwords._nobodys
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(stored)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(nobodys, RIGHT)


async def test_another_implementation_agrees(passwords: Passwords):
    assert argon2.PasswordHasher().verify(await passwords.hash(RIGHT), RIGHT)


@pytest.mark.parametrize(
    "password",
    ["  leading and trailing  ", "tab\tnull\x00byte", "\u0065\u0301galit\u00e9", "\ud800" * 8],
)
async def test_a_password_is_taken_exactly_as_received(passwords: Passwords, password: str):
    """ASVS 5.0 §6.2.8: nothing is trimmed, cut or normalised."""
    stored = await passwords.hash(password)
    assert await passwords.verify(password, stored)
    for other in (password.strip(), password.split("\x00", maxsplit=1)[0], "\u00e9galit\u00e9"):
        assert await passwords.verify(other, stored) is (other == password)


@pytest.mark.parametrize("length", [0, 7, 257])
async def test_a_new_password_that_is_too_short_or_too_long_is_refused(
    passwords: Passwords, length: int
):
    with pytest.raises(PasswordRefused, match="at least 8 and at most 256 characters"):
        await passwords.hash("x" * length)


@pytest.mark.parametrize("length", [8, 64, 256])
async def test_all_lengths_between_are_taken_and_every_character_counts(
    passwords: Passwords, length: int
):
    """ASVS 5.0 §6.2.9: at least 64 characters are allowed, and none is ignored."""
    stored = await passwords.hash("x" * length)
    assert await passwords.verify("x" * length, stored)
    assert not await passwords.verify("x" * (length - 1) + "y", stored)


async def test_what_is_known_of_one_person_judges_nobody_elses_password(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
):
    """The library that weighs passwords keeps that for all threads: one is weighed at a time."""
    both, met = threading.Barrier(2), list[str]()

    def weigh(password: str, _: object) -> None:
        try:
            both.wait(0.2)
        except threading.BrokenBarrierError:
            return
        met.append(password)

    monkeypatch.setattr("counterfoil.server.identity.passwords.weakness", weigh)
    await asyncio.gather(passwords.choose("one long enough"), passwords.choose("another one"))
    assert met == []


@pytest.mark.parametrize("password", ["", RIGHT, "x" * LONGEST, "x" * 100_000])
async def test_nobody_signs_in_to_an_account_without_a_password(
    passwords: Passwords, password: str
):
    assert await passwords.verify(password, None) is False


async def test_a_stored_hash_that_is_none_is_never_right(passwords: Passwords):
    for stored in ("", "!", "$argon2id$v=19$m=19456,t=2,p=1$", RIGHT):
        assert await passwords.verify(RIGHT, stored) is False


async def test_an_unknown_account_costs_as_much_time_as_a_known_one(passwords: Passwords):
    """S104: no enumeration of accounts by the clock (ASVS 5.0 §6.3.8)."""
    stored = await passwords.hash(RIGHT)

    async def cost(password: str, against: str | None) -> float:
        before = time.process_time()  # of this process alone, however busy the machine is
        await passwords.verify(password, against)
        return time.process_time() - before

    long, ended = ("x" * 100_000, stored), ("wrong password", f"{ENDED_PASSWORD}handle")
    cases = (("wrong password", stored), ("wrong password", None), long, ended)
    rounds = [[await cost(*case) for case in cases] for _ in range(7)]
    known, *others = (min(times) for times in zip(*rounds, strict=True))
    assert [each for each in others if not known / 2 < each < known * 2] == []


async def test_where_too_many_wait_more_are_refused_at_once_and_later_let_in():
    passwords = Passwords(1)
    places = 1 + WAITING_PER_THREAD
    asking = [asyncio.create_task(passwords.verify("x", None)) for _ in range(3 * places)]
    await asyncio.sleep(0)
    refused = [each for each in asking if each.done()]
    assert places < len(refused) <= 2 * places
    for each in asking[1:]:
        each.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(answer) for answer in answers} == {bool, TooBusy, asyncio.CancelledError}
    assert await asyncio.gather(*(passwords.verify("x", None) for _ in range(3))) == [False] * 3
    passwords.close()


async def test_once_closed_whoever_waits_is_refused_and_what_was_begun_is_finished():
    passwords, gate = Passwords(1), threading.Event()
    begun = await occupied(passwords, gate)
    waiting = [asyncio.create_task(passwords.verify("x", None)) for _ in range(5)]
    await asyncio.sleep(0)
    passwords.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [TooBusy] * 5
    gate.set()
    assert await begun is True
    for _ in range(2 * (1 + WAITING_PER_THREAD)):
        with pytest.raises(TooBusy, match="about to end"):
            await passwords.verify("x", None)


async def test_who_is_cancelled_while_they_wait_is_cancelled():
    passwords, gate = Passwords(1), threading.Event()
    begun = await occupied(passwords, gate)
    waiting = asyncio.create_task(passwords.verify("x", None))
    await asyncio.sleep(0)
    for each in (begun, waiting):
        each.cancel()
        with pytest.raises(asyncio.CancelledError):
            await each
    gate.set()
    assert await passwords.verify("x", None) is False
    passwords.close()


async def occupied(passwords: Passwords, gate: threading.Event) -> asyncio.Task[bool]:
    """Occupy the only thread until the gate is opened."""
    started = threading.Event()

    def work() -> bool:
        started.set()
        return gate.wait()

    task = asyncio.create_task(passwords._run(work))
    await asyncio.to_thread(started.wait)
    return task


async def test_the_loop_goes_on_while_passwords_are_hashed(passwords: Passwords):
    hashing = asyncio.create_task(passwords.hash(RIGHT))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_nothing_is_hashed_for_somebody_who_has_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that has begun is finished; who waited behind it for too long is sent away at once."""
    hashed, go_on = list[str](), threading.Event()

    def held(_: Passwords, password: str, __: str | None) -> bool:
        hashed.append(password)
        return go_on.wait(30)

    monkeypatch.setattr(Passwords, "_is_right", held)
    made = Passwords(1, patience=0.05)
    first = asyncio.create_task(made.verify("first", None))
    await asyncio.sleep(0)
    with pytest.raises(TooBusy, match="Too many people"):
        await made.verify("second", None)
    go_on.set()
    assert await first
    assert hashed == ["first"]
    made.close()
