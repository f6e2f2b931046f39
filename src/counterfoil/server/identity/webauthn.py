"""WebAuthn Level 3: what is asked of a browser, and what its answer proves.

The one door to the library, which parses and verifies; what it leaves open is demanded here. It is
loaded with the first answer, in the thread that verifies it.
"""

import asyncio
import ipaddress
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_object

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticatorData

CHALLENGE_BYTES: Final = 32
USER_HANDLE_BYTES: Final = 32
ALGORITHMS: Final = (-8, -7, -257)
"""EdDSA, ES256, RS256 (COSE): what authenticators have, the better first."""
TRANSPORTS: Final = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})
LONGEST_ANSWER: Final = 16_384
LONGEST_KEY: Final = 1_024
"""Bytes; an RSA key of 4096 bits has some 530."""
LONGEST_CREDENTIAL_ID: Final = 1_023
"""Bytes (§7.1)."""
_P256: Final = 1
_ES256: Final = -7
_PORTS: Final = {"https": 443, "http": 80}

T = TypeVar("T")


class NotProved(Exception):
    """An answer proves nothing. The text is for tests and logs, and holds nothing of the answer."""


class Party(Struct, frozen=True):
    """The relying party: the host that passkeys are for, and the origin of its pages (§5.1.3)."""

    id: str
    origin: str


class Person(Struct, frozen=True):
    """For whom a passkey is made: the name that authenticators show, and the random handle."""

    handle: bytes
    name: str
    display_name: str


class Known(Struct, frozen=True):
    """A credential as a browser is told of it: its id, and the ways in which it may be reached."""

    credential_id: bytes
    transports: tuple[str, ...] = ()


class Asked(Struct, frozen=True):
    """What was asked: by whom, with which challenge, and whether the person must be verified."""

    party: Party
    challenge: bytes
    must_verify: bool = False


class Registered(Struct, frozen=True, kw_only=True):
    """A new credential that a browser has answered with."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool


class Named(Struct, frozen=True):
    """What an answer says of itself: nothing of it is verified."""

    credential_id: bytes
    user_handle: bytes | None


class Asserted(Struct, frozen=True, kw_only=True):
    """A signature that was verified. ``user_verified``: by a finger, a face or a number."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


def party_of(issuer: str) -> Party | None:
    """Give the relying party of an issuer; ``None`` where browsers allow none there.

    Passkeys are for a host name, whatever its port and path; an address is none (§5.1.2).
    """
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if _is_address(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return Party(host, f"{parts.scheme}://{host}{port}")


def creation_options(
    asked: Asked, person: Person, excluded: Sequence[Known], timeout: int
) -> dict[str, Any]:
    """Give ``PublicKeyCredentialCreationOptionsJSON`` (§5.1.9). ``timeout`` in seconds.

    Nobody asks who made the authenticator: attestation tells too much about people.
    """
    return {
        "rp": {"id": asked.party.id, "name": asked.party.id},
        "user": {
            "id": _spelled(person.handle),
            "name": person.name,
            "displayName": person.display_name,
        },
        "challenge": _spelled(asked.challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
        "timeout": timeout * 1000,
        "excludeCredentials": [_descriptor(each) for each in excluded],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": _verification(asked),
        },
        "attestation": "none",
    }


def request_options(asked: Asked, allowed: Sequence[Known], timeout: int) -> dict[str, Any]:
    """Give ``PublicKeyCredentialRequestOptionsJSON`` (§5.1.10). ``timeout`` in seconds.

    With none ``allowed`` the authenticator offers what it has, and nobody is named.
    """
    return {
        "rpId": asked.party.id,
        "challenge": _spelled(asked.challenge),
        "timeout": timeout * 1000,
        "allowCredentials": [_descriptor(each) for each in allowed],
        "userVerification": _verification(asked),
    }


def named_in(answer: str) -> Named:
    """Read which credential an answer says that it is of.

    Raises:
        NotProved: it says nothing of the kind.
    """
    return _guarded(lambda: _named(_read(answer)))


async def verify_registration(asked: Asked, answer: str) -> Registered:
    """Verify the answer to ``navigator.credentials.create()`` (§7.1).

    Raises:
        NotProved: it is no answer to what was asked.
    """
    return await asyncio.to_thread(_guarded, lambda: _registered(asked, _read(answer)))


async def verify_assertion(asked: Asked, answer: str, public_key: bytes) -> Asserted:
    """Verify the answer to ``navigator.credentials.get()`` (§7.2), all but its count.

    Raises:
        NotProved: it is no answer to what was asked, or this key has not signed it.
    """
    return await asyncio.to_thread(_guarded, lambda: _asserted(asked, _read(answer), public_key))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not host
    return True


def _verification(asked: Asked) -> str:
    return "required" if asked.must_verify else "preferred"


def _descriptor(known: Known) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "public-key", "id": _spelled(known.credential_id)}
    return described | ({"transports": list(known.transports)} if known.transports else {})


def _guarded(verify: Callable[[], T]) -> T:
    """Turn whatever goes wrong inside into one refusal: parsers fail in ways that none lists."""
    try:
        return verify()
    except NotProved:
        raise
    except Exception as error:
        raise NotProved(f"It cannot be verified: {type(error).__name__}.") from None


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST_ANSWER:
        raise NotProved("The answer is too long.")
    try:
        return decode_object(answer.encode())
    except JoseError:
        raise NotProved("The answer is not one JSON object.") from None


def _named(credential: dict[str, Any]) -> Named:
    handle = credential["response"].get("userHandle")
    return Named(_octets(credential["rawId"]), None if handle is None else _octets(handle))


def _demand_own_page(credential: dict[str, Any]) -> None:
    """Demand that no other site's frame asked: the library does not look (§7.1, §7.2)."""
    client_data = decode_object(_octets(credential["response"]["clientDataJSON"]))
    if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data:
        raise NotProved("It was asked for within a page of another site.")


def _registered(asked: Asked, credential: dict[str, Any]) -> Registered:
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    _demand_own_page(credential)
    data = _without_attestation(credential)
    verified = verify_registration_response(
        credential=credential,
        expected_challenge=asked.challenge,
        expected_rp_id=asked.party.id,
        expected_origin=asked.party.origin,
        require_user_verification=asked.must_verify,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
    )
    _demand_key(verified.credential_public_key)
    if not 0 < len(verified.credential_id) <= LONGEST_CREDENTIAL_ID:
        raise NotProved("The credential id is too long.")
    if _octets(credential["rawId"]) != verified.credential_id:
        raise NotProved("Two credential ids are given.")
    transports = credential["response"].get("transports") or ()
    return Registered(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=tuple(sorted(TRANSPORTS.intersection(transports))),
        backup_eligible=data.flags.be,
        backed_up=verified.credential_backed_up,
    )


def _without_attestation(credential: dict[str, Any]) -> "AuthenticatorData":
    """Take the statement off that nobody asked for, so that no parser of certificates sees it."""
    from webauthn.helpers import encode_cbor, parse_authenticator_data, parse_cbor

    response = credential["response"]
    data = parse_cbor(_octets(response["attestationObject"]))["authData"]
    bare = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
    response["attestationObject"] = _spelled(bare)
    return parse_authenticator_data(data)


def _demand_key(public_key: bytes) -> None:
    """Demand a key with which signatures can be verified later, of an algorithm's own curve."""
    from webauthn.helpers import (
        decode_credential_public_key,
        decoded_public_key_to_cryptography,
    )

    if len(public_key) > LONGEST_KEY:
        raise NotProved("The public key is too long.")
    decoded = decode_credential_public_key(public_key)
    decoded_public_key_to_cryptography(decoded)
    if decoded.alg == _ES256 and getattr(decoded, "crv", None) != _P256:
        raise NotProved("The public key is of another curve than its algorithm's.")


def _asserted(asked: Asked, credential: dict[str, Any], public_key: bytes) -> Asserted:
    from webauthn import verify_authentication_response
    from webauthn.helpers import parse_authenticator_data

    _demand_own_page(credential)
    verified = verify_authentication_response(
        credential=credential,
        expected_challenge=asked.challenge,
        expected_rp_id=asked.party.id,
        expected_origin=asked.party.origin,
        credential_public_key=public_key,
        # It would compare counts before it knows who signed them: that is done by whoever stores.
        credential_current_sign_count=0,
        require_user_verification=asked.must_verify,
    )
    data = parse_authenticator_data(_octets(credential["response"]["authenticatorData"]))
    return Asserted(
        sign_count=verified.new_sign_count,
        backup_eligible=data.flags.be,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"==")


def _spelled(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
