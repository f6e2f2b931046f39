"""Accounts in others' names: found out, prepared, scanned, flooded, spelled alike (S72, S104)."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.server.identity import joining
from counterfoil.server.identity.joining import Wish
from counterfoil.server.records.session import Origin
from counterfoil.server.storage.sqlite_connection import SqliteConnection
from tests.installation import EMAIL, Installation, Person, hidden_fields, installed
from tests.joinings import (
    NEW,
    OPEN,
    invited,
    join,
    joined,
    nobody_has,
    open_link,
    register,
    subjects_for,
    user_of,
)
from tests.recoveries import mail_for, send_all, token_for

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def house(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("house"), **OPEN) as house:
        yield house


@pytest.fixture
async def browser(house: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.browser() as browser:
        yield browser


async def opens(house: Installation, email: str, password: str) -> bool:
    """Whether a password opens an account."""
    async with house.browser() as browser:
        page = await browser.get("/sign-in")
        answer = await Person(house, browser, email).sign_in(page, password=password)
        return answer.status_code == 200 and "Sign out" in answer.text


async def test_answers_are_the_same_whether_there_is_an_account(house: Installation):
    """S104: in words, status and headers; the owner is told, and nothing of theirs changes."""
    disabled = await house.add_user("disab@example.com")
    await house.authority.store.transact(lambda tx: tx.users.disable(disabled.id, tx.now))

    async def answered(email: str) -> tuple[int, str, list[str]]:
        async with house.browser() as browser:
            answer = await register(browser, email)
        names = sorted(name for name in answer.headers if name != "x-request-id")
        return answer.status_code, answer.text.replace(email, "EMAIL"), names

    known, unknown, off = [await answered(each) for each in (EMAIL, "new@e.org", disabled.email)]
    assert known == unknown == off
    assert known[0] == 200
    assert await subjects_for(house, EMAIL) == ["You have an account already"]
    assert await subjects_for(house, "new@e.org") == ["Your new account"]
    assert await subjects_for(house, disabled.email) == []
    (text,) = await mail_for(house, EMAIL)
    assert "token" not in text


@pytest.mark.one_engine("statements are counted on the way to SQLite")
async def test_asking_costs_the_same_whether_there_is_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Counted, not timed. Nobody so much as looks for an account while somebody waits."""
    seen: list[str] = []
    run = SqliteConnection._rows

    def noted(self: SqliteConnection, sql: str, values: Any) -> Any:
        if re.match(r"\s*(SELECT|UPDATE|INSERT).*(users|outbox|action_tokens)", sql, re.DOTALL):
            seen.append(sql)
        return run(self, sql, values)

    async with installed(tmp_path, issuer="https://id.example", **OPEN) as own:
        monkeypatch.setattr(SqliteConnection, "_rows", noted)

        async def work_for(email: str) -> list[str]:
            seen.clear()
            assert await joining.ask(own.authority, Wish(email, "en", Origin("192.0.2.7")))
            return list(seen)

        known, unknown = await work_for(EMAIL), await work_for("nob@example.com")
    assert known == unknown
    assert any("INTO outbox" in sql for sql in known)
    assert not any("users" in sql for sql in known)


async def test_who_registers_anothers_address_prepares_nothing(
    house: Installation, browser: httpx2.AsyncClient
):
    """Pre-account hijack: all that an attacker can give is the address; the rest is ignored.

    The owner chooses name and password, and no browser but theirs is signed in.
    """
    email = "hijacked@example.com"
    form = hidden_fields((await browser.get("/register")).text) | {"email": email}
    form |= {"name": "Mallory", "new": "mallorys own secret", "password": "mallorys own secret"}
    assert (await browser.post("/register", data=form)).status_code == 200
    assert await nobody_has(house, email)
    assert not await opens(house, email, "mallorys own secret")
    async with house.browser() as owner:
        page = await open_link(owner, await token_for(house, email))
        assert "Mallory" not in page.text
        await join(owner, page)
    assert (await user_of(house, email)).name == "Grace"
    assert not await opens(house, email, "mallorys own secret")
    assert await opens(house, email, NEW)
    assert (await browser.get("/account/apps")).status_code == 303


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_makes_no_account(house: Installation, method: str):
    """S72: it opens the link, follows where it leads, and sends no form of ours."""
    email = f"scanned-{method}@example.com"
    async with house.browser() as browser:
        await register(browser, email)
        token = await token_for(house, email)
        async with house.browser(follow_redirects=True) as scanner:
            await scanner.request(method, "/welcome", params={"token": token})
            await scanner.post("/welcome", data={"name": "x", "new": NEW, "again": NEW})
        assert await nobody_has(house, email)
        assert (await join(browser, await open_link(browser, token))).status_code == 200


async def test_a_link_is_used_once_and_two_make_one_account(house: Installation):
    """S72: replayed, raced, and asked for twice."""
    email = "twice@example.com"
    async with house.browser() as one, house.browser() as other:
        await register(one, email)
        first = await token_for(house, email)
        await register(other, email)
        second = await token_for(house, email)
        assert first != second, "nobody makes another's link worthless by asking anew"
        pages = [await open_link(one, first), await open_link(other, second)]
        answers = await asyncio.gather(join(one, pages[0]), join(other, pages[1]))
        assert sorted(each.status_code for each in answers) == [200, 409]
        async with house.browser() as late:
            assert (await open_link(late, first)).status_code in {200, 410}
            again = await open_link(late, second if answers[1].status_code == 200 else first)
            assert again.status_code == 410


async def test_an_hour_later_there_is_nothing_left(tmp_path: Path, on_engine: str):
    """S72: what nobody activated is swept: no account, no link."""
    async with installed(tmp_path, **OPEN) as own, own.browser() as browser:
        await register(browser, "late@example.com")
        page = await open_link(browser, await token_for(own, "late@example.com"))
        own.clock.turn(3600)
        assert (await join(browser, page)).status_code == 410
        assert await own.authority.store.transact(lambda tx: tx.action_tokens.sweep(9)) == 1
        assert await nobody_has(own, "late@example.com")


async def test_nobody_registers_where_it_is_closed(tmp_path: Path, on_engine: str):
    """Neither at the page, nor by a link from before."""
    async with installed(tmp_path) as own, own.browser() as browser:
        assert "Make an account" not in (await browser.get("/sign-in")).text
        assert (await browser.get("/register")).status_code == 404
        form = {"email": "x@example.com"}
        assert (await browser.post("/register", data=form)).status_code == 404
        await joining.ask(own.authority, Wish("x@example.com", "en", Origin()))
        await send_all(own)
        assert await subjects_for(own, "x@example.com") == []


async def test_neither_a_mailbox_nor_many_are_flooded(tmp_path: Path, on_engine: str):
    """Mass registration: per address typed, with what else is asked for it, and per address."""
    limits = {"registration": "open", "recoveries_per_hour": 2}
    async with installed(tmp_path, **limits) as own, own.browser() as browser:
        answers = [await register(browser, each) for each in ("v@e.org", "V@e.org", " v@E.org")]
        assert [each.status_code for each in answers] == [200, 200, 429]
        page = await browser.get("/forgotten-password")
        form = hidden_fields(page.text) | {"email": "v@e.org"}
        assert (await browser.post("/forgotten-password", data=form)).status_code == 429
        many = [await register(browser, f"m{number}@example.com") for number in range(20)]
        assert [each.status_code for each in many].count(200) <= 18
        assert many[-1].status_code == 429


@pytest.mark.parametrize(
    "email",
    [
        "strange@\uff45xample.com",
        "\uff53trange@example.com",
        "stran\u2024ge@example.com",
        "two words@example.com",
        "x@example.com\r\nBcc: everyone@example.com",
        "no-at.example.com",
        "@example.com",
        "x@",
        "\u202estrange@example.com",
        "x" * 300 + "@example.com",
    ],
)
async def test_what_is_no_address_or_looks_like_anothers_is_refused(
    browser: httpx2.AsyncClient, email: str
):
    answer = await register(browser, email)
    assert answer.status_code == 400
    assert "Type an email address" in answer.text


async def test_case_makes_no_second_account_and_plus_does(house: Installation):
    """Mailboxes differ by what stands after a plus; by case they do not."""
    owner = await joined(house, "Case@Example.com")
    async with house.browser() as browser:
        for spelled in ("case@example.com", "CASE@EXAMPLE.COM", " Case@example.com "):
            await register(browser, spelled)
    assert await subjects_for(house, owner.email) == [
        *["You have an account already"] * 3,
        "Your new account",
    ]
    other = await joined(house, "case+second@example.com")
    assert other.id != owner.id


async def test_no_header_says_where_a_link_leads(house: Installation, browser: httpx2.AsyncClient):
    page = await browser.get("/register")
    form = hidden_fields(page.text) | {"email": "poisoned@example.com"}
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    await browser.post("/register", data=form, headers=headers)
    (text,) = await mail_for(house, "poisoned@example.com")
    assert "evil" not in text
    assert f"\n{house.issuer}/welcome?token=cfal_" in text


async def test_a_form_that_is_not_ours_does_nothing(
    house: Installation, browser: httpx2.AsyncClient
):
    """CSRF: neither asks for an account nor makes one."""
    for form in ({}, {"csrf": "x"}):
        asked = form | {"email": "forged@example.com"}
        assert (await browser.post("/register", data=asked)).status_code == 403
    await register(browser, "forged@example.com")
    page = await open_link(browser, await token_for(house, "forged@example.com"))
    made = {"name": "x", "new": NEW, "again": NEW}
    assert (await browser.post("/welcome", data=made)).status_code == 403
    crossing = {"sec-fetch-site": "cross-site"}
    sent = await browser.post("/welcome", data=made | hidden_fields(page.text), headers=crossing)
    assert sent.status_code == 403
    assert await nobody_has(house, "forged@example.com")


async def test_a_name_is_text_wherever_it_stands(house: Installation, browser: httpx2.AsyncClient):
    """HTML in a name, and what cannot be seen or turns the text around."""
    await register(browser, "named@example.com")
    page = await open_link(browser, await token_for(house, "named@example.com"))
    for name in ("", " ", "a\u202eb", "n" * 101):
        refused = await join(browser, page, name=name)
        assert refused.status_code == 400
        assert "Say what you are called" in refused.text
    shown = await join(browser, page, name="<script>alert(1)</script>", again="other")
    assert "<script>alert" not in shown.text
    assert (await join(browser, page, name="<b>Grace</b>")).status_code == 200
    profile = await browser.get("/account/profile")
    assert "<b>Grace</b>" not in profile.text
    assert "&lt;b&gt;Grace&lt;/b&gt;" in profile.text


@pytest.mark.parametrize(
    "password", ["password1", "their address", "aaaaaaaa", "Password123!", "short", "x" * 257]
)
async def test_a_password_that_is_guessed_first_is_refused(
    house: Installation, browser: httpx2.AsyncClient, password: str
):
    """And the link is good still."""
    email = f"weak-{len(password)}-{password[0]}@example.com"
    await register(browser, email)
    page = await open_link(browser, await token_for(house, email))
    typed = email if password == "their address" else password
    refused = await join(browser, page, new=typed, again=typed)
    assert refused.status_code == 400
    assert "Please check" in refused.text
    assert (await join(browser, page)).status_code == 200


@pytest.mark.one_engine("a file is looked at, and no database")
async def test_a_password_that_was_stolen_elsewhere_is_refused(tmp_path: Path):
    """ASVS V6.2.12: however good it was; and the next one is taken."""
    path = tmp_path / "stolen"
    path.write_text(f"{hashlib.sha1(NEW.encode(), usedforsecurity=False).hexdigest().upper()}:3\n")
    async with (
        installed(tmp_path / "house", breached_passwords_file=str(path), **OPEN) as house,
        house.browser() as browser,
    ):
        await register(browser, "robbed@example.com")
        page = await open_link(browser, await token_for(house, "robbed@example.com"))
        refused = await join(browser, page)
        assert refused.status_code == 400
        assert "stolen elsewhere" in refused.text
        other = f"{NEW} and more"
        assert (await join(browser, page, new=other, again=other)).status_code == 200


async def test_links_of_one_purpose_are_nothing_to_another(
    house: Installation, browser: httpx2.AsyncClient
):
    """S75: an invitation sets no password of an account in use, nor does a registration."""
    await register(browser, "purpose@example.com")
    token = await token_for(house, "purpose@example.com")
    for path in ("/new-password", "/account/email/confirm", "/undo-email"):
        await browser.get(path, params={"token": token})
        assert (await browser.get(path)).status_code in {410, 303}
    invitation = await invited(house, "asked@example.com")
    for path in ("/new-password", "/undo-email"):
        await browser.get(path, params={"token": invitation})
        assert (await browser.get(path)).status_code == 410


async def test_an_invitation_ends_once_there_is_a_password(
    house: Installation, browser: httpx2.AsyncClient
):
    """Whoever finds the mail later, or has another one, gets in no more."""
    first = await invited(house, "eager@example.com")
    page = await browser.get("/forgotten-password")
    form = hidden_fields(page.text) | {"email": "eager@example.com"}
    await browser.post("/forgotten-password", data=form)
    token = await token_for(house, "eager@example.com")
    await browser.get("/new-password", params={"token": token})
    page = await browser.get("/new-password")
    done = hidden_fields(page.text) | {"new": NEW, "again": NEW}
    assert (await browser.post("/new-password", data=done)).status_code == 200
    assert (await open_link(browser, first)).status_code == 410


async def test_a_password_is_not_set_for_another_link_that_was_opened_since(
    house: Installation, browser: httpx2.AsyncClient
):
    """A link of the attacker's, opened in between, would have what is typed for one account."""
    for email in ("first@example.com", "tossed@example.com"):
        await register(browser, email)
    page = await open_link(browser, await token_for(house, "first@example.com"))
    await open_link(browser, await token_for(house, "tossed@example.com"))
    wrong = await join(browser, page)
    assert wrong.status_code == 400
    assert "Another link was opened" in wrong.text
    assert await nobody_has(house, "tossed@example.com")
    assert (await join(browser, wrong)).status_code == 200
