"""Noticing one token in two places at once, and what its client's policy says then (S106)."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.noticing import tokens
from counterfoil.server.protocol.noticing.elsewhere import FAR
from counterfoil.server.protocol.noticing.finding import Action
from counterfoil.server.protocol.noticing.tokens import Elsewhere
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.policy import FarApart, InTwoPlaces
from counterfoil.server.records.sighting import (
    MOST_PLACES,
    MOST_TOLD,
    SeenToken,
    Stay,
    least_of,
)
from counterfoil.server.records.store import Transaction

WHY: Final = "in_two_places"
"""The word that says why a family or a token ended."""


class Seen(Struct, frozen=True):
    """A sighting that is believed; what policy says; the family, if there is one.

    ``policy`` is that of its client, ``far_apart`` that of the API where it was seen.
    """

    token: SeenToken
    policy: InTwoPlaces
    family: Family | None
    far_apart: FarApart = "record"


async def note(authority: Authority, tx: Transaction, seen: Seen, by: Actor) -> None:
    """Keep where a token was seen, and tell once of each two places where it was at once.

    What makes room is told of too, unless it was over: else a thief who uses more networks than
    are kept, each for some seconds, drives out the owner's before it overlaps, time and again.
    """
    if seen.policy == "allow" or not seen.token.stay.place:
        return
    stays = await tx.sightings.of_token(seen.token.jti)
    network = seen.token.stay.network
    own = next((stay for stay in stays if stay.network == network), None)
    others = [stay for stay in stays if stay is not own]
    if own is not None:
        stay = own.going_on(seen.token.stay)
        seen = replace(seen, token=replace(seen.token, stay=stay))
    elif len(others) < MOST_PLACES and not await _has_room(tx, seen.token):
        return
    await tx.sightings.keep(seen.token)
    for other in others:
        if seen.token.stay.overlaps(other):
            await _tell(authority, tx, seen, other, by)
    if len(others) >= MOST_PLACES:
        least = least_of(others, tx.now)
        if not least.is_over(tx.now):
            await _tell(authority, tx, seen, least, by)
        await tx.sightings.forget(seen.token.jti, least.network)


async def _has_room(tx: Transaction, token: SeenToken) -> bool:
    return await tx.sightings.count(token.client_id, token.family_id) < token.most


async def _tell(authority: Authority, tx: Transaction, seen: Seen, other: Stay, by: Actor) -> None:
    token = seen.token
    if await tx.sightings.count_told(token.client_id, token.family_id) >= MOST_TOLD:
        return
    if not await tx.sightings.tell(token, other):
        return
    places = token.stay.place, other.place
    noticed = await tokens.two_places(authority, tx, seen.family, places)
    detail = _detail(seen, (token.stay, other)) | noticed.detail
    ends = _ends(seen, noticed)
    if noticed.is_off and not ends:
        return
    if ends:
        detail |= {"done": " ".join(sorted(noticed.actions | {Action.END}))}
    await events.record(tx, EventKind.TOKEN_IN_TWO_PLACES, by, token.jti, detail)
    if seen.family is not None:
        await tokens.follow(authority, tx, noticed, seen.family)
    if ends:
        await _end(tx, token, by)


def _ends(seen: Seen, noticed: Elsewhere) -> bool:
    """Whether the client, the API or the settings have it end."""
    far = noticed.finding.score >= FAR
    where_far = seen.policy == "end_far" or seen.far_apart == "end"
    return seen.policy == "end" or (far and where_far) or noticed.ends


def _detail(seen: Seen, stays: tuple[Stay, ...]) -> dict[str, str]:
    """Say which token it was, and of each place in turn where, from when to when, how often."""
    whose = {"family_id": seen.family.id, "user_id": seen.family.user_id} if seen.family else {}
    return {
        "client_id": seen.token.client_id,
        **whose,
        "places": " ".join(stay.place for stay in stays),
        "seen": " ".join(f"{stay.first}-{stay.last}" for stay in stays),
        "counts": " ".join(str(stay.count) for stay in stays),
    }


async def _end(tx: Transaction, token: SeenToken, by: Actor) -> None:
    if token.family_id:
        await revocation.end_family(tx, token.family_id, WHY, by)
    else:
        await revocation.end_token(tx, token.jti, token.kept_until - SKEW, by, WHY)
