"""What was decided of a request must not outlive what it rested on, though the request comes again.

Each test shows first that something is remembered of it: else it would show nothing.
"""

import asyncio
import gc
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import introspection, revocation, shortening
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.repeats import At
from counterfoil.server.protocol.token_reading import Opening, ReadToken, TokenReader
from counterfoil.server.records.client import ClientSecret
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, installed, restarted

pytestmark = pytest.mark.anyio

FORM = {"grant_type": "client_credentials", "scope": "notes:read"}
Change = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture
async def site(on_engine: str, tmp_path: Path):
    async with installed(tmp_path, client_rate_per_minute=60) as site:
        await site.add_client("reader", scopes=frozenset({"introspect"}))
        yield site


def header(site: Installation, client_id: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{site.secrets[client_id]}".encode()).decode()


async def post(
    site: Installation, path: str, client_id: str, form: dict[str, str]
) -> httpx2.Response:
    return await site.post(path, client_id, **form)


async def known(site: Installation, at: At, client_id: str, form: dict[str, str]) -> list[object]:
    """What the connections of the store know that was decided of this very request."""
    name = site.authority.repeats.name(at, header(site, client_id), urlencode(form).encode())
    read = site.authority.store.read
    # So many at once that none of the connections is idle.
    found = await asyncio.gather(*(read(lambda tx: tx.decisions.find(name)) for _ in range(12)))
    return [decision for decision in found if decision is not None]


async def knows(site: Installation, at: At, client_id: str, form: dict[str, str]) -> bool:
    return bool(await known(site, at, client_id, form))


async def ask_often(site: Installation) -> list[dict[str, Any]]:
    """The first is decided, the second minted from that, the third after the second's likeness."""
    answers = [(await post(site, "/token", "service", FORM)).json() for _ in range(3)]
    assert await knows(site, At.TOKEN, "service", FORM)
    return answers


async def read_twice(site: Installation, **more: str) -> dict[str, str]:
    form = {"token": await site.service_token(scope="notes:read"), **more}
    for _ in range(2):
        assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
    assert await knows(site, At.INTROSPECTION, "reader", form)
    return form


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
    tokens = [answer["access_token"] for answer in await ask_often(site)]
    form = await read_twice(site)
    kept = texts_in(
        *await known(site, At.TOKEN, "service", FORM),
        *await known(site, At.INTROSPECTION, "reader", form),
    )
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


async def test_whoever_repeats_is_counted(site: Installation):
    statuses = [(await post(site, "/token", "service", FORM)).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]


async def test_whoever_repeats_a_question_is_counted(site: Installation):
    form = {"token": await site.service_token(scope="notes:read")}
    answers = [await post(site, "/introspect", "reader", form) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]


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


async def test_a_token_that_was_ended_is_never_active_again(site: Installation):
    form = await read_twice(site)
    target = await site.target_of(form["token"])
    async with restarted(site) as other:
        await other.authority.store.transact(
            lambda tx: revocation.end_token(tx, target.name, target.expires_at, CLI)
        )
    assert (await post(site, "/introspect", "reader", form)).json() == {"active": False}


async def test_a_token_expires_though_it_was_asked_about_before(site: Installation):
    form = await read_twice(site)
    site.clock.turn(site.authority.settings.access_token_lifetime)
    assert (await post(site, "/introspect", "reader", form)).json() == {"active": False}


async def test_a_lifetime_that_was_shortened_shows(site: Installation):
    """S26: a token that is out lives shorter too, and says so."""
    form = await read_twice(site)
    said = (await post(site, "/introspect", "reader", form)).json()

    async def shorten(tx: Transaction) -> None:
        before = await tx.apis.find(NOTES)
        assert before is not None
        await shortening.note_api(tx, before, replace(before, token_lifetime=600), CLI)

    await site.authority.store.transact(shorten)
    now = (await post(site, "/introspect", "reader", form)).json()
    assert now == said | {"exp": said["iat"] + 600}
    site.clock.turn(600)
    assert (await post(site, "/introspect", "reader", form)).json() == {"active": False}


async def test_whoever_may_ask_no_more_is_told_nothing(site: Installation):
    form = await read_twice(site)

    async def take_right(tx: Transaction) -> None:
        client = await tx.clients.find("reader")
        assert client is not None
        await tx.clients.update(replace(client, scopes=frozenset()))

    await site.authority.store.transact(take_right)
    assert (await post(site, "/introspect", "reader", form)).json() == {"active": False}


async def test_another_client_is_told_as_it_may_know(site: Installation):
    form = await read_twice(site)
    await site.add_client("stranger")
    assert (await post(site, "/introspect", "stranger", form)).json() == {"active": False}
    assert not await knows(site, At.INTROSPECTION, "stranger", form)


async def test_a_token_whose_key_was_withdrawn_is_not_active(site: Installation):
    form = await read_twice(site)
    kid = str(unverified_header(form["token"])["kid"])
    await site.authority.store.transact(lambda tx: site.authority.rotation.withdraw(tx, kid, CLI))
    assert (await post(site, "/introspect", "reader", form)).json() == {"active": False}


async def test_the_key_of_the_moment_signs(site: Installation):
    await ask_often(site)
    before = unverified_header(await site.service_token(scope="notes:read"))["kid"]
    await site.authority.store.transact(
        lambda tx: site.authority.rotation.withdraw(tx, str(before), CLI)
    )
    await site.authority.hub.catch_up()
    answer = (await post(site, "/token", "service", FORM)).json()
    assert unverified_header(answer["access_token"])["kid"] != before


async def test_a_token_that_was_read_by_the_keys_before_does_not_stand_by_those_after(
    site: Installation,
):
    """PostgreSQL gives others their turn in between: the keys may be others by then."""
    authority, keyring = site.authority, site.authority.keyring

    class Slow(TokenReader):
        async def find(self, unverified: str, tx: Transaction) -> ReadToken | Reason:
            read = await authority.reader.find(unverified, tx)
            await keyring.load(tx)
            return read

    slow = Slow(
        authority.issuer, authority.store, Opening(keyring, authority.encrypting), authority.hub
    )
    form = {"token": await site.service_token(scope="notes:read")}
    encoded = urlencode(form).encode()
    asker = header(site, "reader")
    said = await introspection.introspect(replace(authority, reader=slow), encoded, asker)
    assert said.active
    published = keyring.published(Purpose.TOKENS, int(site.clock()))

    async def stands_by_these_keys() -> bool:
        kept = await known(site, At.INTROSPECTION, "reader", form)
        assert kept
        return any(isinstance(k, introspection._Known) and k.keys is published for k in kept)

    assert not await stands_by_these_keys()
    assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
    assert await stands_by_these_keys(), "it was not read anew"
