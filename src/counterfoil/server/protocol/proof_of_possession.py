"""Proof of possession: which key a request proves, and which one it must prove (RFC 9449 §5–§8)."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.binding import COOKIE, UNBOUND, Binding
from counterfoil.oauth.dpop import KEPT, METHOD, NotProved, Proof, Target, read_proof
from counterfoil.oauth.errors import OAuthError, invalid_grant, invalid_request
from counterfoil.oauth.nonces import Nonces
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.records.client import BY_PEOPLE, Client
from counterfoil.server.records.family import Family
from counterfoil.server.records.store import Transaction

COOKIE_HASH: Final = "browser_cookie_s256"
"""The parameter that names the SHA-256 of a browser's cookie, in base64url; it is ours alone."""
_SHA256: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_OTHER_KEY: Final = "The refresh token is bound to something that was not proved."


def read(unverified: Sequence[str], target: Target) -> Proof | None:
    """Read the proof in the values of the ``DPoP`` header; ``None`` where there is none.

    Nothing is stored: whether it is timely and unused is asked by ``take``.

    Raises:
        NotProved: ``proof_invalid`` or ``proof_mismatch``.
    """
    return read_proof(unverified, target) if unverified else None


async def take(authority: Authority, tx: Transaction, proof: Proof) -> None:
    """Use a proof up. To check and to take it is one statement.

    Raises:
        NotProved: ``proof_expired``, ``nonce_needed`` or ``proof_replayed``; nothing is stored.
    """
    proof.demand_timely(tx.now)
    nonces = nonces_of(authority)
    if nonces is not None and not nonces.knows(proof.nonce, tx.now):
        raise NotProved(Reason.NONCE_NEEDED)
    if not await tx.proofs.take(proof.id, tx.now + KEPT):
        raise NotProved(Reason.PROOF_REPLAYED)


def nonces_of(authority: Authority) -> Nonces | None:
    """Give the nonces that proofs must carry, where the settings require them (§8)."""
    if authority.settings.dpop_nonces == "off":
        return None
    return Nonces(authority.keys.dpop_nonce)


def proved_by(proof: Proof | None, parameters: Parameters) -> Binding:
    """Say what the tokens are bound to: the key that was proved, or a cookie of one browser (S61).

    The client that answers for the browser names the cookie's hash; that is no proof, and needs
    none: it makes the token worth less.

    Raises:
        OAuthError: ``invalid_request`` where it is no hash, or a key was proved besides.
    """
    named = parameters.get(COOKIE_HASH)
    if named is None:
        return UNBOUND if proof is None else proof.binding
    if _SHA256.fullmatch(named) is None:
        raise invalid_request(f"The parameter {COOKIE_HASH} is no SHA-256 in base64url.")
    if proof is not None:
        raise invalid_request(f"A token is bound to a key or to a cookie: leave {COOKIE_HASH} out.")
    return Binding(COOKIE, named)


def refusal_of(error: NotProved) -> OAuthError:
    """Say for the token endpoint why a proof was not accepted (§5, §8)."""
    return OAuthError(meaning_of(error.reason).error, str(error), reason=error.reason)


def demand_registered(client: Client, grant_type: str, proof: Proof | None) -> None:
    """Demand a proof where the client's policy does: always, or to begin a family (§5.2, S21).

    Raises:
        NotProved: ``proof_missing``.
    """
    begins = grant_type in BY_PEOPLE and client.policy.in_session
    if proof is None and (client.policy.dpop_bound_access_tokens or begins):
        raise NotProved(Reason.PROOF_MISSING, "This client must send a DPoP proof.")


def demand_requested(dpop_jkt: str | None, request: TokenRequest) -> None:
    """Demand the key that the authorization request named, if it named one (§10).

    Raises:
        OAuthError: ``invalid_grant``.
    """
    if dpop_jkt is not None and request.proved != Binding(METHOD, dpop_jkt):
        sentence = "The key that the authorization request named was not proved."
        raise invalid_grant(sentence, reason=Reason.WRONG_BINDING)


def rebound(family: Family, request: TokenRequest) -> Family:
    """Give a family bound as its next access token will be, if this request may refresh it (§5).

    A public client proves the key that the family began with (S20). A confidential one proves
    itself, so it may come with another key, but never without one again. In-session families keep
    their key, whoever the client is, and are worth nothing without it (S21).

    What is stored stays as the family began: whoever stole an unbound refresh token must not bind
    it to their own key, for then its owner's next refresh would no longer be seen as reuse.

    Raises:
        OAuthError: ``invalid_grant``.
    """
    client, proved = request.client, request.proved
    if client.policy.in_session and family.binding.is_bearer:
        sentence = "This client's refresh tokens must be bound to a key; this one is not."
        raise invalid_grant(sentence, reason=Reason.UNBOUND)
    if client.public or client.policy.in_session:
        accepted = family.binding.is_met_by(proved)
    else:
        accepted = family.binding.is_bearer or proved.method == family.binding.method
    if not accepted:
        raise invalid_grant(_OTHER_KEY, reason=Reason.WRONG_BINDING)
    return family if proved.is_bearer else replace(family, binding=proved)
