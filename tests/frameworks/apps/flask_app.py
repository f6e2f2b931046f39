"""Flask: functions, sync and async, and a blueprint."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, g

from counterfoil.guard import Guard
from counterfoil.guard.demands import MaxAge
from counterfoil.guard.flask import Guarded
from tests.frameworks.apps.guards import REALM, guard_from_environment


def build(guard: Guard) -> Flask:
    app = Flask(__name__)
    guarded = Guarded(app, guard, realm=REALM)
    guarded.open_paths("/made/", "/static/")

    @app.get("/notes")
    @guarded("notes:read")
    def read() -> dict[str, Any]:
        return {"subject": g.token.subject}

    @app.post("/write")
    @guarded("notes:write")
    def write() -> dict[str, Any]:
        return {"written": g.token.subject}

    @app.get("/twin")
    @guarded("notes:read")
    async def twin() -> dict[str, Any]:
        return {"subject": g.token.subject}

    @app.get("/recent")
    @guarded(MaxAge(60))
    def recent() -> dict[str, Any]:
        return {"subject": g.token.subject}

    @app.get("/inside")
    @guarded()
    def inside() -> str:
        g.token.require("notes:admin")
        return "never"

    @app.get("/broken")
    @guarded()
    def broken() -> str:
        raise RuntimeError("no refusal")

    @app.get("/stream")
    @guarded("notes:read")
    def stream() -> Response:
        subject = g.token.subject

        def pieces() -> Iterator[str]:
            yield from ("one ", "two ", subject)

        return Response(pieces(), mimetype="text/plain")

    names = Blueprint("names", __name__, url_prefix="/names")

    @names.get("/<name>")
    @guarded("notes:read")
    def name(name: str) -> str:
        return name

    app.register_blueprint(names)

    @app.get("/health")
    @guarded.open
    def health() -> str:
        return "well"

    @app.get("/made/<file>")
    def made(file: str) -> str:
        return "file"

    return app


def from_environment() -> Flask:
    return build(guard_from_environment())
