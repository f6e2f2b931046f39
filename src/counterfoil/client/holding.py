"""What a holder decides: which tokens are good, when to refresh; kept first, then used.

Written once, as a generator of requests. Whoever runs ``renewed`` has locked the entry.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.cache import Cache, Entry, Kept, read_kept, write_kept
from counterfoil.client.errors import CacheUnusable, Refused, SignInNeeded
from counterfoil.client.flows import Flows
from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Exchange
from counterfoil.net.http import HttpFailure

PAUSE: Final = 5.0
"""Seconds without a further try after the server did not answer, while the old token lives."""


class Wish(Struct, frozen=True):
    """Which tokens are wanted: for which API, and which access token was refused already.

    ``narrowing``: parameters that make less of the token. Such a one is fetched, and not kept.
    """

    resource: str = ""
    refused: str = ""
    narrowing: Mapping[str, str] = {}


class Holding:
    """One entry of a cache, and what this process knows of it. Threads may share it."""

    def __init__(self, flows: Flows, cache: Cache, entry: Entry, *, for_itself: bool) -> None:
        self.flows = flows
        self.cache = cache
        self.entry = entry
        self._for_itself = for_itself
        self._known: Kept | None = None
        self._not_before = 0.0

    def begun_with(self, tokens: Tokens) -> None:
        """Keep the tokens of a sign-in, instead of whatever was kept."""
        self._keep(Kept(tokens=tokens, key=self._key))

    def known(self, wish: Wish) -> Tokens | None:
        """Give tokens that are good and known here, without a look into the cache."""
        return self._good_in(self._known, wish)

    def kept(self) -> Kept | None:
        """Look into the cache."""
        self._known = read_kept(self.cache, self.entry)
        return self._known

    def forget(self) -> None:
        """Remove the entry."""
        self._known = None
        self.cache.remove(self.entry)

    def taken_out(self) -> Kept | None:
        """Remove the entry, whatever is in it, and give what it held."""
        try:
            return self.kept()
        finally:
            self.forget()

    def renewed(self, wish: Wish) -> Exchange[Tokens]:
        """Give good tokens: those that another has fetched meanwhile, or fresh ones.

        Fresh ones are kept before they are given. A process that dies in between leaves the old
        refresh token, for which the server gives the same successor within its window.
        """
        kept = self.kept()
        if wish.narrowing:
            return (yield from self._fresh(kept, wish))
        found = self._good_in(kept, wish) or self._last_of(kept, wish)
        if found is not None:
            return found
        try:
            fresh = yield from self._fresh(kept, wish)
        except (HttpFailure, Refused, CacheUnusable):
            living = _held_for(kept, self._resource_of(wish))
            if living is None or not self._is_usable(living, wish):
                raise
            self._not_before = self.flows.outside.clock() + PAUSE
            return living
        return fresh

    def _fresh(self, kept: Kept | None, wish: Wish) -> Exchange[Tokens]:
        resource = self._resource_of(wish)
        if kept is None or kept.tokens.refresh_token is None:
            if not self._for_itself:
                raise SignInNeeded(f"nobody is signed in at {self.entry.issuer}: sign in first")
            if resource:
                raise ValueError("a service has a holder of its own for each API")
            entry = self.entry
            fresh = yield from self.flows.client_credentials(
                entry.scope, entry.resource, wish.narrowing
            )
            if not wish.narrowing:
                self._keep(Kept(tokens=fresh, key=self._key))
            return fresh
        if kept.key != self._key:
            raise SignInNeeded("these tokens are bound to a key that is not here: sign in again")
        fresh = yield from self._refreshed(kept, resource, wish.narrowing)
        if wish.narrowing:
            whole = msgspec.structs.replace(kept.tokens, refresh_token=fresh.refresh_token)
            self._keep(msgspec.structs.replace(kept, tokens=whole))
            return msgspec.structs.replace(fresh, refresh_token=None, id_token=None)
        return self._taken(kept, resource, fresh)

    def _refreshed(
        self, kept: Kept, resource: str, narrowing: Mapping[str, str]
    ) -> Exchange[Tokens]:
        def keep(tokens: Tokens) -> None:
            self._keep(msgspec.structs.replace(kept, tokens=tokens))

        asked = resource or self.entry.resource
        # Nobody spends what he could not replace: a disk that is full says so here.
        self._keep(kept)
        try:
            return (yield from self.flows.refresh(kept.tokens, asked, keep, narrowing))
        except Refused as refused:
            if refused.error != "invalid_grant":
                raise
            self.forget()
            why = refused.description or refused.error
            raise SignInNeeded(f"{self.entry.issuer} has ended it ({why}) Sign in again.") from None

    def _taken(self, kept: Kept, resource: str, fresh: Tokens) -> Tokens:
        """Keep fresh tokens, for the entry's own API or for another one."""
        if not resource:
            self._keep(msgspec.structs.replace(kept, tokens=fresh))
            return fresh
        whole = msgspec.structs.replace(kept.tokens, refresh_token=fresh.refresh_token)
        bare = msgspec.structs.replace(fresh, refresh_token=None, id_token=None)
        self._keep(
            msgspec.structs.replace(kept, tokens=whole, others={**kept.others, resource: bare})
        )
        return bare

    def _keep(self, kept: Kept) -> None:
        write_kept(self.cache, self.entry, kept)
        self._known = kept

    def _good_in(self, kept: Kept | None, wish: Wish) -> Tokens | None:
        found = _held_for(kept, self._resource_of(wish))
        if kept is None or found is None or kept.key != self._key:
            return None
        now = self.flows.outside.clock()
        if found.access_token == wish.refused:
            return None
        is_good = found.is_fresh(now) or (now < self._not_before and found.is_alive(now))
        return found if is_good else None

    def _last_of(self, kept: Kept | None, wish: Wish) -> Tokens | None:
        """Give the token that nothing can replace, while it lives."""
        living = _held_for(kept, self._resource_of(wish))
        if kept is None or living is None or self._for_itself or kept.tokens.refresh_token:
            return None
        return living if kept.key == self._key and self._is_usable(living, wish) else None

    def _is_usable(self, tokens: Tokens, wish: Wish) -> bool:
        alive = tokens.is_alive(self.flows.outside.clock())
        return alive and tokens.access_token != wish.refused

    def _resource_of(self, wish: Wish) -> str:
        """Give the API that is meant; empty: the entry's own."""
        return "" if wish.resource == self.entry.resource else wish.resource

    @property
    def _key(self) -> str:
        return "" if self.flows.prover is None else self.flows.prover.key.thumbprint


def _held_for(kept: Kept | None, resource: str) -> Tokens | None:
    if kept is None:
        return None
    return kept.others.get(resource) if resource else kept.tokens
