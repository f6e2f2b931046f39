"""Asking the issuer whether a token stands, where the guard cannot know (RFC 7662).

Single flight per token, remembered for seconds, and not asked at all while the issuer is down.
"""

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeAlias

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Rejected, Undecided
from counterfoil.net.http import HttpClient, HttpFailure
from counterfoil.oauth.feed import Position
from counterfoil.oauth.personal_token import CLIENT_ADDRESS, KNOWN_TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.url_binding import KNOWN
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from counterfoil.oauth.use_limit import TYPE as LIMITED

_KNOWN: Final = f"{URL_BOUND} {LIMITED}"
REMEMBERED: Final = 5.0
"""Seconds for which an answer counts. What the guard itself knows is checked on every request."""
ANSWERS_KEPT: Final = 10_000
FAILURES: Final = 3
_TROUBLE: Final = "introspection fails"
AT_ONCE: Final = 50
"""Questions under way. Who floods an API with what it must ask about, floods its issuer no more."""
WAITING: Final = 500
"""So many more wait for their turn; further ones are refused at once."""
REST: Final = 5.0
"""Seconds without a question after `FAILURES` failures in a row."""


Answer: TypeAlias = Mapping[str, object]
"""What an issuer said of a token (RFC 7662 §2.2)."""


def _said_by(undecided: Undecided) -> dict[str, str]:
    """Say what is understood here, and from where a personal token was shown."""
    if undecided.shown_from is None:
        return {KNOWN: _KNOWN}
    return {KNOWN: KNOWN_TYPE, CLIENT_ADDRESS: undecided.shown_from}


class _Asking:
    """What belongs to one event loop: the connections, and the questions under way."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.http = HttpClient()
        self.flights: dict[bytes, asyncio.Task[Answer | None]] = {}
        self.turn = asyncio.Semaphore(AT_ONCE)
        self.coming = 0


class Introspection:
    """Asks issuers about tokens. To be used from one event loop at a time."""

    def __init__(self, states: Mapping[str, IssuerState], clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self._asking: _Asking | None = None
        self._answers: dict[bytes, tuple[Answer, float]] = {}
        self._failures: dict[str, int] = {}
        self._resting_until: dict[str, float] = {}

    async def ask(
        self, unverified: str, undecided: Undecided, at_least: Position | None = None
    ) -> Answer:
        """Ask about a token that `Guard.check` could not decide; gives what the issuer says of it.

        With ``at_least`` no answer to an earlier question counts, not even to one with the same
        receipt: it may have been asked before there was such a receipt.

        Raises:
            Rejected: for the reason that `undecided` names where the issuer says no, ``stale``
                where it does not answer.
        """
        digest = sha256(unverified.encode()).digest()
        if at_least is not None:
            answer = await self._ask(digest, unverified, undecided)
        else:
            answer = self._remembered(digest)
            if answer is None:
                answer = await self._ask_once(digest, unverified, undecided)
        if answer is None:
            raise Rejected(Reason.STALE, fingerprint=undecided.fingerprint)
        # Where the registry was asked for, a signature that the issuer knows is not enough.
        unregistered = (
            undecided.otherwise is Reason.NOT_REGISTERED and answer.get("registered") is not True
        )
        if answer.get("active") is not True or unregistered:
            raise Rejected(undecided.otherwise, fingerprint=undecided.fingerprint)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        asking, self._asking = self._asking, None
        if asking is not None and asking.loop is asyncio.get_running_loop():
            await asking.http.aclose()

    def _remembered(self, digest: bytes) -> Answer | None:
        answer, until = self._answers.get(digest, ({}, 0.0))
        return answer if self._clock() < until else None

    async def _ask_once(
        self, digest: bytes, unverified: str, undecided: Undecided
    ) -> Answer | None:
        asking = self._asking_here()
        flight = asking.flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._ask(digest, unverified, undecided))
            asking.flights[digest] = flight
            flight.add_done_callback(lambda _: asking.flights.pop(digest, None))
        # Shielded: that one caller goes away must not take the answer from the others.
        return await asyncio.shield(flight)

    def _asking_here(self) -> _Asking:
        asking = self._asking
        if asking is None or asking.loop is not asyncio.get_running_loop():
            asking = self._asking = _Asking()
        return asking

    async def _ask(self, digest: bytes, unverified: str, undecided: Undecided) -> Answer | None:
        """Ask in turn: to have to wait here is no failure of the issuer, nor counted as one."""
        asking = self._asking_here()
        if asking.coming >= AT_ONCE + WAITING:
            return None
        asking.coming += 1
        try:
            async with asking.turn:
                return await self._ask_now(digest, unverified, undecided)
        finally:
            asking.coming -= 1

    async def _ask_now(self, digest: bytes, unverified: str, undecided: Undecided) -> Answer | None:
        issuer = undecided.issuer
        if self._clock() < self._resting_until.get(issuer, 0.0):
            return None
        state = self._states[issuer]
        credentials = state.issuer.credentials
        if credentials is None or not state.introspection_endpoint:
            return None
        try:
            answer = await self._asking_here().http.post_form(
                state.introspection_endpoint,
                {"token": unverified, "token_type_hint": "access_token"} | _said_by(undecided),
                (credentials.client_id, credentials.client_secret),
            )
        except HttpFailure as error:
            self._failed(state, str(error))
            return None
        self._failures.pop(issuer, None)
        state.troubles.end(_TROUBLE)
        is_active = answer.get("active") is True
        state.counts.introspections["active" if is_active else "refused"].add()
        if len(self._answers) >= ANSWERS_KEPT:
            self._answers.clear()
        self._answers[digest] = answer, self._clock() + REMEMBERED
        return answer

    def _failed(self, state: IssuerState, why: str) -> None:
        issuer = state.issuer.url
        state.counts.introspections["failed"].add()
        state.troubles.begin(_TROUBLE, why, self._clock())
        failures = self._failures[issuer] = self._failures.get(issuer, 0) + 1
        if failures >= FAILURES:
            self._resting_until[issuer] = self._clock() + REST
