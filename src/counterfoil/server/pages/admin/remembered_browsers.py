"""The browsers that are remembered, on the administrators' page of their person (S24)."""

from counterfoil.server.pages.admin.views import Group, Row
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import ago, device_of, moment_of
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.records.remembered_browser import RememberedBrowser


async def group_of(visit: Visit, user_id: str) -> Group:
    """Give those that have not expired; a row leads to the page that ends one."""
    found = await visit.read(lambda tx: tx.remembered_browsers.of_user(user_id))
    return Group(title="Remembered browsers", rows=tuple(_row(visit, each) for each in found))


def _row(visit: Visit, remembered: RememberedBrowser) -> Row:
    return Row(
        name=device_of(remembered.origin.user_agent),
        href=visit.url("end", kind=Ends.REMEMBERED.value, name=remembered.id),
        facts=(
            ("From", remembered.origin.address),
            ("Signed in", moment_of(remembered.auth_time)),
            ("Last used", ago(remembered.used_at, visit.now)),
            ("Until", moment_of(remembered.expires_at)),
        ),
    )
