"""Starting and renewing a family: its lifetimes, its refresh token, what is minted under it."""

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import OPENID_SCOPES, Access
from counterfoil.oauth.errors import invalid_target
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.audience import Audience, audience_of, resource_in
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance, SignedIn, TokenRequest
from counterfoil.server.protocol.refresh_tokens import RANDOM_BYTES, spell_refresh_token
from counterfoil.server.protocol.standing import Standing
from counterfoil.server.records.client import Client
from counterfoil.server.records.family import Family, Life
from counterfoil.server.records.refresh_limits import FOREVER, RefreshLimits
from counterfoil.server.records.store import Transaction


def life_of(client: Client, limits: RefreshLimits, *, offline: bool) -> Life:
    """Give what the client's policy says, else the limits; offline access has its own (S08)."""
    policy = client.policy
    if offline:
        return Life(
            policy.offline_idle_lifetime or limits.offline_idle,
            policy.offline_absolute_lifetime or limits.offline_absolute,
        )
    return Life(
        policy.refresh_idle_lifetime or limits.refresh_idle,
        policy.refresh_absolute_lifetime or limits.refresh_absolute,
    )


def proved_life_of(client: Client, limits: RefreshLimits, *, offline: bool) -> Life:
    """Give ``life_of``, and no longer than a sign-in proves who somebody is (S30)."""
    life = life_of(client, limits, offline=offline)
    proof = min(client.policy.reproof_interval or FOREVER, limits.reproof)
    return Life(life.idle, min(life.absolute, proof))


def limited(family: Family, client: Client, limits: RefreshLimits) -> Family:
    """Hold a family to limits that were shortened since.

    Longer ones revive nothing: that they were shorter was written down (``shortening``).
    """
    life = proved_life_of(client, limits, offline=family.is_offline)
    ends = min(family.last_used_at + life.idle, family.auth_time + life.absolute)
    return replace(family, refresh_expires_at=ends) if ends < family.refresh_expires_at else family


class Share(Struct, frozen=True):
    """What one token of a family is for: one API, and the access that it carries there.

    ``limits`` and ``until`` are those of what it rests on.
    """

    audience: Audience
    access: Access
    limits: RefreshLimits
    until: int | None = None


async def share_of(
    authority: Authority, tx: Transaction, standing: Standing, request: TokenRequest
) -> Share:
    """Choose the one API of a family's access that this token is for.

    Raises:
        OAuthError: ``invalid_target``.
    """
    access, limits, until = standing.access, standing.limits, standing.until
    resource = resource_in(access, request.parameters.every("resource"))
    audience = await audience_of(tx, resource, request.client, authority.settings)
    if until is not None:
        audience = audience.at_most(until - tx.now)
    if resource is None:
        return Share(audience, Access(openid=access.openid), limits, until)
    own = access.at(resource).limited_to_scopes(audience.scopes | OPENID_SCOPES)
    if not own.apis:
        raise invalid_target("The API has none of the scopes any more that were granted there.")
    return Share(audience, own, limits, until)


def renewed(
    authority: Authority, tx: Transaction, request: TokenRequest, family: Family, share: Share
) -> tuple[Family, Secret | None]:
    """Give the family after one more token, with its next refresh token if the client gets one.

    Where the client's refresh tokens do not rotate, it gets one with its code and keeps that.
    """
    used_at = max(family.last_used_at, tx.now)  # a clock that was set back shortens nothing
    family = replace(
        family,
        last_used_at=used_at,
        access_expires_at=max(family.access_expires_at, tx.now + share.audience.lifetime),
    )
    if not family.absolute_expires_at:
        return family, None
    life = proved_life_of(request.client, share.limits, offline=family.is_offline)
    ends = min(family.absolute_expires_at, family.auth_time + life.absolute, used_at + life.idle)
    ends = min(ends, share.until or ends)
    if family.refresh_digest is not None and not request.client.policy.refresh_rotation:
        return replace(family, refresh_expires_at=ends, sealed_successor=None), None
    return _rotated(authority, tx, family, ends)


def _rotated(
    authority: Authority, tx: Transaction, family: Family, ends: int
) -> tuple[Family, Secret]:
    generation = family.refresh_generation + 1
    random = tx.random(RANDOM_BYTES)
    token = spell_refresh_token(authority.keys.refresh_mac, family.id, generation, random)
    family = replace(
        family,
        refresh_generation=generation,
        refresh_digest=token.fingerprint(),
        rotated_at=tx.now,
        refresh_expires_at=ends,
        sealed_successor=None,
    )
    return family, token


class Answer(Struct, frozen=True):
    """What an answer holds besides the access token: the person's sign-in, the refresh token."""

    signed_in: SignedIn
    refresh_token: Secret | None


def issuance_under(
    tx: Transaction, family: Family, request: TokenRequest, share: Share, answer: Answer
) -> Issuance:
    """Give what is to be minted."""
    return Issuance(
        client=request.client,
        subject=family.user_id,
        access=share.access,
        audience=share.audience,
        issued_at=tx.now,
        handle=new_token_handle(tx, family.id),
        family_id=family.id,
        binding=family.binding,
        signed_in=answer.signed_in,
        refresh_token=answer.refresh_token,
    )
