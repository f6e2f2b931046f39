"""The authorization code grant with PKCE (OAuth 2.1 §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1.1)."""

from msgspec.structs import replace

from counterfoil.oauth import pkce
from counterfoil.oauth.errors import invalid_grant, invalid_request
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import codes, events, proof_of_possession
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_family_id
from counterfoil.server.protocol.issuance import Issuance, Refusal, TokenRequest
from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS, Authorization
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction

_NOT_VALID = "The authorization code is not valid, or no longer."


async def exchange(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> Issuance | Refusal:
    """Exchange a code for tokens. To check and to take the code is one statement.

    Raises:
        OAuthError: the taking is rolled back, so that a stranger cannot burn the code.
    """
    digest, verifier = _read(request.parameters)
    family_id = new_family_id(authority.keys.family_names, tx)
    authorization = await tx.authorizations.take(digest, family_id, tx.now)
    if authorization is None:
        return await _refuse_untakeable(tx, request, digest, verifier)
    _demand_same_request(authorization, request)
    if not pkce.matches(verifier, authorization.code_challenge):
        return await _refuse_wrong_verifier(tx, request, authorization)
    taken = replace(authorization, family_id=family_id)
    return await codes.start_family(authority, tx, request, taken)


def _read(parameters: Parameters) -> tuple[bytes, str]:
    code, verifier = parameters.require("code"), parameters.require("code_verifier")
    if not pkce.is_verifier(verifier):
        raise invalid_request("The parameter code_verifier is not 43 to 128 unreserved characters.")
    if not is_spelled(Kind.AUTHORIZATION_CODE, code):
        raise invalid_grant(_NOT_VALID, detail="no code of ours")
    return fingerprint(code), verifier


async def _refuse_untakeable(
    tx: Transaction, request: TokenRequest, digest: bytes, verifier: str
) -> Refusal:
    """Refuse; a code that was exchanged before ends what came of it, if its owner shows it."""
    authorization = await tx.authorizations.find(digest)
    replayed = (
        authorization is not None
        and authorization.family_id is not None
        and authorization.client_id == request.client.client_id
        and pkce.matches(verifier, authorization.code_challenge)
    )
    if not replayed or authorization is None or authorization.family_id is None:
        raise invalid_grant(_NOT_VALID, detail="unknown, expired or burned")
    return await codes.refuse_replayed(tx, request, authorization.family_id, authorization.user_id)


def _demand_same_request(authorization: Authorization, request: TokenRequest) -> None:
    if authorization.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID, detail="a code of another client")
    redirect_uri = request.parameters.get("redirect_uri")
    if redirect_uri is not None and redirect_uri != authorization.redirect_uri:
        raise invalid_grant("The parameter redirect_uri is not that of the authorization request.")
    proof_of_possession.demand_requested(authorization.dpop_jkt, request)


async def _refuse_wrong_verifier(
    tx: Transaction, request: TokenRequest, authorization: Authorization
) -> Refusal:
    await tx.authorizations.put_back(authorization.digest)
    if authorization.wrong_verifiers + 1 == MOST_WRONG_VERIFIERS:
        by = events.by_client(request)
        whose = {"user_id": authorization.user_id}
        await events.record(tx, EventKind.CODE_BURNED, by, authorization.grant_id, whose)
    return Refusal(invalid_grant("The code_verifier does not match the code_challenge."))
