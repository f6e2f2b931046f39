"""Starlette: functions, a class, a mounted app and WebSockets."""

import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from counterfoil.guard import Guard
from counterfoil.guard.demands import MaxAge
from counterfoil.guard.starlette import Guarded
from tests.frameworks.apps.guards import REALM


def build(guard: Guard) -> Starlette:
    guarded = Guarded(None, guard, realm=REALM)
    guarded.open_paths("/made/")

    class Notes(HTTPEndpoint):
        @guarded("notes:read")
        async def get(self, request: Request) -> Response:
            return JSONResponse({"subject": request.state.token.subject})

        @guarded("notes:write")
        async def post(self, request: Request) -> Response:
            return JSONResponse({"written": request.state.token.subject})

    @guarded("notes:read")
    def twin(request: Request) -> Response:
        assert threading.current_thread().name != "serving"
        return JSONResponse({"subject": request.state.token.subject})

    @guarded(MaxAge(60))
    async def recent(request: Request) -> Response:
        return JSONResponse({"subject": request.state.token.subject})

    @guarded()
    async def inside(request: Request) -> Response:
        request.state.token.require("notes:admin")
        return PlainTextResponse("never")

    @guarded()
    async def broken(request: Request) -> Response:
        raise RuntimeError("no refusal")

    @guarded("notes:read")
    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two ", request.state.token.subject.encode()):
                yield piece

        return StreamingResponse(pieces(), media_type="text/plain")

    @guarded("notes:read")
    async def names(request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    @guarded.open
    async def health(request: Request) -> Response:
        return PlainTextResponse("well")

    async def made(request: Request) -> Response:
        return PlainTextResponse("file")

    @guarded("notes:read")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.token.subject)
        websocket.state.token.require("notes:admin")

    routes = [
        Route("/notes", Notes),
        Route("/write", Notes),
        Route("/twin", twin),
        Route("/recent", recent),
        Route("/inside", inside),
        Route("/broken", broken),
        Route("/stream", stream),
        Route("/names/{name}", names),
        Route("/health", health),
        Route("/made/{file}", made),
        WebSocketRoute("/socket", socket),
        Mount("/below", routes=[Route("/notes", recent)]),
    ]
    app = Starlette(routes=routes)
    guarded.init_app(app)
    return app
