"""What was answered about a token must not outlive what it rested on, though one asks again.

Each test shows first that something is remembered of it: else it would show nothing.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import introspection, revocation, shortening
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.repeats import At
from counterfoil.server.protocol.token_reading import Opening, ReadToken, TokenReader
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, restarted
from tests.repeating import header, known, knows, post, read_twice, repeating
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(on_engine: str, tmp_path: Path) -> AsyncIterator[Installation]:
    async with repeating(tmp_path) as site:
        yield site


async def test_whoever_repeats_a_question_is_counted(site: Installation):
    form = {"token": await site.service_token(scope="notes:read")}
    answers = [await post(site, "/introspect", "reader", form) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]


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


async def test_a_token_that_a_person_made_is_looked_up_each_time(site: Installation):
    """Each use is noted, and whether the person still may is asked anew."""
    await site.set_policy(NOTES, personal_tokens=True)
    made = await make(site)
    form = {"token": made.secret.reveal()}
    for _ in range(3):
        assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
    assert not await knows(site, At.INTROSPECTION, "reader", form)
