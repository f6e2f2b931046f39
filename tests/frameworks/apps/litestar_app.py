"""Litestar: guards of handlers, of a router and of WebSockets."""

from collections.abc import AsyncIterator

from litestar import Litestar, MediaType, Request, Router, WebSocket, get, head, post, websocket
from litestar.response import Stream

from counterfoil.guard import Guard
from counterfoil.guard.demands import MaxAge
from counterfoil.guard.litestar import Guarded
from tests.frameworks.apps.guards import REALM


def build(guard: Guard) -> Litestar:
    guarded = Guarded(guard, realm=REALM)
    guarded.open_paths("/made/")

    @get("/notes", guards=[guarded("notes:read")])
    async def read(request: Request) -> dict[str, str]:
        return {"subject": request.auth.subject}

    @head("/notes", guards=[guarded("notes:read")])
    async def ask() -> None:
        return None

    @post("/write", guards=[guarded("notes:write")], status_code=200)
    async def write(request: Request) -> dict[str, str]:
        return {"written": request.auth.subject}

    @get("/twin", guards=[guarded("notes:read")], sync_to_thread=True)
    def twin(request: Request) -> dict[str, str]:
        return {"subject": request.auth.subject}

    @get("/recent", guards=[guarded(MaxAge(60))])
    async def recent(request: Request) -> dict[str, str]:
        return {"subject": request.auth.subject}

    @get("/inside", guards=[guarded()])
    async def inside(request: Request) -> str:
        request.auth.require("notes:admin")
        return "never"

    @get("/broken", guards=[guarded()])
    async def broken() -> str:
        raise RuntimeError("no refusal")

    @get("/stream", guards=[guarded("notes:read")], media_type=MediaType.TEXT)
    async def stream(request: Request) -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two ", request.auth.subject.encode()):
                yield piece

        return Stream(pieces())

    @get("/{name:str}", media_type=MediaType.TEXT)
    async def names(request: Request) -> str:
        return str(request.path_params["name"])

    @get("/health", guards=[guarded.open], media_type=MediaType.TEXT)
    async def health() -> str:
        return "well"

    @get("/made/{file:str}", media_type=MediaType.TEXT)
    async def made() -> str:
        return "file"

    @websocket("/socket", guards=[guarded("notes:read")])
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.auth.subject)
        socket.auth.require("notes:admin")

    named = Router("/names", route_handlers=[names], guards=[guarded("notes:read")])
    handlers = [read, ask, write, twin, recent, inside, broken, stream, named, health, made, socket]
    return Litestar(handlers, plugins=[guarded], openapi_config=None, logging_config=None)
