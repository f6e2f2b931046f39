"""What was decided of a request must not outlive what it rested on, though the request comes again.

Each test shows first that something is remembered of it: else it would show nothing.
"""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.repeats import At
from counterfoil.server.records.client import ClientSecret
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, Person, restarted
from tests.proofs import Holder
from tests.repeating import FORM, TRIES, ask_often, known, knows, post, read_twice, repeating

Change = Callable[[Transaction], Awaitable[Any]]
pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(on_engine: str, tmp_path: Path) -> AsyncIterator[Installation]:
    async with repeating(tmp_path) as site:
        yield site


async def test_each_has_a_token_of_its_own(site: Installation):
    before = await ask_often(site)
    site.clock.turn(7)
    last = (await post(site, "/token", "service", FORM)).json()
    said = [unverified_claims(answer.pop("access_token")) for answer in (*before, last)]
    assert len({claims["jti"] for claims in said}) == 4
    assert said[3]["iat"] == said[0]["iat"] + 7
    assert said[3]["exp"] == said[0]["exp"] + 7
    assert all(answer == last for answer in before)
    alike = [{k: v for k, v in each.items() if k not in ("jti", "iat", "exp")} for each in said]
    assert all(each == alike[0] for each in alike)


def texts_in(*things: object) -> set[str]:
    """Every text that can be reached from these."""
    found, seen, left = set[str](), set[int](), list(things)
    while left:
        thing = left.pop()
        if isinstance(thing, str):
            found.add(thing)
        elif id(thing) not in seen and not isinstance(thing, type | ModuleType | FunctionType):
            seen.add(id(thing))
            left += gc.get_referents(thing)
    return found


async def test_neither_tokens_nor_secrets_are_kept(site: Installation):
    """Whoever reads our memory finds nothing to use."""
    tokens, form, kept = list[str](), dict[str, str](), set[str]()
    for _ in range(TRIES):
        tokens = [answer["access_token"] for answer in await ask_often(site)]
        of_tokens = texts_in(*await known(site, At.TOKEN, "service", FORM))
        form = await read_twice(site)
        kept = of_tokens | texts_in(*await known(site, At.INTROSPECTION, "reader", form))
        if {"service", "reader"} <= kept:
            break
    assert {"service", "reader"} <= kept
    assert not kept & {*tokens, form["token"], *site.secrets.values()}


async def expire_secret(tx: Transaction) -> None:
    (secret,) = await tx.clients.secrets_of("service")
    await tx.clients.expire_secret(secret.id, tx.now)


async def disable(tx: Transaction) -> None:
    await tx.clients.disable("service", tx.now)


async def narrow(tx: Transaction) -> None:
    client = await tx.clients.find("service")
    assert client is not None
    left = client.access.narrowed_to(replace(client.access, apis={NOTES: frozenset()}))
    await tx.clients.update(replace(client, scopes=frozenset({"notes:write"}), access=left))


async def take_grant_type(tx: Transaction) -> None:
    client = await tx.clients.find("service")
    assert client is not None
    await tx.clients.update(replace(client, grant_types=("authorization_code",)))


REFUSALS = [
    pytest.param(expire_secret, "invalid_client", id="its secret has expired"),
    pytest.param(disable, "invalid_client", id="it was disabled"),
    pytest.param(narrow, "invalid_scope", id="it may have less"),
    pytest.param(take_grant_type, "unauthorized_client", id="it may not use the grant type"),
]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "by another server"])
@pytest.mark.parametrize(("change", "error"), REFUSALS)
async def test_what_was_taken_back_is_refused_at_once(
    site: Installation, change: Change, error: str, elsewhere: bool
):
    await ask_often(site)
    if elsewhere:
        async with restarted(site) as other:
            await other.authority.store.transact(change)
    else:
        await site.authority.store.transact(change)
    answer = await post(site, "/token", "service", FORM)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


async def let_expire(client_id: str, tx: Transaction) -> None:
    (secret,) = await tx.clients.secrets_of(client_id)
    await tx.clients.expire_secret(secret.id, tx.now + 60)


async def test_a_secret_that_expires_by_itself_ends_what_it_proved(site: Installation):
    await site.authority.store.transact(partial(let_expire, "service"))
    await site.authority.store.transact(partial(let_expire, "reader"))
    await ask_often(site)
    form = await read_twice(site)
    site.clock.turn(60)
    for path, client_id, asked in (("/token", "service", FORM), ("/introspect", "reader", form)):
        answer = await post(site, path, client_id, asked)
        assert answer.json()["error"] == "invalid_client"


async def test_a_guess_is_not_let_in_by_whoever_was_right_before(site: Installation):
    await ask_often(site)
    right = site.secrets["service"]
    for wrong in (right[:-1], right + "x", right.upper(), ""):
        site.secrets["service"] = wrong
        answer = await post(site, "/token", "service", FORM)
        assert answer.json()["error"] == "invalid_client"


async def test_what_is_decided_now_has_the_lifetime_and_the_form_of_now(site: Installation):
    await ask_often(site)

    async def shorten(tx: Transaction) -> None:
        api = await tx.apis.find(NOTES)
        assert api is not None
        await tx.apis.update(replace(api, token_lifetime=120))

    await site.authority.store.transact(shorten)
    assert (await post(site, "/token", "service", FORM)).json()["expires_in"] == 120
    await site.set_policy(NOTES, token_format="reference")
    reference = (await post(site, "/token", "service", FORM)).json()["access_token"]
    assert "." not in reference


async def test_a_key_that_is_proved_now_is_in_the_token_and_its_proof_used_up(site: Installation):
    await ask_often(site)
    holder = Holder()
    proof = {"DPoP": holder.proof("POST", f"{site.issuer}/token", site.clock())}
    auth = ("service", site.secrets["service"])
    async with site.browser(headers=proof) as browser:
        answer = (await browser.post("/token", data=FORM, auth=auth)).json()
        assert answer["token_type"] == "DPoP"
        claims = unverified_claims(answer["access_token"])
        assert claims["cnf"] == {"jkt": holder.thumbprint}
        assert (await browser.post("/token", data=FORM, auth=auth)).status_code == 400
    assert (await post(site, "/token", "service", FORM)).json()["token_type"] == "Bearer"


async def test_what_is_good_once_is_so_whatever_else_its_form_says(site: Installation):
    """The form looks as if it were one that may be repeated."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": person.verifier}
    body = f"{urlencode(form)}&more=grant_type=client_credentials".encode()
    auth, kind = ("app", site.secrets["app"]), "application/x-www-form-urlencoded"
    async with site.browser(headers={"content-type": kind}, auth=auth) as browser:
        assert (await browser.post("/token", content=body)).status_code == 200
        again = await browser.post("/token", content=body)
    assert again.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("policy", [{"token_format": "reference"}, {"registry": True}])
async def test_what_is_written_down_is_so_each_time_and_looked_up_each_time(
    site: Installation, policy: dict[str, Any]
):
    await site.set_policy(NOTES, **policy)
    tokens = [(await post(site, "/token", "service", FORM)).json()["access_token"] for _ in "abc"]
    assert len(set(tokens)) == 3
    for form in ({"token": token} for token in tokens):
        for _ in "ab":
            assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
        assert not await knows(site, At.INTROSPECTION, "reader", form)


async def test_whoever_repeats_is_counted(site: Installation):
    statuses = [(await post(site, "/token", "service", FORM)).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]


async def test_when_a_secret_was_used_last_is_known_of_whoever_repeats(site: Installation):
    form = await read_twice(site)
    await ask_often(site)
    await site.authority.activity.flush(site.authority.store)
    await ask_often(site)
    assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
    site.clock.turn(7)
    await post(site, "/token", "service", FORM)
    await post(site, "/introspect", "reader", form)
    await site.authority.activity.flush(site.authority.store)
    for client_id in ("service", "reader"):
        (secret,) = await site.authority.store.read(partial(secrets_of, client_id))
        assert secret.last_used_at == int(site.clock())


async def secrets_of(client_id: str, tx: Transaction) -> list[ClientSecret]:
    return await tx.clients.secrets_of(client_id)


async def test_the_key_of_the_moment_signs(site: Installation):
    await ask_often(site)
    before = unverified_header(await site.service_token(scope="notes:read"))["kid"]
    await site.authority.store.transact(
        lambda tx: site.authority.rotation.withdraw(tx, str(before), CLI)
    )
    await site.authority.hub.catch_up()
    answer = (await post(site, "/token", "service", FORM)).json()
    assert unverified_header(answer["access_token"])["kid"] != before
