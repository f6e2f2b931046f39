"""Attacks on the explanation: fishing for other people's tokens, and for what was pasted (S109)."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.opaque import Kind, spell
from tests.attacks.forging import FORGERIES, Loot
from tests.attacks.served import served
from tests.cli.conftest import Installation as CommandLine
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio

STEERING = (
    "\x1b]0;owned\x07\x1b[2J",
    "a.\x1b[31m.c",
    "a\r\nb.c.d",
    "\u202e.\u2028.x",
    f"{'A' * 21}\n",
)


async def asked(person: Person, pasted: str) -> str:
    form = hidden_fields((await person.browser.get("/account/explain")).text)
    answer = await person.browser.post("/account/explain", data=form | {"token": pasted})
    assert answer.status_code == 200
    return answer.text


async def loot_of(site: Installation, person: Person) -> Loot:
    token = (await person.tokens())["access_token"]
    async with site.browser() as anyone:
        return Loot(token, (await anyone.get("/jwks.json")).json())


async def test_other_peoples_tokens_look_like_tokens_that_never_were(site: Installation):
    """S109: nobody learns from the account page whether a token, a family or a name exists."""
    victim = await site.add_user("victim@example.com")
    thief = await site.add_user("thief@example.com")
    async with site.browser() as one, site.browser() as other:
        ada = Person(site, one, "victim@example.com", victim.id)
        mallory = Person(site, other, "thief@example.com", thief.id)
        loot = await loot_of(site, ada)
        tokens = await ada.tokens()
        own = (await mallory.tokens())["access_token"]
        jti = str(unverified_claims(tokens["access_token"])["jti"])
        family = jti.partition(".")[0]
        never = await asked(mallory, f"{'x' * 22}.{'y' * 16}")
        for pasted in (
            tokens["access_token"],
            tokens["refresh_token"],
            tokens["id_token"],
            jti,
            f"{family}.{'z' * 16}",
            family,
            await site.service_token(),
            loot.with_claims(sub=thief.id),
            loot.with_own_key({**loot.claims, "sub": thief.id}),
            spell(Kind.REFRESH_TOKEN, b"x" * 60).reveal(),
            own[:-6] + "AAAAAA",
            "",
            "x",
        ):
            assert await asked(mallory, pasted) == never
        assert await asked(mallory, own) != never


async def test_a_forged_token_is_explained_to_nobody(site: Installation):
    """S109: whatever it says of itself, also that it is theirs who asks."""
    user = await site.add_user("forger@example.com")
    async with site.browser() as browser:
        forger = Person(site, browser, "forger@example.com", user.id)
        loot = await loot_of(site, forger)
        never = await asked(forger, "x")
        for name, forge in FORGERIES.items():
            forged = forge(loot)
            if forged.strip() != loot.token:
                assert await asked(forger, forged) == never, name


@pytest.mark.parametrize("size", [8192, 8193, 60_000, 70_000])
async def test_enormous_input_is_refused_in_few_words(site: Installation, size: int):
    """S109: and not said back."""
    user = await site.add_user(f"talker{size}@example.com")
    async with site.browser() as browser:
        talker = Person(site, browser, f"talker{size}@example.com", user.id)
        await talker.tokens()
        form = hidden_fields((await browser.get("/account/explain")).text)
        answer = await browser.post("/account/explain", data=form | {"token": "a." * (size // 2)})
    assert answer.status_code in {200, 400}
    assert len(answer.content) < 20_000
    assert "a.a.a." not in answer.text


async def test_what_is_pasted_steers_no_terminal(tmp_path: Path):
    """S109: nothing of it is printed."""
    run = CommandLine(tmp_path / "data")
    await asyncio.to_thread(run.succeed, "client", "add", "Service")
    for pasted in STEERING:
        shown = await asyncio.to_thread(run.succeed, "explain", "-", stdin=pasted)
        assert not [each for each in shown if not each.isprintable() and each != "\n"]
        assert "owned" not in shown


async def test_nothing_that_is_pasted_reaches_answer_log_event_or_database(
    own: Installation, caplog: pytest.LogCaptureFixture
):
    """S109, S110: a canary, on every path that a pasted text takes."""
    caplog.set_level(logging.DEBUG)
    user = await own.add_user("boss@example.com", is_admin=True)
    async with own.browser() as browser:
        boss = Person(own, browser, "boss@example.com", user.id)
        tokens = await boss.tokens()
        loot = Loot(tokens["access_token"], (await browser.get("/jwks.json")).json())
        canaries = [
            tokens["access_token"],
            tokens["refresh_token"],
            loot.with_own_key(kid="canary-kid"),
            spell(Kind.CLIENT_SECRET, b"canary" * 6).reveal(),
            spell(Kind.SESSION, b"canary" * 6).reveal(),
            "canary.canary.canary",
            "canary-without-a-dot",
            "c4nary" * 3 + "kkkk",
        ]
        before = [
            e.number for e in await own.authority.store.read(lambda tx: tx.events.latest(999))
        ]
        for pasted in canaries:
            for path in ("/account/explain", "/admin/explain"):
                form = hidden_fields((await browser.get(path)).text)
                answer = await browser.post(path, data=form | {"token": pasted})
                shows_name = pasted.startswith("c4nary")
                assert shows_name or pasted not in answer.text
                assert pasted not in json.dumps(dict(answer.headers))
                assert pasted not in str(answer.url)
    log = "\n".join(
        record.getMessage() for record in caplog.records if "counterfoil" in record.name
    )
    after = [e.number for e in await own.authority.store.read(lambda tx: tx.events.latest(999))]
    assert before == after
    folder = own.authority.settings.data
    stored = b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    for pasted in canaries:
        assert pasted not in log
        assert pasted.encode() not in stored
    assert "canary" not in log


async def test_a_real_server_says_nothing_of_what_was_pasted(tmp_path: Path):
    """S110: every byte that a served process prints."""
    output = tmp_path / "output"
    async with served(tmp_path / "data", output) as base:
        import httpx2

        async with httpx2.AsyncClient(base_url=base) as anyone:
            answer = await anyone.post("/account/explain", data={"token": "canary.canary.canary"})
            assert answer.status_code == 303
            header = {"authorization": "Bearer canary.canary.canary"}
            refused = await anyone.get("/userinfo", headers=header | {"x-request-id": "canary"})
            assert refused.headers["x-request-id"] != "canary"
    said = output.read_bytes()
    assert b"canary" not in said
    assert refused.headers["x-request-id"].encode() in said
