import json

from counterfoil.guard import Guard
from counterfoil.guard.asgi import TOKEN, GuardMiddleware


async def notes(scope, receive, send):
    scope[TOKEN].require("notes:read")
    body = json.dumps({"subject": scope[TOKEN].subject}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


app = GuardMiddleware(notes, Guard("http://localhost:8000", audience="https://notes.example"))
