"""Attacks on tokens that cost a row: leaked keys, guessed references, feeds and lists of others."""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.records.signing_key import Purpose
from tests.attacks.forging import FORGERIES, Loot
from tests.engines import values_of
from tests.installation import MAIL, NOTES, Installation, installed
from tests.server.endpoints.stream import basic

pytestmark = pytest.mark.anyio


async def furnished(place: Installation, **policy: Any) -> Installation:
    await place.set_policy(NOTES, **policy)
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await place.set_policy(MAIL, **policy)
    await place.add_client("courier", scopes=frozenset({"mail:read"}))
    await place.add_client("guard", scopes=frozenset({"introspect"}))
    await place.add_client("mail-guard", scopes=frozenset({"introspect", "mail:read"}))
    return place


PLENTY = {"token_failures_per_minute": 1_000_000}


@pytest.fixture(scope="module")
async def registry(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data"), **PLENTY) as place:
        yield await furnished(place, registry=True)


@pytest.fixture(scope="module")
async def opaque(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data"), **PLENTY) as place:
        yield await furnished(place, token_format="reference")


@pytest.fixture(scope="module")
async def listed(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data")) as place:
        yield await furnished(place, status_list=True)


async def is_active(place: Installation, token: str) -> bool:
    return (await place.post("/introspect", "guard", token=token)).json().get("active") is True


async def userinfo(place: Installation, token: str) -> int:
    async with place.browser() as browser:
        header = {"authorization": f"Bearer {token}"}
        return (await browser.get("/userinfo", headers=header)).status_code


def leaked(place: Installation, claims: dict[str, Any], typ: str = TYPE) -> str:
    """Signed with the server's own key."""
    keyring = place.authority.keyring
    return keyring.signer(Purpose.TOKENS, typ, int(place.clock())).sign(claims)


FORGED: dict[str, dict[str, Any]] = {
    "another name": {"jti": "forged"},
    "another person": {"sub": "somebody-else"},
    "a wider scope": {"scope": "openid notes:read notes:write"},
    "a longer life": {"exp": 2**33},
    "the same but for a claim": {"note": 1},
    "another family": {"fam": "family", "gen": [1, 1]},
}


@pytest.mark.parametrize("case", FORGED)
async def test_who_has_the_signing_key_and_nothing_else_mints_nothing(
    registry: Installation, case: str
):
    """S43, X15."""
    token = await registry.service_token()
    forged = leaked(registry, unverified_claims(token) | FORGED[case])
    assert await is_active(registry, token)
    assert not await is_active(registry, forged)
    assert await userinfo(registry, forged) == 401


async def test_several_audiences_are_no_way_around_the_registry(registry: Installation):
    """The server never issues such; so a token that names the API among others is looked at too."""
    claims = unverified_claims(await registry.service_token())
    for audience in ([NOTES], [NOTES, MAIL], [MAIL, NOTES, registry.issuer]):
        assert not await is_active(registry, leaked(registry, claims | {"aud": audience}))


async def test_forged_tokens_fill_no_feed(registry: Installation):
    """To give back what was never issued is no error, and no notice for every guard to keep."""
    claims = unverified_claims(await registry.service_token())
    before = registry.authority.hub.position
    for number in range(5):
        forged = leaked(registry, claims | {"jti": f"forged-{number}"})
        assert (await registry.post("/revoke", "service", token=forged)).status_code == 200
    await registry.authority.hub.catch_up()
    assert registry.authority.hub.position == before


async def test_a_signature_spelled_otherwise_is_the_same_row(registry: Installation):
    """RFC 7515 and ECDSA leave two spellings; ending one ends both."""
    token = await registry.service_token()
    async with registry.browser() as anyone:
        twin = Loot(token, (await anyone.get("/jwks.json")).json()).twin
    assert twin != token
    assert await is_active(registry, twin)
    await registry.post("/revoke", "service", token=twin)
    assert not await is_active(registry, token)


@pytest.mark.parametrize("name", FORGERIES)
async def test_forgeries_are_refused_as_ever(registry: Installation, name: str):
    """S88, S89: the registry is asked after the signature, never in its place."""
    async with registry.browser() as anyone:
        jwks = (await anyone.get("/jwks.json")).json()
    loot = Loot(await registry.service_token(), jwks)
    assert not await is_active(registry, FORGERIES[name](loot))


GUESSES: dict[str, Callable[[str], str]] = {
    "zeros": lambda _: spell(Kind.ACCESS_TOKEN, bytes(32)).reveal(),
    "another random part": lambda _: spell(Kind.ACCESS_TOKEN, secrets.token_bytes(32)).reveal(),
    "the digest": lambda token: spell(Kind.ACCESS_TOKEN, fingerprint_of(token)).reveal(),
    "truncated": lambda token: token[:-1],
    "the content alone": lambda token: token[5:-9],
    "another kind": lambda token: token.replace("cfat", "cfrt"),
    "capitals": str.upper,
    "enormous": lambda token: token + "A" * 50_000,
    "twice": lambda token: token + token,
    "with a null": lambda token: f"{token}\0",
    "SQL": lambda _: "cfat_' OR 1=1 -- aaaaaaaaaaaaaaa-00000000",
}


def fingerprint_of(token: str) -> bytes:
    from counterfoil.oauth.opaque import fingerprint

    return fingerprint(token)


@pytest.mark.parametrize("case", GUESSES)
async def test_a_reference_token_is_not_guessed(opaque: Installation, case: str):
    """S85: 256 random bits, found by their hash alone, which is of no use by itself."""
    guess = GUESSES[case](await opaque.service_token())
    assert not await is_active(opaque, guess)
    await opaque.post("/revoke", "service", token=guess)
    if guess.isprintable():
        assert await userinfo(opaque, guess) == 401


async def test_a_reference_token_is_for_one_api_of_one_issuer(opaque: Installation, tmp_path: Path):
    """S75: whoever gets one learns whose it is, and another server knows nothing of it."""
    token = await opaque.service_token("courier")
    answer = (await opaque.post("/introspect", "guard", token=token)).json()
    assert (answer["active"], answer["aud"]) == (True, MAIL)
    async with installed(tmp_path) as other:
        await furnished(other, token_format="reference")
        assert not await is_active(other, token)


async def test_a_client_learns_nothing_of_anothers_token(opaque: Installation):
    token = await opaque.service_token()
    answer = await opaque.post("/introspect", "courier", token=token)
    assert answer.json() == {"active": False}


async def test_the_database_holds_no_token_that_can_be_used(opaque: Installation):
    """S85: stored hashed; a copy of the file opens nothing."""
    token = await opaque.service_token()
    folder = opaque.authority.settings.data
    stored = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
    stored += b"".join(await values_of(opaque.authority.settings))
    assert token.encode() not in stored
    assert token[5:-9].encode() not in stored
    assert fingerprint_of(token) in stored, "or else nothing was searched"


async def registry_answer(
    place: Installation, query: str = f"audience={quote(NOTES, safe='')}", **headers: str
) -> tuple[int, str]:
    async with place.browser() as anyone:
        answer = await anyone.get(f"/registry?{query}", headers=headers)
        return answer.status_code, answer.json().get("error", "")


async def test_the_registry_is_told_to_nobody_without_credentials(registry: Installation):
    """How many tokens there are, and when they are issued, is no stranger's business."""
    secret = registry.secrets["guard"]
    own = quote(NOTES, safe="")
    assert await registry_answer(registry) == (401, "invalid_client")
    for query in (
        f"audience={own}&client_id=guard&client_secret={secret}",
        f"audience={own}&access_token={await registry.service_token()}",
    ):
        assert await registry_answer(registry, query) == (401, "invalid_client")
    for wrong in (
        basic("guard", "wrong"),
        basic("guard", registry.secrets["service"]),
        basic("never", secret),
        basic("guard", ""),
        "Basic ????",
        f"Bearer {await registry.service_token()}",
    ):
        answer = await registry_answer(registry, authorization=wrong)
        assert answer == (401, "invalid_client")


async def test_the_registry_of_another_api_is_closed(registry: Installation):
    as_guard = basic("mail-guard", registry.secrets["mail-guard"])
    assert await registry_answer(registry, authorization=as_guard) == (400, "invalid_target")
    as_service = basic("service", registry.secrets["service"])
    refused = await registry_answer(registry, authorization=as_service)
    assert refused == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "audience=",
        "audience=%25",
        "audience=' OR 1=1 --",
        "audience=a&audience=b",
        "audience=" + "a" * 30_000,
        "audience=https://never.example",
        "audience=%00",
    ],
)
async def test_odd_audiences_are_refused(registry: Installation, query: str):
    as_guard = basic("guard", registry.secrets["guard"])
    status, error = await registry_answer(registry, query, authorization=as_guard)
    assert status == 400
    assert error in {"invalid_request", "invalid_target"}


async def test_guessing_at_the_registry_is_slowed_down(tmp_path: Path):
    async with installed(tmp_path, token_failures_per_minute=3) as place:
        await furnished(place, registry=True)
        wrong = basic("guard", "wrong")
        answers = [await registry_answer(place, authorization=wrong) for _ in range(6)]
        assert [status for status, _ in answers] == [401] * 3 + [429] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/status-lists/../jwks.json",
        "/status-lists/..%2f..%2fetc%2fpasswd",
        "/status-lists/%2e%2e",
        "/status-lists/.",
        "/status-lists/%00",
        "/status-lists/' OR '1'='1",
        "/status-lists/%25",
        "/status-lists/" + "a" * 5000,
        "/status-lists//",
        "/status-lists/é",
    ],
)
async def test_a_lists_id_is_a_name_and_nothing_more(listed: Installation, path: str):
    await listed.service_token()
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await listed.app(scope, receive, send)
    assert sent[0]["status"] == 404


async def test_a_published_list_is_no_access_token(listed: Installation):
    """S75: signed by the same keys; its type keeps it apart (RFC 8725 §3.11)."""
    token = await listed.service_token()
    uri = unverified_claims(token)["status"]["status_list"]["uri"]
    async with listed.browser() as anyone:
        signed = (await anyone.get(uri)).text
    assert not await is_active(listed, signed)
    assert await userinfo(listed, signed) == 401
    as_list = leaked(listed, unverified_claims(token), "statuslist+jwt")
    assert not await is_active(listed, as_list)


async def test_a_list_tells_nothing_of_who_and_when(listed: Installation):
    """Its bits are all there is to read: no name, no scope, no API."""
    token = await listed.service_token()
    uri = unverified_claims(token)["status"]["status_list"]["uri"]
    async with listed.browser() as anyone:
        claims = unverified_claims((await anyone.get(uri)).text)
    assert claims.keys() == {"iss", "sub", "iat", "exp", "ttl", "status_list"}
    assert claims["status_list"].keys() == {"bits", "lst"}
    assert NOTES not in claims["sub"]
