"""The web app's pages: templates, and the headers that keep them safe."""

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

HERE = Path(__file__).parent


class Pages:
    """Renders pages. ``issuer`` is where signing out leads; browsers ask for that in the policy."""

    def __init__(self, issuer: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._account = f"{issuer}/account/apps"
        parts = urlsplit(issuer)
        self._headers = {
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
                f"form-action 'self' {parts.scheme}://{parts.netloc}"
            ),
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    def show(self, page: str, status: int = 200, **values: object) -> Response:
        """One page as an answer."""
        template = self._templates.get_template(f"{page}.html")
        return HTMLResponse(
            template.render(values, account=self._account), status, headers=self._headers
        )
