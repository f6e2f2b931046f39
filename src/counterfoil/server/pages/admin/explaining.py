"""Why a token is refused, asked by an administrator (S109): the page of ``pages/explain``."""

from starlette.responses import Response

from counterfoil.server.pages import explain
from counterfoil.server.pages.admin.visit import Visit


async def ask(visit: Visit) -> Response:
    """``GET /admin/explain``."""
    return await explain.admin_ask(visit.server, visit.person)


async def answer(visit: Visit) -> Response:
    """``POST /admin/explain``: of any token."""
    return await explain.admin_answer(visit.server, visit.request, visit.person)
