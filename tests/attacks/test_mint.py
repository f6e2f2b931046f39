"""The mint endpoint in the hands of whoever wants more than they have."""

import asyncio
from typing import Any

import pytest

from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.client import MINT
from tests.installation import NOTES, Installation
from tests.minting import ONE, add_minter, mint, paths

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def mint_site(site: Installation) -> Installation:
    await add_minter(site)
    admin = frozenset({MINT, "counterfoil:write", "counterfoil:read", "notes:read"})
    await add_minter(site, "admin", scopes=admin)
    return site


@pytest.mark.one_engine("no row is written")
@pytest.mark.parametrize(
    "smuggled",
    [
        {"iss": "https://evil.example"},
        {"sub": "somebody"},
        {"subject": "somebody"},
        {"exp": 4_000_000_000},
        {"iat": 0},
        {"nbf": 0},
        {"jti": "chosen"},
        {"aud": NOTES},
        {"client_id": "service"},
        {"act": {"sub": "service"}},
        {"may_act": {"sub": "service"}},
        {"cnf": {"jkt": "A" * 43}},
        {"fam": "f"},
        {"gen": [9, 9]},
        {"auth_time": 1},
        {"status": {}},
        {"url_bound": {"methods": ["GET"], "url": NOTES}},
        {"kid": "k"},
        {"typ": "at+jwt"},
        {"Scope": "notes:write"},
        {"scope ": "notes:write"},
        {"__proto__": {}},
    ],
)
async def test_no_claim_is_smuggled_in(mint_site: Installation, smuggled: dict[str, Any]):
    """S56."""
    (path,) = paths(await mint(mint_site, [ONE, ONE | smuggled]))
    name = next(iter(smuggled))
    assert path == (f"$[1].{name}" if name.strip() == name else "$[1]")


@pytest.mark.one_engine("no row is written")
async def test_no_token_outlives_the_policy(mint_site: Installation):
    """S56."""
    most = mint_site.authority.settings.access_token_lifetime
    assert (await mint(mint_site, ONE | {"lifetime": most})).status_code == 200
    for lifetime in (most + 1, 2**53, 2**63, 10**400, -1, 1e3, "1", None, [1]):
        answer = await mint(mint_site, [ONE | {"lifetime": lifetime}])
        if lifetime is None:
            assert answer.json()[0]["expires_in"] == most
        else:
            assert answer.status_code == 400, lifetime


@pytest.mark.one_engine("no row is written")
async def test_nobody_mints_a_token_for_the_server_itself(mint_site: Installation):
    """Neither for its admin API, though the client may have that elsewhere, nor for userinfo."""
    own = own_api_uri(mint_site.issuer)
    for audience in (own, mint_site.issuer, f"{own}/", own.upper(), f" {own}"):
        described = {"audience": audience, "scope": "counterfoil:write"}
        assert paths(await mint(mint_site, described, "admin")) == ["$.audience"]
    crossed = {"audience": NOTES, "scope": "notes:read counterfoil:write"}
    assert paths(await mint(mint_site, crossed, "admin")) == ["$.scope"]
    assert paths(await mint(mint_site, ONE | {"scope": MINT}, "admin")) == ["$.scope"]


@pytest.mark.one_engine("no row is written")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b'"text"',
        b"[[]]",
        b"[null]",
        b"[" * 500_000,
        b'[{"a":' * 100_000,
        b"{" + b'"a":1,' * 100_000 + b'"b":1}',
        b'[{"audience":"https://notes.example","scope":"notes:read","scope":"notes:write"}]',
        b'[{"audience":"https://notes.example","scope":"notes:read","\\u0073cope":"x"}]',
        b'{"audience":"https://notes.example","scope":"notes:read"}{}',
        b'{"audience":"https://notes.example","scope":"notes:read"},{}',
        b"[" + b"{}," * 2000 + b"{}]",
        b'{"audience":"\xff","scope":"notes:read"}',
        b'{"audience":"\\ud800","scope":"notes:read"}',
        b'{"audience":' + b"9" * 100_000 + b',"scope":"notes:read"}',
    ],
)
async def test_strange_json_is_refused_and_named(mint_site: Installation, body: bytes):
    answer = await mint(mint_site, body)
    assert answer.status_code == 400
    assert all(path.startswith("$") for path in paths(answer))
    assert len(answer.content) < 50_000


@pytest.mark.one_engine("no row is written")
async def test_a_huge_body_costs_others_no_turn_for_long(mint_site: Installation):
    """While two thousand descriptions full of mistakes are read, the loop turns on and on."""
    wrong = [{f"m{number}": number for number in range(40)} for _ in range(1000)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        answer = await mint(mint_site, wrong, answer="each")
    finally:
        task.cancel()
    assert answer.status_code == 200
    assert len(answer.json()) == 1000
    assert turns > 30


async def test_half_of_all_or_nothing_is_nothing(own: Installation):
    """S57: One wrong description among those that cost rows, and no row is written."""
    await add_minter(own)
    await own.set_policy(NOTES, token_format="reference")
    answer = await mint(own, [ONE] * 20 + [ONE | {"lifetime": 0}])
    assert answer.status_code == 400
    rows = await own.authority.store.read(lambda tx: tx.issued_tokens.after(NOTES, 0, 100))
    assert rows == []


@pytest.mark.one_engine("no row is written")
async def test_credentials_in_the_body_or_the_query_count_for_nothing(mint_site: Installation):
    secret = mint_site.secrets["minter"]
    async with mint_site.browser() as anyone:
        in_query = {"client_id": "minter", "client_secret": secret}
        answer = await anyone.post("/mint", json=ONE, params=in_query)
        assert answer.status_code == 401
        answer = await anyone.post("/mint", json=ONE | in_query)
        assert answer.status_code == 401
        answer = await anyone.post("/mint", data=ONE | in_query)
        assert answer.status_code in (400, 401)
        assert (await anyone.get("/mint")).status_code == 405


@pytest.mark.one_engine("no row is written")
async def test_a_page_of_another_site_reads_no_answer(mint_site: Installation):
    async with mint_site.browser() as anyone:
        asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        answer = await anyone.options("/mint", headers=asked)
    assert "access-control-allow-origin" not in answer.headers
