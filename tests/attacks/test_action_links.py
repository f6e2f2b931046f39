"""Links in mail: scanned, replayed, forged, redirected, asked for in other names (S72, S75).

OWASP's rules for forgotten passwords, and what scanners of links do to those who forget them.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, spell
from counterfoil.server.identity import recovery
from counterfoil.server.identity.recovery import Asked
from counterfoil.server.protocol import action_tokens, revocation
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.session import Origin
from counterfoil.server.storage.sqlite_connection import SqliteConnection
from tests.engines import values_of
from tests.installation import (
    EMAIL,
    PASSWORD,
    QUICK,
    Installation,
    Person,
    hidden_fields,
    installed,
)
from tests.recoveries import NEW, ask, choose, mail_for, open_link, send_all, token_for

pytestmark = pytest.mark.anyio

PLENTY = {"sign_in_rate_per_minute": 100_000, "recoveries_per_hour": 100_000}


@pytest.fixture(scope="module")
async def house(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """Where nobody is held up by rates."""
    async with installed(tmp_path_factory.mktemp("house"), **PLENTY) as house:
        yield house


@pytest.fixture
async def browser(house: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.browser() as browser:
        yield browser


async def linked(house: Installation, email: str) -> str:
    """Somebody is added, and asks for a link."""
    await house.add_user(email)
    async with house.browser() as browser:
        await ask(browser, email)
    return await token_for(house, email)


async def opens(house: Installation, email: str, password: str) -> bool:
    """Whether a password opens an account."""
    async with house.browser() as browser:
        page = await browser.get("/sign-in")
        answer = await Person(house, browser, email).sign_in(page, password=password)
        return answer.status_code == 200 and "Sign out" in answer.text


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"sec-purpose": "prefetch;prerender"}),
        ("GET", {"purpose": "prefetch"}),
        ("GET", {"user-agent": "Mozilla/5.0 (compatible; link scanner)"}),
        ("OPTIONS", {}),
    ],
)
async def test_a_scanner_spends_nothing(
    house: Installation, browser: httpx2.AsyncClient, method: str, headers: dict[str, str]
):
    """S72: It opens every link in every mail, follows where it leads, and sends no form."""
    email = f"{method}-{len(headers)}{headers.get('purpose', '')}{len(str(headers))}@example.com"
    token = await linked(house, email)
    for _ in range(3):
        async with house.browser(follow_redirects=True) as scanner:
            await scanner.request(method, "/new-password", params={"token": token}, headers=headers)
            await scanner.request(method, "/new-password", headers=headers)
    page = await open_link(browser, token)
    assert (await choose(browser, page)).status_code == 200
    assert await opens(house, email, NEW)


async def test_a_form_that_is_not_ours_spends_nothing(
    house: Installation, browser: httpx2.AsyncClient
):
    """A scanner that sends forms, too, or a foreign page, has no token of the form."""
    token = await linked(house, "forged@example.com")
    page = await open_link(browser, token)
    for form in ({}, {"csrf": "x"}, {"token": token}):
        forged = form | {"new": NEW, "again": NEW}
        assert (await browser.post("/new-password", data=forged)).status_code == 403
    async with house.browser() as bare:
        straight = {"new": NEW, "again": NEW, "token": token} | hidden_fields(page.text)
        assert (await bare.post("/new-password", data=straight)).status_code == 403
        own = hidden_fields((await bare.get("/forgotten-password")).text)
        answer = await bare.post("/new-password", data=straight | own)
        assert answer.status_code == 410, "no form holds the token: a link must be opened"
    assert (await choose(browser, page)).status_code == 200


async def test_it_works_once_in_whichever_browser(house: Installation, browser: httpx2.AsyncClient):
    """S72: Somebody who finds the mail later, or the log of a proxy, comes too late."""
    token = await linked(house, "replayed@example.com")
    page = await open_link(browser, token)
    async with house.browser() as other:
        same = await open_link(other, token)
        assert (await choose(browser, page)).status_code == 200
        late = await choose(other, same, new="another thief's", again="another thief's")
        assert late.status_code == 410
        assert (await open_link(other, token)).status_code == 410
    assert await opens(house, "replayed@example.com", NEW)


async def test_of_two_forms_at_once_one_counts(house: Installation):
    token = await linked(house, "raced@example.com")
    passwords = [f"{NEW} {number}" for number in range(4)]
    async with house.browser() as one, house.browser() as other:
        pages = [(each, await open_link(each, token)) for each in (one, other) * 2]
        sent = (
            choose(each, page, new=word, again=word)
            for (each, page), word in zip(pages, passwords, strict=True)
        )
        answers = await asyncio.gather(*sent)
    assert sorted(each.status_code for each in answers) == [200, 410, 410, 410]
    won = passwords[[each.status_code for each in answers].index(200)]
    assert await opens(house, "raced@example.com", won)


async def test_an_hour_later_it_is_nothing(tmp_path: Path, on_engine: str):
    """S72: of the link, and of the form that was opened in time."""
    async with installed(tmp_path) as own, own.browser() as browser:
        await ask(browser, EMAIL)
        page = await open_link(browser, await token_for(own, EMAIL))
        own.clock.turn(3600)
        assert (await choose(browser, page)).status_code == 410
        assert await opens(own, EMAIL, PASSWORD)


async def test_a_changed_password_ends_it(house: Installation, browser: httpx2.AsyncClient):
    """Who took the link from a mailbox loses it when the owner acts."""
    token = await linked(house, "changed@example.com")
    page = await open_link(browser, token)

    async def work(tx: Any) -> None:
        user = await tx.users.find_by_email("changed@example.com")
        await revocation.follow(tx, Cause.PASSWORD_CHANGED, user.id, CLI, "her session")
        await tx.users.set_password(user.id, QUICK.hash("hers alone"))

    await house.authority.store.transact(work)
    assert (await choose(browser, page)).status_code == 410
    assert await opens(house, "changed@example.com", "hers alone")


async def test_a_newer_link_ends_the_one_before(house: Installation, browser: httpx2.AsyncClient):
    first = await linked(house, "twice@example.com")
    await ask(browser, "twice@example.com")
    second = await token_for(house, "twice@example.com")
    assert first != second
    assert (await open_link(browser, first)).status_code == 410
    assert (await open_link(browser, second)).status_code == 200


async def test_a_token_of_another_purpose_or_kind_opens_nothing(
    house: Installation, browser: httpx2.AsyncClient
):
    """S75: none stands in for another, neither here nor where other secrets are taken."""
    user = await house.add_user("kinds@example.com")

    async def work(tx: Any) -> Any:
        return await action_tokens.make(tx, user, Action.CONFIRM_EMAIL, 3600)

    other = await house.authority.store.transact(work)
    assert (await open_link(browser, other.reveal())).status_code == 410
    for kind in Kind:
        made = spell(kind, bytes(SECRET_BYTES)).reveal()
        assert (await open_link(browser, made)).status_code == 410
    token = await linked(house, "bearer@example.com")
    headers = {"authorization": f"Bearer {token}"}
    assert (await browser.get("/userinfo", headers=headers)).status_code == 401
    browser.cookies.set("counterfoil_session", token)
    assert (await browser.get("/account/apps")).status_code == 303
    asked = await house.post("/introspect", "service", token=token)
    assert asked.json() == {"active": False}
    code = await house.post("/token", "service", grant_type="refresh_token", refresh_token=token)
    assert code.status_code == 400


async def test_one_persons_link_sets_no_others_password(
    house: Installation, browser: httpx2.AsyncClient
):
    """Whatever else the form says."""
    victim = await house.add_user("victim@example.com")
    page = await open_link(browser, await linked(house, "thief@example.com"))
    more = {"username": "victim@example.com", "email": "victim@example.com", "sub": victim.id}
    assert (await choose(browser, page, **more)).status_code == 200
    assert await opens(house, "victim@example.com", PASSWORD)
    assert await opens(house, "thief@example.com", NEW)


async def test_a_link_that_is_opened_in_between_gets_no_password_meant_for_another(
    house: Installation, browser: httpx2.AsyncClient
):
    """A page of somebody else can open a link of theirs here, while ours is filled in."""
    own = await linked(house, "between@example.com")
    planted = await linked(house, "planter@example.com")
    page = await open_link(browser, own)
    await browser.get("/new-password", params={"token": planted})
    answer = await choose(browser, page)
    assert answer.status_code == 400
    assert "Another link was opened in this browser since." in answer.text
    assert "planter@example.com" in answer.text
    assert not await opens(house, "planter@example.com", NEW)
    assert (await choose(browser, await open_link(browser, own))).status_code == 200
    assert await opens(house, "between@example.com", NEW)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example"},
        {"forwarded": "host=evil.example;proto=https"},
        {"x-original-url": "https://evil.example/"},
        {"x-forwarded-proto": "https", "x-forwarded-prefix": "//evil.example"},
        {"referer": "https://evil.example/", "origin": "https://evil.example"},
    ],
    ids=str,
)
async def test_no_header_says_where_a_link_leads(
    house: Installation, browser: httpx2.AsyncClient, headers: dict[str, str]
):
    """Reset poisoning: the victim would click a link that tells the token to somebody else."""
    email = f"poisoned-{sum(map(ord, str(headers)))}@example.com"
    await house.add_user(email)
    await ask(browser, email, **headers)
    (text,) = await mail_for(house, email)
    assert "evil" not in text
    assert f"\n{house.issuer}/new-password?token=cfal_" in text


async def test_the_token_leaves_the_address_at_once(
    house: Installation, browser: httpx2.AsyncClient
):
    """Nothing that the page loads or leads to, no history and no cache ever has it."""
    token = await linked(house, "quiet@example.com")
    answer = await browser.get("/new-password", params={"token": token})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/new-password"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    (cookie,) = answer.headers.get_list("set-cookie")
    assert token in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert "max-age" not in cookie.lower()
    assert token not in answer.text
    page = await browser.get("/new-password")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert token not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    done = await choose(browser, page)
    assert "counterfoil_action" not in dict(browser.cookies)
    assert token not in done.text


async def test_a_cookie_of_a_neighbour_is_not_believed(house: Installation):
    """Of two, one was tossed in: a link of the attacker's, to have a password typed into it."""
    token = await linked(house, "tossed@example.com")
    thiefs = await linked(house, "tosser@example.com")
    both = f"counterfoil_action={token}; counterfoil_action={thiefs}"
    async with house.browser() as browser:
        page = await browser.get("/new-password", headers={"cookie": both})
        assert page.status_code == 410


async def test_answers_are_the_same_whoever_is_asked_for(house: Installation):
    """In words, in headers, and in what is set."""
    await house.add_user("known@example.com")
    disabled = await house.add_user("disab@example.com")
    await house.authority.store.transact(lambda tx: tx.users.disable(disabled.id, tx.now))

    async def answered(email: str) -> tuple[int, str, list[str]]:
        async with house.browser() as browser:
            answer = await ask(browser, email)
        names = sorted(name for name in answer.headers if name != "x-request-id")
        return answer.status_code, answer.text.replace(email, "EMAIL"), names

    known, unknown, off = [
        await answered(f"{name}@example.com") for name in ("known", "nobdy", "disab")
    ]
    assert known == unknown == off
    assert known[0] == 200


@pytest.mark.one_engine("statements are counted on the way to SQLite")
async def test_asking_costs_the_same_whoever_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Counted, not timed: every statement about people and mail until the answer is there.

    Nobody so much as looks whether there is an account while somebody waits.
    """
    seen: list[str] = []
    run = SqliteConnection._rows

    def noted(self: SqliteConnection, sql: str, values: Any) -> Any:
        # The janitor, who may be at work beside it, only removes from these.
        if re.match(
            r"\s*(SELECT|UPDATE|INSERT).*(users|outbox|action_tokens|INTO events)", sql, re.DOTALL
        ):
            seen.append(sql)
        return run(self, sql, values)

    # Without a mail server nobody sends beside it, so that all that is counted is of the asking.
    async with installed(tmp_path, issuer="https://id.example") as own:
        monkeypatch.setattr(SqliteConnection, "_rows", noted)

        async def work_for(email: str) -> list[str]:
            seen.clear()
            assert await recovery.ask(own.authority, Asked(email, "en", Origin("192.0.2.7")))
            return list(seen)

        known, unknown = await work_for(EMAIL), await work_for("nob@example.com")
    assert known == unknown
    assert any("INTO outbox" in sql for sql in known)
    assert not any("users" in sql for sql in known)


async def test_a_mailbox_cannot_be_flooded(tmp_path: Path, on_engine: str):
    """By its account's name, however it is spelled; whether there is one makes no difference."""
    async with installed(tmp_path, recoveries_per_hour=3) as own, own.browser() as browser:
        for email in (EMAIL, "nobody@example.com"):
            spelled = [email, email.upper(), f" {email} ", email.title(), email]
            answers = [await ask(browser, each) for each in spelled]
            assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
            assert "asked for too often" in answers[-1].text
        assert len(await mail_for(own, EMAIL)) == 3
        own.clock.turn(3601)
        assert (await ask(browser, EMAIL)).status_code == 200


async def test_one_address_cannot_flood_many_mailboxes(tmp_path: Path, on_engine: str):
    async with installed(tmp_path, recoveries_per_hour=1) as own, own.browser() as browser:
        emails = [f"somebody-{number}@example.com" for number in range(12)]
        answers = [await ask(browser, each) for each in emails]
        assert [each.status_code for each in answers] == [200] * 10 + [429] * 2


@pytest.mark.parametrize(
    "email",
    [
        "bcc-1@example.com\r\nBcc: everyone@example.com",
        "bcc-2@example.com\nBcc: everyone@example.com",
        "bcc-3@example.com%0d%0aBcc: everyone@example.com",
        "bcc-4@example.com\u2028Bcc: everyone@example.com",
        "bcc-5@example.com,everyone@example.com",
        "everyone@example.com <bcc-6@example.com>",
        "bcc-7@example.com\x00@evil.example",
        'bcc-8@example.com";everyone@example.com',
    ],
)
async def test_nothing_typed_becomes_a_header_or_a_second_reader(
    house: Installation, browser: httpx2.AsyncClient, email: str
):
    """And it goes to the address that is kept, never to the one that was typed."""
    name = email[email.index("bcc-") : email.index("bcc-") + 5]
    await house.add_user(f"{name}@example.com")
    await ask(browser, email)
    await send_all(house)
    catcher = house.server.catcher
    assert catcher is not None
    for each in catcher.caught:
        assert "everyone" not in each.as_string()
        assert len(each.get_all("To", [])) == 1
        assert each["Bcc"] is None


@pytest.mark.parametrize("lookalike", ["\u017ftrange@example.com", "strange@\uff45xample.com"])
async def test_a_lookalike_gets_no_mail_of_anothers(
    house: Installation, browser: httpx2.AsyncClient, lookalike: str
):
    """An address that folds to another's by Unicode is another mailbox: nothing goes there."""
    with suppress(Conflict):
        await house.add_user("strange@example.com")
    await ask(browser, lookalike)
    await send_all(house)
    catcher = house.server.catcher
    assert catcher is not None
    assert {str(each["To"]).isascii() for each in catcher.caught} == {True}


async def test_no_copy_of_the_database_opens_an_account(
    tmp_path: Path, on_engine: str, caplog: pytest.LogCaptureFixture
):
    """S77: while a letter waits, and afterwards: neither the link nor the address stands there.

    Nor does the log say the token, at its loudest.
    """
    with caplog.at_level(logging.DEBUG):
        async with installed(tmp_path) as own, own.browser() as browser:
            user = await own.add_user("dumped@example.com")

            async def work(tx: Any) -> Any:
                # The letter is there with its link, and is not sent before it was copied.
                await recovery.start(own.authority, tx, user, CLI)
                return await values_of_outbox(tx)

            waiting = await own.authority.store.transact(work)
            assert b"dumped" not in waiting
            assert b"cfal_" not in waiting
            token = await token_for(own, "dumped@example.com")
            page = await open_link(browser, token)
            kept = "".join(map(str, await values_of(own.authority.settings)))
            assert token not in kept
            assert quote(token) not in kept
            await browser.post("/new-password", params={"token": token}, data={"token": token})
            await choose(browser, page)
    # The browser of the tests says where it goes; that is not our log.
    said = [each.getMessage() for each in caplog.records if not each.name.startswith("httpx2")]
    assert said
    assert not [line for line in said if token in line]


async def values_of_outbox(tx: Any) -> bytes:
    """What stands in the one letter that waits."""
    found = await tx.outbox.claim(tx.now, tx.now)
    return found.id.encode() + found.sealed
