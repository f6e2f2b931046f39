"""Writing tokens down, for the APIs that want it: registry, reference tokens, status lists.

So are tokens that were too long, where their API takes reference tokens in their place. Of a
limited token is written down how often it works, and what it may do so often. A plain token costs
no row, whatever other APIs want.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from counterfoil.oauth.allowances import USES
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, spell
from counterfoil.oauth.registry import digest_of
from counterfoil.oauth.status_list import Status, StatusReference
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.issuance import Issuance, Lineage
from counterfoil.server.protocol.minting import Form, Minted, mint_as
from counterfoil.server.protocol.size_budget import becomes_reference
from counterfoil.server.protocol.status_lists import uri_of
from counterfoil.server.records.allowance import Allowance
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.issued_token import LIST_SIZE, IssuedToken, Place
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_TRIES: Final = 200
"""Each finds a free place with even odds at least: as many are never needed."""


class _Plan(Struct, frozen=True):
    """The form that the API wants, and the place where a list is to be found in it."""

    form: Form
    place: Place | None = None


async def issue(authority: Authority, issuance: Issuance, tx: Transaction) -> TokenResponse:
    """Mint what was decided and write its access token down, in one transaction.

    Nobody ever holds a token that was not written down: the answer leaves after the commit.
    """
    plan = await _plan(authority, issuance, tx)
    minted = mint_as(authority, issuance, plan.form)
    if becomes_reference(issuance, minted.response):
        plan = _opaque(tx)
        minted = mint_as(authority, issuance, plan.form)
    if issuance.audience.policy.costs_a_row or plan.form.reference is not None:
        await tx.issued_tokens.add(_row(authority.settings, minted, plan))
    for name, total in _counted(issuance):
        await tx.allowances.add(_allowance(minted, name, total, issuance.lineage))
    return minted.response


async def _plan(authority: Authority, issuance: Issuance, tx: Transaction) -> _Plan:
    audience = issuance.audience
    if audience.policy.token_format == "reference":
        return _opaque(tx)
    if not audience.policy.status_list:
        return _Plan(Form())
    until = _kept_until(authority.settings, issuance.issued_at + audience.lifetime)
    list_id = await tx.issued_tokens.open_list(audience.uri, until, new_handle(tx))
    place = await _free_place(tx, list_id)
    status = Status(StatusReference(place.index, uri_of(authority.issuer, list_id)))
    return _Plan(Form(status=status), place)


def _opaque(tx: Transaction) -> _Plan:
    return _Plan(Form(reference=spell(Kind.ACCESS_TOKEN, tx.random(SECRET_BYTES))))


async def _free_place(tx: Transaction, list_id: str) -> Place:
    """Choose by chance, so that a place tells nothing of when, to whom or after whom."""
    for _ in range(_TRIES):
        place = Place(list_id, int.from_bytes(tx.random(4)) % LIST_SIZE)
        if not await tx.issued_tokens.is_taken(place):
            return place
    raise RuntimeError("no free place was found by chance in a list that is half empty")


def _row(settings: Settings, minted: Minted, plan: _Plan) -> IssuedToken:
    claims, reference = minted.claims, plan.form.reference
    token = minted.response.access_token
    return IssuedToken(
        digest=reference.fingerprint() if reference else digest_of(token),
        marks=claims.marks(minted.kid),
        expires_at=claims.exp,
        kept_until=_kept_until(settings, claims.exp),
        claims=claims if reference else None,
        place=plan.place,
    )


def _counted(issuance: Issuance) -> Iterator[tuple[str, int]]:
    if issuance.uses is not None:
        yield USES, issuance.uses
    for limit in issuance.permitted or ():
        yield from limit.allowances


def _allowance(minted: Minted, name: str, total: int, lineage: Lineage | None) -> Allowance:
    claims = minted.claims
    draws = lineage is not None and name in lineage.drawn
    return Allowance(
        name=name,
        total=total,
        marks=claims.marks(minted.kid),
        subject=claims.sub,
        expires_at=claims.exp,
        kept_until=claims.exp + SKEW,
        draws_on=claims.parents[-1].jti if draws else "",
    )


def _kept_until(settings: Settings, expires_at: int) -> int:
    """So late no copy of a list stands that says anything of the token; its place is free."""
    return expires_at + settings.status_list_lifetime + SKEW
