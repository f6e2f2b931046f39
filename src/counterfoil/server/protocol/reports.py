"""Taking the reports of guards: sessions that are in use (S25), tokens in two places (S106).

A report is believed only as far as it can be true: the token's family, or its client, must have
access at the API whose guard speaks, and nothing is in use before it was made or after it ended.
"""

import logging
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request, invalid_target, sayable
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reports import Report, Sighting, WrongReport, report_from
from counterfoil.server.protocol import client_authentication, revocation, two_places
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient, Credentials
from counterfoil.server.protocol.events import by_client_with
from counterfoil.server.protocol.identifiers import family_in, is_fingerprint
from counterfoil.server.protocol.two_places import Seen
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import REPORT, Client
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.session import Origin
from counterfoil.server.records.sighting import PAUSE, SeenToken, Stay
from counterfoil.server.records.store import Transaction

CLOCKS_APART: Final = 120
"""Seconds by which a guard's clock may differ; a report that is older is not taken any more."""
_NOTHING: Final = Parameters.parse(b"")
_LOG: Final = logging.getLogger(__name__)


class Taken(Struct, frozen=True):
    """The answer: how many sightings were taken; others could not be true, or matter no more."""

    taken: int
    ignored: int


async def take_report(
    authority: Authority, body: bytes, authorization: str | None, origin: Origin
) -> Taken:
    """Take what the guards of an API have seen, all of it or nothing.

    Raises:
        OAuthError: ``invalid_client`` (401), ``insufficient_scope`` (403), ``invalid_request``
            with what is wrong and where, or ``invalid_target``: not an API of this reporter's.
        StoreUnavailable: nothing was taken; the guard may try again.
    """
    credentials = await client_authentication.credentials_of_header(authority, authorization)
    await authority.store.read(partial(_demand_reporter, credentials=credentials))
    report = _read(body)

    async def work(tx: Transaction) -> Taken:
        reporter = await _demand_reporter(tx, credentials)
        api = await _demand_api(tx, reporter.client, report.audience)
        authority.activity.note_secret(reporter.secret_id, tx.now)
        far_apart = api.policy.far_apart
        seen = [replace(each, far_apart=far_apart) for each in await _believed(tx, report)]
        await _note_use(authority, tx, seen)
        by = by_client_with(reporter.client.client_id, reporter.proof, origin)
        for each in seen:
            await two_places.note(authority, tx, each, by)
        return Taken(len(seen), len(report.sightings) - len(seen))

    taken = await authority.store.transact(work)
    await authority.hub.catch_up()
    if report.dropped:
        _LOG.warning("a guard of %r could not keep %d sightings", report.audience, report.dropped)
    return taken


async def _demand_reporter(tx: Transaction, credentials: Credentials) -> AuthenticatedClient:
    reporter = await client_authentication.authenticate(tx, credentials)
    client_authentication.demand_right(reporter.client, REPORT)
    return reporter


def _read(body: bytes) -> Report:
    try:
        return report_from(body)
    except WrongReport as error:
        sentence = f"The report is not taken: {sayable(str(error))}."
        raise invalid_request(sentence, detail="no report") from None


async def _demand_api(tx: Transaction, client: Client, audience: str) -> Api:
    api = await tx.apis.find(audience)
    if api is None or not client.guards(audience):
        raise invalid_target("There is no API of this audience that this client may report for.")
    return api


async def _believed(tx: Transaction, report: Report) -> list[Seen]:
    """Give what can be true, by the server's clock.

    In one order, whoever reports, so that no two reports wait for one another in a circle.
    """
    apart = tx.now - report.sent_at
    if abs(apart) > CLOCKS_APART:
        raise invalid_request(
            f"The report is not taken: sent_at is {abs(apart)} seconds away from the server's "
            f"clock, and {CLOCKS_APART} are allowed.",
            detail=f"sent_at is {abs(apart)} seconds away",
        )
    found = [await _seen(tx, report.audience, each, apart) for each in report.sightings]
    seen = [each for each in found if each is not None]
    return sorted(seen, key=lambda each: (each.token.jti, each.token.stay.first))


async def _seen(tx: Transaction, audience: str, sighting: Sighting, apart: int) -> Seen | None:
    """Give one sighting as far as it is believed; ``None``: it cannot be true, or is too late."""
    if not is_fingerprint(sighting.jti):
        return None
    client = await tx.clients.find(sighting.client_id)
    if client is None or not client.is_enabled:
        return None
    family_id, family = family_in(sighting.jti), None
    if family_id:
        family = await tx.families.find(family_id)
        if family is None or not _is_of(family, client, audience):
            return None
    elif not _acts_for_itself(client, audience):
        return None
    begun, until = await _life(tx, sighting, family)
    stay = _stay(sighting, apart, begun, min(until, tx.now))
    if tx.now >= until + SKEW or stay is None:
        return None
    token = SeenToken(sighting.jti, client.client_id, family_id, until + SKEW, stay)
    return Seen(token, client.policy.in_two_places, family)


def _is_of(family: Family, client: Client, audience: str) -> bool:
    is_theirs = family.client_id == client.client_id and audience in family.access.apis
    return is_theirs and family.ended_at is None


def _acts_for_itself(client: Client, audience: str) -> bool:
    return "client_credentials" in client.grant_types and audience in client.access.apis


async def _life(tx: Transaction, sighting: Sighting, family: Family | None) -> tuple[int, int]:
    """Say from when until when the token can have been used."""
    if family is not None:
        return family.created_at, min(sighting.expires_at, family.access_expires_at)
    return 0, min(sighting.expires_at, await revocation.longest_end(tx) - SKEW)


def _stay(sighting: Sighting, apart: int, begun: int, ended: int) -> Stay | None:
    last = min(sighting.last + apart, ended)
    first = max(min(sighting.first + apart, last), begun, last - PAUSE)
    return Stay(sighting.place, first, last, sighting.count) if first <= last else None


async def _note_use(authority: Authority, tx: Transaction, seen: list[Seen]) -> None:
    """Let the sessions behind live families know that they are in use, if they still stand.

    A session that was idle for too long stays ended, and none lives beyond its absolute end.
    """
    used = dict[str, int]()
    for each in seen:
        session_id = each.family.session_id if each.family else None
        if session_id is not None:
            used[session_id] = max(each.token.stay.last, used.get(session_id, 0))
    idle = authority.settings.session_idle_lifetime
    for session_id in sorted(used):
        session = await tx.sessions.find(session_id)
        if session is not None and session.is_live(tx.now, idle):
            await tx.sessions.touch({session_id: used[session_id]})
