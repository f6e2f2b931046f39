import json

from counterfoil.guard import Guard
from counterfoil.guard.wsgi import TOKEN, GuardMiddleware


def notes(environ, start_response):
    environ[TOKEN].require("notes:read")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"subject": environ[TOKEN].subject}).encode()]


app = GuardMiddleware(notes, Guard("http://localhost:8000", audience="https://notes.example"))
