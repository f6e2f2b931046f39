"""Signed heads as witnesses of the audit log: one head alone, or every head in a guard's file."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import normalised_typ
from counterfoil.jose.keys import KeySet, PublicKey
from counterfoil.oauth.feed import HEAD_TYPE, Head
from counterfoil.server.audit.walk import Witness
from counterfoil.server.records.audit import FeedKey, Point


class NoWitness(Exception):
    """What was given proves nothing of the audit log. The text says why."""


class HeadReader(Struct, frozen=True):
    """Reads heads of one issuer; ``keys`` are all that have ever signed them."""

    issuer: str
    keys: tuple[FeedKey, ...]

    def witnesses(self, text: str) -> list[Witness]:
        """Give what the signed heads in a text prove.

        Raises:
            NoWitness: there is none, or one is not signed by us.
        """
        found = [self._witness(signed) for signed in heads_in(text)]
        if not found:
            raise NoWitness("holds no signed head of the notices feed")
        return found

    def _witness(self, signed: str) -> Witness:
        try:
            genuine = jwt.verify(signed, self._trusted(), HEAD_TYPE)
            head = msgspec.convert(genuine.claims, Head)
        except JoseError as error:
            raise NoWitness(f"holds a head that no feed key of ours signed: {error}") from None
        except msgspec.ValidationError:
            raise NoWitness("holds a head that cannot be read") from None
        if head.iss != self.issuer:
            raise NoWitness("holds a head of another issuer")
        if not head.audit_digest:
            raise NoWitness("holds a head that says nothing of the audit log")
        when = datetime.fromtimestamp(int(head.time), UTC).strftime("%Y-%m-%d %H:%M:%S")
        return Witness(Point(head.audit_number, head.audit_digest), f"The signed head of {when}")

    def _trusted(self) -> KeySet:
        """Keys that were withdrawn in an emergency vouch for nothing: others may hold them."""
        return KeySet(
            PublicKey.from_jwk(msgspec.json.decode(key.public_jwk), key.algorithm)
            for key in self.keys
            if not key.is_withdrawn
        )


def heads_in(text: str) -> list[str]:
    """Find the signed heads: lines of the event stream, or whatever strings of JSON are some."""
    lines = (line.removeprefix("data:").strip() for line in text.splitlines())
    found = [line for line in lines if _is_head(line)]
    if found:
        return found
    try:
        document = msgspec.json.decode(text.strip())
    except (msgspec.DecodeError, RecursionError):
        return []
    return [each for each in _texts_in(document) if _is_head(each)]


def _texts_in(document: object) -> Iterator[str]:
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as found:
                yield found
            case list() as parts:
                waiting += parts
            case dict() as members:
                waiting += members.values()


def _is_head(text: str) -> bool:
    try:
        typ = jwt.unverified_header(text).get("typ")
    except JoseError:
        return False
    return isinstance(typ, str) and normalised_typ(typ) == normalised_typ(HEAD_TYPE)


def gathered(readings: Iterable[Iterable[Witness]]) -> list[Witness]:
    """Put witnesses of several texts together, each once."""
    return list(dict.fromkeys(witness for reading in readings for witness in reading))
