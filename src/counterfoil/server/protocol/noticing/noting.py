"""Noticing at a sign-in: what is judged is written down, and policy decides what follows (S108).

It costs a sign-in two statements more: what is known is read, and kept. In a browser that is not
known it costs a third, which looks for what failed before.
"""

import hmac
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import MULTIPLE, is_enough
from counterfoil.oauth.addresses import network_of
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.noticing.doubting import doubt
from counterfoil.server.protocol.noticing.finding import OFF, Action, Finding, actions_by
from counterfoil.server.protocol.noticing.sign_ins import (
    NONE_FAILED,
    Failed,
    SigningIn,
    findings,
)
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.habits import HOUR, Habits
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.records.user_agent import named_in
from counterfoil.server.settings import Settings

_LOOKED_AT: Final = 100
"""So many of the last events in somebody's name are looked at for what failed."""
_NAME_BYTES: Final = 8
_ASKED: Final = say("They were asked for more than they had shown.")


class Arrival(Struct, frozen=True):
    """Somebody who has shown a password or a key arrives, in a browser that is known or not.

    ``proof`` is what they have shown, as events say it.
    """

    user: User
    origin: Origin
    browser_known: bool
    proof: str = events.PASSWORD


class _Judged(Struct, frozen=True):
    habits: Habits
    now: SigningIn
    found: tuple[Finding, ...]


async def is_held(authority: Authority, tx: Transaction, arrival: Arrival) -> bool:
    """Whether more must be shown than was, by whoever has more to show, before a session begins.

    Then what was noticed is written down at once: whoever cannot show it never comes further.
    """
    judged = await _judge(authority, tx, arrival)
    held = [each for each in judged.found if Action.STEP_UP in _actions(authority, each)]
    if not held:
        return False
    by = events.by_user(arrival.user.id, arrival.origin, arrival.proof)
    asked = [replace(each, reasons=(*each.reasons, _ASKED)) for each in held]
    await _record(authority, tx, by, asked, {})
    if any(Action.TELL in _actions(authority, each) for each in held):
        letter = LetterKind.SIGN_IN_HELD, f"{authority.issuer}/account/activity"
        habits = await _tell(authority, tx, arrival, judged, letter)
        await tx.habits.keep(arrival.user.id, habits)
    return True


async def note_sign_in(
    authority: Authority, tx: Transaction, arrival: Arrival, session: Session, by: Actor
) -> None:
    """Judge a session that has begun, tell of what does not fit, and learn from it.

    What policy would have held, and was shown no more than before, teaches nothing. A browser that
    is remembered, and showed nothing, is asked then.
    """
    judged = await _judge(authority, tx, arrival)
    await _record(authority, tx, by, judged.found, {"session_id": session.id})
    acts = [_actions(authority, each) for each in judged.found]
    habits = judged.habits
    if any(Action.TELL in each for each in acts):
        link = f"{authority.issuer}/account/not-me?about=session:{session.id}"
        letter = LetterKind.SIGN_IN_NOTICED, link
        habits = await _tell(authority, tx, arrival, judged, letter)
    proved = is_enough(session.amr, MULTIPLE) and not session.recalled
    held = not proved and any(Action.STEP_UP in each for each in acts)
    if held and session.recalled:
        await doubt(tx, session.id)
    if not held:
        habits = habits.learned(judged.now.network, judged.now.place, tx.now)
    await tx.habits.keep(arrival.user.id, habits)


async def forget_strangers(tx: Transaction, user_id: str) -> None:
    """Forget what somebody else may have taught: the person says that it was not them (S38)."""
    habits = await tx.habits.of_user(user_id)
    await tx.habits.keep(user_id, habits.without_strangers(tx.now))


async def _judge(authority: Authority, tx: Transaction, arrival: Arrival) -> _Judged:
    habits = await tx.habits.of_user(arrival.user.id)
    failed = NONE_FAILED
    if habits.since and not arrival.browser_known:
        failed = await _failed(authority, tx, arrival.user.id)
    now = SigningIn(
        network=network_name(authority, arrival.user.id, arrival.origin.address),
        place=authority.atlas.find(arrival.origin.address),
        at=tx.now,
        browser_known=arrival.browser_known,
        failed=failed,
    )
    found = tuple(
        each for each in findings(habits, now) if OFF not in rules_for(authority.settings, each)
    )
    return _Judged(habits, now, found)


def network_name(authority: Authority, user_id: str, address: str) -> str:
    """Name the network of an address, for one person: without our secret it tells nothing."""
    if not address:
        return ""
    text = f"{user_id} {network_of(address)}".encode()
    return hmac.digest(authority.keys.networks, text, "sha256")[:_NAME_BYTES].hex()


async def _failed(authority: Authority, tx: Transaction, user_id: str) -> Failed:
    query = EventQuery(actor=f"user:{user_id}", limit=_LOOKED_AT)
    recent = [each for each in await tx.events.find(query) if each.at > tx.now - HOUR]

    def networks(kind: EventKind) -> tuple[str, ...]:
        addresses = (each.address for each in recent if each.kind is kind)
        return tuple(network_name(authority, user_id, address) for address in addresses)

    return Failed(networks(EventKind.SIGN_IN_FAILED), networks(EventKind.SECOND_FACTOR_FAILED))


def rules_for(settings: Settings, finding: Finding) -> tuple[str, ...]:
    """Give the rules of a kind: each kind is a setting."""
    rules: tuple[str, ...] = getattr(settings, f"notice_{finding.kind.value}")
    return rules


def _actions(authority: Authority, finding: Finding) -> frozenset[Action]:
    return actions_by(rules_for(authority.settings, finding), finding.score)


async def _record(
    authority: Authority,
    tx: Transaction,
    by: Actor,
    found: Iterable[Finding],
    more: dict[str, str],
) -> None:
    for each in found:
        done = {"done": " ".join(sorted(_actions(authority, each)))}
        user_id = by.name.removeprefix("user:")
        await events.record(tx, each.kind, by, user_id, each.detail | done | more)


async def _tell(
    authority: Authority,
    tx: Transaction,
    arrival: Arrival,
    judged: _Judged,
    letter: tuple[LetterKind, str],
) -> Habits:
    """Send a letter, unless one tells of this place today; gives the habits, which know of it."""
    kind, link = letter
    what = f"{kind.value} {judged.now.where}"
    if judged.habits.was_told(what, tx.now):
        return judged.habits
    values = {
        "device": named_in(arrival.origin.user_agent),
        "where": authority.atlas.describe(arrival.origin.address),
    }
    await tell(authority, tx, arrival.user, kind, link=link, **values)
    return judged.habits.telling(what, tx.now)
