"""An API that gives and takes tickets, for Gunicorn: in Flask, in Django, and without either."""

import json
import os
from collections.abc import Iterable
from typing import Any

import flask

from counterfoil.guard import Guard, Options, Tickets, wsgi
from counterfoil.guard import flask as for_flask
from counterfoil.guard.gate import Gate
from counterfoil.guard.wsgi import TOKEN, GuardMiddleware
from tests.frameworks.apps import django_project
from tests.guard.issuer import AUDIENCE


def guard_from_environment() -> Guard:
    tickets = Tickets(keys=(b"k" * 32,))
    return Guard(os.environ["TEST_ISSUER"], audience=AUDIENCE, options=Options(tickets=tickets))


def flask_app() -> Any:
    app = flask.Flask(__name__, static_folder=None)
    guarded = for_flask.Guarded(app, guard_from_environment())

    @app.post("/tickets")
    @guarded()
    def tickets() -> Any:
        asked, body = wsgi.request_of(flask.request.environ), flask.request.get_data()
        reply = guarded.gate.ticket(asked, flask.g.token, body)
        return reply.body, reply.status, dict(reply.headers)

    @app.get("/file")
    @guarded()
    def file() -> Any:
        return {"query": flask.request.query_string.decode()}

    @app.get("/notes")
    @guarded()
    def notes() -> Any:
        return {}

    return app


def django_app() -> Any:
    django_project.set_up(guard_from_environment())
    from django.core.wsgi import get_wsgi_application

    app = get_wsgi_application()
    django_project.route(*django_project.with_tickets())
    return app


def plain_app() -> Any:
    guard = guard_from_environment()
    gate = Gate(guard)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        status, headers = "200 OK", [("content-type", "application/json")]
        if environ["PATH_INFO"] == "/tickets":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            reply = gate.ticket(wsgi.request_of(environ), environ[TOKEN], body)
            start_response(f"{reply.status} said", [*reply.headers.items()])
            return [reply.body]
        start_response(status, headers)
        return [json.dumps({"query": environ["QUERY_STRING"]}).encode()]

    return GuardMiddleware(app, guard)
