"""A single-page app for notes: static files, and the backend-for-frontend before the notes API."""

from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from counterfoil.bff import BackendForFrontend, MarkerCookie, Upstream
from counterfoil.client import AsyncClient

HERE = Path(__file__).parent
SCOPE = "openid profile email notes:read notes:write"


@dataclass(frozen=True)
class Setup:
    """Where everything is, and who the app is there. ``domain``: told to the sites of it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    origin: str
    api_url: str
    domain: str = ""


def notes_spa(setup: Setup) -> BackendForFrontend:
    """The app: everything that its browser ever talks to."""
    client = AsyncClient(
        setup.issuer,
        setup.client_id,
        setup.client_secret,
        redirect_uri=f"{setup.origin}/bff/callback",
        post_logout_redirect_uri=f"{setup.origin}/",
    )
    apis = {"/api": Upstream(url=setup.api_url)}
    if not setup.domain:
        return BackendForFrontend(client, apis, pages("static"), scope=SCOPE)
    marker = MarkerCookie(setup.domain)
    return BackendForFrontend(client, apis, pages("static"), scope=SCOPE, marker=marker)


def pages(directory: str) -> Starlette:
    """Static files, as any server or a content delivery network would serve them."""
    files = StaticFiles(directory=HERE / directory, html=True)
    return Starlette(routes=[Mount("/", files)])
