"""Endings: one way for all of them, which says what will end, or ends it and gives the receipt."""

from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.documents.receipts import GuardsDocument
from counterfoil.server.endpoints.api.operation import Asked, Call
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.endings import Ending, Ends, Foreseen, Target, target_of_token
from counterfoil.server.records.store import Transaction


class EndingAsked(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to end: a kind and a name; or a token, which is not kept and never repeated."""

    kind: Ends | None = None
    name: Annotated[str, Meta(max_length=512)] = ""
    token: Annotated[str, Meta(max_length=16_384)] = ""

    def __repr__(self) -> str:
        return "EndingAsked(…)"


class DryRun(Waiting, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether it is only to be said what would end; else, how long to wait for the guards."""

    dry_run: bool = False


class EndingAnswer(Struct, frozen=True, kw_only=True):
    """What has ended or, in a dry run, would. ``sentence`` says in plain words what ends.

    ``ended`` is false in a dry run, and where nothing was left to end. ``notice`` is the receipt,
    ``epoch:number``: a guard that has read so far refuses what has ended; null in a dry run.
    ``guards`` says how it stands with them, where the caller waited for it; else it is null.
    """

    kind: Ends
    name: str
    dry_run: bool
    sentence: str
    sessions: int
    families: int
    apps: tuple[str, ...]
    ended: bool
    notice: str | None
    guards: GuardsDocument | None


async def end(call: Call[DryRun, EndingAsked]) -> EndingAnswer:
    """``POST /api/endings``."""
    authority = call.server.authority
    if call.query.dry_run:
        return _said(await authority.store.read(partial(_foresee, call)))

    async def work(tx: Transaction) -> tuple[Foreseen, Ending]:
        foreseen = await _foresee(call, tx)
        return foreseen, await endings.carry_out(authority, tx, foreseen.target, call.by)

    foreseen, ending = await authority.store.transact(work)
    return _said(foreseen, ending, await guards_at(call, ending.position))


async def _foresee(call: Call[DryRun, EndingAsked], tx: Transaction) -> Foreseen:
    target = await _target(call, tx)
    return await endings.foresee(call.server.authority, tx, target)


async def _target(call: Call[DryRun, EndingAsked], tx: Transaction) -> Target:
    asked = call.body
    if asked.kind is not None and asked.name and not asked.token:
        return Target(asked.kind, asked.name)
    if asked.token and asked.kind is None and not asked.name:
        return await target_of_token(call.server.authority, tx, asked.token)
    raise invalid_request("Give kind and name, or else token.")


def _said(
    foreseen: Foreseen, ending: Ending | None = None, guards: GuardsDocument | None = None
) -> EndingAnswer:
    counted = foreseen if ending is None else ending
    return EndingAnswer(
        kind=foreseen.target.kind,
        name=foreseen.target.name,
        dry_run=ending is None,
        sentence=str(foreseen.sentence),
        sessions=counted.sessions,
        families=counted.families,
        apps=foreseen.apps,
        ended=ending is not None and ending.ended,
        notice=str(ending.position) if ending is not None else None,
        guards=guards,
    )
