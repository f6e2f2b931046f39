"""What is known of the issuer: its metadata and its keys, fetched when they are first needed."""

from collections.abc import Callable
from typing import Final

from counterfoil.client.metadata import Metadata, metadata_in
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet
from counterfoil.net.exchange import Exchange, Request
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.metadata import places

METADATA_AGE: Final = 3600
"""Seconds after which the metadata is fetched again."""
COOLDOWN: Final = 30
"""Seconds between two fetches of the keys, however many unknown ``kid`` are seen."""


class Provider:
    """The issuer, as far as it is known. Threads may share it: at worst both fetch."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    def metadata(self) -> Exchange[Metadata]:
        """Give the metadata."""
        known, now = self._metadata, self._clock()
        if known is not None and now < known[1] + METADATA_AGE:
            return known[0]
        metadata = yield from self._discovered()
        self._metadata = metadata, now
        return metadata

    def _discovered(self) -> Exchange[Metadata]:
        for place in reversed(places(self._issuer)):
            answer = yield Request(place)
            if answer.status == 200:
                return metadata_in(answer.json(), self._issuer)
        raise BadAnswer(f"{self._issuer} publishes no metadata: is it the issuer?")

    def keys_for(self, unverified: str) -> Exchange[KeySet]:
        """Give the keys; fetched anew where none of them is the one that the token names."""
        known, now = self._keys, self._clock()
        if known is not None and (_names_one_of(known[0], unverified) or now < known[1] + COOLDOWN):
            return known[0]
        metadata = yield from self.metadata()
        answer = yield Request(metadata.address("jwks_uri"))
        if answer.status != 200:
            raise BadAnswer(f"{answer.url} answered {answer.status}, not 200")
        try:
            keys = KeySet.from_jwks(answer.json())
        except JoseError as error:
            raise BadAnswer(f"{answer.url}: {error}") from None
        self._keys = keys, now
        return keys


def _names_one_of(keys: KeySet, unverified: str) -> bool:
    try:
        kid = jwt.unverified_header(unverified).get("kid")
    except JoseError:
        return True
    return kid is None or kid in keys
