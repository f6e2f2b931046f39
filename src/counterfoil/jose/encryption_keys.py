"""Keys that tokens are encrypted to: a public one of an API, or a secret shared with it.

RFC 7517, 7518 §4.5 and §4.6, 8037 §3.2, 5869 (HKDF).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.jose import agreement, jwe, jws
from counterfoil.jose.agreement import Private, Public
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwk import PRIVATE_MEMBERS, kid_of

SECRET_BYTES: Final = 32
PERIOD: Final = 24 * 60 * 60
"""Seconds for which one key is derived of a shared secret."""
DERIVE: Final = "HKDF-SHA256 per day"
_PARTY_BYTES: Final = 16
_OPERATIONS: Final = frozenset({"deriveKey", "deriveBits", "decrypt"})
_INFO: Final = b"counterfoil token encryption "
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY: Final = re.compile(r"0|[1-9][0-9]{0,6}")

Random: TypeAlias = Callable[[int], bytes]
Ephemeral: TypeAlias = Callable[[bytes], bytes]
"""From what `apu` says to the chance of the ephemeral private key, `SCALAR_BYTES` of it."""


class PublicEncryptionKey(msgspec.Struct, frozen=True, eq=False):
    """The public half of an API's key pair. Made by `of` or `from_jwk`."""

    kid: str
    native: Public

    @classmethod
    def of(cls, native: Public, kid: str | None = None) -> PublicEncryptionKey:
        """Name a key: by its thumbprint (RFC 7638), unless told."""
        name = kid or agreement.thumbprint(native)
        if not _KID.fullmatch(name):
            raise JoseError("bad_key", "A kid has up to 64 letters, digits, hyphens, underscores.")
        return cls(name, native)

    @classmethod
    def from_jwk(cls, members: Mapping[str, object]) -> PublicEncryptionKey:
        """Read a public JWK.

        Raises `JoseError`: `unsupported_key` for another kind or use of key, `bad_key` for
        invalid or private members.
        """
        if not PRIVATE_MEMBERS.isdisjoint(members):
            raise JoseError("bad_key", "This JWK is private: give its public half.")
        _check_use(members)
        return cls.of(agreement.public_key_of(members), kid_of(members))

    def as_jwk(self) -> dict[str, str]:
        """The public JWK, with `kid`, `alg` and `use`."""
        return agreement.members_of(self.native) | _pinned(self.kid, jwe.ECDH_ES)

    def encrypt(self, content: bytes, typ: str, random: Random, ephemeral: Ephemeral) -> str:
        """Encrypt a signed token to this key. `ephemeral` must give bytes that nobody can guess."""
        party = random(_PARTY_BYTES)
        private = agreement.private_from(ephemeral(party), agreement.curve_of(self.native))
        header = jwe.header_for(jwe.ECDH_ES, self.kid, typ) | {
            "epk": agreement.members_of(private.public_key()),
            "apu": jws.encode_part(party).decode("ascii"),
        }
        key = _derived(agreement.agreed(private, self.native), party)
        return jwe.seal(header, key, random, content)


class PrivateEncryptionKey(msgspec.Struct, frozen=True, eq=False):
    """The private half, which decrypts. Its repr and its errors never show it."""

    public: PublicEncryptionKey
    native: Private

    @classmethod
    def generate(cls, crv: str = agreement.X25519) -> PrivateEncryptionKey:
        """Make a key pair with the operating system's chance."""
        native = agreement.generate(crv)
        return cls(PublicEncryptionKey.of(native.public_key()), native)

    @classmethod
    def from_jwk(cls, members: Mapping[str, object]) -> PrivateEncryptionKey:
        """Read a private JWK; errors as `PublicEncryptionKey.from_jwk`."""
        _check_use(members)
        native = agreement.private_key_of(members)
        return cls(PublicEncryptionKey.of(native.public_key(), kid_of(members)), native)

    @property
    def kid(self) -> str:
        """The name of the pair."""
        return self.public.kid

    @property
    def alg(self) -> str:
        """`ECDH-ES`."""
        return jwe.ECDH_ES

    def content_key(self, header: Mapping[str, object]) -> bytes:
        """Agree with the ephemeral key of a header."""
        epk, party = ephemeral_in(header)
        return _derived(agreement.agreed(self.native, epk), party)

    def as_jwk(self) -> dict[str, str]:
        """The private JWK: for the API's guards alone."""
        return self.public.as_jwk() | {"d": agreement.secret_member_of(self.native)}

    def __repr__(self) -> str:
        return f"PrivateEncryptionKey({self.kid!r}, redacted)"


class SenderKey(msgspec.Struct, frozen=True, eq=False):
    """Opens, with a public key of an API, what its sender itself has encrypted to that.

    Whoever can say again which ephemeral key there was needs no private half.
    """

    public: PublicEncryptionKey
    ephemeral: Ephemeral

    @property
    def kid(self) -> str:
        """The name of the API's key."""
        return self.public.kid

    @property
    def alg(self) -> str:
        """`ECDH-ES`."""
        return jwe.ECDH_ES

    def content_key(self, header: Mapping[str, object]) -> bytes:
        """Make the ephemeral key again; one that another sender made leads to a wrong key."""
        _, party = ephemeral_in(header)
        native = self.public.native
        private = agreement.private_from(self.ephemeral(party), agreement.curve_of(native))
        return _derived(agreement.agreed(private, native), party)

    def __repr__(self) -> str:
        return f"SenderKey({self.kid!r})"


class SharedSecret(msgspec.Struct, frozen=True, eq=False):
    """A secret of 32 bytes, known to the server and the guards, of which each day has its own key.

    So no key encrypts so many tokens that two could have the same IV (SP 800-38D §8.3), and
    nobody has to be told of the next one. Its repr and its errors never show it.
    """

    kid: str
    secret: bytes

    @classmethod
    def generate(cls, random: Random) -> SharedSecret:
        """Make one, with a name that is random too."""
        return cls(jws.encode_part(random(_PARTY_BYTES)).decode("ascii"), random(SECRET_BYTES))

    @classmethod
    def from_jwk(cls, members: Mapping[str, object]) -> SharedSecret:
        """Read it; `JoseError` as `PublicEncryptionKey.from_jwk`."""
        _check_use(members, jwe.DIRECT)
        kid, k = kid_of(members), members.get("k")
        if members.get("derive") != DERIVE:
            raise JoseError("unsupported_key", f"A shared secret's derive must be {DERIVE}.")
        if kid is None or not _KID.fullmatch(kid):
            raise JoseError("bad_key", "A shared secret must have a kid.")
        if not isinstance(k, str) or not k.isascii():
            raise JoseError("bad_key", "The JWK's k must be base64url.")
        secret = jws.decode_part(k.encode("ascii"))
        if len(secret) != SECRET_BYTES:
            raise JoseError("bad_key", f"A shared secret has {SECRET_BYTES} bytes.")
        return cls(kid, secret)

    def at(self, now: int) -> DayKey:
        """The key of the day of this second."""
        return self.of_day(str(now // PERIOD))

    def of_day(self, day: str) -> DayKey:
        """The key of this day, counted from the epoch, in decimal."""
        kid = f"{self.kid}.{day}"
        info = _INFO + kid.encode("ascii")
        return DayKey(kid, HKDF(SHA256(), SECRET_BYTES, None, info).derive(self.secret))

    def as_jwk(self) -> dict[str, str]:
        """The secret as a JWK: for the API's guards alone."""
        k = jws.encode_part(self.secret).decode("ascii")
        return {"kty": "oct", "k": k, "derive": DERIVE} | _pinned(self.kid, jwe.DIRECT)

    def __repr__(self) -> str:
        return f"SharedSecret({self.kid!r}, redacted)"


class DayKey(msgspec.Struct, frozen=True, eq=False):
    """What a shared secret gives for one day. Its repr never shows it."""

    kid: str
    key: bytes

    @property
    def alg(self) -> str:
        """`dir`."""
        return jwe.DIRECT

    def content_key(self, header: Mapping[str, object]) -> bytes:
        """The key itself (RFC 7518 §4.5)."""
        return self.key

    def encrypt(self, content: bytes, typ: str, random: Random) -> str:
        """Encrypt a signed token with this key."""
        return jwe.seal(jwe.header_for(jwe.DIRECT, self.kid, typ), self.key, random, content)

    def __repr__(self) -> str:
        return f"DayKey({self.kid!r}, redacted)"


class DecryptionKeys:
    """The keys of an API that decrypt, found by the `kid` of a token; never changes."""

    __slots__ = ("_pairs", "_secrets")

    def __init__(self, keys: tuple[PrivateEncryptionKey | SenderKey | SharedSecret, ...]) -> None:
        self._pairs = {key.kid: key for key in keys if not isinstance(key, SharedSecret)}
        self._secrets = {key.kid: key for key in keys if isinstance(key, SharedSecret)}
        if len(self._pairs.keys() | self._secrets.keys()) < len(keys):
            raise JoseError("bad_key", "Two keys that decrypt have the same kid.")

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, object]) -> DecryptionKeys:
        """Read a JWK Set of private keys and shared secrets, or a single one of them.

        Raises `JoseError`: `malformed` if it is neither, or as a single key is read. None is left
        out: they are all meant for this API.
        """
        entries = jwks.get("keys", [jwks] if "kty" in jwks else None)
        if not isinstance(entries, list) or not entries:
            raise JoseError("malformed", "This is neither a JWK nor a JWK Set.")
        return cls(tuple(map(_key_in, entries)))

    def find(self, kid: str) -> jwe.Opens | None:
        """The key of this name."""
        pair = self._pairs.get(kid)
        if pair is not None:
            return pair
        name, _, day = kid.partition(".")
        secret = self._secrets.get(name)
        return secret.of_day(day) if secret is not None and _DAY.fullmatch(day) else None

    def __len__(self) -> int:
        return len(self._pairs) + len(self._secrets)

    def __repr__(self) -> str:
        return f"DecryptionKeys({[*self._pairs, *self._secrets]!r})"


def key_named_in(unverified: str) -> str:
    """The name of the key that a token says it is encrypted to, without a shared secret's day.

    Raises `JoseError`, as `jwe.Opener.open`: it has no header of a token of ours.
    """
    header = jwe.read_header(jwe.split(unverified).aad)
    return str(header["kid"]).partition(".")[0]


def ephemeral_in(header: Mapping[str, object]) -> tuple[Public, bytes]:
    """The ephemeral key of a header, exact and public, and what `apu` says.

    Raises `JoseError`: `bad_key`, `unsupported_key` or `malformed`.
    """
    epk, apu = header["epk"], header["apu"]
    if not isinstance(epk, Mapping) or not isinstance(apu, str) or not apu.isascii():
        raise JoseError("malformed", "The header's epk must be a JWK, its apu a string.")
    native = agreement.public_key_of(epk)
    if epk.keys() != agreement.MEMBERS[agreement.curve_of(native)]:
        raise JoseError("malformed", "The header's epk must be a public key and nothing else.")
    return native, jws.decode_part(apu.encode("ascii"))


def _derived(agreed: bytes, party: bytes) -> bytes:
    return agreement.derived(agreed, jwe.A256GCM, jwe.KEY_BITS, (party, b""))


def _key_in(entry: object) -> PrivateEncryptionKey | SharedSecret:
    if not isinstance(entry, Mapping):
        raise JoseError("malformed", "An entry of the JWK Set is no object.")
    if entry.get("kty") == "oct":
        return SharedSecret.from_jwk(entry)
    return PrivateEncryptionKey.from_jwk(entry)


def _check_use(members: Mapping[str, object], alg: str = jwe.ECDH_ES) -> None:
    if members.get("use", "enc") != "enc" or members.get("alg", alg) != alg:
        raise JoseError("unsupported_key", f"The JWK must be for use enc and alg {alg}.")
    # The public half of a pair that agrees on keys may do nothing by itself: an empty list.
    operations = members.get("key_ops") or ["deriveKey"]
    if not isinstance(operations, (list, tuple)) or _OPERATIONS.isdisjoint(map(str, operations)):
        raise JoseError("unsupported_key", "The JWK's key_ops do not allow to decrypt.")


def _pinned(kid: str, alg: str) -> dict[str, str]:
    return {"kid": kid, "alg": alg, "use": "enc"}
