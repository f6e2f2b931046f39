"""What apps have made for a person by an administrator's leave: rows of their account (S58)."""

from counterfoil.server.pages.views import MadeRow
from counterfoil.server.pages.wording import day_of
from counterfoil.server.records.store import Transaction


async def made_for(user_id: str, tx: Transaction) -> tuple[MadeRow, ...]:
    """Give a row for each right by which tokens were made that may still stand."""
    described = await described_scopes(tx)
    rows = list[MadeRow]()
    for made in await tx.mint_rights.made_for_user(user_id):
        family = await tx.families.find(made.family_id)
        if family is None or not family.is_live(tx.now):
            continue
        client = await tx.clients.find(family.client_id)
        asked = [(uri, each) for uri, own in family.access.apis.items() for each in sorted(own)]
        rows.append(
            MadeRow(
                family_id=family.id,
                client_name=client.client_name if client else family.client_id,
                since=day_of(family.created_at),
                tokens=made.tokens,
                permissions=tuple(described.get(each, each[1]) for each in asked),
            )
        )
    return tuple(sorted(rows, key=lambda row: row.client_name.casefold()))


async def described_scopes(tx: Transaction) -> dict[tuple[str, str], str]:
    """Give, by API and scope, what the scope lets, in words for people."""
    return {
        (api.uri, scope): description or scope
        for api in await tx.apis.every()
        for scope, description in api.scopes.items()
    }
