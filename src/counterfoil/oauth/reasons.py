"""Why a token was refused: the closed list of words that every refusal carries (RFC 6750 §3.1)."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Reason(StrEnum):
    """One word per cause. The word is stable: tools may match on it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    WRONG_TYPE = "wrong_type"
    UNREADABLE = "unreadable"
    NOT_ENCRYPTED = "not_encrypted"
    UNKNOWN_KEY = "unknown_key"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    TOO_OLD = "too_old"
    ISSUED_IN_FUTURE = "issued_in_future"
    REVOKED = "revoked"
    NOT_REGISTERED = "not_registered"
    USED_UP = "used_up"
    UNCOUNTED = "uncounted"
    KEY_RETIRED = "key_retired"
    WRONG_BINDING = "wrong_binding"
    UNBOUND = "unbound"
    WRONG_TARGET = "wrong_target"
    WRONG_ADDRESS = "wrong_address"
    PROOF_MISSING = "proof_missing"
    PROOF_INVALID = "proof_invalid"
    PROOF_MISMATCH = "proof_mismatch"
    PROOF_EXPIRED = "proof_expired"
    PROOF_REPLAYED = "proof_replayed"
    NONCE_NEEDED = "nonce_needed"
    TOO_MANY_PROOFS = "too_many_proofs"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    BEYOND_LIMIT = "beyond_limit"
    NOT_PERMITTED = "not_permitted"
    ANOTHER_USER = "another_user"
    SIGN_IN_TOO_WEAK = "sign_in_too_weak"
    SIGN_IN_TOO_OLD = "sign_in_too_old"
    FORGED_REQUEST = "forged_request"
    INSECURE_TRANSPORT = "insecure_transport"
    TOKEN_IN_QUERY = "token_in_query"
    BAD_RECEIPT = "bad_receipt"
    STALE = "stale"


class Meaning(Struct, frozen=True):
    """How a reason is said on the wire: HTTP status, RFC 6750 error code, one sentence."""

    status: int
    error: str
    sentence: str


MEANINGS: Final = MappingProxyType(
    {
        Reason.MISSING: Meaning(401, "", "This request needs an access token."),
        Reason.MALFORMED: Meaning(401, "invalid_token", "The access token is not well formed."),
        Reason.BAD_SIGNATURE: Meaning(
            401, "invalid_token", "The access token's signature does not match."
        ),
        Reason.WRONG_TYPE: Meaning(
            401, "invalid_token", "This is a token, but not an access token."
        ),
        Reason.UNREADABLE: Meaning(
            401, "invalid_token", "The access token is encrypted, and no key here opens it."
        ),
        Reason.NOT_ENCRYPTED: Meaning(
            401, "invalid_token", "This API takes only access tokens that are encrypted."
        ),
        Reason.UNKNOWN_KEY: Meaning(
            401, "invalid_token", "The access token is signed by a key that is not known here."
        ),
        Reason.WRONG_ISSUER: Meaning(
            401, "invalid_token", "The access token comes from an issuer that is not accepted here."
        ),
        Reason.WRONG_AUDIENCE: Meaning(
            401, "invalid_token", "The access token is meant for another API."
        ),
        Reason.EXPIRED: Meaning(401, "invalid_token", "The access token has expired."),
        Reason.TOO_OLD: Meaning(
            401, "invalid_token", "The access token was issued too long ago for this."
        ),
        Reason.ISSUED_IN_FUTURE: Meaning(
            401, "invalid_token", "The access token says that it was issued in the future."
        ),
        Reason.REVOKED: Meaning(401, "invalid_token", "The access token has been revoked."),
        Reason.NOT_REGISTERED: Meaning(
            401, "invalid_token", "The issuer has no record of this access token."
        ),
        Reason.USED_UP: Meaning(
            401, "invalid_token", "The token has been used as often as it may be."
        ),
        Reason.UNCOUNTED: Meaning(
            503,
            "temporarily_unavailable",
            "This API cannot count at the moment how often the access token is used.",
        ),
        Reason.KEY_RETIRED: Meaning(
            401, "invalid_token", "The key that signed the access token has been withdrawn."
        ),
        Reason.WRONG_BINDING: Meaning(
            401, "invalid_token", "What the access token is bound to is not what was proved."
        ),
        Reason.UNBOUND: Meaning(
            401, "invalid_token", "This API takes only access tokens that are bound to a key."
        ),
        Reason.WRONG_TARGET: Meaning(
            401, "invalid_token", "What was shown is good for another request than this one."
        ),
        Reason.WRONG_ADDRESS: Meaning(
            401, "invalid_token", "The access token is not good from this address."
        ),
        Reason.PROOF_MISSING: Meaning(
            401, "invalid_dpop_proof", "One DPoP proof must come with this request."
        ),
        Reason.PROOF_INVALID: Meaning(
            401, "invalid_dpop_proof", "The DPoP proof is not well formed, or not genuine."
        ),
        Reason.PROOF_MISMATCH: Meaning(
            401, "invalid_dpop_proof", "The DPoP proof was made for another request or token."
        ),
        Reason.PROOF_EXPIRED: Meaning(
            401, "invalid_dpop_proof", "The DPoP proof was not made just now."
        ),
        Reason.PROOF_REPLAYED: Meaning(
            401, "invalid_dpop_proof", "The DPoP proof was used before."
        ),
        Reason.NONCE_NEEDED: Meaning(
            401, "use_dpop_nonce", "The DPoP proof must carry the nonce of the DPoP-Nonce header."
        ),
        Reason.TOO_MANY_PROOFS: Meaning(
            503,
            "temporarily_unavailable",
            "This API cannot keep watch over more DPoP proofs at the moment.",
        ),
        Reason.INSUFFICIENT_SCOPE: Meaning(
            403, "insufficient_scope", "The access token does not carry the needed permission."
        ),
        Reason.BEYOND_LIMIT: Meaning(
            403, "insufficient_scope", "This is more than the access token may do."
        ),
        Reason.NOT_PERMITTED: Meaning(
            403, "insufficient_scope", "The person behind the access token may not do this."
        ),
        Reason.ANOTHER_USER: Meaning(
            403, "insufficient_scope", "This address belongs to another user than the access token."
        ),
        Reason.SIGN_IN_TOO_WEAK: Meaning(
            401,
            "insufficient_user_authentication",
            "This needs a stronger sign-in than the one behind the access token.",
        ),
        Reason.SIGN_IN_TOO_OLD: Meaning(
            401,
            "insufficient_user_authentication",
            "The sign-in behind the access token is too long ago for this.",
        ),
        Reason.FORGED_REQUEST: Meaning(
            403, "access_denied", "This request does not come from the site of the session."
        ),
        Reason.INSECURE_TRANSPORT: Meaning(
            400, "invalid_request", "An access token must not be sent over plain HTTP."
        ),
        Reason.TOKEN_IN_QUERY: Meaning(
            400, "invalid_request", "An access token must not be sent in the URL."
        ),
        Reason.BAD_RECEIPT: Meaning(
            400, "invalid_request", "Counterfoil-At-Least must be one receipt, epoch:number."
        ),
        Reason.STALE: Meaning(
            503,
            "temporarily_unavailable",
            "This API cannot tell at the moment whether the access token still stands.",
        ),
    }
)


def meaning_of(reason: Reason) -> Meaning:
    """Say how ``reason`` goes on the wire."""
    return MEANINGS[reason]
