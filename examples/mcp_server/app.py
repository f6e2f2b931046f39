"""Notes for assistants: an MCP server (revision 2026-07-28) that is guarded like any other API.

Listing tools needs a token; ``read_notes`` needs ``notebook:read``, ``write_note`` needs
``notebook:write``. Clients find the authorization server by themselves (RFC 9728), and ask the
person for more only when a tool needs it.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from mcp.server.mcpserver import Context, MCPServer

from counterfoil.guard import Guard, Options, ResourceMetadata, Token, Web
from counterfoil.guard.asgi import TOKEN, GuardMiddleware

NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {"read_notes": "notebook:read", "write_note": "notebook:write"}
)


def mcp_server(issuer: str, resource: str) -> GuardMiddleware:
    """The whole server, to be reached at ``resource``, which ends in ``/mcp``."""
    metadata = ResourceMetadata(name="Notebook", scopes=("notebook:read",))
    guard = Guard(issuer, audience=resource, options=Options(web=Web(metadata=metadata)))
    return GuardMiddleware(_Tools(_notebook().streamable_http_app(stateless_http=True)), guard)


class _Tools:
    """Refuses a call before its answer has begun, so that the client hears what it needs (M19)."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            named = dict(scope["headers"]).get(b"mcp-name", b"").decode("latin-1")
            if named in NEEDED:
                scope[TOKEN].require(NEEDED[named])
        await self._app(scope, receive, send)


def _notebook() -> MCPServer:
    notes: dict[str, list[str]] = defaultdict(list)
    server = MCPServer("Notebook")

    @server.tool()
    def read_notes(context: Context) -> list[str]:
        """Read your notes."""
        return notes[_allowed(context, "read_notes").subject]

    @server.tool()
    def write_note(text: str, context: Context) -> int:
        """Add a note; gives how many there are."""
        own = notes[_allowed(context, "write_note").subject]
        own.append(text)
        return len(own)

    return server


def _allowed(context: Context, tool: str) -> Token:
    """Give the token of a call. The tool asks again, for a header may say less than the body."""
    token: Token = context.request_context.request.scope[TOKEN]
    token.require(NEEDED[tool])
    return token


def from_environment() -> GuardMiddleware:
    """For ``uvicorn --factory``."""
    return mcp_server(os.environ["NOTEBOOK_ISSUER"], os.environ["NOTEBOOK_RESOURCE"])
