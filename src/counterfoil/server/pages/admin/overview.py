"""The first admin page: the rooms, and what is in each."""

from starlette.responses import Response

from counterfoil.server.pages.admin.views import AdminListPage, Row
from counterfoil.server.pages.admin.visit import ROOMS, SAYS, Visit
from counterfoil.server.web.browser import go


async def overview(visit: Visit) -> AdminListPage:
    """``GET /admin/``."""
    rooms = tuple(
        Row(name=title, href=visit.url(room), facts=(("", SAYS[room]),)) for room, title in ROOMS
    )
    return AdminListPage(
        prefix=visit.server.prefix,
        frame=visit.frame(""),
        title="Administration",
        lead="Everything that this server knows. Whatever you end here says first what will end.",
        rows=rooms,
    )


async def onward(visit: Visit) -> Response:
    """``GET /admin``."""
    return go(visit.url())
