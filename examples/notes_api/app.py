"""A notes API behind the guard: each person, and each service, has notes of its own, in memory.

``GET /notes`` needs the scope ``notes:read``, ``POST /notes`` needs ``notes:write``.
"""

import os
from collections import defaultdict
from json import JSONDecodeError

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from counterfoil.guard import Guard
from counterfoil.guard.asgi import GuardMiddleware

LONGEST_NOTE = 500
MOST_NOTES = 50
WELCOME = "Welcome! The notes API keeps this note in memory, for you alone."


def notes_api(issuer: str, audience: str) -> GuardMiddleware:
    """The whole API: an app, and the guard in front of it."""
    notes: dict[str, list[str]] = defaultdict(lambda: [WELCOME])

    async def read(request: Request) -> Response:
        token = request.state.token
        token.require("notes:read")
        return JSONResponse({"notes": notes[token.subject]})

    async def write(request: Request) -> Response:
        token = request.state.token
        token.require("notes:write")
        try:
            text = (await request.json())["text"].strip()
        except (JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
            return _unusable('Send JSON such as {"text": "Buy milk"}.')
        if not 0 < len(text) <= LONGEST_NOTE:
            return _unusable(f"A note has 1 to {LONGEST_NOTE} characters.")
        notes[token.subject] = [*notes[token.subject], text][-MOST_NOTES:]
        return JSONResponse({"text": text}, status_code=201)

    guard = Guard(issuer=issuer, audience=audience)

    async def health(_: Request) -> Response:
        is_ready = guard.health().is_ready
        return PlainTextResponse("ok\n" if is_ready else "wait\n", 200 if is_ready else 503)

    app = Starlette(
        routes=[
            Route("/notes", read, methods=["GET"]),
            Route("/notes", write, methods=["POST"]),
            Route("/health", health),
        ]
    )
    return GuardMiddleware(app, guard, realm="notes", open_paths=("/health",))


def _unusable(sentence: str) -> Response:
    return JSONResponse({"error": "invalid_request", "error_description": sentence}, 400)


def from_environment() -> GuardMiddleware:
    """For ``uvicorn --factory``."""
    return notes_api(os.environ["NOTES_ISSUER"], os.environ["NOTES_AUDIENCE"])
