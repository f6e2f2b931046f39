"""What the guard reads of an environ, and how it answers under a server that is strict about WSGI.

Under real servers it is shown in ``tests/frameworks``.
"""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from counterfoil.guard import Guard
from counterfoil.guard.transport import Transport
from counterfoil.guard.wsgi import TOKEN, GuardMiddleware, request_of, stop_at_exit
from tests.guard.desk import Desk

LOCAL = Transport(("127.0.0.1",))


def environ(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1", "QUERY_STRING": "", **changes}
    setup_testing_defaults(made)
    return made


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.guard._follower._thread = threading.current_thread()  # the desk needs no thread
    yield desk
    desk.guard._follower._thread = None


class Answer:
    """What a server that checks every rule of PEP 3333 gets of an app."""

    def __init__(self, app: Any, **changes: Any) -> None:
        self.starts: list[tuple[str, dict[str, str]]] = []
        body = validator(app)(environ(**changes), self.start)
        try:
            self.body = b"".join(body)
        finally:
            body.close()

    def start(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.starts.append((status, {name.lower(): value for name, value in headers}))
        return lambda _piece: None


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"SCRIPT_NAME": "", "PATH_INFO": "/caf\xc3\xa9", "RAW_URI": "/caf%c3%A9?x"}, "/caf%c3%A9"),
        ({"SCRIPT_NAME": "/api", "PATH_INFO": "/a b", "REQUEST_URI": "/api/a%20b"}, "/api/a%20b"),
        ({"PATH_INFO": "/a", "RAW_URI": "http://x.example/%61"}, "/%61"),
        ({"PATH_INFO": "/a", "RAW_URI": "/b"}, "/a"),
        ({"PATH_INFO": "/a", "RAW_URI": "/a/../b"}, "/a"),
        ({"PATH_INFO": "/a%b", "RAW_URI": "/a%25b"}, "/a%25b"),
        ({"SCRIPT_NAME": "/api", "PATH_INFO": "/a\xff/é~;x"}, "/api/a%FF/%E9~;x"),
        ({"PATH_INFO": "/a", "RAW_URI": "/é"}, "/a"),
        ({"PATH_INFO": "/a", "RAW_URI": "http://[/a"}, "/a"),
        ({"PATH_INFO": ""}, ""),
    ],
)
def test_the_path_is_as_the_client_wrote_it_if_it_is_the_one_served(
    said: dict[str, str], path: str
):
    """So that DPoP's htu can be compared, and nobody is served one path and judged by another."""
    made = {"SCRIPT_NAME": "", **said}
    assert request_of({**environ(), **made}).path == path


def test_headers_get_their_names_again():
    request = request_of(environ(HTTP_X_FORWARDED_FOR="192.0.2.1, 192.0.2.2", HTTP_DPOP="a, b"))
    assert request.values(b"x-forwarded-for") == ("192.0.2.1, 192.0.2.2",)
    assert request.values(b"dpop") == ("a", "b")
    assert request.values(b"host") == ("127.0.0.1",)
    assert request_of(environ(HTTP_X="caf\xe9")).values(b"x") == ("café",)


@pytest.mark.parametrize("proto", ["http,https", "https,http", "https, http", "http"])
def test_what_a_server_has_joined_must_agree(proto: str):
    """``X_Forwarded_Proto`` of a client, joined with the proxy's own header: either may be last."""
    assert not LOCAL.is_safe(request_of(environ(HTTP_X_FORWARDED_PROTO=proto)))
    assert LOCAL.is_safe(request_of(environ(HTTP_X_FORWARDED_PROTO="https,https")))


def test_without_a_peer_plain_http_is_not_believed():
    """A socket of Unix has no address; its server must say https itself."""
    assert not LOCAL.is_safe(request_of(environ(REMOTE_ADDR="")))
    assert not LOCAL.is_safe(request_of({**environ(), "REMOTE_ADDR": None}))
    assert LOCAL.is_safe(request_of(environ(REMOTE_ADDR="", **{"wsgi.url_scheme": "https"})))


def test_an_answer_of_the_app_carries_what_it_must(desk: Desk):
    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert environ[TOKEN].subject == "u1"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Vary", "Accept")])
        return [b"well"]

    guarded = GuardMiddleware(app, desk.guard)
    answer = Answer(guarded, HTTP_AUTHORIZATION=f"Bearer {desk.token()}")
    (status, headers), *more = answer.starts
    assert (status, answer.body, more) == ("200 OK", b"well", [])
    assert headers["vary"] == "Accept, Authorization"
    assert headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_generator_refuses_until_its_first_piece(desk: Desk, is_begun: bool):
    closed = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
            if is_begun:
                yield b"a"
            environ[TOKEN].require("notes:admin")
        finally:
            closed.append(True)

    guarded = GuardMiddleware(app, desk.guard)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {desk.token()}"}
    if is_begun:
        with pytest.raises(Exception, match="permission"):
            Answer(guarded, **bearer)
    else:
        answer = Answer(guarded, **bearer)
        assert [status for status, _ in answer.starts] == ["403 Forbidden"]
        assert b"insufficient_scope" in answer.body
        assert answer.starts[0][1]["content-length"] == str(len(answer.body))
    assert closed == [True]


def test_files_are_passed_as_they_are(desk: Desk):
    """A server may send them by itself (PEP 3333, wsgi.file_wrapper)."""
    file = FileWrapper(None)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return file

    made = environ(HTTP_AUTHORIZATION=f"Bearer {desk.token()}")
    guarded = GuardMiddleware(app, desk.guard)
    assert guarded(made, lambda *_: lambda _piece: None) is file


def test_the_app_may_write_and_may_fail(desk: Desk):
    written, starts = [], []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"old")
        try:
            raise RuntimeError("late")
        except RuntimeError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        starts.append((status, exc_info is not None))
        return written.append

    made = environ(HTTP_AUTHORIZATION=f"Bearer {desk.token()}")
    assert list(GuardMiddleware(app, desk.guard)(made, start)) == []
    assert (starts, written) == (
        [("200 OK", False), ("500 Internal Server Error", True)],
        [b"old"],
    )


def test_an_open_path_is_compared_with_what_the_app_routes(desk: Desk):
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"well"]

    guarded = GuardMiddleware(app, desk.guard, open_paths=("/health",))
    assert Answer(guarded, SCRIPT_NAME="/api", PATH_INFO="/health").body == b"well"
    assert Answer(guarded, SCRIPT_NAME="/health", PATH_INFO="/notes").starts[0][0][:3] == "401"


def test_the_end_of_the_process_stops_the_guard_and_does_not_keep_it():
    ended = """
import atexit
from counterfoil.guard import Guard
from counterfoil.guard.wsgi import stop_at_exit

guard = Guard("http://127.0.0.1:9", audience="https://notes.example")
atexit.register(lambda: print("started:", guard.is_started))  # asked last of all
stop_at_exit(guard)
guard.start()
print("started:", guard.is_started)
"""
    answer = subprocess.run(
        [sys.executable, "-c", ended], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["started:", "True", "started:", "False"]
    guard = Guard("http://127.0.0.1:9", audience="https://notes.example")
    stop_at_exit(guard)
    reference = weakref.ref(guard)
    del guard
    gc.collect()
    assert reference() is None


PIECES = {
    "none": [],
    "one": [b"a"],
    "several": [b"a", b"b", b"c"],
}


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("is_lazy", [False, True])
def test_whatever_pieces_an_app_gives_begin_once(desk: Desk, pieces: str, *, is_lazy: bool):
    """Lists have no ``close``; generators may give nothing at all."""

    def lazily() -> Iterator[bytes]:
        yield from PIECES[pieces]

    def app(environ: Any, start_response: Any) -> Any:
        if not is_lazy:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return PIECES[pieces]

        def starting() -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield from lazily()

        return starting()

    guarded = GuardMiddleware(app, desk.guard)
    answer = Answer(guarded, HTTP_AUTHORIZATION=f"Bearer {desk.token()}")
    assert answer.body == b"".join(PIECES[pieces])
    assert [status for status, _ in answer.starts] == ["200 OK"]


def test_an_app_that_answers_before_it_has_begun_answers_nothing(desk: Desk):
    """PEP 3333: a body without a status is a mistake of the app, and no answer of ours."""

    def app(environ: Any, start_response: Any) -> Any:
        return iter([b"secret"])

    guarded = GuardMiddleware(app, desk.guard)
    starts: list[Any] = []
    asked = environ(HTTP_AUTHORIZATION=f"Bearer {desk.token()}")
    with pytest.raises(AssertionError, match="before it called start_response"):
        list(guarded(asked, lambda *said: starts.append(said)))
    assert starts == []
