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
PAGE = """<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Tickets</title>
<style>
body { font: 1rem/1.5 system-ui; max-width: 36rem; margin: 2rem auto; padding: 0 1rem }
</style>
<h1>Tickets</h1>
<p>Open this page with a token behind a #, and everything below by a ticket.</p>
<p><button id="show">Show</button></p>
<p id="problem" role="alert"></p>
<ul>
  <li>A picture: <img id="picture" alt="a green field">
  <li>A download: <a id="download" download="report.csv">the report</a>
  <li>A stream of events: <span id="events"></span>
  <li>A WebSocket: <span id="socket"></span>
</ul>
<script>
const the = (id) => document.getElementById(id);
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);  // the address bar is copied
const ticket = async (url) => {
  const answer = await fetch("/tickets", {
    method: "POST",
    headers: {authorization: "Bearer " + token},
    body: JSON.stringify({url}),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error_description ?? said.error);
  return said.url;
};
const show = async () => {
  the("picture").src = await ticket("/picture");
  the("download").href = await ticket("/report?year=2026");
  const events = new EventSource(await ticket("/events"));
  events.onmessage = ({data}) => {
    the("events").textContent = data;
    events.close();
  };
  const socket = new WebSocket((await ticket("/live")).replace("http", "ws"));
  socket.onmessage = ({data}) => { the("socket").textContent = data; };
};
the("show").onclick = () => {
  the("problem").textContent = "";
  show().catch((problem) => { the("problem").textContent = "No ticket: " + problem.message; });
};
</script>
</html>
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
