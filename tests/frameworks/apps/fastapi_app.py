"""FastAPI: dependencies of routes, of a router and of WebSockets."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from counterfoil.guard import Guard, Token
from counterfoil.guard.demands import MaxAge
from counterfoil.guard.fastapi import Guarded
from tests.frameworks.apps.guards import REALM


def build(guard: Guard) -> FastAPI:
    app = FastAPI()
    guarded = Guarded(app, guard, realm=REALM)
    guarded.open_paths("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/made/")

    @app.api_route("/notes", methods=["GET", "HEAD"])
    async def read(token: Annotated[Token, guarded("notes:read")]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.post("/write")
    async def write(token: Annotated[Token, guarded("notes:write")]) -> dict[str, str]:
        return {"written": token.subject}

    @app.get("/twin")
    def twin(token: Annotated[Token, guarded("notes:read")]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/recent", dependencies=[guarded(MaxAge(60))])
    async def recent(request: Request) -> dict[str, str]:
        return {"subject": request.state.token.subject}

    @app.get("/inside")
    async def inside(token: Annotated[Token, guarded()]) -> str:
        token.require("notes:admin")
        return "never"

    @app.get("/broken", dependencies=[guarded()])
    async def broken() -> str:
        raise RuntimeError("no refusal")

    @app.get("/stream")
    def stream(token: Annotated[Token, guarded("notes:read")]) -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            yield from (b"one ", b"two ", token.subject.encode())

        return StreamingResponse(pieces(), media_type="text/plain")

    router = APIRouter(prefix="/names", dependencies=[guarded("notes:read")])

    @router.get("/{name}", response_class=PlainTextResponse)
    def names(name: str) -> str:
        return name

    app.include_router(router)

    @app.get("/health", response_class=PlainTextResponse)
    @guarded.open
    async def health() -> str:
        return "well"

    @app.get("/made/{file}", response_class=PlainTextResponse)
    async def made(file: str) -> str:
        return "file"

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, token: Annotated[Token, guarded("notes:read")]) -> None:
        await websocket.accept()
        await websocket.send_text(token.subject)
        token.require("notes:admin")

    below = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @below.get("/notes")
    async def notes_below(token: Annotated[Token, guarded(MaxAge(60))]) -> dict[str, str]:
        return {"subject": token.subject}

    app.mount("/below", below)
    return app
