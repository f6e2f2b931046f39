"""Minting for people: only by a right that names them, and under a family that ends with it (S58).

One family for each right and person: its handle is in each of these tokens, so that the person, the
administrator and whatever ends everything of the person reach them at every guard.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from counterfoil.oauth.subject_identifier import (
    Email,
    IssuerAndSubject,
    Opaque,
    SubjectIdentifier,
)
from counterfoil.server.protocol import events
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.mint_right import MadeFor, MintRight
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

MOST_PEOPLE: Final = 200
"""For so many at once: each is written down in the one transaction."""


class Leave(Struct, frozen=True):
    """By what leave a token is made: for whom, and for how many seconds at the longest.

    Without a ``right`` it is the client's own.
    """

    subject: str
    longest: int
    right: MintRight | None = None


class Made(Struct, frozen=True):
    """One token that is to be made for somebody else, and the right by which it is."""

    right: MintRight
    issuance: Issuance


class Others(Struct, frozen=True):
    """The people whom a call names, and the client's rights to mint for them, looked up once.

    ``families`` holds, by right and person, the family that stands; empty where one is to begin.
    ``made`` fills as it is decided.
    """

    people: dict[SubjectIdentifier, User]
    rights: tuple[MintRight, ...]
    families: dict[tuple[str, str], str]
    made: list[Made]

    def leave_for(
        self, subject: SubjectIdentifier, audience: Audience, scopes: frozenset[str], now: int
    ) -> Leave | None:
        """Give the leave by that right which lets a token live longest; ``None``: there is none."""
        user = self.people.get(subject)
        if user is None:
            return None
        leaves = (
            Leave(user.id, min(audience.lifetime, right.longest, right.ends_at - now), right)
            for right in self.rights
            if right.names(user.id) and scopes <= right.access.apis.get(audience.uri, frozenset())
        )
        return max(leaves, key=lambda leave: leave.longest, default=None)

    def family_for(self, tx: Transaction, leave: Leave) -> str:
        """Give the family of a right and a person: the one that stands, or the name of a new one.

        It is empty for the client itself.
        """
        if leave.right is None:
            return ""
        key = leave.right.id, leave.subject
        family_id = self.families[key] or new_handle(tx)
        self.families[key] = family_id
        return family_id

    def note(self, leave: Leave, issuance: Issuance) -> None:
        """Note what was decided, where it is for somebody else."""
        if leave.right is not None:
            self.made.append(Made(leave.right, issuance))


async def others_named(
    tx: Transaction, issuer: str, client_id: str, subjects: Iterable[SubjectIdentifier]
) -> Others:
    """Look up whom a call names. Who is not known, or disabled, is left out."""
    people = dict[SubjectIdentifier, User]()
    for subject in subjects:
        user = await _meant(tx, issuer, subject)
        if user is not None and user.is_enabled:
            people[subject] = user
    if not people:
        return Others({}, (), {}, [])
    rights = [each for each in await tx.mint_rights.of_client(client_id) if each.is_live(tx.now)]
    families = dict[tuple[str, str], str]()
    for right in rights:
        for user in people.values():
            if right.names(user.id):
                made = await tx.mint_rights.live_made_for(right.id, user.id)
                families[right.id, user.id] = made.family_id if made else ""
    return Others(people, tuple(rights), families, [])


async def _meant(tx: Transaction, issuer: str, subject: SubjectIdentifier) -> User | None:
    match subject:
        case Email(email):
            return await tx.users.find_by_email(email)
        case Opaque(user_id):
            return await tx.users.find(user_id)
        case IssuerAndSubject(iss, sub):
            return await tx.users.find(sub) if iss == issuer else None


async def put_down(tx: Transaction, made: Iterable[Made], by: Actor) -> None:
    """Write down what is made for whom: families, counts, and one event for each person and right.

    It is committed before any of these tokens leaves.
    """
    under = dict[str, list[Made]]()
    for each in made:
        under.setdefault(each.issuance.family_id, []).append(each)
    for family_id, some in under.items():
        right, user_id = some[0].right, some[0].issuance.subject
        await _family(tx, family_id, some, by)
        await tx.mint_rights.count(MadeFor(family_id, right.id, user_id, len(some)))
        await events.record(tx, EventKind.TOKENS_MINTED, by, family_id, _told(some))


def _told(made: list[Made]) -> dict[str, str]:
    first = made[0]
    scopes = Counter(scope for each in made for scope in each.issuance.access.scopes)
    return {
        "client_id": first.right.client_id,
        "user_id": first.issuance.subject,
        "right_id": first.right.id,
        "tokens": str(len(made)),
        "audience": " ".join(sorted({each.issuance.audience.uri for each in made})),
        "scope": " ".join(sorted(scopes)),
    }


async def _family(tx: Transaction, family_id: str, made: list[Made], by: Actor) -> None:
    until = max(each.issuance.issued_at + each.issuance.audience.lifetime for each in made)
    if await tx.families.find(family_id) is not None:
        await tx.families.prolong(family_id, 0, until)
        return
    first = made[0]
    user_id, right = first.issuance.subject, first.right
    # It hangs under a permission that never stood: the person has allowed nothing.
    grant = Grant(
        id=new_handle(tx),
        user_id=user_id,
        client_id=right.client_id,
        access=right.access,
        created_at=tx.now,
        updated_at=tx.now,
    )
    await tx.grants.add_ended(grant)
    await tx.families.add(
        Family(
            id=family_id,
            grant_id=grant.id,
            client_id=right.client_id,
            user_id=user_id,
            session_id=None,
            access=right.access,
            auth_time=tx.now,
            created_at=tx.now,
            last_used_at=tx.now,
            access_expires_at=until,
            origin=by.origin,
        )
    )
