"""The mint endpoint in the hands of whoever wants more than they have."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.protocol.registration import update_client
from counterfoil.server.protocol.revocation import disable_user, withdraw_right
from counterfoil.server.records.client import MINT
from tests.installation import MAIL, NOTES, Installation, Person
from tests.minting import ONE, add_minter, give_right, mint, minted, paths, whom

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


async def refusal(place: Installation, user_id: str, *given: Any, **members: Any) -> Any:
    """What is said to a client that mints for somebody without the right to."""
    answer = await mint(place, ONE | {"subject": whom(user_id)} | members, *given)
    assert answer.status_code == 403, answer.text
    body = answer.json()
    del body["request_id"]
    return body


async def test_nobody_mints_for_another_without_a_right(own: Installation):
    """S58: no right, one for others, for another API or scope, or that has ended; all one answer.

    Whether somebody is known here is not told by it.
    """
    assert own.user is not None
    ada, now = own.user.id, int(own.clock())
    await own.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    scopes = frozenset({MINT, "notes:read", "notes:write", "mail:read"})
    await add_minter(own, scopes=scopes)
    await add_minter(own, "other", scopes=scopes)
    eve = await own.add_user("eve@example.com")
    nothing = await refusal(own, ada)
    assert nothing["error"] == "access_denied"
    await give_right(own, client_id="other")
    assert await refusal(own, ada) == nothing
    await give_right(own, eve.id)
    assert await refusal(own, ada) == nothing
    assert await refusal(own, "nobody-by-that-id") == nothing
    assert await refusal(own, "minter") == nothing
    assert await refusal(own, ada, subject={"format": "email", "email": "x@x"}) == nothing
    mail = {MAIL: frozenset({"mail:read"})}
    right = await give_right(own, ada, apis=mail, ends_at=now + 100)
    assert await refusal(own, ada) == nothing
    assert await refusal(own, ada, scope="notes:read notes:write") == nothing
    post = {"audience": MAIL, "scope": "mail:read"}
    assert await minted(own, subject=whom(ada), **post)
    own.clock.turn(100)
    assert await refusal(own, ada, **post) == nothing
    right = await give_right(own, ada, apis=mail)
    await own.authority.store.transact(lambda tx: withdraw_right(tx, right.id, CLI))
    assert await refusal(own, ada, **post) == nothing


async def test_nobody_mints_for_who_is_disabled(own: Installation):
    assert own.user is not None
    ada = own.user.id
    await add_minter(own)
    await give_right(own)
    assert await minted(own, subject=whom(ada))
    await own.authority.store.transact(lambda tx: disable_user(tx, ada, CLI))
    await refusal(own, ada)


async def test_a_right_is_worth_no_more_than_what_the_client_may(own: Installation):
    """Taken from the client, a scope is taken from its rights; and so is the right to mint."""
    assert own.user is not None
    ada = own.user.id
    await add_minter(own)
    await give_right(own, ada)
    await scoped(own, frozenset({MINT, "notes:write"}))
    answer = await mint(own, ONE | {"subject": whom(ada)})
    assert paths(answer) == ["$.scope"]
    await scoped(own, frozenset({"notes:read"}))
    answer = await mint(own, ONE | {"subject": whom(ada)})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


async def scoped(place: Installation, scopes: frozenset[str]) -> None:
    async def work(tx: Any) -> None:
        client = replace(await tx.clients.find("minter"), scopes=scopes)
        await update_client(tx, client, CLI, development=True)

    await place.authority.store.transact(work)


async def test_what_was_made_for_a_person_is_not_what_they_allowed(own: Installation):
    """An app that may mint for them still has to ask them for their consent."""
    assert own.user is not None
    members: dict[str, Any] = {
        "grant_types": ("authorization_code", "refresh_token"),
        "redirect_uris": ("https://app.example/callback",),
        "scopes": frozenset({MINT, "openid", "notes:read"}),
    }
    await own.add_client("both", **members)
    await give_right(own, client_id="both")
    assert await minted(own, "both", subject=whom(own.user.id))
    async with own.browser() as browser:
        person = Person(own, browser)
        page = await person.sign_in(await person.open("both"))
        assert page.status_code == 200
        assert "Both" in page.text
        assert 'name="decision"' in page.text


async def test_a_person_ends_only_what_was_made_for_them(own: Installation):
    """Another's row is not there for them, though they know its name."""
    assert own.user is not None
    eve = await own.add_user("eve@example.com")
    await add_minter(own)
    await give_right(own)
    await minted(own, subject=whom(own.user.id))
    (made,) = await own.authority.store.read(
        lambda tx: tx.mint_rights.made_for_user(own.user.id if own.user else "")
    )
    async with own.browser() as browser:
        await Person(own, browser, eve.email, eve.id).sign_in(await browser.get("/sign-in"))
        answer = await browser.get(f"/account/end/family/{made.family_id}")
        assert answer.status_code == 400
