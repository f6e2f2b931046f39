"""Providers at which people sign in: added, changed and removed by administrators (S112)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.net.http import demand_safe
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.policies import demand_bounds, with_changes
from counterfoil.server.protocol.profile import tidy_name
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.provider import Provider, ProviderKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.upstream.presets import PRESETS

MOST: Final = 20
"""Providers of one installation: each has a button of its own."""
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LONGEST: Final = 512


class NewProvider(Struct, frozen=True, kw_only=True):
    """A provider to add, by the name of a preset. What is empty, the preset says."""

    preset: str
    client_id: str
    client_secret: Secret
    id: str = ""
    name: str = ""
    issuer: str = ""
    policy: Mapping[str, object] = {}
    is_typed: bool = False


class ProviderChanges(Struct, frozen=True, kw_only=True):
    """What is to change of a provider. ``None``: it stays."""

    name: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    policy: Mapping[str, object] = {}
    disabled: bool | None = None
    is_typed: bool = False


async def add(tx: Transaction, sealing: Sealing, new: NewProvider, by: Actor) -> Provider:
    """Add a provider.

    Raises:
        OAuthError: ``invalid_request``, saying what cannot be so.
        Conflict: there is one by that word.
    """
    preset = PRESETS.get(new.preset)
    if preset is None:
        raise invalid_request(f"There is no preset of that name; there are {', '.join(PRESETS)}.")
    provider = Provider(
        id=_demand_id(new.id or new.preset),
        kind=preset.kind,
        name=_name(new.name or preset.name),
        issuer=_issuer(new.issuer or preset.issuer),
        client_id=new.client_id,
        sealed_secret=b"",
        created_at=tx.now,
        policy=with_changes(preset.policy, new.policy, is_typed=new.is_typed),
    )
    provider = replace(provider, sealed_secret=_sealed(sealing, provider, new.client_secret))
    _demand_fitting(provider)
    if len(await tx.providers.every()) >= MOST:
        raise invalid_request(f"There are {MOST} providers already.")
    await tx.providers.add(provider)
    await events.record(tx, EventKind.PROVIDER_ADDED, by, provider.id, {"issuer": provider.issuer})
    return provider


async def change(
    tx: Transaction, sealing: Sealing, provider_id: str, asked: tuple[ProviderChanges, Actor]
) -> Provider | None:
    """Change a provider; ``None`` where there is none. Tokens that are kept no more are forgotten.

    Raises:
        OAuthError: ``invalid_request``, saying what cannot be so.
    """
    changes, by = asked
    before = await tx.providers.find(provider_id)
    if before is None:
        return None
    secret = changes.client_secret
    after = replace(
        before,
        name=before.name if changes.name is None else _name(changes.name),
        client_id=before.client_id if changes.client_id is None else changes.client_id,
        policy=with_changes(before.policy, changes.policy, is_typed=changes.is_typed),
        disabled_at=_disabled_at(before, changes.disabled, tx.now),
    )
    if secret is not None:
        after = replace(after, sealed_secret=_sealed(sealing, after, secret))
    _demand_fitting(after)
    if after != before:
        await tx.providers.update(after)
        if not after.policy.keeps_tokens:
            await tx.identities.forget_tokens(after.id)
        what = [name for name in Provider.__struct_fields__ if _differs(name, before, after)]
        detail = {"changed": " ".join(what)}
        await events.record(tx, EventKind.PROVIDER_CHANGED, by, after.id, detail)
    return after


async def remove(tx: Transaction, provider_id: str, by: Actor) -> bool:
    """Remove a provider, with all that is linked by it; ``False`` where there is none."""
    for_people = await tx.identities.count_of(provider_id)
    if not await tx.providers.remove(provider_id):
        return False
    detail = {"unlinked": str(for_people)}
    await events.record(tx, EventKind.PROVIDER_REMOVED, by, provider_id, detail)
    return True


def secret_of(sealing: Sealing, provider: Provider) -> Secret:
    """Open our client secret at a provider."""
    return Secret(sealing.open(provider.sealed_secret, _context(provider)).decode())


def _sealed(sealing: Sealing, provider: Provider, secret: Secret) -> bytes:
    text = secret.reveal()
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise invalid_request(f"A client secret has 1 to {_LONGEST} printable characters.")
    return sealing.seal(text.encode(), _context(provider))


def _context(provider: Provider) -> str:
    # The secret goes to this issuer and to no other, whoever changes the row.
    return f"client secret at {provider.issuer} of the provider {provider.id}"


def _disabled_at(before: Provider, disabled: bool | None, now: int) -> int | None:
    if disabled is None or disabled is not before.is_enabled:
        return before.disabled_at
    return now if disabled else None


def _differs(name: str, before: Provider, after: Provider) -> bool:
    return bool(getattr(before, name) != getattr(after, name))


def _demand_id(provider_id: str) -> str:
    if not _ID.fullmatch(provider_id):
        raise invalid_request("A provider's id has 1 to 32 of the characters a-z, 0-9 and -.")
    return provider_id


def _name(unverified: str) -> str:
    name = tidy_name(unverified)
    if name is None:
        raise invalid_request("A provider needs a name, which stands on its button.")
    return name


def _issuer(unverified: str) -> str:
    if not unverified:
        raise invalid_request("This provider needs its issuer identifier.")
    try:
        demand_safe(unverified)
    except ValueError as error:
        raise invalid_request(f"The issuer cannot be used: {error}.") from None
    if urlsplit(unverified).query or not unverified.isprintable() or " " in unverified:
        raise invalid_request("An issuer identifier has no query and no spaces.")
    return unverified


def _demand_fitting(provider: Provider) -> None:
    demand_bounds(provider.policy)
    if not 0 < len(provider.client_id) <= _LONGEST or not provider.client_id.isprintable():
        raise invalid_request(f"A client_id has 1 to {_LONGEST} printable characters.")
    is_oauth = provider.kind is ProviderKind.GITHUB
    if is_oauth and (provider.policy.silent or provider.policy.dates_sign_ins):
        raise invalid_request("silent and dates_sign_ins are for OpenID Connect: GitHub has none.")
    if is_oauth and provider.policy.mfa_words:
        raise invalid_request("mfa_words are for OpenID Connect: GitHub says none.")
