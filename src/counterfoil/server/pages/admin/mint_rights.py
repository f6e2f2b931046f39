"""For whom a client may mint, on its page: seen, and withdrawn from there."""

from counterfoil.server.documents.mint_rights import MintRightDocument, documents
from counterfoil.server.pages.admin.views import Group, Row
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import moment_of
from counterfoil.server.protocol.endings import Ends


async def groups_of(visit: Visit, client_id: str) -> tuple[Group, ...]:
    """Give a group of the rights of a client; none where it has none."""
    found = await visit.read(lambda tx: documents(tx, client_id))
    rows = tuple(_row(visit, each) for each in found.mint_rights)
    return (Group(title="May mint for people", rows=rows),) if rows else ()


def _row(visit: Visit, right: MintRightDocument) -> Row:
    apis = "; ".join(f"{uri}: {' '.join(scopes)}" for uri, scopes in right.apis.items())
    return Row(
        name=right.id,
        href=visit.url("end", kind=Ends.MINT_RIGHT.value, name=right.id),
        facts=(
            ("For", "anybody" if right.users is None else " ".join(right.users)),
            ("At", apis),
            ("Tokens live", f"{right.longest} seconds at most"),
            ("Until", moment_of(right.ends_at)),
            ("Given by", right.given_by),
            ("People so far", str(right.people)),
        ),
    )
