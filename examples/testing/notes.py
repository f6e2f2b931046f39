"""An API whose issuer is told where it is made, so that tests can name their own."""

from typing import Annotated

from fastapi import FastAPI

from counterfoil.guard import Guard, Token
from counterfoil.guard.fastapi import Guarded

AUDIENCE = "https://notes.example"


def notes_api(issuer: str) -> FastAPI:
    app = FastAPI(openapi_url=None)
    guarded = Guarded(app, Guard(issuer, audience=AUDIENCE))

    @app.get("/notes")
    async def notes(token: Annotated[Token, guarded("notes:read")]) -> dict[str, str]:
        return {"subject": token.subject}

    return app
