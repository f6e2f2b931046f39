"""Reading access tokens of our own: signature or record, claims, and whether they were ended."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import Verifier
from counterfoil.oauth.access_token import TYPES, AccessToken, Expected, access_token_from, check
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import digest_of
from counterfoil.oauth.revocations import Marks
from counterfoil.server.hub import Hub
from counterfoil.server.keys.encrypting import Encrypting
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.protocol.personal_standing import personal_claims_of
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Store, Transaction

_REMEMBERED: Final = 4096


class ReadToken(Struct, frozen=True):
    """A token that we issued, with the marks by which it can be ended.

    ``registered``: its issue was looked up, and is written down. ``personal``: a person has made
    it by hand.
    """

    token: AccessToken
    marks: Marks
    registered: bool = False
    personal: PersonalToken | None = None


class Opening(Struct, frozen=True):
    """With what tokens are read: the keys that sign, and what opens those that are encrypted."""

    keyring: Keyring
    encrypting: Encrypting

    async def signed_in(self, unverified: str, tx: Transaction) -> str:
        """Give the signed token of a text: what is encrypted to an API is opened.

        Raises:
            JoseError: it is encrypted, but not here, or to a key that is kept no more.
        """
        if not jws.looks_encrypted(unverified):
            return unverified
        keys = [key for api in await tx.apis.every() for key in api.encryption_keys]
        return self.encrypting.open(keys, unverified)


class TokenReader:
    """Verifies our own tokens; remembers, by the SHA-256 of their bytes, which were genuine.

    What is remembered is only the signature: times and endings are judged at every reading.
    """

    def __init__(self, issuer: str, store: Store, opening: Opening, hub: Hub) -> None:
        self._expected = Expected(issuer, None)
        self._store = store
        self._opening = opening
        self._keyring = opening.keyring
        self._hub = hub
        self._verifier: Verifier | None = None
        self._genuine: OrderedDict[bytes, ReadToken] = OrderedDict()

    async def read(self, unverified: str, now: float) -> ReadToken | Reason:
        """Read a token, after catching up with every ending; or say why it is refused.

        Raises:
            StoreUnavailable: endings could not be read.
        """
        await self._hub.catch_up()
        return self.judge(await self._store.read(partial(self.find, unverified)), now)

    async def find(self, unverified: str, tx: Transaction) -> ReadToken | Reason:
        """Find out whether we issued a token, expired and ended ones included.

        A reference token is looked up. A JWT is genuine by its signature; where its API wants its
        tokens written down and read there, it must stand there too: whoever has a leaked key and
        nothing else makes none that counts (S43). Where its API asks for an algorithm, no other
        signature counts, though it be ours (RFC 9964). The hub must have caught up.
        """
        if is_spelled(Kind.PERSONAL_TOKEN, unverified):
            return await self._find_personal(unverified, tx)
        if is_spelled(Kind.ACCESS_TOKEN, unverified):
            row = await tx.issued_tokens.find(fingerprint(unverified))
            if row is None or row.claims is None:
                return Reason.NOT_REGISTERED
            return ReadToken(row.claims, row.marks)
        read = await self._genuine_in(unverified, tx)
        if isinstance(read, Reason):
            return read
        policies = await policies_for(tx, read.token)
        if not is_signed_as_asked(policies, self._keyring, read.marks.kid, tx.now):
            return Reason.UNKNOWN_KEY
        if not any(policy.is_looked_up for policy in policies):
            return read
        row = await tx.issued_tokens.find(digest_of(unverified))
        return replace(read, registered=True) if row is not None else Reason.NOT_REGISTERED

    async def find_to_end(self, unverified: str, tx: Transaction) -> ReadToken | Reason:
        """Find a token that is to be ended: of a JWT the signature is enough.

        One that was forged with a leaked key stands at guards that know of no registry: whoever
        looks after the server must be able to end it. Clients are not: they could forge on and on,
        and every guard would keep a notice for each.
        """
        if is_spelled(Kind.ACCESS_TOKEN, unverified):
            return await self.find(unverified, tx)
        return await self._genuine_in(unverified, tx)

    async def _genuine_in(self, unverified: str, tx: Transaction) -> ReadToken | Reason:
        try:
            signed = await self._opening.signed_in(unverified, tx)
        except JoseError as error:
            return Reason.MALFORMED if error.reason == "malformed" else Reason.UNREADABLE
        return self.genuine(signed, tx.now)

    async def signed_in(self, unverified: str, tx: Transaction) -> str:
        """Give the signed token of a text, not verified: as ``Opening.signed_in``, errors too."""
        return await self._opening.signed_in(unverified, tx)

    def judge(self, read: ReadToken | Reason, now: float) -> ReadToken | Reason:
        """Judge what was found by its times and by what has ended. The hub must have caught up."""
        if isinstance(read, Reason):
            return read
        reason = check(read.token, self._expected, now)
        return reason or self._hub.revocations.rejects(read.marks, now) or read

    def genuine(self, unverified: str, now: float) -> ReadToken | Reason:
        """Check the signature alone: whether we signed it, expired and ended ones included."""
        keys = self._keyring.published(Purpose.TOKENS, int(now))
        if self._verifier is None or self._verifier.keys is not keys:
            self._verifier = Verifier(keys, TYPES)
            self._genuine.clear()
        digest = hashlib.sha256(unverified.encode("utf-8", "surrogatepass")).digest()
        known = self._genuine.get(digest)
        if known is not None:
            self._genuine.move_to_end(digest)
            return known
        return self._verify(self._verifier, unverified, digest)

    async def _find_personal(self, unverified: str, tx: Transaction) -> ReadToken | Reason:
        token = await tx.personal_tokens.find(fingerprint(unverified))
        if token is None:
            return Reason.NOT_REGISTERED
        claims = await personal_claims_of(tx, self._expected.issuer, token)
        if isinstance(claims, Reason):
            return claims
        return ReadToken(claims, claims.marks(""), personal=token)

    def _verify(self, verifier: Verifier, unverified: str, digest: bytes) -> ReadToken | Reason:
        try:
            verified = verifier.verify(unverified)
        except JoseError as error:
            return _REASONS.get(error.reason, Reason.MALFORMED)
        token = access_token_from(verified.claims)
        if token is None:
            return Reason.MALFORMED
        read = ReadToken(token, token.marks(verified.kid))
        self._genuine[digest] = read
        if len(self._genuine) > _REMEMBERED:
            self._genuine.popitem(last=False)
        return read


async def policies_for(tx: Transaction, token: AccessToken) -> list[ApiPolicy]:
    """Give the policies of the APIs that a token is for."""
    audiences = (token.aud,) if isinstance(token.aud, str) else token.aud
    apis = [await tx.apis.find(audience) for audience in audiences]
    return [api.policy for api in apis if api is not None]


def is_signed_as_asked(policies: Iterable[ApiPolicy], keyring: Keyring, kid: str, now: int) -> bool:
    """Whether a key signs by the algorithm that all of these policies ask for, if any does."""
    asked = {policy.signing_algorithm for policy in policies} - {None}
    if not asked:
        return True
    key = keyring.published(Purpose.TOKENS, now).get(kid)
    return key is not None and asked == {key.algorithm.name}


_REASONS: Final = {
    "bad_signature": Reason.BAD_SIGNATURE,
    "wrong_algorithm": Reason.BAD_SIGNATURE,
    "wrong_type": Reason.WRONG_TYPE,
    "unknown_key": Reason.UNKNOWN_KEY,
}
