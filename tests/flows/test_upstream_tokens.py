"""Tokens of providers: kept sealed where policy says so, and given back (S78)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from counterfoil.cli.program import program
from counterfoil.server.identity import upstream_use
from counterfoil.server.identity.upstream_tokens import KeptTokens, opened, sealed
from counterfoil.server.protocol import providers
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import UPSTREAM
from counterfoil.server.protocol.providers import ProviderChanges
from counterfoil.server.records.linked_identity import LinkedIdentity
from tests.administration import administrator, person_token
from tests.coming import add_provider, come, identities_of, link
from tests.installation import Installation, Person, hidden_fields, installed
from tests.upstreams import Upstream, upstream

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("the rows are tried on both in tests/storage/test_providers.py"),
]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, registration="open") as it:
        yield it


@pytest.fixture
async def theirs(place: Installation) -> AsyncIterator[Upstream]:
    async with upstream(Upstream, place.clock) as it:
        await add_provider(place, it, keeps_tokens=True)
        it.sign_in("grace", email="grace@example.com", email_verified=True)
        yield it


async def only(place: Installation, email: str = "grace@example.com") -> LinkedIdentity:
    user = await place.authority.store.read(lambda tx: tx.users.find_by_email(email))
    assert user is not None
    (identity,) = await identities_of(place, user.id)
    return identity


def kept(place: Installation, identity: LinkedIdentity) -> KeptTokens:
    tokens = opened(place.authority, identity)
    assert tokens is not None
    return tokens


async def test_they_are_kept_sealed_and_open_for_their_identity_alone(
    place: Installation, theirs: Upstream
):
    """S78: whoever reads the database, the log or an export reads none of them."""
    async with place.browser() as browser:
        await come(browser)
        identity = await only(place)
        tokens = kept(place, identity)
        assert tokens.refresh_token
        assert tokens.expires_at == place.clock() + 300
        for secret in (tokens.access_token, tokens.refresh_token):
            assert secret.encode() not in (identity.sealed_tokens or b"")
            assert secret not in repr(tokens)
            for file in place.authority.settings.data.glob("counterfoil.db*"):
                assert secret.encode() not in file.read_bytes()
        page = await browser.get("/account/data")
        export = await browser.post("/account/data", data=hidden_fields(page.text))
        assert "linked_identities" in export.text
        assert tokens.access_token not in export.text
    other = secrets.token_hex(4)
    for moved in ({"subject": other}, {"issuer": other}, {"user_id": other}):
        assert opened(place.authority, replace(identity, **moved)) is None


async def test_they_are_kept_only_where_policy_says_so(place: Installation):
    async with upstream(Upstream, place.clock) as others, place.browser() as browser:
        await add_provider(place, others, "others")
        others.sign_in("ada", email="other@example.com", email_verified=True)
        await come(browser, "others")
    assert (await only(place, "other@example.com")).sealed_tokens is None


async def test_they_are_given_back_when_an_account_is_unlinked(
    place: Installation, theirs: Upstream
):
    """S78, RFC 7009."""
    assert place.user is not None
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        assert (await link(browser)).status_code == 303
        identity = await only(place, place.user.email)
        refresh_token = kept(place, identity).refresh_token
        page = await browser.get("/account/providers")
        form = hidden_fields(page.text) | {"identity": identity.id}
        await browser.post("/account/providers/unlink", data=form)
    assert theirs.revoked == [refresh_token]


async def test_they_are_given_back_whoever_deletes_the_account(
    place: Installation, theirs: Upstream
):
    """S78: its owner, an administrator by the API, or one by the command line."""
    refresh_tokens = []
    for way in ("owner", "api", "command"):
        email = f"{way}@example.com"
        theirs.sign_in(way, email=email, email_verified=True)
        async with place.browser() as browser:
            await come(browser)
            identity = await only(place, email)
            refresh_tokens.append(kept(place, identity).refresh_token)
            if way == "owner":
                form = hidden_fields((await browser.get("/account/delete")).text) | {"email": email}
                assert (await browser.post("/account/delete", data=form)).status_code == 200
        if way == "api":
            admin = await administrator(place)
            await admin.post(f"/api/users/{identity.user_id}/delete")
        if way == "command":
            data = str(place.authority.settings.data)
            command = ["user", "delete", email, "--yes", "--data", data]
            done = await asyncio.to_thread(CliRunner().invoke, program, command)
            assert done.exit_code == 0, done.output
        assert theirs.revoked == refresh_tokens, way


async def test_a_provider_that_is_away_keeps_nobody_from_unlinking(
    place: Installation, theirs: Upstream
):
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        await link(browser)
        theirs.metadata = {"revocation_endpoint": "http://127.0.0.1:1/revoke"}
        place.clock.turn(3601)
        page = await browser.get("/sign-in?next=providers")
        page = await person.sign_in(page)
        assert place.user is not None
        identity = await only(place, place.user.email)
        form = hidden_fields(page.text) | {"identity": identity.id}
        gone = await browser.post("/account/providers/unlink", data=form)
        assert gone.status_code == 303
        assert await identities_of(place, place.user.id) == []
    assert theirs.revoked == []


async def replayer(place: Installation, client_id: str = "mirror") -> Any:
    """A service that may use what providers gave, and its token."""
    await place.add_client(client_id, scopes=frozenset({UPSTREAM}))
    return await place.service_token(client_id)


async def use(place: Installation, token: str, user_id: str, provider: str = "theirs") -> Any:
    async with place.browser() as service:
        headers = {"authorization": f"Bearer {token}"}
        path = f"/api/users/{user_id}/upstream-token"
        return await service.post(path, headers=headers, json={"provider": provider})


async def allow(place: Installation, replayed_by: str) -> None:
    sealing = place.authority.upstream
    changes = ProviderChanges(policy={"replayed_by": replayed_by})
    await place.authority.store.transact(
        lambda tx: providers.change(tx, sealing, "theirs", (changes, CLI))
    )


async def test_a_service_that_the_policy_names_uses_them(place: Installation, theirs: Upstream):
    """S78: fresh where they have expired, once however many ask, and each use is told."""
    async with place.browser() as browser:
        await come(browser)
    identity = await only(place)
    token = await replayer(place)
    assert (await use(place, token, identity.user_id)).status_code == 404
    await allow(place, "mirror")
    given = (await use(place, token, identity.user_id)).json()
    assert given["access_token"] == kept(place, identity).access_token
    assert theirs.refreshes == 0
    place.clock.turn(300)
    token = await place.service_token("mirror")
    answers = await asyncio.gather(*(use(place, token, identity.user_id) for _ in range(4)))
    fresh = {each.json()["access_token"] for each in answers}
    assert len(fresh) == 1
    assert given["access_token"] not in fresh
    assert theirs.refreshes == 1
    assert fresh == {kept(place, await only(place)).access_token}
    told = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert (told[0].kind.value, told[0].subject) == ("upstream_token_used", identity.user_id)
    assert not fresh & set(told[0].detail.values())


async def stale(place: Installation) -> tuple[LinkedIdentity, str]:
    """Somebody whose access token has expired, and the token of a service that may refresh it."""
    async with place.browser() as browser:
        await come(browser)
    await allow(place, "mirror")
    await replayer(place)
    place.clock.turn(300)
    return await only(place), await place.service_token("mirror")


async def begin_elsewhere(place: Installation, identity: LinkedIdentity) -> bytes:
    """Have another server begin to refresh; gives what stood there."""
    before = identity.sealed_tokens or b""
    until = int(place.clock()) + upstream_use.CLAIM_SECONDS
    assert await place.authority.store.transact(
        lambda tx: tx.identities.begin_refresh(identity.id, before, until)
    )
    return before


async def test_of_two_servers_one_refreshes_and_the_other_takes_what_it_got(
    place: Installation, theirs: Upstream, monkeypatch: pytest.MonkeyPatch
):
    """S78: a provider that takes a refresh token once ends all where two bring it."""
    identity, token = await stale(place)
    before = await begin_elsewhere(place, identity)
    got = KeptTokens("got elsewhere", "next", int(place.clock()) + 300)
    after = sealed(place.authority, identity, got)

    async def elsewhere(_: float) -> None:
        await place.authority.store.transact(
            lambda tx: tx.identities.keep_tokens(identity.id, before, after)
        )

    monkeypatch.setattr(upstream_use, "asyncio", SimpleNamespace(sleep=elsewhere))
    answer = await use(place, token, identity.user_id)
    assert answer.json()["access_token"] == "got elsewhere"
    assert theirs.refreshes == 0


async def test_a_server_that_died_at_it_leaves_the_refresh_to_the_next(
    place: Installation, theirs: Upstream, monkeypatch: pytest.MonkeyPatch
):
    identity, token = await stale(place)
    await begin_elsewhere(place, identity)
    monkeypatch.setattr(upstream_use, "LOOKS", 2)
    assert (await use(place, token, identity.user_id)).status_code == 503
    assert theirs.refreshes == 0
    place.clock.turn(upstream_use.CLAIM_SECONDS)
    assert (await use(place, token, identity.user_id)).status_code == 200
    assert theirs.refreshes == 1


async def test_a_sign_in_beside_a_refresh_brings_no_spent_token_back(
    place: Installation, theirs: Upstream
):
    """A sign-in that gives no refresh token keeps the one before, which is being spent."""
    identity, token = await stale(place)
    spent = kept(place, identity).refresh_token

    async def sign_in() -> None:
        anew = KeptTokens("of the sign-in", spent, int(place.clock()) + 300)
        after = sealed(place.authority, identity, anew)
        await place.authority.store.transact(
            lambda tx: tx.identities.keep_tokens(identity.id, identity.sealed_tokens, after)
        )

    theirs.meanwhile = sign_in
    given = (await use(place, token, identity.user_id)).json()["access_token"]
    now = kept(place, await only(place))
    assert now.access_token == given
    assert now.refresh_token != spent


async def test_what_is_got_for_nobody_any_more_is_given_back(place: Installation, theirs: Upstream):
    """An account that is unlinked while its tokens are refreshed."""
    identity, token = await stale(place)

    async def unlink() -> None:
        await place.authority.store.transact(lambda tx: tx.identities.remove(identity.id))

    theirs.meanwhile = unlink
    assert (await use(place, token, identity.user_id)).status_code == 404
    (back,) = theirs.revoked
    assert back != kept(place, identity).refresh_token


async def test_an_access_token_that_ends_without_a_refresh_token_is_none_at_once(
    place: Installation, theirs: Upstream
):
    identity, token = await stale(place)
    after = sealed(place.authority, identity, KeptTokens("a", None, 1))
    await place.authority.store.transact(
        lambda tx: tx.identities.keep_tokens(identity.id, identity.sealed_tokens, after)
    )
    for _ in range(2):
        assert (await use(place, token, identity.user_id)).status_code == 404
    assert theirs.refreshes == 0


async def test_an_answer_that_was_lost_is_asked_for_once_more(
    place: Installation, theirs: Upstream
):
    async with place.browser() as browser:
        await come(browser)
    identity = await only(place)
    await allow(place, "other mirror")
    await replayer(place)
    place.clock.turn(300)
    token = await place.service_token("mirror")
    theirs.lose_answers = 1
    assert (await use(place, token, identity.user_id)).status_code == 200
    place.clock.turn(300)
    token = await place.service_token("mirror")
    theirs.lose_answers = 2
    assert (await use(place, token, identity.user_id)).status_code == 503
    assert (await use(place, token, identity.user_id)).status_code == 200


async def test_nobody_else_gets_them(place: Installation, theirs: Upstream):
    """Neither another service, nor a person, nor for another person, nor once unlinked."""
    async with place.browser() as browser:
        await come(browser)
    identity = await only(place)
    await allow(place, "mirror others")
    token, other = await replayer(place), await replayer(place, "other")
    assert place.user is not None
    assert (await use(place, other, identity.user_id)).status_code == 404
    assert (await use(place, token, place.user.id)).status_code == 404
    assert (await use(place, token, identity.user_id, "none")).status_code == 404
    plain = await place.service_token("service")
    assert (await use(place, plain, identity.user_id)).status_code in {401, 403}
    admin = await place.add_user("root@example.com", is_admin=True)
    async with place.browser() as browser:
        of_person = await person_token(place, Person(place, browser, admin.email, admin.id))
        assert (await use(place, of_person, identity.user_id)).status_code == 403
    await place.authority.store.transact(lambda tx: tx.identities.remove(identity.id))
    assert (await use(place, token, identity.user_id)).status_code == 404


async def test_a_refusal_of_the_provider_is_none_to_be_had(place: Installation, theirs: Upstream):
    async with place.browser() as browser:
        await come(browser)
    identity = await only(place)
    await allow(place, "mirror")
    await replayer(place)
    place.clock.turn(300)
    token = await place.service_token("mirror")
    theirs.forget()
    assert (await use(place, token, identity.user_id)).status_code == 404
