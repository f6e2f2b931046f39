"""Asking the issuer whether a token stands, where the guard cannot know (RFC 7662).

Single flight per token, remembered for seconds, and not asked at all while the issuer is down.
"""

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Rejected, Token, Undecided
from counterfoil.net.http import HttpClient, HttpFailure
from counterfoil.oauth.reasons import Reason

REMEMBERED: Final = 5.0
"""Seconds for which an answer counts. What the guard itself knows is checked on every request."""
ANSWERS_KEPT: Final = 10_000
FAILURES: Final = 3
REST: Final = 5.0
"""Seconds without a question after `FAILURES` failures in a row."""


class _Asking:
    """What belongs to one event loop: the connections, and the questions under way."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.http = HttpClient()
        self.flights: dict[bytes, asyncio.Task[bool | None]] = {}


class Introspection:
    """Asks issuers about tokens. To be used from one event loop at a time."""

    def __init__(self, states: Mapping[str, IssuerState], clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self._asking: _Asking | None = None
        self._answers: dict[bytes, tuple[bool, float]] = {}
        self._failures: dict[str, int] = {}
        self._resting_until: dict[str, float] = {}

    async def decide(self, unverified: str, undecided: Undecided) -> Token:
        """Ask about a token that `Guard.check` could not decide.

        Raises:
            Rejected: ``revoked`` where the issuer says no, ``stale`` where it does not answer.
        """
        token = undecided.token
        digest = sha256(unverified.encode()).digest()
        active = self._remembered(digest)
        if active is None:
            active = await self._ask_once(digest, unverified, token.issuer)
        if active is None:
            raise Rejected(Reason.STALE, fingerprint=token.fingerprint)
        if not active:
            raise Rejected(Reason.REVOKED, fingerprint=token.fingerprint)
        return token

    async def aclose(self) -> None:
        """Close the connections."""
        asking, self._asking = self._asking, None
        if asking is not None and asking.loop is asyncio.get_running_loop():
            await asking.http.aclose()

    def _remembered(self, digest: bytes) -> bool | None:
        active, until = self._answers.get(digest, (False, 0.0))
        return active if self._clock() < until else None

    async def _ask_once(self, digest: bytes, unverified: str, issuer: str) -> bool | None:
        if self._clock() < self._resting_until.get(issuer, 0.0):
            return None
        asking = self._asking
        if asking is None or asking.loop is not asyncio.get_running_loop():
            asking = self._asking = _Asking()
        flight = asking.flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._ask(asking.http, digest, unverified, issuer))
            asking.flights[digest] = flight
            flight.add_done_callback(lambda _: asking.flights.pop(digest, None))
        # Shielded: that one caller goes away must not take the answer from the others.
        return await asyncio.shield(flight)

    async def _ask(
        self, http: HttpClient, digest: bytes, unverified: str, issuer: str
    ) -> bool | None:
        state = self._states[issuer]
        credentials = state.issuer.credentials
        if credentials is None or not state.introspection_endpoint:
            return None
        try:
            answer = await http.post_form(
                state.introspection_endpoint,
                {"token": unverified, "token_type_hint": "access_token"},
                (credentials.client_id, credentials.client_secret),
            )
        except HttpFailure:
            self._failed(issuer)
            return None
        self._failures.pop(issuer, None)
        active = answer.get("active") is True
        if len(self._answers) >= ANSWERS_KEPT:
            self._answers.clear()
        self._answers[digest] = active, self._clock() + REMEMBERED
        return active

    def _failed(self, issuer: str) -> None:
        failures = self._failures[issuer] = self._failures.get(issuer, 0) + 1
        if failures >= FAILURES:
            self._resting_until[issuer] = self._clock() + REST
