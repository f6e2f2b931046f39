"""The switch at the foot of each page: another language for this browser, and back to the page.

It carries no form token: a switch that another site could press would change a language, and a page
at which nobody is known has no token to give. What the browser says of where it comes from is
looked at all the same.
"""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.records.language import LANGUAGES
from counterfoil.server.web.browser import go
from counterfoil.server.web.cookies import Pressed
from counterfoil.server.web.csrf import demand_own_site
from counterfoil.server.web.language import is_back
from counterfoil.server.web.reading import form_of
from counterfoil.server.web.server import Server


async def switch(server: Server, request: Request) -> Response:
    """``POST /language``: keeps the language in a cookie."""
    form = await form_of(request)
    demand_own_site(request)
    language, back = form.get("language") or "", form.get("back") or "/"
    if language not in LANGUAGES:
        raise invalid_request("This server does not speak that language.")
    # An address with our own name before it leads nowhere else, whatever stands in it.
    response = go(f"{server.authority.issuer}{back if is_back(back) else '/'}")
    server.cookies.set_language(response, Pressed(language, int(server.clock())))
    return response
