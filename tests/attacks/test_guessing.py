"""Guessing: who has an account, which password, from how many places (ASVS V6.3, S104)."""

import random
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import pytest

from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.storage.sqlite_connection import SqliteConnection
from tests.attacks.wire import Sent, send
from tests.installation import EMAIL, PASSWORD, Installation, Person, hidden_fields, installed

pytestmark = pytest.mark.anyio


async def attempt(browser: httpx2.AsyncClient, email: str, password: str) -> httpx2.Response:
    page = await browser.get("/sign-in")
    form = hidden_fields(page.text) | {"email": email, "password": password}
    return await browser.post("/sign-in", data=form)


async def hash_as_the_server_does(place: Installation) -> None:
    """Give everybody a hash such as it makes: those of tests are quick."""
    digest = await place.server.passwords.hash(PASSWORD)

    async def work(tx: Any) -> None:
        for user in await tx.users.every():
            await tx.users.set_password(user.id, digest)

    await place.authority.store.transact(work)


def told(answer: httpx2.Response, email: str) -> tuple[int, str, tuple[str, ...]]:
    """All that somebody can see, without what they sent themselves and the form's own token."""
    text = answer.text.replace(email, "EMAIL")
    for value in hidden_fields(answer.text).values():
        text = text.replace(value, "TOKEN")
    return answer.status_code, text, tuple(sorted(answer.headers))


async def test_nobody_learns_who_has_an_account(own: Installation) -> None:
    """S104: unknown, wrong, locked and disabled look the same, to the last byte (ASVS V6.3.8)."""
    from functools import partial

    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    gone = await own.add_user("gone@example.com")
    await own.add_user("locked@example.com")
    await own.authority.store.transact(partial(revocation.disable_user, user_id=gone.id, by=CLI))
    async with own.browser() as browser:
        for _ in range(5):
            await attempt(browser, "locked@example.com", "wrong")
        tried = (
            ("nobody@example.com", PASSWORD),
            (EMAIL, "wrong"),
            ("gone@example.com", PASSWORD),
            ("locked@example.com", PASSWORD),
            ("not an address", "wrong"),
        )
        seen = {told(await attempt(browser, email, password), email) for email, password in tried}
    assert len(seen) == 1
    assert next(iter(seen))[0] == 400


@pytest.mark.parametrize("email", ["nobody@example.com", EMAIL, "gone@example.com", "", "x" * 5000])
async def test_as_much_work_is_done_whoever_it_is(
    own: Installation, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    """S104: one Argon2 and one commit for each attempt: time does not tell who exists."""
    from functools import partial

    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    gone = await own.add_user("gone@example.com")
    await own.authority.store.transact(partial(revocation.disable_user, user_id=gone.id, by=CLI))
    await hash_as_the_server_does(own)
    verified: list[float] = []
    right = Passwords._is_right

    def counted(self: Passwords, password: str, stored: str | None) -> bool:
        begun = time.thread_time()
        answer = right(self, password, stored)
        verified.append(time.thread_time() - begun)
        return answer

    monkeypatch.setattr(Passwords, "_is_right", counted)
    before = own.authority.store.version()
    async with own.browser() as browser:
        answer = await attempt(browser, email, "wrong-password")
    assert answer.status_code == 400
    assert len(verified) == 1
    assert verified[0] > 0.005, "seconds of this thread: an Argon2 was computed"
    assert own.authority.store.version() != before, "something was written, and committed"


@pytest.mark.one_engine("the steps are counted where they call the engine")
async def test_the_same_steps_are_counted_whoever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S104, by counting and not by a stopwatch: hashes and statements, over tries in any order.

    What the server does beside a try, such as signing a head, falls on any of them: so the median
    of many is compared, and the tries of one kind are not made in a row.
    """
    plenty = {"sign_in_tries": 100, "sign_in_rate_per_minute": 1_000_000}
    async with installed(tmp_path, **plenty) as own, own.browser() as browser:
        locked = await own.add_user("locked@example.com")
        until = int(own.clock()) + 3600
        await own.authority.store.transact(lambda tx: tx.users.note_failure(locked.id, until))
        gone = await own.add_user("gone@example.com")
        await own.authority.store.transact(lambda tx: revocation.disable_user(tx, gone.id, CLI))
        await hash_as_the_server_does(own)
        steps = counted_steps(monkeypatch)
        kinds = ("nobody@example.com", EMAIL, "locked@example.com", "gone@example.com")
        tries = [email for email in kinds for _ in range(9)]
        random.Random(8).shuffle(tries)
        taken: dict[str, list[tuple[int, int]]] = {email: [] for email in kinds}
        for email in tries:
            steps.clear()
            assert (await attempt(browser, email, "wrong")).status_code == 400
            taken[email].append((steps.count("hash"), steps.count("statement")))
    assert all({hashes for hashes, _ in each} == {1} for each in taken.values())
    medians = {email: median(count for _, count in each) for email, each in taken.items()}
    assert len(set(medians.values())) == 1, medians


def counted_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by a word with each hash that is computed, and each statement that runs."""
    steps: list[str] = []

    def counting(owner: Any, name: str, word: str) -> None:
        real = getattr(owner, name)

        def counted(*given: Any) -> Any:
            steps.append(word)
            return real(*given)

        monkeypatch.setattr(owner, name, counted)

    counting(Passwords, "_is_right", "hash")
    counting(SqliteConnection, "_rows", "statement")
    return steps


async def test_a_password_is_not_guessed_by_trying(own: Installation) -> None:
    """After five wrong ones the account pauses, for the right one too (ASVS V6.3.1)."""
    async with own.browser() as browser:
        for _ in range(5):
            assert (await attempt(browser, EMAIL, "wrong")).status_code == 400
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 400
        own.clock.turn(10)
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303


async def test_guesses_at_one_moment_count_too(own: Installation) -> None:
    """A race does not buy more tries: failures are counted in the transaction that judges."""
    import asyncio

    async with own.browser() as browser:
        page = await browser.get("/sign-in")
        form = hidden_fields(page.text) | {"email": EMAIL}
        wrong = [browser.post("/sign-in", data=form | {"password": f"wrong{n}"}) for n in range(20)]
        await asyncio.gather(*wrong)

        async def look(tx: Any) -> Any:
            return await tx.users.find_by_email(EMAIL)

        user = await own.authority.store.read(look)
        assert user.failed_sign_ins == 5
        assert user.locked_until > own.clock.now
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 400


async def test_nobody_is_locked_out_for_good(own: Installation) -> None:
    """However long the attack, a pause is five minutes at most, and success clears it."""
    async with own.browser() as browser:
        for _ in range(40):
            await attempt(browser, EMAIL, "wrong")
            own.clock.turn(300)
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303
        for _ in range(4):
            await attempt(browser, EMAIL, "wrong")
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303, "counted anew"


async def test_one_address_does_not_try_many_accounts(own: Installation) -> None:
    """Password spraying: 30 tries a minute from one address, whoever they are for."""
    async with own.browser() as browser:
        statuses = [
            (await attempt(browser, f"user{number}@example.com", PASSWORD)).status_code
            for number in range(40)
        ]
        assert statuses == [400] * 30 + [429] * 10
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 429
        own.clock.turn(2)
        assert (await attempt(browser, EMAIL, PASSWORD)).status_code == 303


FORM = [(b"content-type", b"application/x-www-form-urlencoded")]
GUESS = b"grant_type=client_credentials&client_id=service&client_secret=guess"


async def status_of(own: Installation, address: str, *forwarded: str) -> int:
    headers = [*FORM, *((b"x-forwarded-for", each.encode()) for each in forwarded)]
    sent = Sent("POST", "/token", b"", headers, GUESS, address)
    return (await send(own.app, sent)).status


async def test_client_secrets_are_not_guessed_from_one_address(own: Installation) -> None:
    for _ in range(60):
        assert await status_of(own, "203.0.113.7") == 401
    assert await status_of(own, "203.0.113.7") == 429
    assert await status_of(own, "203.0.113.8") == 401, "others are not held up"


async def test_an_address_cannot_be_made_up(own: Installation) -> None:
    """X-Forwarded-For counts from proxies that were named, and from nobody else."""
    for number in range(60):
        assert await status_of(own, "203.0.113.7", f"198.51.100.{number}") == 401
    assert await status_of(own, "203.0.113.7", "198.51.100.99") == 429


async def test_behind_a_proxy_the_last_honest_hop_counts(tmp_path: Any) -> None:
    """Whatever a client writes before it, the proxy appends the address it saw."""
    async with installed(tmp_path, trusted_proxies="10.0.0.0/8") as behind:
        for number in range(60):
            hops = (f"198.51.100.{number}, 203.0.113.7", "10.0.0.2")
            assert await status_of(behind, "10.0.0.1", *hops) == 401
        assert await status_of(behind, "10.0.0.1", "198.51.100.99, 203.0.113.7") == 429
        assert await status_of(behind, "10.0.0.1", "203.0.113.8") == 401
        assert await status_of(behind, "203.0.113.7", "203.0.113.9") == 429


@pytest.mark.parametrize(
    "password",
    [PASSWORD.upper(), PASSWORD + " ", " " + PASSWORD, PASSWORD[:-1], PASSWORD + "\x00", ""],
)
async def test_a_password_is_taken_exactly(own: Installation, password: str) -> None:
    """ASVS V6.2.8: nothing is trimmed, cut or folded."""
    async with own.browser() as browser:
        assert (await attempt(browser, EMAIL, password)).status_code == 400


async def test_a_session_is_not_given_for_a_sign_in_that_failed(own: Installation) -> None:
    async with own.browser() as browser:
        answer = await attempt(browser, EMAIL, "wrong")
        assert "counterfoil_session" not in str(answer.headers)
        assert (await Person(own, browser).open()).status_code == 200
