"""The line to the registry: a real server in a process of its own, and guards in this one."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from counterfoil.guard import (
    Credentials,
    Guard,
    Issuer,
    Options,
    Rejected,
    Staleness,
    Undecided,
    registry_line,
)
from counterfoil.guard.discovery import Metadata, discover
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.registry import Registry
from counterfoil.guard.registry_line import NOT_HEARD, RegistryLine
from counterfoil.jose.jwt import unverified_claims
from counterfoil.net.http import HttpClient
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import digest_of
from counterfoil.server.records.signing_key import Purpose
from tests.flows.serving import fresh, refusal_of, served, until
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.set_policy(NOTES, registry=True)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


def guard_of(place: Installation, secret: str = "", **options: Any) -> Guard:
    credentials = Credentials("guard", secret or place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, registry=True, **options)
    return Guard(issuers=[trusted], audience=NOTES)


@pytest.fixture(scope="module")
async def guard(place: Installation) -> AsyncIterator[Guard]:
    with guard_of(place) as guard:
        yield guard
        await guard.aclose()


def knows(guard: Guard, token: str) -> bool:
    (state,) = guard._states.values()
    assert state.registry is not None
    return state.registry.knows(digest_of(token))


def forged(place: Installation, token: str, **claims: object) -> str:
    """Signed with the issuer's own key, which has leaked."""
    keyring = place.authority.keyring
    signer = keyring.signer(Purpose.TOKENS, TYPE, int(place.clock()))
    return signer.sign(unverified_claims(token) | claims)


async def test_tokens_are_known_moments_after_they_were_issued(place: Installation, guard: Guard):
    """S43: and checked without asking anybody."""
    await fresh(guard)
    early = await place.service_token()
    await until(lambda: knows(guard, early))
    token = await place.service_token()
    await until(lambda: knows(guard, token))
    assert guard.check(token).client_id == "service"


async def test_a_leaked_key_alone_mints_nothing_that_counts(place: Installation, guard: Guard):
    """S43, X15: where there is no registry, it does."""
    await fresh(guard)
    token = forged(place, await place.service_token(), jti="forged", scope="notes:admin")
    with pytest.raises(Undecided):
        guard.check(token)
    with pytest.raises(Rejected) as refused:
        await guard.decide(token)
    assert refused.value.reason is Reason.NOT_REGISTERED
    with Guard(issuer=place.issuer, audience=NOTES) as plain:
        await fresh(plain)
        assert plain.check(token).scopes == {"notes:admin"}


@pytest.mark.parametrize("stale", [False, True])
async def test_a_registry_that_the_api_no_longer_keeps_vouches_for_nothing(
    place: Installation, *, stale: bool
):
    """S43: set back by mistake, or not yet set: a signature alone never counts for this guard."""
    staleness = Staleness.introspect(budget=1) if stale else Staleness.reject()
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, registry=True)
    ahead = [0.0]
    options = Options(clock=lambda: time.time() + ahead[0])
    with Guard(issuers=[trusted], audience=NOTES, staleness=staleness, options=options) as guard:
        await fresh(guard)
        token = forged(place, await place.service_token(), jti="forged")
        await place.set_policy(NOTES)
        ahead[0] = 5 if stale else 0
        try:
            said = (await place.post("/introspect", "guard", token=token)).json()
            assert said["active"], "the server goes by the signature again"
            with pytest.raises(Rejected) as refused:
                await guard.decide(token)
            assert refused.value.reason is Reason.NOT_REGISTERED
        finally:
            await place.set_policy(NOTES, registry=True)
            await guard.aclose()


async def test_a_token_that_is_not_known_yet_is_asked_about(place: Installation):
    """The line may be slow, or down: nobody is refused for that."""
    guard = guard_of(place)
    with guard:
        await fresh(guard)
        token = await place.service_token()
        (state,) = guard._states.values()
        await until(lambda: knows(guard, token))
        state.registry._expiries.clear()
        assert (await guard.decide(token)).client_id == "service"
    await guard.aclose()


async def test_what_was_ended_is_refused_though_it_is_registered(place: Installation, guard: Guard):
    await fresh(guard)
    token = await place.service_token()
    await until(lambda: knows(guard, token))
    assert guard.check(token)
    await place.post("/revoke", "service", token=token)
    assert (await refusal_of(guard, token)).reason is Reason.REVOKED


async def test_a_line_that_was_cut_is_held_again_from_where_it_was(place: Installation):
    """Also when the guard itself was stopped and started."""
    guard = guard_of(place)
    (state,) = guard._states.values()
    with guard:
        token = await place.service_token()
        await until(lambda: knows(guard, token))
    cursor = state.registry.cursor
    assert cursor
    missed = await place.service_token()
    assert not knows(guard, missed)
    with guard:
        await until(lambda: knows(guard, missed))
    assert state.registry.cursor > cursor


@pytest.mark.parametrize("secret", ["wrong", "cfcs_" + "A" * 43 + "-00000000"])
async def test_wrong_credentials_learn_nothing(
    place: Installation, secret: str, caplog: pytest.LogCaptureFixture
):
    """The guard goes on trying, says why, and never says its secret."""
    secret += secrets.token_hex(4)
    guard = guard_of(place, secret)
    with guard:
        await fresh(guard)
        token = await place.service_token()
        await until(lambda: "the registry is not heard" in caplog.text)
        with pytest.raises(Rejected) as refused:
            await guard.decide(token)
        assert refused.value.reason is Reason.STALE
        assert not knows(guard, token)
    await guard.aclose()
    assert secret not in caplog.text


async def test_an_api_without_a_registry_is_never_told(place: Installation):
    """A guard of it that insists takes nothing: that a signature is enough is what it forbids."""
    await place.add_api("https://plain.example", "Plain", {"plain:read": "Read"})
    await place.add_client("plain", scopes=frozenset({"plain:read"}))
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, registry=True)
    with Guard(issuers=[trusted], audience="https://plain.example") as guard:
        await fresh(guard)
        token = await place.service_token("plain")
        with pytest.raises(Rejected) as refused:
            await guard.decide(token)
        assert refused.value.reason is Reason.NOT_REGISTERED
        assert not knows(guard, token)
    await guard.aclose()


@asynccontextmanager
async def held(
    issuer: TinyIssuer, credentials: Credentials | None
) -> AsyncIterator[tuple[Registry, IssuerState]]:
    """The line alone, to an issuer that does what a test wants."""
    trusted = Issuer(issuer.url, credentials=credentials)
    state, registry = IssuerState(trusted, Staleness.reject()), Registry(AUDIENCE)
    surroundings = Surroundings(time.time, lambda: 0.0, lambda: None, lambda: "name")
    async with HttpClient() as http:
        task = asyncio.create_task(RegistryLine(registry, state, surroundings).hold(http))
        yield registry, state
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("has_credentials", [False, True])
async def test_an_issuer_that_keeps_no_registry_is_said(*, has_credentials: bool):
    """Or one to which the guard cannot say who it is: then nothing is vouched for."""
    with TinyIssuer() as issuer:
        if not has_credentials:
            issuer.metadata_changes = {"registry_endpoint": f"{issuer.origin}/registry"}
        known = Credentials("guard", "secret") if has_credentials else None
        async with held(issuer, known) as (registry, state):
            await until(lambda: NOT_HEARD in state.troubles.present)
            assert "no registry" in state.troubles.present[NOT_HEARD]
            assert len(registry) == 0


async def test_a_mistake_of_ours_ends_no_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    mistakes = [KeyError("ours")]

    async def mistaken(http: HttpClient, url: str) -> Metadata:
        if mistakes:
            raise mistakes.pop()
        return await discover(http, url)

    monkeypatch.setattr(registry_line, "discover", mistaken)
    with TinyIssuer() as issuer:
        async with held(issuer, Credentials("guard", "secret")) as (_, state):
            await until(lambda: NOT_HEARD in state.troubles.present)
    assert "following the registry failed" in caplog.text
