"""Providers are added, changed and removed; what cannot be so is said."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol import providers
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.providers import NewProvider, ProviderChanges, secret_of
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.provider import Provider
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio
SECRET = Secret("of ours, there")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as it:
        yield it


def new(**members: Any) -> NewProvider:
    whole = NewProvider(preset="google", client_id="us", client_secret=SECRET)
    return replace(whole, **members)


async def added(place: Installation, **members: Any) -> Provider:
    sealing, asked = place.authority.upstream, new(**members)
    return await place.authority.store.transact(lambda tx: providers.add(tx, sealing, asked, CLI))


async def changed(place: Installation, **members: Any) -> Provider | None:
    sealing, asked = place.authority.upstream, (ProviderChanges(**members), CLI)
    return await place.authority.store.transact(
        lambda tx: providers.change(tx, sealing, "google", asked)
    )


async def test_a_preset_says_what_is_not_said(place: Installation):
    provider = await added(place)
    assert (provider.id, provider.name) == ("google", "Google")
    assert provider.issuer == "https://accounts.google.com"
    assert SECRET.reveal().encode() not in provider.sealed_secret
    assert secret_of(place.authority.upstream, provider) == SECRET
    with pytest.raises(Conflict):
        await added(place)


@pytest.mark.parametrize(
    "members",
    [
        {"preset": "yahoo"},
        {"preset": "oidc", "issuer": "https://a.example"},
        {"preset": "oidc", "name": "A"},
        {"preset": "oidc", "name": "A", "issuer": "http://a.example"},
        {"preset": "oidc", "name": "A", "issuer": "https://a.example?x"},
        {"preset": "oidc", "name": "A", "issuer": "javascript:alert(1)"},
        {"id": "Google"},
        {"id": "../x"},
        {"name": "a\u202eb"},
        {"client_id": ""},
        {"client_secret": Secret("")},
        {"policy": {"trust": "true"}},
        {"policy": {"trusts_email": "perhaps"}},
        {"policy": {"scope": "openid  email"}},
        {"policy": {"authentication": "none"}},
        {"preset": "github", "policy": {"silent": "true"}},
        {"preset": "github", "policy": {"mfa_words": "mfa"}},
    ],
    ids=str,
)
async def test_what_cannot_be_so_is_refused(place: Installation, members: dict[str, Any]):
    with pytest.raises(OAuthError):
        await added(place, **members)
    assert await place.authority.store.read(lambda tx: tx.providers.every()) == []


async def test_a_change_keeps_what_it_does_not_name(place: Installation):
    before = await added(place)
    after = await changed(place, name="G", policy={"trusts_email": "true", "mfa_words": "mfa"})
    assert after is not None
    assert (after.name, after.policy.trusts_email, after.policy.mfa_words) == ("G", True, "mfa")
    assert secret_of(place.authority.upstream, after) == SECRET
    renewed = await changed(place, client_secret=Secret("another"), disabled=True)
    assert renewed is not None
    assert (secret_of(place.authority.upstream, renewed), renewed.is_enabled) == (
        Secret("another"),
        False,
    )
    again = await changed(place, disabled=False, policy={"mfa_words": ""})
    assert again is not None
    assert (again.is_enabled, again.policy.mfa_words, again.created_at) == (
        True,
        "",
        before.created_at,
    )


async def test_the_secret_opens_for_its_issuer_alone(place: Installation):
    """Whoever writes to the database cannot have our secret sent elsewhere."""
    from counterfoil.server.keys.sealing import NotSealed

    provider = await added(place)
    with pytest.raises(NotSealed):
        secret_of(place.authority.upstream, replace(provider, issuer="https://evil.example"))


async def test_a_provider_goes_once_and_each_step_is_an_event_without_the_secret(
    place: Installation,
):
    await added(place)
    await changed(place, name="G")
    transact = place.authority.store.transact
    assert await transact(lambda tx: providers.remove(tx, "google", CLI))
    assert not await transact(lambda tx: providers.remove(tx, "google", CLI))
    assert await changed(place, name="G") is None
    events = await place.authority.store.read(lambda tx: tx.events.latest(3))
    kinds = [each.kind.value for each in events]
    assert kinds == ["provider_removed", "provider_changed", "provider_added"]
    assert events[1].detail == {"changed": "name"}
    assert SECRET.reveal() not in repr([each.detail for each in events])
