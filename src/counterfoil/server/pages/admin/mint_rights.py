"""For whom a client may mint, on its page: seen here; given and withdrawn by command and API."""

from counterfoil.server.documents.mint_rights import MintRightDocument, documents
from counterfoil.server.pages.admin.views import Group, Row
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import moment_of


async def groups_of(visit: Visit, client_id: str) -> tuple[Group, ...]:
    """Give a group of the rights of a client; none where it has none."""
    found = await visit.read(lambda tx: documents(tx, client_id))
    rows = tuple(_row(each) for each in found.mint_rights)
    return (Group(title="May mint for people", rows=rows),) if rows else ()


def _row(right: MintRightDocument) -> Row:
    apis = "; ".join(f"{uri}: {' '.join(scopes)}" for uri, scopes in right.apis.items())
    return Row(
        name=right.id,
        facts=(
            ("For", "anybody" if right.users is None else " ".join(right.users)),
            ("At", apis),
            ("Tokens live", f"{right.longest} seconds at most"),
            ("Until", moment_of(right.ends_at)),
            ("Given by", right.given_by),
            ("People so far", str(right.people)),
        ),
    )
