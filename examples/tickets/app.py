"""Pictures, a download, a stream of events and a WebSocket that a browser opens without a header.

The page asks ``POST /tickets`` with its bearer token, and puts the URL that it gets where no script
can add a header: into a link, an ``<img>``, an ``EventSource``, a ``WebSocket``.
"""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from counterfoil.guard import Guard, Options, Tickets
from counterfoil.guard.starlette import Guarded

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<rect width="40" height="20" fill="green"/></svg>'
)
PAGE = """<!doctype html><title>Tickets</title>
<button id="show">Show</button> <a id="download" download="report.csv">Report</a>
<img id="picture" alt=""> <p id="events"></p> <p id="socket"></p>
<script>
const ticket = async (url) => {
  const answer = await fetch("/tickets", {
    method: "POST",
    headers: {authorization: "Bearer " + location.hash.slice(1)},
    body: JSON.stringify({url}),
  });
  return (await answer.json()).url;
};
document.getElementById("show").onclick = async () => {
  document.getElementById("picture").src = await ticket("/picture");
  document.getElementById("download").href = await ticket("/report?year=2026");
  const events = new EventSource(await ticket("/events"));
  events.onmessage = ({data}) => {
    document.getElementById("events").textContent = data;
    events.close();
  };
  const socket = new WebSocket((await ticket("/live")).replace("http", "ws"));
  socket.onmessage = ({data}) => { document.getElementById("socket").textContent = data; };
};
</script>
"""


def tickets_app(guard: Guard) -> Starlette:
    """The whole API. Its guard has ``Options(tickets=...)``, as :func:`options` gives them."""
    guarded = Guarded(None, guard)

    @guarded.open
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    @guarded()
    async def tickets(request: Request) -> Response:
        return await guarded.ticket(request)

    @guarded("notes:read")
    async def picture(_: Request) -> Response:
        return Response(PICTURE, media_type="image/svg+xml")

    @guarded("notes:read")
    async def report(request: Request) -> Response:
        rows = f"subject,year\n{request.state.token.subject},{request.query_params['year']}\n"
        return Response(rows, media_type="text/csv")

    @guarded("notes:read")
    async def events(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield "data: an event\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    @guarded("notes:read")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"hello {socket.state.token.subject}")
        await socket.close()

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/tickets", tickets, methods=["POST"]),
            Route("/picture", picture),
            Route("/report", report),
            Route("/events", events),
            WebSocketRoute("/live", live),
        ]
    )
    guarded.init_app(app)
    return app


def options(key: bytes) -> Options:
    """What a guard needs for tickets: a key of 32 random bytes, the same for all of this API."""
    return Options(tickets=Tickets(keys=(key,)))
