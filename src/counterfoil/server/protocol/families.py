"""Starting and renewing a family: its lifetimes, its refresh token, what is minted under it."""

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.audience import Audience, audience_of, resource_in
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.issuance import Issuance, SignedIn, TokenRequest
from counterfoil.server.protocol.refresh_tokens import RANDOM_BYTES, spell_refresh_token
from counterfoil.server.records.family import Family
from counterfoil.server.records.store import Transaction


class Share(Struct, frozen=True):
    """What one token of a family is for: one API, and the access that it carries there."""

    audience: Audience
    access: Access


async def share_of(
    authority: Authority, tx: Transaction, access: Access, request: TokenRequest
) -> Share:
    """Choose the one API of a family's access that this token is for.

    Raises:
        OAuthError: ``invalid_target``.
    """
    resource = resource_in(access, request.parameters.every("resource"))
    audience = await audience_of(tx, resource, authority.settings)
    return Share(audience, access.at(resource) if resource else Access(openid=access.openid))


def renewed(
    authority: Authority, tx: Transaction, family: Family, share: Share
) -> tuple[Family, Secret | None]:
    """Give the family after one more token, with its next refresh token if the client gets one."""
    family = replace(
        family,
        last_used_at=tx.now,
        access_expires_at=max(family.access_expires_at, tx.now + share.audience.lifetime),
    )
    if not family.absolute_expires_at:
        return family, None
    generation = family.refresh_generation + 1
    random = tx.random(RANDOM_BYTES)
    token = spell_refresh_token(authority.keys.refresh_mac, family.id, generation, random)
    idle = tx.now + authority.settings.refresh_idle_lifetime
    family = replace(
        family,
        refresh_generation=generation,
        refresh_digest=token.fingerprint(),
        refresh_expires_at=min(idle, family.absolute_expires_at),
        rotated_at=tx.now,
    )
    return family, token


def issuance_under(
    tx: Transaction, family: Family, request: TokenRequest, share: Share, signed_in: SignedIn
) -> Issuance:
    """Give what is to be minted; the refresh token is added by the caller."""
    return Issuance(
        client=request.client,
        subject=family.user_id,
        access=share.access,
        audience=share.audience,
        issued_at=tx.now,
        handle=new_handle(tx),
        family_id=family.id,
        binding=family.binding,
        signed_in=signed_in,
    )
