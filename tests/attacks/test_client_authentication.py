"""Clients that are not who they say, or say it in the wrong way (OAuth 2.1 §2.4, RFC 6749 §2.3)."""

from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import httpx2
import pytest

from counterfoil.oauth.opaque import Kind, spell
from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio

ENDPOINTS = ("/token", "/introspect", "/revoke")
GUESS = spell(Kind.CLIENT_SECRET, b"g" * 32).reveal()


async def ask(
    site: Installation, path: str, form: dict[str, str], authorization: str | bytes | None = None
) -> httpx2.Response:
    form = {"grant_type": "client_credentials", "token": "x", **form}
    headers = {} if authorization is None else {"authorization": authorization}
    async with site.browser() as browser:
        return await browser.post(path, data=form, headers=headers)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def refused(answer: httpx2.Response) -> bool:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code == 401 and answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": "service"},
        {"client_id": "service", "client_secret": GUESS},
        {"client_id": "service", "client_secret": "guess"},
        {"client_id": "unknown", "client_secret": GUESS},
        {"client_id": "unknown"},
        {"client_id": "SERVICE"},
        {"client_id": "service\u200b"},
        {"client_secret": GUESS},
        {"client_id": "spa", "client_secret": GUESS},
        {"client_id": "spa", "client_secret": "x"},
        {"client_id": "service", "client_assertion": "x", "client_assertion_type": "y"},
    ],
    ids=str,
)
async def test_whoever_does_not_prove_it_is_refused(
    site: Installation, path: str, form: dict[str, str]
) -> None:
    """RFC 6749 §5.2: unknown, unproved and wrongly proved look alike."""
    answer = await ask(site, path, form)
    assert refused(answer)
    if "client_id" in form:
        assert answer.json()["error_description"] == "The client could not be authenticated."


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + b64encode(b"service").decode(),
        "Basic " + b64encode(b":secret").decode(),
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        "Basic " + b64encode(b"service:%ff").decode(),
        basic("service", ""),
        basic("service", GUESS),
        basic("service", "x" * 10_000),
        basic("unknown", GUESS),
        basic("spa", ""),
        basic("spa", GUESS),
        "Bearer x",
        "Digest username=service",
        "Negotiate x",
        b"\xff\xfe",
    ],
)
async def test_a_wrong_authorization_header_is_refused_with_a_challenge(
    site: Installation, path: str, authorization: str | bytes
) -> None:
    """RFC 6749 §5.2: whoever tried the header is told which scheme it takes."""
    answer = await ask(site, path, {}, authorization)
    assert refused(answer)
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_a_stranger_holds_nobody_up(
    site: Installation, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Works that may write wait in one line; endings must not wait behind guesses."""

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("a stranger's work was begun")

    monkeypatch.setattr(site.authority.store, "transact", begun)
    assert refused(await ask(site, path, {"client_id": "service", "client_secret": GUESS}))


async def test_the_secret_comes_in_one_way(site: Installation) -> None:
    """RFC 6749 §2.3: not more than one method in a request."""
    secret = site.secrets["service"]
    header = basic("service", secret)
    both = {"client_id": "service", "client_secret": secret}
    answer = await ask(site, "/token", both, header)
    assert answer.json()["error"] == "invalid_request"
    answer = await ask(site, "/token", {"client_id": "app"}, header)
    assert answer.json()["error"] == "invalid_request"
    for good in (({"client_id": "service"}, header), (both, None), ({}, header)):
        assert (await ask(site, "/token", *good)).status_code == 200


async def test_two_authorization_headers_are_refused(site: Installation) -> None:
    """A proxy that reads the first, and we the second, would be of two minds."""
    header = basic("service", site.secrets["service"])
    async with site.browser() as browser:
        headers = [("authorization", header), ("authorization", basic("app", "x"))]
        form = {"grant_type": "client_credentials"}
        answer = await browser.post("/token", data=form, headers=headers)
        assert answer.json()["error"] == "invalid_request"


async def test_a_secret_in_the_address_is_not_read(site: Installation) -> None:
    """OAuth 2.1 §2.4.1: what stands in addresses stands in logs."""
    async with site.browser() as browser:
        query = {"client_id": "service", "client_secret": site.secrets["service"]}
        form = {"grant_type": "client_credentials"}
        assert refused(await browser.post("/token", params=query, data=form))


async def test_form_encoded_credentials_are_decoded_once(site: Installation) -> None:
    """RFC 6749 §2.3.1: both halves are form-encoded before base64."""
    await site.add_client("a~b")
    secret = site.secrets["a~b"]
    assert (await ask(site, "/token", {}, basic("a%7Eb", quote_plus(secret)))).status_code == 200
    assert refused(await ask(site, "/token", {}, basic("a%257Eb", secret)))
    assert refused(await ask(site, "/token", {}, basic("a~b", secret.replace("_", "%255F"))))


async def test_the_secret_of_another_client_is_refused(site: Installation) -> None:
    for name, secret in (("service", site.secrets["app"]), ("app", site.secrets["service"])):
        assert refused(await ask(site, "/token", {}, basic(name, secret)))


async def test_a_disabled_client_is_refused_and_its_tokens_are_dead(own: Installation) -> None:
    """S38, S39: with the right secret, and with tokens from before."""
    from functools import partial

    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    await own.add_client("observer", scopes=frozenset({"introspect"}))
    async with own.browser() as browser:
        tokens = await Person(own, browser).tokens()
    service = await own.service_token()
    for client_id in ("app", "service", "spa"):
        disable = partial(revocation.disable_client, client_id=client_id, by=CLI)
        await own.authority.store.transact(disable)
    await own.authority.hub.catch_up()
    for client_id in ("app", "service"):
        answer = await ask(own, "/token", {}, basic(client_id, own.secrets[client_id]))
        assert refused(answer)
    assert refused(await ask(own, "/token", {"client_id": "spa"}))
    for token in (tokens["access_token"], tokens["refresh_token"], service):
        answer = await own.post("/introspect", "observer", token=token)
        assert answer.json() == {"active": False}


async def test_an_expired_secret_is_refused(own: Installation) -> None:
    """A rotated secret lives for its overlap, and not a second longer; two live at most."""
    from functools import partial

    from counterfoil.server.protocol import registration
    from counterfoil.server.protocol.events import CLI

    first = own.secrets["service"]

    async def rotated(overlap: int) -> str:
        work = partial(registration.rotate_secret, client_id="service", overlap=overlap, by=CLI)
        secret = await own.authority.store.transact(work)
        assert secret is not None
        return secret.reveal()

    async def works(secret: str) -> bool:
        return (await ask(own, "/token", {}, basic("service", secret))).status_code == 200

    second = await rotated(60)
    assert await works(first)
    assert await works(second)
    third = await rotated(60)
    assert not await works(first)
    assert await works(second)
    own.clock.turn(60)
    assert not await works(second)
    assert await works(third)


@pytest.mark.parametrize("path", ["/introspect"])
async def test_public_clients_may_not_introspect(site: Installation, path: str) -> None:
    """RFC 7662 §2.1: whoever may scan tokens must be authenticated."""
    async with site.browser() as browser:
        token = (await Person(site, browser).tokens("spa"))["access_token"]
    answer = await ask(site, path, {"client_id": "spa", "token": token})
    assert answer.json()["error"] == "unauthorized_client"


async def test_a_public_client_gets_no_token_of_its_own(site: Installation) -> None:
    answer = await ask(site, "/token", {"client_id": "spa"})
    assert answer.json()["error"] == "unauthorized_client"


async def test_no_answer_with_a_token_is_ever_cached(site: Installation) -> None:
    """RFC 6749 §5.1: no-store on tokens, errors, introspection and userinfo."""
    answers: list[Any] = [
        await token_request(site, "service", grant_type="client_credentials"),
        await token_request(site, "service", grant_type="x"),
        await site.post("/introspect", "service", token="x"),
        await site.post("/revoke", "service", token="x"),
    ]
    async with site.browser() as browser:
        tokens = await Person(site, browser).tokens()
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        answers += [await browser.get("/userinfo", headers=headers), await browser.get("/userinfo")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/json"
