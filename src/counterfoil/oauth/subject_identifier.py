"""Subject identifiers: who is meant, in a format that says how they are named (RFC 9493)."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_object
from counterfoil.oauth.errors import invalid_request


class IssuerAndSubject(
    Struct, frozen=True, tag_field="format", tag="iss_sub", forbid_unknown_fields=True
):
    """By the issuer of ID tokens and the ``sub`` there (§3.2.3)."""

    iss: str
    sub: str


class Email(Struct, frozen=True, tag_field="format", tag="email", forbid_unknown_fields=True):
    """By an e-mail address (§3.2.2)."""

    email: str


class Opaque(Struct, frozen=True, tag_field="format", tag="opaque", forbid_unknown_fields=True):
    """By an id that both sides know (§3.2.4)."""

    id: str


SubjectIdentifier: TypeAlias = IssuerAndSubject | Email | Opaque


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    sub_id: SubjectIdentifier


def subject_in(body: bytes) -> SubjectIdentifier:
    """Read the ``sub_id`` that is the one member of a JSON object.

    Raises:
        OAuthError: ``invalid_request``: not JSON, given twice, of another format, or more than it.
    """
    try:
        return msgspec.convert(decode_object(body), _Request).sub_id
    except (JoseError, msgspec.ValidationError):
        raise invalid_request(
            "The body must be a JSON object with the one member sub_id, a subject identifier "
            "of the format iss_sub, email or opaque."
        ) from None
