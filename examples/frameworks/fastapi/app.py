from typing import Annotated

from fastapi import FastAPI

from counterfoil.guard import Guard, Token
from counterfoil.guard.fastapi import Guarded

app = FastAPI()
guarded = Guarded(app, Guard("http://localhost:8000", audience="https://notes.example"))


@app.get("/notes")
async def notes(token: Annotated[Token, guarded("notes:read")]):
    return {"subject": token.subject}


guarded.open_paths("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
