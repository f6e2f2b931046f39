"""The line on which a guard takes uses of limited tokens, and gives back what it did not spend.

On it are counted transactions, too (S15): each is asked for by itself, when it is about to be done.

Takes that come while one request is under way go into the next one together. A take whose answer
was lost is asked for again, under the same key, before any other of its token: it is never spent
twice, nor lost to an issuer that was slow.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.uses import MOST, Unspent, Uses
from counterfoil.net.http import BadAnswer, HttpClient, HttpFailure
from counterfoil.oauth.allowances import (
    MOST_TAKES,
    USES,
    Answered,
    Spending,
    Spent,
    Unused,
    Wanted,
    WantedAct,
)
from counterfoil.oauth.reasons import Reason

IDLE: Final = 10.0
"""Seconds without a use after which what is held of a token is given back, or up to twice that."""
TRY_WITHIN: Final = 2.0
"""Seconds that the issuer has to answer."""
WAIT: Final = 5.0
"""Seconds that a request waits for its use."""
REST: Final = 1.0
"""Seconds without a question after one that came to nothing."""
LAST_WITHIN: Final = 2.0
"""Seconds that a guard which is stopped takes to give back what it holds."""
NOT_COUNTED: Final = "uses cannot be counted"

logger = logging.getLogger(__name__)


class _Waiting:
    """Requests that wait for a use of one token."""

    def __init__(self, token: Token) -> None:
        self.token = token
        self.requests: list[asyncio.Future[str]] = []

    @property
    def present(self) -> list[asyncio.Future[str]]:
        """Those that have not gone meanwhile."""
        return [request for request in self.requests if not request.done()]


class _Unanswered(Struct, frozen=True):
    """A take that the issuer may have granted, for all that is known here."""

    token: Token
    take: Wanted


class UseLine:
    """Takes of one issuer. To be used in the event loop in which it is held."""

    def __init__(self, uses: Uses, state: IssuerState, surroundings: Surroundings) -> None:
        self._uses = uses
        self._state = state
        self._surroundings = surroundings
        self._http: HttpClient | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._asking: asyncio.Task[None] | None = None
        self._resting_until = float("-inf")
        self._unspent: list[Unspent] = []
        self._unanswered: dict[str, _Unanswered] = {}

    async def hold(self, http: HttpClient) -> None:
        """Give back what is idle, until cancelled, and then all that is left."""
        self._http, self._waiting, self._asking = http, {}, None
        self._unspent, self._unanswered = [], {}
        try:
            while True:
                await asyncio.sleep(IDLE * (0.75 + self._surroundings.chance() / 2))
                self._ask_again()
                await self._give_back(http, self._uses.idle())
        finally:
            self._http = None
            await self._end(http)

    async def take(self, token: Token) -> str:
        """Get a use of a token; gives the key of its take.

        Raises:
            Rejected: ``used_up``, ``uncounted`` where the issuer cannot be asked, or as it says.
        """
        jti = token.fingerprint
        key = self._uses.spend(jti)
        if key:
            return key
        if self._uses.is_used_up(jti):
            raise Rejected(Reason.USED_UP, fingerprint=jti)
        self._demand_asking(jti)
        waiting = self._waiting.setdefault(jti, _Waiting(token))
        request: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting.requests.append(request)
        self._begin_asking()
        try:
            async with asyncio.timeout(WAIT):
                return await request
        except TimeoutError:
            raise _uncounted(jti, "the issuer did not answer in time") from None

    async def act(self, act: WantedAct) -> None:
        """Have a transaction counted; without a key, under one that is drawn.

        Raises:
            Rejected: ``beyond_limit``, ``uncounted`` where the issuer cannot be asked, or as it
                says.
        """
        http = self._demand_asking(act.jti)
        if not act.key:
            act = replace(act, key=self._surroundings.name())
        try:
            spending = Spending(self._uses.audience, acts=(act,))
            (answer,) = (await self._send(http, spending)).acts
        except (HttpFailure, TimeoutError, msgspec.ValidationError, ValueError) as error:
            why = str(error) or "it does not answer in time"
            self._failed((), why)
            raise _uncounted(act.jti, why) from None
        self._state.troubles.end(NOT_COUNTED)
        if answer.granted < 1:
            raise _beyond(act.jti, answer)

    def _demand_asking(self, jti: str) -> HttpClient:
        """Give the way to ask, where it can be asked now."""
        if self._state.issuer.credentials is None:
            raise _uncounted(jti, "the guard has no credentials with which to count")
        if self._http is None or not self._state.allowances_endpoint:
            raise _uncounted(jti, "the issuer is not known yet, or counts no uses")
        if asyncio.get_running_loop().time() < self._resting_until:
            raise _uncounted(jti, "the issuer did not answer a moment ago")
        return self._http

    def _begin_asking(self) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())

    def _ask_again(self) -> None:
        """Ask for what was not answered and nobody wants any more: what comes is given back.

        It is not waited for: where requests come all the time, the asking never ends.
        """
        now = self._surroundings.clock()
        for jti, each in list(self._unanswered.items()):
            if now < each.token.expires_at:
                self._waiting.setdefault(jti, _Waiting(each.token))
            else:
                self._unanswered.pop(jti, None)
        if self._waiting:
            self._begin_asking()

    async def _ask_all(self) -> None:
        try:
            while self._waiting and self._http is not None:
                some = [self._waiting.pop(jti) for jti in list(self._waiting)[:MOST_TAKES]]
                await self._ask(self._http, some)
        finally:
            self._asking = None

    async def _ask(self, http: HttpClient, some: Sequence[_Waiting]) -> None:
        takes = tuple(self._wanted(each) for each in some)
        try:
            spent = await self._send(http, Spending(self._uses.audience, takes))
            answers = dict(zip((take.key for take in takes), spent.takes, strict=True))
        except (HttpFailure, TimeoutError, msgspec.ValidationError, ValueError) as error:
            self._keep_unanswered(some, takes)
            self._failed(some, str(error) or "it does not answer in time")
            return
        self._state.troubles.end(NOT_COUNTED)
        for take, waiting in zip(takes, some, strict=True):
            self._settle(waiting, take.key, answers[take.key])

    def _wanted(self, waiting: _Waiting) -> Wanted:
        jti = waiting.token.fingerprint
        unanswered = self._unanswered.pop(jti, None)
        if unanswered is not None:
            return unanswered.take
        # What there is no room for must not be leased: it would only be kept from the others.
        leases = self._state.issuer.leases if self._uses.has_room(jti) else 1
        amount = max(leases, len(waiting.present))
        return Wanted(jti, USES, self._surroundings.name(), amount, 1)

    def _keep_unanswered(self, some: Sequence[_Waiting], takes: Sequence[Wanted]) -> None:
        for waiting, take in zip(some, takes, strict=True):
            if len(self._unanswered) < MOST:
                self._unanswered[take.jti] = _Unanswered(waiting.token, take)

    async def _send(self, http: HttpClient, spending: Spending) -> Spent:
        """Ask, and once more under the same keys where no answer came."""
        try:
            return await self._try(http, spending)
        except BadAnswer as error:
            if error.status < 500:
                raise
        except (HttpFailure, TimeoutError):
            pass
        return await self._try(http, spending)

    async def _try(self, http: HttpClient, spending: Spending) -> Spent:
        async with asyncio.timeout(TRY_WITHIN):
            return await self._post(http, spending)

    async def _post(self, http: HttpClient, spending: Spending) -> Spent:
        credentials = self._state.issuer.credentials
        if credentials is None:
            raise BadAnswer("the guard has no credentials")
        basic = credentials.client_id, credentials.client_secret
        endpoint, body = self._state.allowances_endpoint, msgspec.json.encode(spending)
        answer: Any = await http.ask_json(endpoint, body, basic)
        return msgspec.convert(answer, Spent)

    def _settle(self, waiting: _Waiting, key: str, answer: Answered) -> None:
        """Give each request its use; what is over is held, also for whom nobody waits any more.

        Whoever got none while others did asks again: only by an answer of its own is it refused.
        """
        token, jti = waiting.token, waiting.token.fingerprint
        present = waiting.present
        for request in present[: answer.granted]:
            request.set_result(key)
        without, over = present[answer.granted :], answer.granted - len(present)
        if answer.granted <= 0:
            for request in without:
                request.set_exception(self._refusal(jti, answer))
        elif without:
            self._waiting.setdefault(jti, _Waiting(token)).requests += without
        if over > 0 and not self._uses.hold(jti, token.expires_at, key, over):
            self._unspent.append(Unspent(jti, key, over))

    def _refusal(self, jti: str, answer: Answered) -> Rejected:
        """Say why there is no use, as the issuer says."""
        try:
            reason = Reason(answer.refused or Reason.USED_UP)
        except ValueError:
            return _uncounted(jti, f"the issuer said {answer.refused}")
        if reason is Reason.USED_UP:
            self._uses.say_used_up(jti)
        return Rejected(reason, fingerprint=jti, detail="the issuer has counted")

    def _failed(self, some: Sequence[_Waiting], why: str) -> None:
        self._resting_until = asyncio.get_running_loop().time() + REST
        self._state.troubles.begin(NOT_COUNTED, why, self._surroundings.clock())
        _refuse(some, why)

    async def _give_back(self, http: HttpClient, unspent: Sequence[Unspent]) -> None:
        """Give back; what cannot be given back now waits, within bounds, for the next time."""
        self._unspent = [*self._unspent, *unspent][-MOST:]
        while self._unspent:
            some = self._unspent[:MOST_TAKES]
            returns = tuple(Unused(each.jti, USES, each.key, each.count) for each in some)
            try:
                await self._send(http, Spending(self._uses.audience, (), returns))
            except (HttpFailure, TimeoutError, msgspec.ValidationError) as error:
                self._state.troubles.begin(NOT_COUNTED, str(error), self._surroundings.clock())
                return
            self._state.troubles.end(NOT_COUNTED)
            del self._unspent[: len(some)]

    async def _end(self, http: HttpClient) -> None:
        """Refuse who still waits, and give back the rest; what is late is forfeited."""
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=TRY_WITHIN)
        _refuse(self._waiting.values(), "the guard stops")
        self._waiting = {}
        try:
            async with asyncio.timeout(LAST_WITHIN):
                self._http = http
                self._ask_again()
                if self._asking is not None:
                    await asyncio.wait([self._asking])
                await self._give_back(http, self._uses.all())
        except TimeoutError:
            logger.warning("%s: uses that were held are forfeited", self._state.issuer.url)
        finally:
            self._http = None
            if self._asking is not None:
                self._asking.cancel()


def _refuse(every: Iterable[_Waiting], why: str) -> None:
    for waiting in every:
        for request in waiting.requests:
            if not request.done():
                request.set_exception(_uncounted(waiting.token.fingerprint, why))


def _uncounted(jti: str, why: str) -> Rejected:
    return Rejected(Reason.UNCOUNTED, detail=why, fingerprint=jti)


def _beyond(jti: str, answer: Answered) -> Rejected:
    """Say why a transaction is not to be done: the token may stand for others."""
    try:
        reason = Reason(answer.refused)
    except ValueError:
        detail = f"the issuer said {answer.refused}: the key stands for another transaction"
        return Rejected(Reason.BEYOND_LIMIT, detail=detail, fingerprint=jti)
    if reason is Reason.USED_UP:
        detail = "so many transactions, or so much in all, were done with it already"
        return Rejected(Reason.BEYOND_LIMIT, detail=detail, fingerprint=jti)
    return Rejected(reason, detail="the issuer has counted", fingerprint=jti)
