"""An app whose guard runs already when Gunicorn forks its workers."""

import os
from collections.abc import Iterable
from typing import Any

from counterfoil.guard import wsgi
from tests.frameworks.apps.guards import guard_from_environment


def from_environment() -> wsgi.GuardMiddleware:
    guard = guard_from_environment()
    guard.start()
    assert guard.wait_until_fresh(10)
    return wsgi.GuardMiddleware(worker, guard)


def worker(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
