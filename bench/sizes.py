"""``python -m bench.sizes``: what a request takes, against the number of grants there are.

One server process pinned to one core, on SQLite, or on PostgreSQL (``--on postgres``) beside the
client on the other; one request at a time; every request is for another person, who may be
anywhere among all.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench import machine
from bench.engines import Engine, PostgresEngine, SqliteEngine
from bench.filling import Filling, Sample
from bench.http_session import Answer, HttpSession
from bench.on_postgres import SETTINGS
from bench.plot import Line, chart
from bench.seeding import AUDIENCE, CALLBACK, SCOPE, Registered
from bench.server import Installation, Running, counterfoil
from counterfoil.server.opening import DATABASE
from tests import postgres
from tests.ports import free_port

RESULTS: Final = {
    "sqlite": Path(__file__).parent / "results" / "sizes.json",
    "postgres": Path(__file__).parent / "results" / "sizes_postgres.json",
}
"""Where the figures go, by the engine."""
_SIZES: Final = (9_900, 99_900, 999_900, 9_999_900)
_SAMPLES: Final = 300
_OPERATIONS: Final = ("client_credentials", "code", "refresh", "introspection", "account", "revoke")


class Size(Struct, frozen=True):
    """What was measured with so many grants. Times of requests in milliseconds."""

    grants: int
    file_mb: float
    fill_s: float
    ready_s: float
    rss_mb: float
    p50_ms: dict[str, float]
    p99_ms: dict[str, float]


class _Measuring:
    """One server's requests, each timed."""

    def __init__(self, server: Running, service: Registered, app: Registered) -> None:
        self._session = HttpSession(server.port)
        self._service = service
        self._app = app
        self.times: dict[str, list[float]] = {name: [] for name in _OPERATIONS}

    def visit(self, sample: Sample) -> None:
        """Everything that a person, their app and its API ask for."""
        form = [("grant_type", "client_credentials"), ("scope", SCOPE)]
        self._timed("client_credentials", lambda: self._as(self._service, "/token", form))
        code = [
            ("grant_type", "authorization_code"),
            ("code", sample.code.reveal()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", sample.verifier),
        ]
        token = self._token("code", code)
        refresh = [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"])]
        token = self._token("refresh", refresh)
        asked = [("token", token["access_token"])]
        answer = self._timed("introspection", lambda: self._as(self._service, "/introspect", asked))
        _demand('"active":true' in answer.body, answer)
        cookie = f"counterfoil_session={sample.session.reveal()}"
        page = self._timed("account", lambda: self._session.get("/account/apps", cookie))
        _demand(page.body.count("/account/end/grant/") >= 1, page)
        ended = [("token", token["refresh_token"])]
        self._timed("revoke", lambda: self._as(self._app, "/revoke", ended))

    def _as(self, client: Registered, path: str, form: list[tuple[str, str]]) -> Answer:
        return self._session.post(path, form, client.authorization)

    def _token(self, name: str, form: list[tuple[str, str]]) -> dict[str, str]:
        answer = self._timed(name, lambda: self._as(self._app, "/token", form))
        document: dict[str, str] = msgspec.json.decode(answer.body)
        return document

    def _timed(self, name: str, ask: Callable[[], Answer]) -> Answer:
        begun = time.perf_counter_ns()
        answer = ask()
        self.times[name].append((time.perf_counter_ns() - begun) / 1e6)
        _demand(answer.status == 200, answer)
        return answer

    def percentiles(self, percent: int) -> dict[str, float]:
        """Give each operation's time below which so many per cent lie."""
        return {name: machine.percentile(each, percent) for name, each in self.times.items()}


def _demand(right: object, answer: Answer) -> None:
    if not right:
        raise SystemExit(f"!! bench: a wrong answer: {answer}")


class _Place(Struct, frozen=True):
    """The installation that grows, and the two clients whose requests are timed."""

    installation: Installation
    service: Registered
    app: Registered


def _furnished(installation: Installation) -> _Place:
    installation.run("api", "add", AUDIENCE, "--name", "Notes", "--scope", f"{SCOPE}=Read notes")
    service = _client(installation, "service", "--scope", f"{SCOPE} introspect")
    asked = f"offline_access {SCOPE}"
    app = _client(installation, "app", "--redirect-uri", CALLBACK, "--scope", asked)
    return _Place(installation, service, app)


@contextmanager
def _on_sqlite(directory: Path) -> Iterator[tuple[_Place, Engine]]:
    place = _furnished(Installation(directory / "data", free_port()))
    with closing(SqliteEngine(place.installation.data / DATABASE)) as engine:
        yield place, engine


@contextmanager
def _on_postgres(directory: Path) -> Iterator[tuple[_Place, Engine]]:
    if postgres.programs() is None:
        raise SystemExit("!! bench: PostgreSQL is not here")
    with postgres.running(durable=True, settings=SETTINGS) as server:
        machine.pin(server.pid, machine.GENERATOR)
        url = server.url(server.create())
        data = directory / "data"
        place = _furnished(Installation(data, free_port(), {"database": url}))
        with closing(PostgresEngine(url)) as engine:
            yield place, engine


ENGINES: Final = {"sqlite": _on_sqlite, "postgres": _on_postgres}


def measure(on: str, sizes: list[int], samples: int, directory: Path) -> list[Size]:
    """Fill to each size in turn, and measure there."""
    measured = []
    with ENGINES[on](directory) as (place, engine):
        filling = Filling(engine, place.app.client_id, AUDIENCE, SCOPE)
        for grants in sizes:
            begun = time.monotonic()
            filling.fill(grants)
            spent = time.monotonic() - begun
            with_samples = filling.sample(samples, CALLBACK)
            taken = engine.size() / 1e6
            measured.append(_measured(place, with_samples, (grants, taken, spent)))
            print(_row(measured[-1]), flush=True)
    return measured


def _measured(place: _Place, chosen: list[Sample], filled: tuple[int, float, float]) -> Size:
    with counterfoil(place.installation) as server:
        memory = machine.memory_mb(server.pid)
        measuring = _Measuring(server, place.service, place.app)
        for sample in chosen:
            measuring.visit(sample)
    timed = measuring.percentiles(50), measuring.percentiles(99)
    return Size(*filled, server.ready_s, memory, *timed)


def _client(installation: Installation, name: str, *options: str) -> Registered:
    document = installation.run("client", "add", name, *options)
    return Registered(str(document["client_id"]), str(document["client_secret"]))


def _row(size: Size) -> str:
    times = "  ".join(f"{size.p50_ms[name]:.2f}/{size.p99_ms[name]:.1f}" for name in _OPERATIONS)
    start = f"{size.ready_s:.2f} s  {size.rss_mb:.0f} MB"
    return f"{size.grants:>12,}  {size.file_mb:>8,.0f} MB  {start}  {times}"


def _draw(measured: list[Size], output: Path) -> None:
    for name in ("refresh", "account"):
        points = [(each.grants / 1e6, each.p50_ms[name]) for each in measured]
        line = Line(f"{name}: milliseconds of a request (median)", points)
        picture = chart(line, "millions of grants")
        output.with_name(f"{output.stem}-{name}.svg").write_text(picture, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--most", type=int, default=_SIZES[-2], help="grants at the most")
    parser.add_argument("--quick", action="store_true", help="show in seconds that it runs")
    parser.add_argument("--on", choices=ENGINES, default="sqlite", help="which engine")
    parser.add_argument("--output", type=Path, metavar="FILE")
    asked = parser.parse_args()
    output = asked.output or RESULTS[asked.on]
    sizes = [300, 900] if asked.quick else [each for each in _SIZES if each <= asked.most]
    machine.pin(0, machine.GENERATOR)
    print(machine.describe())
    print(f"grants, file, start, memory; p50/p99 in ms of {', '.join(_OPERATIONS)}")
    with tempfile.TemporaryDirectory(prefix="counterfoil-sizes-") as directory:
        samples = 20 if asked.quick else _SAMPLES
        measured = measure(asked.on, sizes, samples, Path(directory))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=2) + b"\n")
    _draw(measured, output)


if __name__ == "__main__":
    main()
